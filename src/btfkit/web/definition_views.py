"""What the pages of a definition show: on one kernel, on all kernels, on two side by side; its members, and its users."""

from __future__ import annotations

from btfkit.errors import BtfError, NotFoundError, counted, error_text, printable
from btfkit.fleet.history_page import series_data
from btfkit.fleet.history_text import as_json, joined_series, state_json, state_text
from btfkit.fleet.series import run_text
from btfkit.show.identity import CLASSES, ENUM, FUNC
from btfkit.web import addresses
from btfkit.web.comparisons import SideBySide, demand_in_tables
from btfkit.web.definitions import COMPOSITES, NUMBERS, WITH_MEMBERS, Definition, Timeline, timelines
from btfkit.web.request import MOST_ROWS, BadRequest, Request
from btfkit.web.strips import Strips
from btfkit.web.users import GROUPS, users_in_groups
from btfkit.web.views import ROWS, SCHEMA, View, demand_tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.fleet.history_values import History, Line
    from btfkit.show.find import Found
    from btfkit.web.catalog import Reader

MOST_BOXES = 6000  # of the picture of a history
MOST_TEXT = 40_000  # characters of a layout as text, for browsers without scripts


def definition(reader: Reader, request: Request) -> View:
    """A definition (/struct/NAME), or one of its members (/struct/NAME/MEMBER)."""
    demand_tables(reader)
    kind, *names = request.segments
    names = [request.text("name"), request.text("member")] if names in ([], [""]) else names
    if len(names) > 2:
        raise NotFoundError(f"expected /{kind}/NAME or /{kind}/NAME/MEMBER")
    found = _found(reader, kind, names[0])
    if len(names) > 1 and names[1]:
        return _member(reader, request, found, names[1])
    return _whole(reader, request, found)


def _found(reader: Reader, kind: str, name: str) -> Definition:
    if not name:
        raise NotFoundError(f"expected a name: /{kind}/NAME")
    found: Definition = reader.cached(("definition", kind, name), lambda: Definition(reader, kind, name))
    return found


def _chosen(reader: Reader, request: Request, found: Definition, key: str = "kernel") -> int:
    """The kernel that the request names, or the newest that has the definition."""
    named = request.text(key)
    return reader.kernels.number(named) if named else found.newest


def _whole(reader: Reader, request: Request, found: Definition) -> View:
    kernels = reader.kernels
    chosen = _chosen(reader, request, found)
    history: History = reader.cached(("history", found.kind, found.name), found.history)
    lines: list[Timeline] = []
    if found.kind in WITH_MEMBERS:
        lines = reader.cached(("timelines", found.kind, found.name, chosen), lambda: timelines(found, chosen))
    on_kernel = _on_kernel(reader, found, chosen)
    first = request.number("from", 0, 1 << 30)
    most = request.number("limit", ROWS * 2, MOST_ROWS)
    shown = lines[first : first + most]
    strips = Strips(kernels)
    values = {
        "kernels": kernels,
        "found": found,
        "chosen": kernels.entries[chosen],
        "state": found.state(chosen),
        "state_text": state_text(found.state(chosen), _shown_kind(found.kind)),
        "series": _series(history, found),
        "lines": shown,
        "first": first,
        "most": most,
        "all_lines": len(lines),
        "strips": strips,
        "others": _other_kinds(reader, found),
        "sizes": _sizes(found),
        "groups": GROUPS,
        "rows": ROWS,
        "data": {"cacheline": 64, "types": on_kernel["layouts"], "strips": strips.data(shown)},
        **on_kernel,
    }
    return View(
        "definition", f"{found.kind} {found.name}", values, lambda: _json(reader, found, chosen, history, values)
    )


def _shown_kind(kind: str) -> str:
    return kind if kind in (*WITH_MEMBERS, FUNC, "variable") else "typedef"


def _sizes(found: Definition) -> list[int]:
    """The sizes in bytes that it has, ascending."""
    return sorted({size for number in found.having if (size := found.state(number).size) >= 0})


def _other_kinds(reader: Reader, found: Definition) -> list[str]:
    """The other kinds of definition that have the name."""
    return [kind for kind in _kinds(reader, found.name) if kind != found.kind]


def _kinds(reader: Reader, name: str) -> list[str]:
    """The kinds of definition that have a name, in vmlinux or modules."""
    rows = [*reader.names.rows(name), *reader.names.module_rows(name)]
    return sorted({CLASSES[row.kind] for row in rows if row.kind in CLASSES})


