// The matrix of `btfkit check`: kernels in the order of their series from left to right, programs from top to bottom.
{
  const { data, el, shown, count, number } = btfkit;
  const byId = (id) => document.getElementById(id);
  const ROW = 18, WIDE = 9, NARROW = 3, HEAD_ROW = 18, OBJECT_GAP = 20;
  const STATUS = ["works", "works, guarded", "breaks"];

  // ---- the data -------------------------------------------------------------------------------------------------------------

  const kernels = data.kernels.map(([distro, release, arch, uname], at) => {
    const found = /(\d+)\.(\d+)/.exec(uname);
    return { at, distro: data.words[distro], release: data.words[release], arch: data.words[arch], uname,
      version: found ? Number(found[1]) * 1000 + Number(found[2]) : -1, label: found ? `${found[1]}.${found[2]}` : "?",
      series: [data.words[distro], data.words[arch]].filter(Boolean).join(" ") };
  });
  const unrolled = (runs) => {
    const row = new Int32Array(kernels.length);
    for (let i = 0, at = 0; i < runs.length; i += 2) { row.fill(runs[i], at, at + runs[i + 1]); at += runs[i + 1]; }
    return row;
  };
  const rows = data.rows.map(unrolled);
  const programs = data.programs.map(([object, name, section, optional, required], at) =>
    ({ at, object, name, section, optional, required, text: `${object} ${name} ${section}`.toLowerCase() }));
  // The verdicts on the objects that have several programs, which libbpf loads together.
  const several = new Set(programs.filter((p, at) => at && programs[at - 1].object === p.object).map((p) => p.object));
  const objects = new Map(data.objects.filter(([name]) => several.has(name)).map(([name, runs]) => [name, unrolled(runs)]));
  const statusOf = (verdict) => (verdict < 0 ? -1 : data.verdicts[verdict][0]);

  // The rows of the head that say something: each shows its text once for the columns next to each other that share it.
  const HEADS = [
    { label: "distribution", text: (k) => k.distro, group: (k) => k.distro },
    { label: "architecture", text: (k) => k.arch, group: (k) => k.series },
    { label: "version", text: (k) => k.label, group: (k) => `${k.series} ${k.label}` },
  ].filter((head) => kernels.some((k) => head.text(k)));
  byId("corner").append(...HEADS.map((head) => el("div", null, head.label)));

  // ---- what is chosen -------------------------------------------------------------------------------------------------------

  let view = { programs: [], columns: [], lines: [], cell: WIDE, spots: [] };
  let picked = null; // {program, column} in the view
  let words = "";

  function options(select, all, values) {
    select.append(el("option", { value: "" }, all), ...values.map((value) => el("option", { value: String(value[0]) }, shown(value[1]))));
    select.addEventListener("change", refresh);
    if (values.length < 2) select.closest("label").hidden = true;
  }
  const distinct = (values) => [...new Set(values.filter(Boolean))].sort().map((value) => [value, value]);
  options(byId("distro"), "all distributions", distinct(kernels.map((k) => k.distro)));
  options(byId("arch"), "all architectures", distinct(kernels.map((k) => k.arch)));
  const versions = [...new Map(kernels.filter((k) => k.version >= 0).map((k) => [k.version, k.label]))].sort((a, b) => a[0] - b[0]);
  options(byId("from"), "from the first version", versions.map(([v, l]) => [v, `from ${l}`]));
  options(byId("to"), "to the last", versions.map(([v, l]) => [v, `to ${l}`]));
  options(byId("object"), "all objects", [...new Set(programs.map((p) => p.object))].map((o) => [o, o]));
  options(byId("verdict"), "all verdicts", [["2", "breaks somewhere"], ["1", "guarded somewhere"], ["0", "works everywhere"]]);
  btfkit.onSearch((now) => { words = now; refresh(); });

  function wantedKernels() {
    const distro = byId("distro").value, arch = byId("arch").value, from = byId("from").value, to = byId("to").value;
    return kernels.filter((k) => (!distro || k.distro === distro) && (!arch || k.arch === arch)
      && (from === "" || k.version >= Number(from)) && (to === "" || (k.version >= 0 && k.version <= Number(to))));
  }

  // The verdicts whose reasons contain the search words.
  function spoken() {
    const texts = data.findings.map(([, detail, subject, unless, place]) =>
      [detail, subject, unless, ...(place >= 0 ? data.places[place] : [])].join(" ").toLowerCase().includes(words));
    return data.verdicts.map(([, findings]) => findings.some((f) => texts[f]));
  }

  function refresh() {
    const object = byId("object").value, verdict = byId("verdict").value;
    let chosen = wantedKernels();
    let listed = programs.filter((p) => !object || p.object === object);
    if (words) {
      const named = chosen.filter((k) => `${k.distro} ${k.release} ${k.arch} ${k.uname}`.toLowerCase().includes(words));
      const byName = new Set(listed.filter((p) => p.text.includes(words)));
      if (named.length && !byName.size) chosen = named;
      else {
        const says = spoken();
        listed = listed.filter((p) => byName.has(p) || chosen.some((k) => rows[p.at][k.at] >= 0 && says[rows[p.at][k.at]]));
      }
    }
    if (verdict !== "") {
      const worst = (p) => chosen.reduce((most, k) => Math.max(most, statusOf(rows[p.at][k.at])), -1);
      listed = listed.filter((p) => verdict === "2" ? worst(p) === 2
        : verdict === "0" ? worst(p) === 0 : chosen.some((k) => statusOf(rows[p.at][k.at]) === 1));
    }
    view = { programs: listed, columns: folded(chosen, listed), kernels: chosen };
    picked = null;
    remember();
    layOut();
    draw();
    list();
    tell();
    overview();
  }

  // The text of the panel while no cell is selected.
  function overview() {
    const tally = [0, 0, 0];
    for (const p of view.programs) for (const k of view.kernels) { const s = statusOf(rows[p.at][k.at]); if (s >= 0) tally[s] += 1; }
    const lines = STATUS.map((text, status) => el("li", null, el("b", null, number(tally[status])), ` ${text}`));
    byId("detail").replaceChildren(el("h2", null, "Nothing chosen"), el("p.note", null, "Click a cell, or a range below, for the reason with its source line."),
      el("ul.stats", null, ...lines));
  }

  // Consecutive kernels of a series with equal results share a column.
  function folded(chosen, listed) {
    const columns = [];
    let last = null;
    for (const kernel of chosen) {
      const same = last !== null && last.series === kernel.series && listed.every((p) => rows[p.at][last.at] === rows[p.at][kernel.at]);
      if (same) columns.at(-1).push(kernel);
      else columns.push([kernel]);
      last = kernel;
    }
    return columns;
  }

  // ---- the address ----------------------------------------------------------------------------------------------------------

  // What is chosen stands in the address, so that a view can be linked: #distro=debian&arch=arm64&search=tcp&program=...&kernel=...
  const FILTERS = ["distro", "arch", "from", "to", "object", "verdict"];

  function remember() {
    const now = new URLSearchParams(FILTERS.map((name) => [name, byId(name).value]).filter(([, value]) => value !== ""));
    if (words) now.set("search", words);
    if (picked) {
      const program = view.programs[picked.program];
      now.set("program", `${program.object}:${program.name}`);
      now.set("kernel", view.columns[picked.column][0].uname);
    }
    const text = String(now);
    if (text !== location.hash.slice(1)) history.replaceState(null, "", text ? `#${text}` : location.href.replace(/#.*/s, ""));
  }

  // Chooses what the address says; what it names and this page lacks is left out.
  function recall() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    for (const name of FILTERS) {
      const value = wanted.get(name) || "", select = byId(name);
      select.value = [...select.options].some((option) => option.value === value) ? value : "";
    }
    words = (wanted.get("search") || "").trim().toLowerCase();
    btfkit.setSearch(words);
    refresh();
    const program = view.programs.findIndex((p) => `${p.object}:${p.name}` === wanted.get("program"));
    const column = view.columns.findIndex((c) => c.some((k) => k.uname === wanted.get("kernel")));
    if (program >= 0 && column >= 0) { pick({ program, column }); reveal(); }
  }
  addEventListener("hashchange", recall);

  // ---- the picture ----------------------------------------------------------------------------------------------------------

  const cells = byId("cells"), heads = byId("heads"), names = byId("names"), scroller = byId("scroller");

  function layOut() {
    view.lines = []; // {top, program} or {top, object}
    let top = 4, object = null;
    const many = new Set(view.programs.map((p) => p.object)).size > 1;
    for (const program of view.programs) {
      if (many && program.object !== object) {
        object = program.object;
        view.lines.push({ top, height: OBJECT_GAP, object });
        top += OBJECT_GAP;
      }
      view.lines.push({ top, height: ROW, program });
      top += ROW;
    }
    view.height = top + 6;
    const longest = view.programs.reduce((most, p) => Math.max(most, p.name.length, p.object.length), 12);
    byId("picture").style.setProperty("--names", `${Math.min(340, 40 + 7.2 * longest)}px`);
    byId("tally").textContent = `${count(view.programs.length, "program")}, ${count(view.kernels.length, "kernel")}`
      + (view.columns.length < view.kernels.length ? ` in ${number(view.columns.length)} columns` : "");
    byId("corner").style.height = `${HEAD_ROW * HEADS.length + 6}px`;
    const room = Math.max(100, byId("picture").clientWidth - byId("corner").offsetWidth - 18);
    const gaps = 8 * new Set(view.columns.map((c) => c[0].series)).size;
    view.cell = Math.max(NARROW, Math.min(64, Math.floor((room - gaps) / Math.max(1, view.columns.length))));
    if (view.cell < WIDE && view.columns.length * WIDE < 4 * room) view.cell = WIDE;
    view.spots = [];
    let left = 2, series = null;
    for (const column of view.columns) {
      if (series !== null && column[0].series !== series) left += 8;
      series = column[0].series;
      view.spots.push(left);
      left += view.cell;
    }
    view.width = left + 4;
    byId("extent").style.width = `${view.width}px`;
    byId("extent").style.height = `${view.height}px`;
    scroller.style.height = `${Math.min(view.height + 16, Math.max(220, innerHeight - 330))}px`;
    names.style.height = scroller.style.height;
  }

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const get = (name) => style.getPropertyValue(name).trim();
    return { fill: [get("--works"), get("--guarded"), get("--breaks")], ink: get("--ink"), muted: get("--muted"), line: get("--line"),
      accent: get("--accent"), sans: get("--sans") };
  }

  function sized(canvas, width, height) {
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(width * ratio));
    canvas.height = Math.max(1, Math.round(height * ratio));
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    return pen;
  }

  // The first column that ends after x; columns are sorted by position.
  function columnAt(x) {
    let low = 0, high = view.spots.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (view.spots[middle] + view.cell <= x) low = middle + 1; else high = middle;
    }
    return low;
  }

  function draw() {
    const width = scroller.clientWidth, height = scroller.clientHeight, x = scroller.scrollLeft, y = scroller.scrollTop;
    const colour = colours();
    const pen = sized(cells, width, height);
    const first = columnAt(x);
    let end = first;
    while (end < view.spots.length && view.spots[end] < x + width) end += 1;
    const gap = view.cell > 5 ? 1 : 0;
    for (const line of view.lines) {
      if (!line.program || line.top + line.height < y || line.top > y + height) continue;
      const row = rows[line.program.at];
      for (let c = first; c < end; c += 1) {
        const status = statusOf(row[view.columns[c][0].at]);
        if (status < 0) continue;
        pen.globalAlpha = line.program.required ? 1 : 0.55;
        pen.fillStyle = colour.fill[status];
        pen.fillRect(view.spots[c] - x, line.top - y + 1, view.cell - gap, line.height - 2);
      }
    }
    pen.globalAlpha = 1;
    if (picked) {
      const line = view.lines.find((l) => l.program === view.programs[picked.program]);
      pen.strokeStyle = colour.ink;
      pen.lineWidth = 2;
      pen.strokeRect(view.spots[picked.column] - x - 1, line.top - y, view.cell + 1, line.height);
    }
    drawHeads(colour, x, first, end);
    drawNames(y, height);
  }

  function drawHeads(colour, x, first, end) {
    const pen = sized(heads, heads.parentElement.clientWidth - byId("corner").offsetWidth, HEAD_ROW * HEADS.length + 6);
    pen.font = `12px ${colour.sans}`;
    pen.textBaseline = "middle";
    HEADS.forEach((head, row) => {
      const middle = HEAD_ROW * row + HEAD_ROW / 2 + 2, last = row === HEADS.length - 1;
      let free = -1;
      for (let c = first, next = c; c < end; c = next) {
        const kernel = view.columns[c][0], left = Math.max(2, view.spots[c] - x);
        for (next = c + 1; next < end && head.group(view.columns[next][0]) === head.group(kernel); next += 1);
        const right = view.spots[next - 1] + view.cell - x;
        const alone = last && next === c + 1 && view.cell >= 60 && view.columns[c].length === 1;
        const whole = alone ? (/^[0-9.]+/.exec(kernel.uname) || [kernel.label])[0] : shown(head.text(kernel));
        const text = last ? whole : fitted(pen, whole, right - left);
        if (last && left < free) continue;
        pen.fillStyle = last ? colour.muted : colour.ink;
        pen.fillText(text, left, middle);
        free = left + pen.measureText(text).width + 8;
        pen.fillStyle = colour.line;
        if (last) pen.fillRect(view.spots[c] - x - 1, HEAD_ROW * HEADS.length + 1, 1, 5);
        else pen.fillRect(left, HEAD_ROW * (row + 1), right - left, 1);
      }
    });
  }

  // The text, cut to fit into the room.
  function fitted(pen, text, room) {
    if (pen.measureText(text).width <= room) return text;
    while (text && pen.measureText(text + "…").width > room) text = text.slice(0, -1);
    return text && room > 20 ? text + "…" : "";
  }

  function drawNames(y, height) {
    const seen = view.lines.filter((l) => l.top + l.height >= y && l.top <= y + height);
    names.replaceChildren(...seen.map((line) => {
      const kind = line.object !== undefined ? "div.object" : line.program.required ? "div" : "div.faint";
      const text = line.object !== undefined ? line.object : line.program.name;
      const node = el(kind, { title: line.program ? `${shown(line.program.object)}: ${shown(line.program.name)} (${shown(line.program.section)})` : false },
        ...btfkit.marked(shown(text), words));
      if (picked && line.program && line.program === view.programs[picked.program]) node.classList.add("at");
      node.style.top = `${line.top - y}px`;
      node.style.height = `${line.height}px`;
      node.style.lineHeight = `${line.height}px`;
      return node;
    }));
  }

  // ---- pointing and choosing --------------------------------------------------------------------------------------------------

  function place(event) {
    const box = cells.getBoundingClientRect();
    const x = event.clientX - box.left + scroller.scrollLeft, y = event.clientY - box.top + scroller.scrollTop;
    const column = columnAt(x);
    const line = view.lines.find((l) => l.program && y >= l.top && y < l.top + l.height);
    if (!line || column >= view.columns.length || view.spots[column] > x) return null;
    return { program: view.programs.indexOf(line.program), column };
  }

  function range(kernelsOf) {
    const [first] = kernelsOf, last = kernelsOf.at(-1);
    return shown(first === last ? first.uname : `${first.uname} ... ${last.uname}`);
  }

  function full(kernelsOf) {
    const [first] = kernelsOf;
    const series = [first.distro, first.arch].filter(Boolean).join(" ");
    return (series ? `${shown(series)}: ` : "") + range(kernelsOf) + (kernelsOf.length > 1 ? ` (${count(kernelsOf.length, "kernel")})` : "");
  }

  btfkit.tips(scroller, "canvas", (target, event) => {
    const at = event.clientX === undefined ? null : place(event);
    if (!at) return null;
    const program = view.programs[at.program], column = view.columns[at.column];
    const status = statusOf(rows[program.at][column[0].at]);
    return [el("b", null, shown(program.name)), `\n${full(column)}\n${status < 0 ? "not read" : STATUS[status]}`];
  });
  btfkit.tips(heads, "canvas", (target, event) => {
    const x = event.clientX - heads.getBoundingClientRect().left + scroller.scrollLeft, column = columnAt(x);
    return column < view.columns.length && view.spots[column] <= x ? full(view.columns[column]) : null;
  });
  cells.addEventListener("click", (event) => { const at = place(event); if (at) pick(at); });
  scroller.addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
  scroller.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step || !view.programs.length || !view.columns.length) return;
    event.preventDefault();
    const now = picked || { program: 0, column: 0 };
    const clip = (value, size) => Math.max(0, Math.min(size - 1, value));
    pick(picked ? { program: clip(now.program + step[0], view.programs.length), column: clip(now.column + step[1], view.columns.length) } : now);
    reveal();
  });

  function reveal() {
    const line = view.lines.find((l) => l.program === view.programs[picked.program]), left = view.spots[picked.column];
    if (left < scroller.scrollLeft) scroller.scrollLeft = left - 4;
    if (left + view.cell > scroller.scrollLeft + scroller.clientWidth) scroller.scrollLeft = left + view.cell + 4 - scroller.clientWidth;
    if (line.top < scroller.scrollTop) scroller.scrollTop = line.top - 24;
    if (line.top + line.height > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = line.top + line.height + 4 - scroller.clientHeight;
  }

  function pick(at) {
    picked = at;
    remember();
    draw();
    tell();
    explain(view.programs[at.program], view.columns[at.column]);
  }

  function tell() {
    if (!picked) {
      byId("said").textContent = view.programs.length && view.columns.length ? "Click a cell for the reason." : "Nothing fits these filters.";
      return;
    }
    const program = view.programs[picked.program], column = view.columns[picked.column];
    const status = statusOf(rows[program.at][column[0].at]);
    byId("said").textContent = `${shown(program.name)} on ${full(column)}: ${status < 0 ? "not read" : STATUS[status]}`;
  }

  // ---- why --------------------------------------------------------------------------------------------------------------------

  function badge(status) {
    return el(`span.badge.${["good", "warn", "bad"][status]}`, null, STATUS[status]);
  }

  const REASONS = 8; // different verdicts shown for one range

  function explain(program, kernelsOf) {
    const byVerdict = new Map();
    for (const kernel of kernelsOf) {
      const verdict = rows[program.at][kernel.at];
      if (!byVerdict.has(verdict)) byVerdict.set(verdict, []);
      byVerdict.get(verdict).push(kernel);
    }
    const status = Math.max(...[...byVerdict.keys()].map(statusOf));
    const told = [...byVerdict].slice(0, REASONS).map(([verdict, some]) => [
      byVerdict.size > 1 ? el("h3", null, spread(some)) : null, ...reasons(verdict)]);
    if (byVerdict.size > REASONS) told.push([el("p.note", null, `and ${count(byVerdict.size - REASONS, "other combination")} of reasons: click their cells`)]);
    const detail = byId("detail");
    detail.replaceChildren(
      el("h2", null, `${shown(program.object)}: ${shown(program.name)} `, ...(status < 0 ? [] : [badge(status)])),
      el("p.note", null, `${full(kernelsOf)} · ${shown(program.section)}${program.optional ? " · optional" : ""}${program.required ? "" : " · does not count"}`),
      ...ofObject(program.object, kernelsOf),
      ...told.flat().filter((node) => node !== null));
    detail.scrollTop = 0;
  }

  // What these kernels do with the object as a whole, which may break with another of its programs.
  function ofObject(name, kernelsOf) {
    if (!objects.has(name)) return [];
    const verdicts = new Set(kernelsOf.map((kernel) => objects.get(name)[kernel.at]).filter((verdict) => verdict >= 0));
    return [...verdicts].slice(0, REASONS).map((verdict) => {
      const [status, text] = data.object_verdicts[verdict];
      return el("p.note", null, "the object: ", el(`i.s${status}.spot`, null), shown(text));
    });
  }

  // Kernels as ranges of consecutive ones.
  function spread(some) {
    const runs = [];
    for (const kernel of some) {
      const run = runs.at(-1), last = run && run.at(-1);
      if (last && last.at === kernel.at - 1 && last.series === kernel.series) run.push(kernel);
      else runs.push([kernel]);
    }
    return runs.slice(0, 4).map(range).join(", ") + (runs.length > 4 ? ` and ${count(runs.slice(4).flat().length, "more kernel")}` : "");
  }

  function reasons(verdict) {
    if (verdict < 0) return [el("p", null, "Not read.")];
    const groups = new Map();
    for (const number of data.verdicts[verdict][1]) {
      const [effect, text, subject, unless, at] = data.findings[number];
      const key = JSON.stringify([effect, text, unless, at < 0 ? subject : ""]);
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(data.findings[number]);
    }
    if (!groups.size) return [el("p", null, "Every read has an answer, and what it attaches to and calls is there.")];
    return [...groups.values()].map(finding);
  }

  function finding(alike) {
    const [effect, text, subject, unless, at] = alike[0];
    const kind = ["bad", "bad", "warn", "warn", ""][effect];
    const label = ["breaks", "reads something else", "not reached", "warning", "note"][effect];
    const box = el("div.finding", null, el("p", null, el(kind ? `span.badge.${kind}` : "span.badge", null, label), " ", shown(text)));
    if (at < 0 && subject && !text.includes(subject)) box.append(el("p.mono", null, shown(subject)));
    const seen = new Set();
    for (const [, , , , number] of alike) {
      if (number < 0 || seen.has(number)) continue;
      seen.add(number);
      if (seen.size > 12) continue;
      const [where, inside, source, access] = data.places[number];
      box.append(el("p.note", null, `${shown(where)}${inside ? ` in ${shown(inside)}` : ""}${access ? ": " : ""}`, access && el("code", null, shown(access))));
      if (source) box.append(el("pre", null, shown(source)));
    }
    if (seen.size > 12) box.append(el("p.note", null, `and ${count(seen.size - 12, "more place")}`));
    if (unless) box.append(el("p", null, "Not reached if user space leaves ", el("code", null, shown(unless)), "."));
    for (const sentence of hints(alike)) box.append(el("p.hint", null, sentence));
    return box;
  }

  function hints(alike) {
    const sentences = new Set();
    for (const [, , , , , hint] of alike) {
      if (hint < 0) continue;
      const [first, last, notes] = data.hints[hint];
      for (const [kernel, text] of notes) sentences.add(`On ${shown(kernels[kernel].uname)} ${shown(text)}.`);
      if (first < 0) sentences.add("No kernel here has it.");
      else sentences.add(first === last ? `Only ${shown(kernels[first].uname)} has it.`
        : `First kernel that has it: ${shown(kernels[first].uname)}, last: ${shown(kernels[last].uname)}.`);
    }
    return [...sentences].slice(0, 6);
  }

  // ---- the same in words --------------------------------------------------------------------------------------------------------

  const SHOWN = 300;
  function list(all = false) {
    const box = byId("ranges");
    const listed = all ? view.programs : view.programs.slice(0, SHOWN);
    const told = new Set();
    box.replaceChildren(...listed.flatMap((program) => {
      const entry = el("div.program", null,
        el("div.who", null, ...btfkit.marked(shown(program.name), words), el("small", null, shown(program.object) + (program.optional ? ", optional" : ""))),
        el("div", null, ...pills(program)));
      if (told.has(program.object) || !objects.has(program.object)) return [entry];
      told.add(program.object);
      return [el("div.program.whole", null, el("div.who", null, "(the object)", el("small", null, shown(program.object))),
        el("div", null, ...objectPills(program.object))), entry];
    }));
    if (listed.length < view.programs.length) box.append(el("p", null, el("button", { type: "button", onclick: () => list(true) }, `show all ${number(view.programs.length)}`)));
    byId("listed").hidden = !listed.length;
  }

  // The kernels of the view, those that follow each other in a series and have the same status together.
  function runsOf(statusOn) {
    const runs = [];
    let last = null;
    for (const kernel of view.kernels) {
      const status = statusOn(kernel);
      if (last && last.series === kernel.series && last.status === status) last.kernels.push(kernel);
      else runs.push((last = { series: kernel.series, status, kernels: [kernel] }));
    }
    return runs;
  }

  const MOST = 40; // ranges of a program

  function objectPills(name) {
    const runs = runsOf((kernel) => objects.get(name)[kernel.at]);
    const alike = new Set(runs.map((run) => run.status)).size === 1 && view.kernels.length > 1;
    const some = alike ? [{ status: runs[0].status, text: `all ${number(view.kernels.length)} kernels` }]
      : runs.slice(0, MOST).map((run) => ({ status: run.status, text: full(run.kernels) }));
    const made = some.map(({ status, text }) => {
      const [colour, verdict] = status < 0 ? [-1, "not read"] : data.object_verdicts[status];
      return el("span.pill", null, colour < 0 ? null : el(`i.s${colour}`, null), `${text}: ${shown(verdict)}`);
    });
    if (!alike && runs.length > MOST) made.push(el("span.note", null, `and ${count(runs.length - MOST, "more range")}`));
    return made;
  }

  function pills(program) {
    const runs = runsOf((kernel) => statusOf(rows[program.at][kernel.at]));
    const statuses = new Set(runs.map((run) => run.status));
    if (statuses.size === 1 && view.kernels.length > 1) {
      return [pill(program, view.kernels, `all ${number(view.kernels.length)} kernels`, runs[0].status)];
    }
    const made = runs.slice(0, MOST).map((run) => pill(program, run.kernels, full(run.kernels), run.status));
    if (runs.length > MOST) made.push(el("span.note", null, `and ${count(runs.length - MOST, "more range")}`));
    return made;
  }

  function pill(program, kernelsOf, text, status) {
    if (status < 0) return el("span.pill", null, text);
    return el("button.pill", { type: "button", title: STATUS[status], onclick: () => {
      picked = { program: view.programs.indexOf(program), column: view.columns.findIndex((c) => c.includes(kernelsOf[0])) };
      remember();
      draw();
      tell();
      reveal();
      explain(program, kernelsOf);
      byId("detail").scrollIntoView({ block: "nearest" });
    } }, el(`i.s${status}`, null), `${text}: ${STATUS[status]}`);
  }

  // ---- the start ------------------------------------------------------------------------------------------------------------------

  byId("legend").append(...STATUS.map((text, status) => el("span", null, el(`i.s${status}`, null), text)));
  const problems = [...data.unusable.map(([name, error]) => `${name}: ${error}`), ...data.warnings.map(([object, text]) => `${object}: ${text}`)];
  if (problems.length) {
    const parts = [data.unusable.length ? `${count(data.unusable.length, "kernel")} could not be read` : "",
      data.warnings.length ? count(data.warnings.length, "remark") + " on objects" : ""];
    byId("problems").append(el("details", null, el("summary.note", null, parts.filter(Boolean).join(", ")),
      el("ul", null, ...problems.slice(0, 500).map((text) => el("li", null, shown(text))))));
  }
  addEventListener("resize", () => { layOut(); draw(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  recall();
  document.body.dataset.ready = "yes";
}
