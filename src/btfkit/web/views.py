"""What the pages of kernels, of a search and of a comparison show: a `View`, as a page and as JSON."""

from __future__ import annotations

import re

from btfkit.errors import NotFoundError, UnsupportedError, printable
from btfkit.show.identity import CLASSES, FUNC
from btfkit.web import addresses
from btfkit.web.comparisons import WHATS, Comparison
from btfkit.web.definitions import NUMBERS, WITH_MEMBERS
from btfkit.web.name_index import GROUPS, MEMBERS, Found
from btfkit.web.request import LONGEST_TEXT, MOST_ROWS, BadRequest, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from btfkit.fleet.series import Series
    from btfkit.web.catalog import Catalog, Kernels, Reader

SCHEMA = 1
ROWS = 200  # of a list on one page
FEW = 8  # of each group, while a text is being typed
NO_TABLES = "the atlas has no tables: `btfkit atlas index FILE` makes them"


class View:
    """What a page shows: its `template`, `title`, `values` for the template, and `document`, which makes the JSON document."""

    __slots__ = ("document", "template", "title", "values")

    def __init__(
        self, template: str, title: str, values: dict[str, Any], document: Callable[[], dict[str, Any]]
    ) -> None:
        self.template = template
        self.title = title
        self.values = values
        self.document = document


class Download:
    """A file: `read` gives its bytes, `digest` is their SHA-256."""

    __slots__ = ("digest", "file_name", "read")

    def __init__(self, name: str, digest: bytes, read: Callable[[], bytes]) -> None:
        self.file_name = re.sub(r"[^\w.+~-]", "_", name, flags=re.ASCII)[-120:]
        self.digest = digest
        self.read = read


def demand_tables(reader: Reader) -> None:
    """Raise UnsupportedError if the atlas has no tables."""
    if not reader.has_tables:
        raise UnsupportedError(NO_TABLES)


# ---- kernels ---------------------------------------------------------------------------------------------------------


def start(reader: Reader, request: Request) -> View:
    """The first page: the kernels by series, and how much there is."""
    if request.segments[1:]:
        raise NotFoundError("there is no such page")
    kernels = reader.kernels
    index = reader.index if reader.has_tables else None
    counts = {group: len(names) for group, names in index.lists.items()} if index else {}
    values = {"kernels": kernels, "counts": counts, "distros": _by_distro(kernels), "has_tables": reader.has_tables}
    return View("start", "kernels", values, lambda: _start_json(reader, counts))


def _by_distro(kernels: Kernels) -> dict[str, list[Series]]:
    found: dict[str, list[Series]] = {}
    for series in kernels.series:
        found.setdefault(series.distro, []).append(series)
    return found


def _start_json(reader: Reader, counts: dict[str, int]) -> dict[str, Any]:
    kernels = [
        {
            "key": entry.key,
            **dict(zip(("distro", "release", "arch", "uname"), entry.parts, strict=True)),
            "bytes": entry.size,
            "modules": entry.modules,
            "url": addresses.kernel(entry.key),
        }
        for entry in reader.kernels.entries
    ]
    return {"schema": SCHEMA, "tables": reader.has_tables, "names": counts, "kernels": kernels}


def kernel(reader: Reader, request: Request) -> View:
    """The page of one kernel."""
    kernels = reader.kernels
    number = kernels.number("/".join(request.segments[1:]) or request.text("key"))
    entry = kernels.entries[number]
    series = next(one for one in kernels.series if number in one.columns)
    place = series.columns.index(number)
    before = series.columns[place - 1] if place else None
    after = series.columns[place + 1] if place + 1 < len(series.columns) else None
    modules = reader.atlas.module_names(entry) if entry.modules else []
    values = {
        "kernels": kernels,
        "entry": entry,
        "series": series,
        "before": kernels.entries[before] if before is not None else None,
        "after": kernels.entries[after] if after is not None else None,
        "digest": reader.atlas.digest(entry).hex(),
        "counts": _counts(reader, entry.pos) if reader.has_tables else {},
        "modules": modules[: MOST_ROWS * 10],
        "has_tables": reader.has_tables,
    }
    return View("kernel", entry.key, values, lambda: _kernel_json(values, modules))