def _series(history: History, found: Definition) -> list[dict[str, Any]]:
    """The time line of each series; those that have one and the same throughout are joined."""
    rows = []
    for line in history.lines:
        for names, spans in joined_series(line):
            shown = [
                {
                    "kernels": run_text(history.columns, span.columns)
                    if len(names) == 1
                    else counted(len(span.columns), "kernel"),
                    "count": len(span.columns),
                    "from": found.kernels.entries[span.columns[0]].key,
                    "to": found.kernels.entries[span.columns[-1]].key,
                    "absent": not span.state,
                    "text": state_text(span.state, line.kind),
                    "changes": span.changes,
                    "guesses": span.guesses,
                }
                for span in spans
            ]
            count = sum(len(span.columns) for span in spans)
            rows.append({"name": ", ".join(names), "joined": len(names) > 1, "count": count, "spans": shown})
    return rows


# ---- on one kernel ---------------------------------------------------------------------------------------------------


def _on_kernel(reader: Reader, found: Definition, chosen: int) -> dict[str, Any]:
    """What only the BTF of a kernel has: the layout of a struct, and the users of a type."""
    nothing: dict[str, Any] = {"layouts": [], "texts": [], "users": {}, "problem": ""}
    if found.kind == FUNC or not found.state(chosen):
        return nothing
    module = next(iter(found.modules[chosen]), "")

    def read() -> dict[str, Any]:
        with reader.catalog.working:
            try:
                return _read(reader.module(chosen, module) if module else reader.vmlinux(chosen), found)
            except BtfError as error:
                return nothing | {"problem": error_text(error)}

    result: dict[str, Any] = reader.cached(("kernel", found.kind, found.name, chosen), read)
    return result


def _read(btf: Btf, found: Definition) -> dict[str, Any]:
    # A name that is not UTF-8 is escaped in the tables, and the BTF does not have it so.
    ids = [i for i in btf.find_ids(found.name) if btf.kind(i) in NUMBERS[found.kind]]
    result: dict[str, Any] = {"layouts": [], "texts": [], "users": users_in_groups(btf, ids) if ids else {}}
    result["problem"] = "" if ids else "its name is not UTF-8, and is not found in the BTF of the kernel"
    if found.kind not in COMPOSITES or not ids:
        return result
    from btfkit.show.layout import Layouts
    from btfkit.show.layout_data import LayoutData
    from btfkit.show.layout_text import LayoutText

    layouts = Layouts(btf)
    data, writer = LayoutData(layouts, expand=True), LayoutText(layouts)
    result["layouts"] = [data.of(type_id) for type_id in ids]
    result["texts"] = [writer.picture(type_id)[:MOST_TEXT] for type_id in ids]
    return result


def _json(reader: Reader, found: Definition, chosen: int, history: History, values: dict[str, Any]) -> dict[str, Any]:
    kernels = reader.kernels
    names = [entry.key for entry in kernels.entries]
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": found.kind,
        "name": found.name,
        "kernels": names,
        "having": found.having,
        "definitions": found.versions,
        "lines": as_json(history)["lines"],
        "kernel": kernels.entries[chosen].key,
        "layouts": values["layouts"],
        "users": {
            group: {"total": len(users), "users": [one.as_json() for one in users[:MOST_ROWS]]}
            for group, users in values["users"].items()
        },
    }
    if found.kind in WITH_MEMBERS:
        document["members"] = [_timeline_json(line, kernels.order, found.kind) for line in values["lines"]]
        document["members_total"] = values["all_lines"]
    return document


def _timeline_json(line: Timeline, order: list[int], kind: str) -> dict[str, Any]:
    runs = []
    for run in line.runs:
        one: dict[str, Any] = {"kernels": order[run.first : run.last + 1]}
        if kind == ENUM:
            one["value"] = run.part.offset
        else:
            one |= {"bit_offset": run.part.offset, "type": run.part.type, "bits": run.part.bits or run.part.size}
        runs.append(one)
    return {"name": line.name, "runs": runs}


# ---- a member --------------------------------------------------------------------------------------------------------


def _member(reader: Reader, request: Request, found: Definition, member: str) -> View:
    if found.kind not in COMPOSITES:
        raise NotFoundError(f"members of a {found.kind} have no pages: see /{found.kind}/NAME")
    chosen = _chosen(reader, request, found)
    history: History = reader.cached(
        ("member", found.kind, found.name, member), lambda: found.member_history(reader.names, member)
    )
    lines = [{"kind": line.kind, "series": _drawn(history, line)} for line in history.lines]
    title = f"{found.kind} {printable(found.name)}.{printable(member)}"
    values = {
        "kernels": reader.kernels,
        "found": found,
        "member": member,
        "chosen": reader.kernels.entries[chosen],
        "series": _series(history, found),
        "having": sum(bool(state) for line in history.lines for state in line.states),
        "data": {"name": title, "member": printable(member), "lines": lines},
    }
    return View("member", title, values, lambda: {**as_json(history), "kind": found.kind})


