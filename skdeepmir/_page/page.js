"use strict";
// What all pages share. Names come from files and users: they reach a page as text only,
// never as markup.
const page = (() => {
  const byId = (id) => document.getElementById(id);

  // An element of a kind and class ("div.card"), with attributes and children.
  function make(what, attributes, ...children) {
    const [tag, ...classes] = what.split(".");
    const element = document.createElement(tag);
    if (classes.length) element.className = classes.join(" ");
    for (const [name, value] of Object.entries(attributes || {})) {
      element.setAttribute(name, value);
    }
    element.append(...children.flat().filter((child) => child !== null && child !== ""));
    return element;
  }

  const bdi = (text) => make("bdi", null, text);
  const count = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

  function clock(seconds) {
    const whole = Math.floor(seconds);
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  }

  // ---- Sound -------------------------------------------------------------------------

  function addressOf(base64) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    return URL.createObjectURL(new Blob([bytes], { type: "audio/mpeg" }));
  }

  const addresses = new WeakMap();

  // Browsers have few players at a time: those that are in view keep theirs.
  const inView = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const has = target.hasAttribute("src");
      if (!isIntersecting) { if (has && !target.currentTime) release(target); }
      else if (!has && target.isConnected) target.src = addresses.get(target)();
    }
  }, { rootMargin: "50%" });

  function release(audio) {
    audio.pause();
    audio.removeAttribute("src");
    audio.load();
  }

  function forget(audio) {
    inView.unobserve(audio);
    release(audio);
  }

  // A player below a stage, whose cursor moves with the sound; `sound` gives its address
  // once it is wanted.
  function player(area, { name, seconds, sound }) {
    const audio = make("audio", { controls: "", preload: "metadata", "aria-label": `Sound of ${name}` });
    addresses.set(audio, sound);
    inView.observe(audio);
    const cursor = make("div.cursor");
    area.append(cursor);
    const show = () => {
      cursor.style.left = `${Math.min(100, (100 * audio.currentTime) / seconds)}%`;
    };
    const follow = () => {
      show();
      if (!audio.paused) requestAnimationFrame(follow);
    };
    audio.addEventListener("play", () => {
      for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
      follow();
    });
    audio.addEventListener("timeupdate", show);
    audio.addEventListener("seeking", show);
    area.addEventListener("click", (event) => {
      const box = area.getBoundingClientRect();
      audio.currentTime = Math.max(0, ((event.clientX - box.left) / box.width) * seconds);
      show();
    });
    return audio;
  }

  function themes() {
    const button = byId("theme");
    const system = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (document.documentElement.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
    const name = () => {
      button.textContent = isDark() ? "Light" : "Dark";
      button.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`);
    };
    button.addEventListener("click", () => {
      document.documentElement.dataset.theme = isDark() ? "light" : "dark";
      name();
    });
    system.addEventListener("change", name);
    button.hidden = false;
    name();
  }

  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("details")) each.open = true;
  });
  themes();
  return { byId, make, bdi, count, clock, addressOf, player, forget };
})();
