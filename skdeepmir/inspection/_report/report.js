(() => {
  const { byId, player, addressOf } = page;

  // An excerpt that several units share is in the file once.
  for (const image of document.querySelectorAll("img[data-like]")) {
    image.src = byId(image.dataset.like).src;
  }

  const addresses = new Map();
  function address(sound) {
    if (!addresses.has(sound)) addresses.set(sound, addressOf(JSON.parse(byId(sound).textContent)));
    return addresses.get(sound);
  }

  for (const area of document.querySelectorAll(".stage[data-sound]")) {
    const { sound, name, seconds } = area.dataset;
    area.classList.add("timed");
    const place = area.parentElement.querySelector(".player");
    place.append(player(area, { name, seconds: Number(seconds), sound: () => address(sound) }));
  }
})();
