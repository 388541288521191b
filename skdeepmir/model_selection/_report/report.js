(() => {
  const { byId, make, bdi, count, clock, addressOf, player, forget } = page;
  const facts = JSON.parse(byId("facts").textContent);
  const AT_ONCE = 12; // cards that a list shows before it is asked for more
  const MOST_CLASSES = 60; // of a matrix; more are listed in pairs

  const unit = facts.kind === "chords" ? "song" : "clip";

  // ---- Clips: sound, picture, what pipelines said ------------------------------------

  const blocks = new Map();
  function blockOf(clip) {
    if (!blocks.has(clip)) {
      const source = byId(`clip-${clip}`);
      blocks.set(clip, source ? JSON.parse(source.textContent) : null);
    }
    return blocks.get(clip);
  }

  function mark(right) {
    if (right === null) return null;
    const word = make("span.hidden", null, right ? "right: " : "wrong: ");
    return make(`span.mark.${right ? "good" : "bad"}`, null, right ? "✓" : "✗", word);
  }

  function answers(item) {
    const lines = [];
    if (facts.truth[item] !== "") {
      lines.push(make("li", null, make("span.who", null, "true: "), bdi(facts.truth[item])));
    }
    facts.pipelines.forEach((pipeline, p) => {
      const said = facts.said[p] && facts.said[p][item];
      const who = make("span.who", null, bdi(pipeline), ": ");
      if (!said) return lines.push(make("li", null, who, "no answer"));
      const [text, right, note] = said;
      const parts = [mark(right), who, text ? bdi(text) : "", text && note ? " · " : "", note];
      lines.push(make("li", null, parts));
    });
    return make("ul.answers", null, lines);
  }

  // Where a time is in an excerpt, in percent.
  const place = (block, time) => (100 * (time - block.start)) / block.seconds;

  function span(element, block, start, end) {
    const left = Math.max(0, place(block, start));
    const width = Math.min(100, place(block, end)) - left;
    element.style.left = `${left}%`;
    element.style.width = `${width}%`;
    return width;
  }

  function strip(block, { name, chords, wrong }) {
    const row = make("div.strip", { role: "img", "aria-label": `chords, ${name}` });
    for (const [start, end, label, colour, isDark] of chords) {
      const part = make("span", { title: `${label}, ${clock(start)}` }, label);
      const width = span(part, block, start, end);
      if (width <= 0) continue;
      part.style.background = colour;
      part.classList.toggle("dark", isDark);
      row.append(part);
    }
    const errors = make("div.wrongs");
    for (const [start, end] of wrong || []) {
      const part = make("i");
      if (span(part, block, start, end) > 0) errors.append(part);
    }
    return [make("div.caption", null, bdi(name)), row, wrong ? errors : null];
  }

  const PITCHES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
  const pitchName = (pitch) => `${PITCHES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;

  // A line for each event, or a bar for each note, which look otherwise where they are wrong.
  function eventRow(block, { name, events, low, high }) {
    const numbers = new Map();
    for (const [kind] of events) numbers.set(kind, (numbers.get(kind) || 0) + 1);
    const said = [...numbers].map(([kind, n]) => `${n} ${kind}`).join(", ") || "none";
    const row = make("div.events", { role: "img", "aria-label": `${facts.kind}, ${name}: ${said}` });
    for (const [kind, time, end, pitch] of events) {
      const what = pitch === undefined ? kind : `${kind}, ${pitchName(pitch)}`;
      const line = make(`i.${kind.replace(" ", "-")}`, { title: `${what}, ${time.toFixed(3)} s` });
      if (pitch === undefined) line.style.left = `${place(block, time)}%`;
      else {
        row.classList.add("roll");
        span(line, block, time, end);
        line.style.top = `${(100 * (high - pitch)) / (high - low + 1)}%`;
        line.style.height = `${100 / (high - low + 1)}%`;
      }
      row.append(line);
    }
    return [make("div.caption", null, bdi(name)), row];
  }

  function curve(block, times, [name, values]) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 100 1");
    svg.setAttribute("preserveAspectRatio", "none");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    // Excerpts overlap: each stands around its centre.
    const centres = times.map(([start, end]) => (start + end) / 2);
    const edges = [times[0][0], ...centres.slice(1).map((c, i) => (c + centres[i]) / 2), times.at(-1)[1]];
    let d = `M${place(block, edges[0])} 1`;
    values.forEach((value, i) => {
      d += `V${1 - value}H${place(block, edges[i + 1])}`;
    });
    path.setAttribute("d", `${d}V1Z`);
    svg.append(path);
    const label = `${name}, at most ${Math.max(...values).toFixed(2)}`;
    return make("div.curve", { role: "img", "aria-label": label, title: label }, svg, make("span", null, bdi(name)));
  }

  function chances({ pipelines, are_chances, rows }) {
    const head = make("tr", null, make("th", { scope: "col" }, "tag"), pipelines.map((p) => make("th", { scope: "col" }, bdi(p))));
    const body = rows.map(([tag, isTrue, ...values]) => {
      const cells = values.map((value, p) => {
        const cell = make("td", null, value === null ? "" : value.toFixed(2));
        if (are_chances[p]) cell.style.setProperty("--share", value || 0);
        return cell;
      });
      const name = isTrue ? make("strong", null, bdi(tag)) : bdi(tag);
      return make("tr", null, make("th", { scope: "row" }, name, isTrue ? make("span.hidden", null, " (true)") : ""), cells);
    });
    return make("div.scroll", null, make("table.chances", null, make("thead", null, head), make("tbody", null, body)));
  }

  // Labels of chords are shown where they fit.
  const fitting = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      for (const part of target.querySelectorAll(".strip span")) {
        part.classList.toggle("narrow", part.scrollWidth > part.clientWidth + 1);
      }
    }
  });

  function stage(block, details, name) {
    const parts = [];
    if (block.picture) {
      const what = block.sound ? "Spectrogram" : "Frames";
      parts.push(make("img", { src: block.picture, alt: `${what} of ${name}` }));
    }
    if (block.seconds) {
      for (const each of details.strips || []) parts.push(...(each.events ? eventRow : strip)(block, each));
      for (const { pipeline, times, lines } of details.curves || []) {
        parts.push(make("div.caption", null, bdi(pipeline)), ...lines.map((line) => curve(block, times, line)));
      }
    }
    const area = make(`div.stage${block.sound ? ".timed" : ""}`, null, parts);
    if (details.strips) fitting.observe(area);
    return area;
  }

  function card(item) {
    const [fold, clip] = facts.items[item];
    const { name, group } = facts.clips[clip];
    const where = [name === `clip ${clip}` ? "" : `row ${clip}`, facts.has_folds ? `fold ${fold}` : "", group ? `group ${group}` : ""];
    const block = blockOf(clip);
    const parts = [
      make("div", null, make("span.name", null, bdi(name)), make("span.quiet", null, `  ${where.filter(Boolean).join(" · ")}`)),
      answers(item),
    ];
    if (!block) return make("li", null, parts, make("p.quiet", null, facts.without));
    const details = block.items[item] || {};
    if (details.chances) parts.push(chances(details.chances));
    const area = stage(block, details, name);
    parts.push(area);
    if (block.seconds) {
      const whole = block.duration > block.seconds + 0.1 ? ` of ${clock(block.duration)}` : "";
      parts.push(make("div.axis", null, make("span", null, clock(block.start)), make("span", null, clock(block.start + block.seconds) + whole)));
    }
    if (block.sound) {
      const sound = () => (block.url ||= addressOf(block.sound));
      const audio = player(area, { name, seconds: block.seconds, sound });
      audio.src = sound();
      parts.push(audio);
    }
    if (block.problem) parts.push(make("p.quiet", null, `This ${unit}: ${block.problem}.`));
    return make("li", null, parts);
  }

  // A list of cards that grows when asked.
  function cards(items) {
    const list = make(`ol.cards${facts.is_long ? ".long" : ""}`);
    const more = make("button", { type: "button" });
    let shown = 0;
    const grow = () => {
      const added = items.slice(shown, shown + AT_ONCE).map(card);
      list.append(...added);
      shown += added.length;
      more.textContent = `Show ${Math.min(AT_ONCE, items.length - shown)} more of ${items.length - shown}`;
      more.hidden = shown >= items.length;
      return added[0];
    };
    grow();
    more.addEventListener("click", () => {
      const first = grow();
      first.tabIndex = -1;
      first.focus();
    });
    return [list, more];
  }

  // ---- Confusions: matrices whose cells open lists -----------------------------------

  const picked = make("section", { id: "picked", "aria-live": "polite", "aria-label": `${unit}s of a cell` });
  const frame = make("div.matrices");
  let opener = null;

  function show(...parts) {
    picked.querySelectorAll("audio").forEach(forget);
    picked.replaceChildren(...parts);
  }

  function close() {
    if (!opener) return;
    show();
    frame.classList.remove("open");
    opener.setAttribute("aria-expanded", "false");
    opener.focus();
    opener = null;
  }

  function open(button, title, items) {
    if (opener === button) return close();
    if (opener) opener.setAttribute("aria-expanded", "false");
    opener = button;
    button.setAttribute("aria-expanded", "true");
    const shut = make("button.close", { type: "button" }, "Close");
    shut.addEventListener("click", close);
    const heading = make("h3", { tabindex: "-1" }, title);
    show(shut, heading, ...cards(items));
    frame.classList.add("open");
    heading.focus({ preventScroll: true });
    picked.scrollIntoView({ block: "nearest" });
  }

  function itemsOf(p, table, row, column) {
    const listed = table.cells[row][column][2];
    if (listed) return listed;
    const others = new Set(table.cells[row].flatMap((cell) => (cell && cell[2]) || []));
    return facts.items.map((_, i) => i).filter((i) => facts.said[p][i] && !others.has(i));
  }

  function cellTitle(table, row, column, n) {
    const [from, to] = [table.rows[row], table.columns[column]];
    if (!table.is_square) return [bdi(from), ` ${to}: ${n}`];
    if (row === column) return [bdi(from), ` recognised: ${n}`];
    return [bdi(from), " taken for ", bdi(to), `: ${n}`];
  }

  function cellButton(p, table, row, column) {
    const [text, share] = table.cells[row][column];
    const items = itemsOf(p, table, row, column);
    const title = () => cellTitle(table, row, column, count(items.length, unit));
    const label = make("span", null, title()).textContent;
    const button = make("button", { type: "button", "aria-label": label, title: label, "aria-expanded": "false", "aria-controls": "picked" }, text);
    button.style.setProperty("--share", share);
    button.addEventListener("click", () => open(button, make("span", null, title(), " (", bdi(facts.pipelines[p]), ")"), items));
    return button;
  }

  function isRight(table, row, column) {
    return table.is_square ? row === column : column === 0 || column === 3;
  }

  function matrix(p, table) {
    const tall = table.is_square && table.columns.some((name) => name.length > 4);
    const head = table.columns.map((name) => make(`th.${tall ? "tall" : "wide"}`, { scope: "col", title: name }, bdi(name)));
    const corner = make("th.corner", { scope: "col" }, table.is_square ? "true ↓ taken\u00a0for\u00a0→" : "");
    const rows = table.rows.map((name, row) => {
      const cells = table.cells[row].map((cell, column) => {
        const td = make("td", null, cell ? cellButton(p, table, row, column) : "");
        td.classList.toggle("right", isRight(table, row, column));
        td.classList.toggle("strong", Boolean(cell) && cell[1] > 0.55);
        return td;
      });
      return make("tr", null, make("th", { scope: "row", title: name }, bdi(name)), cells);
    });
    const grid = make("table.matrix", null, make("thead", null, make("tr", null, corner, head)), make("tbody", null, rows));
    grid.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      const cell = event.target.closest("td");
      if (!step || !cell) return;
      let [row, column] = [cell.parentElement.rowIndex, cell.cellIndex];
      for (;;) {
        [row, column] = [row + step[0], column + step[1]];
        const next = grid.rows[row] && grid.rows[row].cells[column];
        if (!next || row === 0 || column === 0) return;
        if (!next.firstElementChild) continue; // nothing was confused there
        event.preventDefault();
        return next.firstElementChild.focus();
      }
    });
    return grid;
  }

  // Of many classes: the confusions in order, instead of a matrix.
  function pairs(p, table) {
    const found = [];
    table.cells.forEach((cells, row) => cells.forEach((cell, column) => {
      if (cell && row !== column) found.push([Number(cell[0]), row, column]);
    }));
    found.sort((a, b) => b[0] - a[0]);
    const head = ["true", "taken for", `${unit}s`].map((name) => make("th", { scope: "col" }, name));
    const body = found.slice(0, 200).map(([, row, column]) => make("tr", null,
      make("th", { scope: "row" }, bdi(table.rows[row])), make("td", null, bdi(table.columns[column])), make("td", null, cellButton(p, table, row, column))));
    return make("table", null, make("thead", null, make("tr", null, head)), make("tbody", null, body));
  }

  function confusions() {
    const shown = facts.pipelines.map((_, p) => p).filter((p) => facts.matrices[p]);
    if (!shown.length) return;
    const tables = make("div");
    const choose = (p, buttons) => {
      close();
      buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(shown[i] === p)));
      tables.replaceChildren(...facts.matrices[p].flatMap((table) => {
        const draw = table.is_square && table.rows.length > MOST_CLASSES ? pairs : matrix;
        return [table.title ? make("h3", null, table.title) : "", make("div.scroll", null, draw(p, table))].filter(Boolean);
      }));
    };
    const buttons = shown.map((p) => {
      const button = make("button", { type: "button" }, bdi(facts.pipelines[p]));
      button.addEventListener("click", () => choose(p, buttons));
      return button;
    });
    frame.append(tables, picked);
    const text = `Each number opens its ${unit}s. Escape closes the list; arrow keys go from number to number.`;
    const head = make("h2", { id: "confusions" }, ["tags", "onsets", "notes"].includes(facts.kind) ? "What is found, and what is missed" : "What is taken for what");
    byId("clips").append(make("section", { "aria-labelledby": "confusions" }, head, make("p.quiet", null, text), make("div.choice", { role: "group", "aria-label": "pipeline" }, buttons), frame));
    choose(shown[0], buttons);
  }

  function lists() {
    facts.lists.forEach(({ title, text, items }, i) => {
      const head = make("h2", { id: `list-${i}` }, title);
      const section = make("section", { "aria-labelledby": `list-${i}` }, head, make("p.quiet", null, text));
      if (items.length && i === 0) section.append(...cards(items));
      else if (items.length) {
        const inside = make("details", null, make("summary", null, `Show ${count(items.length, unit)}`));
        inside.addEventListener("toggle", () => inside.append(...cards(items)), { once: true });
        section.append(inside);
      }
      byId("clips").append(section);
    });
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  confusions();
  lists();
})();