def _counts(reader: Reader, pos: int) -> dict[str, int]:
    """How many definitions a kernel has, by kind."""
    rows = reader.atlas.query("SELECT kind, count(*) FROM definitions WHERE lo <= ?1 AND hi > ?1 GROUP BY kind", (pos,))
    found = dict.fromkeys(CLASSES.values(), 0)
    for number, count in rows:
        if number in CLASSES:
            found[CLASSES[number]] += count
    return {kind: count for kind, count in found.items() if count}


def _kernel_json(values: dict[str, Any], modules: list[str]) -> dict[str, Any]:
    entry = values["entry"]
    return {
        "schema": SCHEMA,
        "key": entry.key,
        **dict(zip(("distro", "release", "arch", "uname"), entry.parts, strict=True)),
        "bytes": entry.size,
        "sha256": values["digest"],
        "btf": addresses.btf(entry.key),
        "definitions": values["counts"],
        "modules": [{"name": name, "btf": addresses.btf(entry.key, name)} for name in modules],
    }


def btf(reader: Reader, request: Request) -> Download:
    """The very bytes of a kernel's BTF, or of one of its modules."""
    *parts, name = request.segments[1:] or [""]
    kernels = reader.kernels
    while parts and "/".join(parts) not in kernels.by_key:  # the name of a module may have a slash
        name = f"{parts.pop()}/{name}"
    if not parts:
        raise NotFoundError("no such kernel in the atlas: expected /btf/KEY/vmlinux or /btf/KEY/MODULE")
    entry = kernels.entries[kernels.by_key["/".join(parts)]]
    if name == "vmlinux":
        return Download(f"{entry.uname}.btf", reader.atlas.digest(entry), lambda: reader.atlas.get(entry))
    data = {addresses.plain(module): data for module, data in reader.atlas.modules(entry)}.get(name)
    if data is None:
        raise NotFoundError(f"no module {printable(name[:200])!r} of {printable(entry.key)} in the atlas")
    from hashlib import sha256

    return Download(f"{name}-{entry.uname}.btf", sha256(data).digest(), lambda: data)


# ---- two kernels -----------------------------------------------------------------------------------------------------


def compare(reader: Reader, request: Request) -> View:
    """The definitions in which two kernels differ."""
    demand_tables(reader)
    kernels = reader.kernels
    if request.segments[1:]:
        raise NotFoundError("there is no such page")
    keys = request.text("old"), request.text("new")
    if not all(keys):
        raise BadRequest("expected two kernels: /compare?old=KEY&new=KEY")
    old, new = (kernels.number(key) for key in keys)
    kind = request.choice("kind", tuple(dict.fromkeys(CLASSES.values())))
    what = request.choice("what", WHATS)
    first = request.number("from", 0, 1 << 30)
    most = request.number("limit", ROWS, MOST_ROWS)
    found = reader.cached(("compare", old, new), lambda: Comparison(reader, old, new))
    chosen = [one for one in found.differences if (not kind or one.kind == kind) and (not what or one.what == what)]
    shown = chosen[first : first + most]
    values = {
        "kernels": kernels,
        "old": kernels.entries[old],
        "new": kernels.entries[new],
        "counts": found.counts,
        "kind": kind,
        "what": what,
        "whats": WHATS,
        "shown": shown,
        "first": first,
        "most": most,
        "total": len(chosen),
        "all": len(found.differences),
    }

    def document() -> dict[str, Any]:
        rows = [{"kind": one.kind, "name": one.name, "what": one.what} for one in shown]
        keys = {"old": kernels.entries[old].key, "new": kernels.entries[new].key}
        return {
            "schema": SCHEMA,
            **keys,
            "counts": found.counts,
            "from": first,
            "total": len(chosen),
            "differences": rows,
        }

    return View("compare", f"{kernels.columns[old].name} and {kernels.columns[new].name}", values, document)


# ---- search ----------------------------------------------------------------------------------------------------------

_PREFIXES = {f"{kind} ": kind for kind in dict.fromkeys(CLASSES.values())} | {"func ": FUNC}


