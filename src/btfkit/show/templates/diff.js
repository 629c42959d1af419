
// The differences: counts, then an item for each type, filtered by change, kind and search words.
{
  const { el, marked, number, count } = btfkit;
  const AT_ONCE = 60;
  const SHOWN = 40; // lines of one item that are shown at first
  const { items, counts, effects } = btfkit.data;
  const host = document.getElementById("items");
  const found = document.getElementById("found");
  const more = document.getElementById("more");
  const badges = { changed: "warn", added: "good", removed: "bad" };
  const marks = { "+": "plus", "-": "minus", "~": "tilde", ">": "moved" };

  document.getElementById("counts").append(el("table", null,
    el("thead", null, el("tr", null, el("th"), ["same", "changed", "added", "removed"].map((word) => el("th.num", null, word)))),
    el("tbody", null, counts.map(([name, , ...numbers]) => el("tr", null, el("td", null, name), numbers.map((value) => el("td.num", null, number(value))))))));
  document.getElementById("effects").textContent = effects.length ? `Layout: ${effects.join(", ")}.` : items.length ? "" : "No differences.";

  const chosen = { what: new Set(), kind: new Set() };
  function buttons(host, group, names) {
    for (const [value, label] of names) {
      host.append(el("button", { type: "button", "aria-pressed": "false", "data-value": value, onclick: (event) => {
        const set = chosen[group];
        if (set.has(value)) set.delete(value); else set.add(value);
        event.currentTarget.setAttribute("aria-pressed", set.has(value));
        show();
      } }, label));
    }
  }
  buttons(document.getElementById("whats"), "what", ["changed", "added", "removed"].filter((what) => items.some((item) => item[0] === what)).map((what) => [what, what]));
  buttons(document.getElementById("kinds"), "kind", counts.filter(([, , , ...rest]) => rest.some((value) => value)).map(([name, kind]) => [kind, name]));

  function line(text, words) {
    return el(`span.line.${marks[text[2]] || "plain"}`, null, ...marked(text.trimStart().replace(/ {2,}/g, "  "), words));
  }

  function node([what, kind, name, facts, lines], words) {
    const body = lines.length ? el("pre") : "";
    if (lines.length) {
      const first = lines.length > SHOWN + 10 ? SHOWN : lines.length;
      body.append(...lines.slice(0, first).map((text) => line(text, words)));
      if (first < lines.length) body.append(el("button", { type: "button", onclick: (event) => event.currentTarget.replaceWith(...lines.slice(first).map((text) => line(text, words))) }, `${number(lines.length - first)} more lines`));
    }
    return el("section.item.panel", { "aria-label": `${kind} ${name}` },
      el("h3", null, el(`span.badge.${badges[what]}`, null, what), el("span.mono", null, `${kind} `, ...marked(name, words)), facts ? el("span.facts", null, facts) : ""), body);
  }

  let wanted = [];
  let drawn = 0;
  let words = "";
  function grow() {
    const list = document.createDocumentFragment();
    for (const end = Math.min(drawn + AT_ONCE, wanted.length); drawn < end; drawn++) list.append(node(wanted[drawn], words));
    host.append(list);
    more.hidden = drawn >= wanted.length;
    more.textContent = `show ${number(Math.min(AT_ONCE, wanted.length - drawn))} more of ${number(wanted.length - drawn)}`;
  }
  function show() {
    const fits = items.filter(([what, kind]) => (!chosen.what.size || chosen.what.has(what)) && (!chosen.kind.size || chosen.kind.has(kind)));
    if (words) {
      const exact = [], named = [], within = [];
      for (const item of fits) {
        const name = item[2].toLowerCase();
        if (name === words || `${item[1]} ${name}` === words) exact.push(item);
        else if (name.includes(words)) named.push(item);
        else if (item[4].some((text) => text.toLowerCase().includes(words))) within.push(item);
      }
      wanted = [...exact, ...named, ...within];
    } else wanted = fits;
    found.textContent = wanted.length === items.length ? count(items.length, "difference") : `${number(wanted.length)} of ${count(items.length, "difference")}`;
    drawn = 0;
    host.replaceChildren();
    grow();
  }
  more.addEventListener("click", grow);
  btfkit.onSearch((text) => { words = text; show(); });
  show();
}
