
// Draws the history of a member or type: for each series of kernels a picture, and a table of what changed.
{
  const { el, shown, number, count } = btfkit;
  const HEIGHT = 340;
  const TOP = 34;
  const LEFT = 62;
  const GAP = 28; // between series
  const NARROW = 64; // of a series
  const data = btfkit.data;
  const host = document.getElementById("lines");
  const found = document.getElementById("found");
  const empty = document.getElementById("empty"); // an SVG, for its namespace

  function svg(tag, properties, ...children) {
    const node = document.createElementNS(empty.namespaceURI, tag);
    for (const [key, value] of Object.entries(properties || {})) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  // One color for each name, whatever its place.
  function hue(name) {
    let sum = 7;
    for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) >>> 0;
    return sum % 8;
  }

  function ticks(size) {
    const step = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 65536, 262144, 1048576].find((s) => size / s <= 8) || size;
    const out = [];
    for (let at = 0; at <= size; at += step) out.push(at);
    return out;
  }

  // The layouts of all series side by side, on one scale.
  function picture(all, isMember) {
    const layouts = all.flatMap((series) => series.layouts);
    const size = Math.max(...layouts.map((one) => one.size), 0);
    if (!size || !layouts.some((one) => one.boxes.length)) return null;
    const total = all.reduce((sum, series) => sum + series.kernels.length, 0);
    const wide = Math.max(4, Math.min(120, Math.floor((1090 - GAP * all.length) / total)));
    const y = (bits) => TOP + (bits / (8 * size)) * HEIGHT;
    const root = svg("svg", { height: TOP + HEIGHT + 62, role: "img", "aria-label": `places in the struct on ${count(total, "kernel")}` });
    const labels = [];
    let left = LEFT;
    for (const series of all) {
      const width = Math.max(wide * series.kernels.length, NARROW);
      const each = width / series.kernels.length;
      const x = (at) => left + at * each;
      root.append(clipped(series.name, left, TOP - 12, width, "title"));
      const way = [];
      for (const one of series.layouts) {
        const group = svg("g", { class: one.absent ? "absent" : "" });
        const from = x(one.from) + 1;
        const across = Math.max((one.to - one.from + 1) * each - 2, 1);
        group.append(svg("rect", { class: "body", x: from, y: y(0), width: across, height: Math.max(y(8 * one.size) - y(0), 1) }));
        const boxes = isMember ? [...one.boxes].sort((a, b) => (a[0] === data.member) - (b[0] === data.member)) : [...one.boxes].sort((a, b) => b[2] - a[2]); // what overlaps, as in a union: the largest below
        for (const [name, offset, bits, type] of boxes) {
          const wanted = isMember && name === data.member;
          const least = wanted ? 4 : 0.8;
          const height = Math.max((bits / (8 * size)) * HEIGHT, least);
          const top = y(offset) - (height === least ? least / 2 : 0);
          const kind = wanted ? "wanted" : isMember ? "other" : `h${hue(name)}`;
          const box = svg("rect", { class: `box ${kind}`, x: from + 1, y: top, width: Math.max(across - 2, 1), height });
          if (wanted || !isMember) {
            box.setAttribute("tabindex", "0");
            box.setAttribute("aria-label", `${name} at ${offset >> 3}`);
          }
          const place = offset % 8 || bits % 8 ? `bit ${number(offset)}, ${count(bits, "bit")}` : `at ${number(offset / 8)}, ${count(bits / 8, "byte")}`;
          box.described = [el("b", null, shown(name) || "(anonymous)"), `  ${shown(type)}\n${place}\n${shown(series.kernels[one.from])}${one.to > one.from ? ` ... ${shown(series.kernels[one.to])}` : ""}`];
          group.append(box);
          if (wanted) way.push([from, top + height / 2], [from + across, top + height / 2]);
          if (!isMember && height >= 12 && across > 40) labels.push([name, offset, bits, clipped(name, from + 5, top + height / 2 + 4, across - 8, "label")]);
        }
        root.append(group);
      }
      if (way.length > 2) root.append(svg("polyline", { class: "way", points: way.map((at) => at.join(",")).join(" ") }));
      let free = [0, 0, 0];
      for (const span of series.spans) {
        const at = x(span.from);
        const row = Math.max(free.findIndex((end) => at >= end), 0);
        const end = left + width + GAP - 6;
        free[row] = at + series.kernels[span.from].length * 6.4 + 8;
        root.append(svg("line", { class: "edge", x1: at, x2: at, y1: TOP - 6, y2: TOP + HEIGHT + 10 + row * 14 }),
          clipped(series.kernels[span.from], at + 1, TOP + HEIGHT + 20 + row * 14, Math.max(end - at, NARROW), ""));
      }
      left += width + GAP;
    }
    for (const at of ticks(size)) {
      root.prepend(svg("line", { class: "tick", x1: LEFT - 4, x2: left - GAP, y1: y(8 * at), y2: y(8 * at) }));
      root.append(svg("text", { x: LEFT - 8, y: y(8 * at) + 4, "text-anchor": "end" }, number(at)));
    }
    const shownLabels = [];
    for (const label of labels) { // members that overlap, as in a union, have one label
      const [, offset, bits, node] = label;
      const covers = (other) => other[3].getAttribute("x") === node.getAttribute("x") && other[1] < offset + bits && offset < other[1] + other[2];
      if (!shownLabels.some(covers)) shownLabels.push(label);
    }
    root.append(...shownLabels.map((label) => label[3]));
    root.setAttribute("width", left - GAP + 30);
    const node = el("div.picture.panel", null, root);
    btfkit.tips(node, ".box, .clipped", (target) => target.described || null);
    return node;
  }

  // Text that is cut to a width in pixels; the tooltip has all of it.
  function clipped(text, x, y, width, kind) {
    const fits = Math.max(Math.floor(width / 6.5), 1);
    const name = shown(text);
    const node = svg("text", { x, y, class: name.length > fits ? `${kind} clipped` : kind }, name.length > fits ? `${name.slice(0, fits - 1)}…` : name);
    if (name.length > fits) node.described = [name];
    return node;
  }

  function list(span) {
    const rows = [...span.changes.map((text) => el("li", null, shown(text))), ...span.guesses.map((text) => el("li.guess", null, `a guess: ${shown(text)}`))];
    return rows.length ? el("ul", null, rows) : "";
  }

  function table(series, words) {
    return el("table.spans", null, el("thead", null, el("tr", null, el("th", null, "kernels"), el("th", null, "what they have, and what changed"))),
      el("tbody", null, series.spans.map((span) => {
        const hit = words && series.kernels.slice(span.from, span.to + 1).some((name) => name.toLowerCase().includes(words));
        return el(hit ? "tr.hit" : "tr", null, el("td", null, shown(span.kernels)),
          el("td", null, span.absent ? el("span.badge.warn", null, "absent") : "", span.absent ? ` ${shown(span.text.replace(/^absent: /, ""))}` : shown(span.text), list(span)));
      })));
  }

  function show(words) {
    host.replaceChildren();
    let hits = 0;
    for (const line of data.lines) {
      if (data.lines.length > 1) host.append(el("h2", null, line.kind));
      const wanted = line.series.filter((series) => !words || series.name.toLowerCase().includes(words) || series.kernels.some((name) => name.toLowerCase().includes(words)));
      hits += wanted.length;
      host.append(picture(wanted, line.kind === "member") || "");
      for (const series of wanted) {
        host.append(el("section.series", { "aria-label": series.name },
          el("h3", null, `${shown(series.name)} `, el("span.badge", null, count(series.kernels.length, "kernel"))), table(series, words)));
      }
    }
    found.textContent = words ? `${number(hits)} series with such a kernel` : "";
    found.hidden = !words;
  }

  btfkit.onSearch(show);
  show("");
}