def search(reader: Reader, request: Request) -> View:
    """Names that a text finds; `search_in`."""
    return search_in(reader.catalog, request)


def search_in(catalog: Catalog, request: Request) -> View:
    """Names that a text finds, in groups, out of memory."""
    if request.segments[1:]:
        raise NotFoundError("there is no such page")
    text = request.text("q").strip()
    if len(text) > LONGEST_TEXT:
        raise BadRequest(f"a text of {len(text)} characters: expected at most {LONGEST_TEXT}")
    chosen = request.choice("in", tuple(GROUPS))
    first = request.number("from", 0, 1 << 30) if chosen else 0
    most = request.number("limit", ROWS if chosen else FEW * 3, MOST_ROWS)
    index = catalog.index
    if index is None:
        raise UnsupportedError(NO_TABLES)
    kind = next((kind for prefix, kind in _PREFIXES.items() if text.startswith(prefix)), "")
    bare = text.partition(" ")[2].lstrip() if kind else text
    numbers = NUMBERS[kind] if kind else ()
    groups = [chosen] if chosen else [group for group, some in GROUPS.items() if not kind or set(numbers) <= set(some)]
    quick = request.text("quick") == "1"
    found = [index.search(bare, group, most, first, numbers, quick=quick) for group in groups]
    path = _member_path(catalog, bare)
    values = {"text": text, "found": found, "chosen": chosen, "first": first, "most": most, "path": path}
    values |= {"rows": {one.group: [_hit(*hit) for hit in one.hits] for one in found}}
    return View("search", f"search for {text}" if text else "search", values, lambda: _search_json(text, found, path))


def _hit(name: str, numbers: tuple[int, ...]) -> dict[str, Any]:
    """What is shown of a name: its kinds in words, and where it leads."""
    kinds = list(dict.fromkeys(CLASSES[number] for number in numbers))
    if not kinds:
        return {"name": name, "kinds": ["member"], "url": addresses.members(name)}
    return {"name": name, "kinds": kinds, "url": addresses.definition(kinds[0], name)}


def _member_path(catalog: Catalog, text: str) -> list[dict[str, Any]]:
    """For "task_struct.pi": the members that begin with "pi" of the structs and unions of that name."""
    holder, dot, start = text.rpartition(".")
    if not dot or not holder:
        return []
    with catalog.reading() as reader:
        if not reader.has_tables:
            return []
        found = reader.cached(("members", holder), lambda: _members_of(reader, holder))
    chosen = [(kind, name) for kind, name in found if name.lower().startswith(start.lower())]
    return [
        {"name": f"{holder}.{name}", "kinds": [f"{kind} member"], "url": addresses.definition(kind, holder, name)}
        for kind, name in chosen[: FEW * 3]
    ]


def _members_of(reader: Reader, holder: str) -> list[tuple[str, str]]:
    """(kind, name) of the members of all definitions of a struct, union or enum, by name."""
    numbers: dict[str, set[int]] = {}
    for row in (*reader.names.rows(holder), *reader.names.module_rows(holder)):
        if CLASSES.get(row.kind) in WITH_MEMBERS:
            numbers.setdefault(CLASSES[row.kind], set()).add(row.number)
    found = []
    for kind, some in numbers.items():
        wanted = ", ".join(map(str, sorted(some)))
        rows = reader.atlas.query(
            f"SELECT name FROM names WHERE id IN (SELECT name_id FROM members WHERE def IN ({wanted}))"
        )
        names = {name for (name,) in rows if name}
        found += [(kind, name) for name in sorted(names)]
    return found


def _search_json(text: str, found: list[Found], path: list[dict[str, Any]]) -> dict[str, Any]:
    groups = [
        {
            "group": one.group,
            "total": one.total,
            "more": one.capped,
            "hits": [_hit(name, kinds) for name, kinds in one.hits],
        }
        for one in found
    ]
    if path:
        groups.insert(0, {"group": MEMBERS, "total": len(path), "more": False, "hits": path})
    return {"schema": SCHEMA, "query": text, "groups": groups}