def _drawn(history: History, line: Line) -> list[dict[str, Any]]:
    """The data of the picture, without the other members if these are many."""
    data = series_data(history, line)
    if sum(len(one["boxes"]) for series in data for one in series["layouts"]) > MOST_BOXES:
        name = line.name.rpartition(".")[2]
        for series in data:
            for one in series["layouts"]:
                one["boxes"] = [box for box in one["boxes"] if box[0] == printable(name)]
    return data


def members(reader: Reader, request: Request) -> View:
    """The definitions that have a member or enumerator of a name, in any kernel."""
    demand_tables(reader)
    name = "/".join(request.segments[1:]) or request.text("name")
    first = request.number("from", 0, 1 << 30)
    most = request.number("limit", ROWS, MOST_ROWS)
    rows = reader.cached(("members called", name), lambda: _holders(reader, name))
    if not rows:
        raise NotFoundError(f"no member or enumerator is called {printable(name[:200])!r}")
    shown = rows[first : first + most]
    values = {"name": name, "shown": shown, "first": first, "most": most, "total": len(rows)}

    def document() -> dict[str, Any]:
        holders = [{"kind": kind, "name": holder, "definitions": count} for kind, holder, count in shown]
        return {"schema": SCHEMA, "member": name, "from": first, "total": len(rows), "in": holders}

    return View("members", f"members called {name}", values, document)


def _holders(reader: Reader, name: str) -> list[tuple[str, str, int]]:
    """(kind, name, number of definitions) of what has a member of that name."""
    rows = reader.atlas.query(
        "WITH holders AS MATERIALIZED (SELECT DISTINCT f.def FROM names m JOIN members f ON f.name_id = m.id WHERE m.name = ?)"
        " SELECT kind, n.name, count(DISTINCT d.id) FROM (SELECT id, kind, name_id FROM definitions WHERE id IN holders"
        " UNION SELECT id, kind, name_id FROM module_definitions WHERE id IN holders) d JOIN names n ON n.id = d.name_id"
        " GROUP BY kind, n.name ORDER BY n.name, kind",
        (name,),
    )
    return [(CLASSES[kind], holder, count) for kind, holder, count in rows if kind in CLASSES]


def names(reader: Reader, request: Request) -> View:
    """All definitions of a name (/name/NAME)."""
    demand_tables(reader)
    name = "/".join(request.segments[1:]) or request.text("name")
    kinds = _kinds(reader, name)
    if not kinds:
        raise NotFoundError(f"nothing is called {printable(name[:200])!r}")
    rows = [
        {"kind": kind, "url": addresses.definition(kind, name), "having": len(_found(reader, kind, name).having)}
        for kind in kinds
    ]
    document = {"schema": SCHEMA, "name": name, "definitions": rows}
    return View("names", name, {"name": name, "shown": rows, "kernels": reader.kernels}, lambda: document)


# ---- side by side ----------------------------------------------------------------------------------------------------


def pair(reader: Reader, request: Request) -> View:
    """A definition on two kernels (/diff/struct/NAME?old=KEY&new=KEY)."""
    demand_tables(reader)
    kind, *rest = request.segments[1:] or [""]
    if kind not in NUMBERS or len(rest) > 1:
        raise NotFoundError(f"expected /diff/KIND/NAME?old=KEY&new=KEY with one of {', '.join(NUMBERS)}")
    found = _found(reader, kind, (rest[0] if rest else "") or request.text("name"))
    if not request.text("old") or not request.text("new"):
        raise BadRequest("expected two kernels: ?old=KEY&new=KEY")
    old, new = (_chosen(reader, request, found, key) for key in ("old", "new"))
    demand_in_tables(reader, old, new)
    sides = SideBySide(found, old, new)
    entries = reader.kernels.entries
    kind_shown = _shown_kind(kind)
    values = {
        "kernels": reader.kernels,
        "found": found,
        "old": entries[old],
        "new": entries[new],
        "sides": sides,
        "texts": [state_text(state, kind_shown) for state in (sides.old, sides.new)],
    }

    def document() -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "kind": kind,
            "name": found.name,
            "differs": not sides.same,
            "old": {"kernel": entries[old].key, **state_json(sides.old, kind_shown)},
            "new": {"kernel": entries[new].key, **state_json(sides.new, kind_shown)},
            "changes": sides.changes,
            "guesses": sides.guesses,
        }

    return View("pair", f"{kind} {found.name} on two kernels", values, document)


def user_address(one: Found) -> str:
    """Where a user of a type leads."""
    if not one.owner:
        return addresses.definition(one.kind, one.name) if one.kind in NUMBERS else ""
    kind, _, name = one.owner.partition(" ")
    if kind not in COMPOSITES or not name.isidentifier():
        return ""
    return addresses.definition(kind, name)
