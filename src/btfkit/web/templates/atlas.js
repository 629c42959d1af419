"use strict";
// Served pages: names are suggested while one types, forms with a kernel show it when it is chosen, strips have tooltips.
{
  const { el, shown, number } = btfkit;
  const box = document.getElementById("names");
  const list = document.getElementById("hits");
  const WAIT = 60; // milliseconds after the last letter
  let timer = 0;
  let asked = null; // the request that is under way
  let chosen = -1;
  let serial = 0;

  const options = () => [...list.querySelectorAll("a")];

  function close() {
    if (!list) return;
    list.hidden = true;
    chosen = -1;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  }

  function choose(at) {
    const all = options();
    if (!all.length) return;
    chosen = (at + all.length + 1) % (all.length + 1) - 0;
    if (chosen === all.length) chosen = -1;
    all.forEach((one, place) => one.setAttribute("aria-selected", place === chosen));
    if (chosen < 0) return box.removeAttribute("aria-activedescendant");
    box.setAttribute("aria-activedescendant", all[chosen].id);
    all[chosen].scrollIntoView({ block: "nearest" });
  }

  function draw(found) {
    let id = 0;
    const option = (what, url, ...content) => el(what, { role: "option", id: `hit-${id++}`, href: url, tabindex: "-1", "aria-selected": "false" }, content);
    const rows = [];
    for (const group of found.groups) {
      if (!group.hits.length) continue;
      rows.push(el("div.group", { role: "presentation" }, el("span", null, group.group), el("span", null, `${number(group.total)}${group.more ? "+" : ""}`)));
      const few = group.hits.slice(0, 8);
      for (const hit of few) {
        rows.push(option("a", hit.url, el("span.mono", null, ...btfkit.marked(shown(hit.name), found.query.toLowerCase())), el("span.kind", null, hit.kinds.join(", "))));
      }
    }
    if (rows.length) rows.push(option("a.all", `/search?q=${encodeURIComponent(found.query)}`, "all results"));
    list.replaceChildren(...(rows.length ? rows : [el("p", null, "nothing has this name")]));
    list.hidden = false;
    chosen = -1;
    box.setAttribute("aria-expanded", "true");
    box.removeAttribute("aria-activedescendant");
  }

  async function ask() {
    const text = box.value.trim();
    const own = ++serial;
    if (asked) asked.abort();
    if (!text) return close();
    asked = new AbortController();
    try {
      const answer = await fetch(`/search.json?q=${encodeURIComponent(text)}&limit=8&quick=1`, { signal: asked.signal });
      if (!answer.ok) return;
      const found = await answer.json();
      if (own === serial && document.activeElement === box) draw(found);
    } catch (error) {
      if (error.name !== "AbortError" && own === serial) close(); // the server has ended
    }
  }

  if (box && list) {
    box.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, WAIT); });
    box.addEventListener("focus", () => { if (box.value.trim() && box.value !== box.defaultValue) ask(); });
    box.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        if (list.hidden) { ask(); return event.preventDefault(); }
        event.preventDefault();
        choose(event.key === "ArrowDown" ? chosen + 1 : chosen < 0 ? options().length - 1 : chosen - 1);
      } else if (event.key === "Enter" && !list.hidden && chosen >= 0) {
        event.preventDefault();
        location.href = options()[chosen].href;
      } else if (event.key === "Escape") {
        if (!list.hidden) event.preventDefault();
        close();
      }
    });
    box.form.addEventListener("focusout", (event) => { if (!box.form.contains(event.relatedTarget)) close(); });
    list.addEventListener("pointerdown", (event) => event.preventDefault()); // the box keeps the focus
    box.form.addEventListener("submit", (event) => { if (!box.value.trim()) event.preventDefault(); });
  }

  for (const select of document.querySelectorAll('.chooser select[name="kernel"]')) {
    select.addEventListener("change", () => select.form.requestSubmit());
  }

  // Strips: which kernel is under the pointer, and what it has.
  const host = document.getElementById("strips");
  const data = btfkit.data.strips;
  if (host && data) {
    btfkit.tips(host, "svg[data-line]", (strip, event) => {
      const rect = strip.getBoundingClientRect();
      if (!("clientX" in event) || !rect.width) return null;
      const at = ((event.clientX - rect.left) / rect.width) * data.width;
      const place = data.places.findIndex((start) => start <= at && at < start + data.unit);
      if (place < 0) return null;
      const name = el("b", null, shown(data.names[place]));
      const runs = data.runs[Number(strip.dataset.line)];
      if (!runs) return [name];
      const run = runs.find(([first, last]) => first <= place && place <= last);
      if (!run) return [name, "\nabsent"];
      const type = data.types[run[3]];
      return [name, type ? `\nat ${number(Math.floor(run[2] / 8))}${run[2] % 8 ? ` bit ${run[2] % 8}` : ""}, ${shown(type)}` : `\n${number(run[2])}`];
    });
  }
}
