
// Draws structs and unions.  A piece fills bytes: a member (of a member of ...) or unused space.
{
  const { el, shown, marked, number, count } = btfkit;
  const LINE = btfkit.data.cacheline;
  const AT_ONCE = 30;
  const LONGEST = 64; // rows drawn for one type; of a large array only the ends
  const types = btfkit.data.types;
  const host = document.getElementById("types");
  const found = document.getElementById("found");
  const more = document.getElementById("more");
  const holes = document.getElementById("holes");

  const title = (type) => (type.name ? shown(type.name) : type.alias ? shown(type.alias) : "(anonymous)");
  const wasted = (type) => (type.sum_holes || 0) + (type.padding || 0);
  const plain = (text) => shown(text).toLowerCase();

  // The rows of the member table: {depth, path, member, hue} and {depth, hole, at}, in order.
  function rows(type) {
    const list = [];
    let hue = 0;
    const walk = (body, depth, path, base, top, named) => {
      if (body.first_hole > 0) list.push({ depth, unused: body.first_hole, at: base, path: "hole" });
      for (const member of body.members) {
        const anonymous = member.members_of && !member.members_of.name;
        const color = anonymous && !member.name ? null : top !== null ? top : hue++ % 8;
        const full = member.name ? (path ? `${path}.${shown(member.name)}` : shown(member.name)) : path;
        list.push({ depth, member, path: full, hue: color });
        const inner = member.members_of;
        if (inner && (!inner.name || named < 1)) walk(inner, depth + 1, full, member.offset, color, named + (inner.name ? 1 : 0));
        if (member.bit_hole) list.push({ depth, bits: member.bit_hole, at: member.offset, path: "bit hole" });
        if (member.hole > 0) list.push({ depth, unused: member.hole, at: end(member), path: "hole" });
      }
      if (body.bit_padding) list.push({ depth, bits: body.bit_padding, at: base + body.size - (body.padding || 0), path: "bit padding" });
      if (body.padding > 0) list.push({ depth, unused: body.padding, at: base + body.size - body.padding, path: "padding" });
    };
    walk(type, 0, "", 0, null, 0);
    return list;
  }

  // The end of a member; for a bitfield, that of the byte with its last bit.
  function end(member) {
    return member.bits ? Math.floor((member.bit_offset + member.bits + 7) / 8) : member.offset + member.size;
  }

  // The rows that fill the bytes, without overlaps: the first member of a union, all bitfields of one byte together.
  function pieces(type, list) {
    const flat = [];
    for (let i = 0; i < list.length; i++) {
      const row = list[i];
      if (row.bits) continue;
      if (row.unused) { flat.push({ rows: [i], from: row.at, to: row.at + row.unused, unused: true }); continue; }
      const inner = list[i + 1];
      if (row.member.members_of && inner && inner.depth > row.depth) continue; // its members are shown instead
      const from = row.member.bits ? Math.floor(row.member.bit_offset / 8) : row.member.offset;
      const to = end(row.member);
      if (to > from) flat.push({ rows: [i], from, to, hue: row.hue === null ? 7 : row.hue });
    }
    flat.sort((a, b) => a.from - b.from || b.to - a.to);
    const out = [];
    let at = 0;
    for (const piece of flat) {
      const last = out[out.length - 1];
      if (piece.from < at && last) { // a union, or bitfields that share a byte
        for (let k = out.length - 1; k >= 0 && out[k].to > piece.from; k--) if (out[k].from < piece.to) out[k].rows.push(...piece.rows);
        if (piece.to <= at) continue;
        piece.from = at;
      }
      if (piece.from >= type.size) continue;
      piece.to = Math.min(piece.to, type.size);
      if (piece.from > at) out.push({ rows: [], from: at, to: piece.from, unused: true });
      out.push(piece);
      at = piece.to;
    }
    if (at < type.size) out.push({ rows: [], from: at, to: type.size, unused: type.kind === "struct" });
    return out;
  }

  function label(list, piece) {
    if (piece.unused) return String(piece.to - piece.from);
    const row = list[piece.rows[0]];
    return row ? row.path : "";
  }

  function draw(type, list) {
    const lines = Math.ceil(type.size / LINE);
    const box = el("div.bytes", { role: "group", "aria-label": "bytes" });
    const all = pieces(type, list);
    let next = 0;
    for (let line = 0; line < lines; line++) {
      const from = line * LINE;
      const to = from + LINE;
      while (next < all.length && all[next].to <= from) next++;
      const only = all[next];
      if (lines > LONGEST && only && only.from < from && only.to >= to + LINE) { // within something long
        const skip = Math.floor((only.to - from) / LINE);
        if (skip > 2) {
          box.append(el("div.gap", null, `${number(skip)} more cache lines of ${label(list, only)}`));
          line += skip - 1;
          continue;
        }
      }
      const row = el("div.row");
      row.style.gridTemplateColumns = `repeat(${LINE}, minmax(0, 1fr))`;
      for (let k = next; k < all.length && all[k].from < to; k++) {
        const piece = all[k];
        const start = Math.max(piece.from, from);
        const width = Math.min(piece.to, to) - start;
        const text = label(list, piece);
        const room = (width * 60) / LINE;
        const cell = el(`button.cell${piece.unused ? ".unused" : `.hue-${piece.hue}`}${room < 2.4 ? ".tight" : ""}`,
          { type: "button", "data-rows": piece.rows.join(" "), "data-from": piece.from, "data-to": piece.to, "aria-label": `${text}, bytes ${piece.from} to ${piece.to - 1}` },
          el("span", null, piece.unused && width < 3 ? "" : text));
        cell.style.gridColumn = `${start - from + 1} / span ${width}`;
        row.append(cell);
      }
      if (to > type.size) {
        const rest = el("div.cell.out", { "aria-hidden": "true" });
        rest.style.gridColumn = `${type.size - from + 1} / span ${to - type.size}`;
        row.append(rest);
      }
      box.append(el("div.at", null, number(from)), row);
    }
    return box;
  }

  function where(row) {
    if (row.bits) return String(row.at);
    if (row.unused) return number(row.at);
    return row.member.bits ? `${number(row.member.offset)}:${row.member.first_bit}` : number(row.member.offset);
  }

  function extent(row) {
    if (row.bits) return count(row.bits, "bit");
    if (row.unused) return number(row.unused);
    return row.member.bits ? count(row.member.bits, "bit") : number(row.member.size);
  }

  function table(list, words) {
    const body = el("tbody");
    list.forEach((row, i) => {
      const name = row.member ? (row.member.name ? shown(row.member.name) : "(anonymous)") : row.path;
      const first = el("td.what", null,
        row.member && row.hue === null ? "" : el(`span.swatch${row.member ? `.hue-${row.hue}` : ".unused"}`), ...marked(name, words),
        row.member ? el("span.kind", null, `  ${row.member.type}${row.member.alignment ? `  aligned(${row.member.alignment})` : ""}`) : "");
      first.style.paddingLeft = `${8 + row.depth * 14}px`;
      body.append(el(row.member ? "tr" : "tr.hole", { "data-row": i }, el("td.num", null, where(row)), el("td.num", null, extent(row)), first));
    });
    return el("div.members", { tabindex: "0" }, el("table", null,
      el("thead", null, el("tr", null, el("th.num", null, "offset"), el("th.num", null, "size"), el("th", null, "member"))), body));
  }

  function stats(type, list) {
    const parts = [[number(type.size), type.size === 1 ? "byte" : "bytes"], [type.cachelines, type.cachelines === 1 ? "cache line" : "cache lines"], [type.members.length, type.members.length === 1 ? "member" : "members"]];
    if (type.holes) parts.push([type.holes, `${type.holes === 1 ? "hole" : "holes"} of ${number(type.sum_holes)} bytes`]);
    if (type.bit_holes) parts.push([type.bit_holes, `${type.bit_holes === 1 ? "bit hole" : "bit holes"} of ${type.sum_bit_holes} bits`]);
    if (type.padding > 0) parts.push([type.padding, "bytes of padding"]);
    if (type.bit_padding) parts.push([type.bit_padding, "bits of padding"]);
    const inner = pieces(type, list).filter((piece) => piece.unused && piece.rows.length > 0 && list[piece.rows[0]].depth > 0);
    const bytes = inner.reduce((sum, piece) => sum + piece.to - piece.from, 0);
    if (inner.length) parts.push([inner.length, `${inner.length === 1 ? "gap" : "gaps"} within members, ${count(bytes, "byte")}`]);
    if (wasted(type) && type.size) parts.push([`${((100 * wasted(type)) / type.size).toFixed(1)} %`, "unused"]);
    return el("ul.stats", null, parts.map(([value, word]) => el("li", null, el("b", null, String(value)), ` ${word}`)));
  }

  function section(type, words) {
    const list = rows(type);
    const node = el("section.type.panel", { "aria-label": title(type) },
      el("h2", null, el("span.mono", null, type.name || !type.alias ? `${type.kind} ` : "", ...marked(title(type), words)),
        type.packed ? el("span.badge", null, "packed") : "", type.alignment ? el("span.badge", null, `aligned(${type.alignment})`) : "",
        wasted(type) ? el("span.badge.warn", null, count(wasted(type), "byte") + " unused") : ""),
      stats(type, list),
      el("div.both", null, draw(type, list), table(list, words)));
    const cells = [...node.querySelectorAll(".cell[data-rows]")];
    const lines = [...node.querySelectorAll("[data-row]")];
    const light = (rows) => {
      for (const cell of cells) cell.classList.toggle("same", rows.length > 0 && cell.dataset.rows.split(" ").some((row) => rows.includes(row)));
      for (const line of lines) line.classList.toggle("same", rows.includes(line.dataset.row));
    };
    const of = (event) => {
      const cell = event.target.closest(".cell[data-rows]");
      if (cell) return cell.dataset.rows ? cell.dataset.rows.split(" ") : [];
      const line = event.target.closest("[data-row]");
      if (!line) return [];
      // a member with members highlights all of them
      const start = Number(line.dataset.row);
      const out = [line.dataset.row];
      for (let i = start + 1; i < list.length && list[i].depth > list[start].depth; i++) out.push(String(i));
      return out;
    };
    const reveal = (rows) => {
      const line = rows.length ? lines[Number(rows[0])] : null;
      const box = line && line.closest(".members");
      if (box && (line.offsetTop < box.scrollTop + 30 || line.offsetTop + line.offsetHeight > box.scrollTop + box.clientHeight)) box.scrollTop = line.offsetTop - box.clientHeight / 2;
    };
    node.addEventListener("pointerover", (event) => { const rows = of(event); light(rows); if (event.target.closest(".cell")) reveal(rows); });
    node.addEventListener("pointerleave", () => light([]));
    node.addEventListener("focusin", (event) => { if (event.target.closest(".cell")) { light(of(event)); reveal(of(event)); } });
    btfkit.tips(node, ".cell[data-rows]", (cell) => describe(list, cell));
    if (words) for (const cell of cells) {
      const hit = cell.dataset.rows.split(" ").some((i) => i && list[i].member && plain(list[i].path).includes(words));
      cell.classList.toggle("dim", !hit && matchesMember(type, words));
    }
    return node;
  }

  function describe(list, cell) {
    const from = Number(cell.dataset.from);
    const to = Number(cell.dataset.to);
    const rows = cell.dataset.rows ? cell.dataset.rows.split(" ").map((i) => list[i]) : [];
    const bytes = `bytes ${number(from)} to ${number(to - 1)}, ${count(to - from, "byte")}`;
    if (cell.classList.contains("unused")) return [el("b", null, rows[0] ? rows[0].path : "unused"), `\n${bytes}`];
    const seen = rows.filter((row) => row.member).slice(0, 8);
    const out = [];
    for (const row of seen) {
      const bits = row.member.bits ? `, ${count(row.member.bits, "bit")} from bit ${row.member.first_bit} of ${number(row.member.offset)}` : "";
      out.push(el("b", null, row.path || "(anonymous)"), `  ${row.member.type}${bits}\n`);
    }
    if (rows.length > seen.length) out.push(`and ${number(rows.length - seen.length)} more in these bytes\n`);
    out.push(bytes);
    return out;
  }

  const paths = new Map();
  function matchesMember(type, words) {
    if (!paths.has(type)) paths.set(type, rows(type).filter((row) => row.member).map((row) => plain(row.path)).join("\n"));
    return paths.get(type).includes(words);
  }

  let wanted = types;
  let drawn = 0;
  let words = "";
  function grow(until) {
    const list = document.createDocumentFragment();
    for (; drawn < Math.min(until, wanted.length); drawn++) list.append(section(wanted[drawn], words));
    host.append(list);
    more.hidden = drawn >= wanted.length;
    more.textContent = `show ${number(Math.min(AT_ONCE, wanted.length - drawn))} more`;
  }

  function show() {
    const only = holes.getAttribute("aria-pressed") === "true";
    const named = [];
    const having = [];
    for (const type of types) {
      if (only && !wasted(type) && !type.bit_holes) continue;
      if (!words || plain(`${type.kind} ${title(type)}`).includes(words)) named.push(type);
      else if (matchesMember(type, words)) having.push(type);
    }
    if (words) named.sort((a, b) => (plain(title(b)) === words) - (plain(title(a)) === words));
    wanted = named.concat(having);
    drawn = 0;
    host.replaceChildren();
    const several = types.length > 1;
    found.textContent = words || only ? `${count(wanted.length, "type")} of ${number(types.length)}` + (words && several ? `: ${number(named.length)} by name, ${number(having.length)} by a member` : "") : "";
    found.hidden = !found.textContent || (!several && wanted.length === 1);
    grow(AT_ONCE);
  }

  more.addEventListener("click", () => grow(drawn + AT_ONCE));
  holes.addEventListener("click", () => { holes.setAttribute("aria-pressed", holes.getAttribute("aria-pressed") !== "true"); show(); });
  btfkit.onSearch((text) => { words = text; show(); });
  show();
}
