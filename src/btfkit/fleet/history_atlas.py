"""The history of a name out of the tables of an atlas: the same `History` as from kernels, in the time of a few queries.

What only the kernels themselves can answer (paths through several structs, typedefs, guesses) is
asked of the kernels in the atlas, by `history`.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right

from btfkit.atlas.database import MODULES
from btfkit.atlas.file import Atlas
from btfkit.atlas.schema import MARK
from btfkit.btf import spec
from btfkit.errors import BtfError, NotFoundError, UnsupportedError, printable
from btfkit.files.modules import module_name
from btfkit.fleet.atlas_store import key_of_entry
from btfkit.fleet.history_values import KINDS, MEMBER, History, Part, State, first_state, is_member, without_place
from btfkit.fleet.matrix import Column
from btfkit.show.identity import CLASSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.atlas.file import Entry

_NAMED = re.compile(
    r"(?:(?:const|volatile|restrict) )*(?:(struct|union|enum) )?([A-Za-z_]\w*(?: [a-z]+)*)((?: ?\[\d+\])*)"
)
KINDS_OF_TAG = {"struct": (spec.STRUCT,), "union": (spec.UNION,), "enum": (spec.ENUM, spec.ENUM64)}
_PLAIN = (spec.TYPEDEF, spec.INT, spec.FLOAT)
_SIMPLE = re.compile(r"(?:(?:struct|union) )?\w+\.\w+")
_CHAIN = 64  # types that are looked at, for the size of one


class Row:
    """A row of `definitions` or `module_definitions`; `module` is "" for vmlinux."""

    __slots__ = ("hi", "kind", "lo", "module", "name", "number", "size", "type")

    def __init__(
        self, name: str, number: int, kind: int, size: int | None, text: str | None, lo: int, hi: int, module: str
    ) -> None:
        self.name = name
        self.number = number
        self.kind = kind
        self.size = size
        self.type = text or ""
        self.lo = lo
        self.hi = hi
        self.module = module


class Validity:
    """The positions around `pos` for which an answer holds: those from `lo` up to, not including, `hi`."""

    __slots__ = ("hi", "lo", "pos")

    def __init__(self, pos: int) -> None:
        self.pos = pos
        self.lo = -(1 << 62)
        self.hi = 1 << 62


class Ranges:
    """Rows, found by the positions of the kernels that have them."""

    __slots__ = ("_ends", "_found")

    def __init__(self, rows: Sequence[Row]) -> None:
        self._ends = sorted({end for row in rows for end in (row.lo, row.hi)})
        self._found: list[list[Row]] = [[] for _ in range(len(self._ends) + 1)]
        for row in rows:
            for place in range(bisect_right(self._ends, row.lo), bisect_right(self._ends, row.hi)):
                self._found[place].append(row)

    def at(self, pos: int) -> list[Row]:
        """The rows of the kernel at a position."""
        return self._found[bisect_right(self._ends, pos)]

    def narrow(self, valid: Validity) -> None:
        """No further than to where one of the rows begins or ends."""
        place = bisect_right(self._ends, valid.pos)
        if place:
            valid.lo = max(valid.lo, self._ends[place - 1])
        if place < len(self._ends):
            valid.hi = min(valid.hi, self._ends[place])


class AtlasNames:
    """The definitions in the tables of an atlas, by name."""

    def __init__(self, atlas: Atlas) -> None:
        self._atlas = atlas
        self._rows: dict[str, list[Row]] = {}
        self._ranges: dict[tuple[str, str], Ranges] = {}
        self._opened: set[int] | None = None
        self._modules: dict[str, list[Row]] = {}
        self._members: dict[int, list[tuple[str, int, int, str, int | None]]] = {}
        self._places: dict[tuple[str, bool, str], dict[int, tuple[str, int, int, str, int | None]]] = {}
        self._sizes: dict[tuple[str, int | None, str], list[tuple[Validity, int | None]]] = {}
        self._parts: dict[tuple[int, str], list[tuple[Validity, tuple[Part, ...]]]] = {}

    def rows(self, name: str) -> list[Row]:
        """The rows of a name in vmlinux."""
        if name not in self._rows:
            self._rows[name] = self._found(f"{_COLUMNS}, '' FROM definitions d {_JOINS}", name)
        return self._rows[name]

    @property
    def opened(self) -> set[int]:
        """The definitions whose members may differ between kernels, although they are one record (`schema.MARK`)."""
        if self._opened is None:
            rows = self._atlas.query("SELECT key FROM meta WHERE key LIKE ? || ' %'", (MARK,))
            self._opened = {int(key.partition(" ")[2]) for (key,) in rows}
        return self._opened

    def ranges(self, name: str, module: str = "") -> Ranges:
        """The rows of a name, in vmlinux or in a module, by position."""
        key = name, module
        if key not in self._ranges:
            rows = [row for row in self.module_rows(name) if row.module == module] if module else self.rows(name)
            self._ranges[key] = Ranges(rows)
        return self._ranges[key]

    def module_rows(self, name: str) -> list[Row]:
        """The rows of a name in modules, by module."""
        if name not in self._modules:
            table = "module_definitions d JOIN modules m ON m.id = module"
            found = self._found(f"{_COLUMNS}, m.name FROM {table} {_JOINS}", name)
            for row in found:
                row.module = module_name(row.module, underscores=True)
            self._modules[name] = sorted(found, key=lambda row: row.module)
        return self._modules[name]

    def seen(self, name: str) -> set[int]:
        """The definitions of a name that were asked for, in vmlinux and in modules."""
        return {row.number for known in (self._rows, self._modules) for row in known.get(name, ())}

    def _found(self, statement: str, name: str) -> list[Row]:
        found = self._atlas.query(f"SELECT {statement} WHERE n.name = ? ORDER BY d.id, lo", (name,))
        return [Row(name, *row) for row in found]

    def at(self, name: str, pos: int, kinds: tuple[int, ...]) -> list[Row]:
        """The definitions of some kinds that the vmlinux of the kernel at a position has."""
        return [row for row in self.ranges(name).at(pos) if row.kind in kinds]

    def in_modules(self, name: str, pos: int, kinds: tuple[int, ...]) -> dict[str, list[Row]]:
        """The same of its modules, by module."""
        found: dict[str, list[Row]] = {}
        for row in self.module_rows(name):
            if row.lo <= pos < row.hi and row.kind in kinds:
                found.setdefault(row.module, []).append(row)
        return found

    def members(self, row: Row) -> list[tuple[str, int, int, str, int | None]]:
        """(name, offset, bits, type, size) of the members of a struct or union, or the enumerators of an enum."""
        if row.number not in self._members:
            self._members[row.number] = self._atlas.query(
                f"SELECT {_MEMBER} {_MEMBERS} WHERE def = ? ORDER BY ord", (row.number,)
            )
        return self._members[row.number]

    def member(self, row: Row, name: str) -> tuple[str, int, int, str, int | None] | None:
        """The first member of that name."""
        key = row.name, bool(row.module), name
        places = self._places.get(key)
        if places is None:  # of all definitions of the name at once
            places = self._places[key] = {}
            table = "module_definitions" if row.module else "definitions"
            wanted = f"SELECT id FROM {table} WHERE name_id = (SELECT id FROM names WHERE name = ?)"
            statement = f"SELECT def, {_MEMBER} {_MEMBERS} WHERE def IN ({wanted}) AND n.name = ? ORDER BY def, ord"
            for number, *found in self._atlas.query(statement, (row.name, name)):
                places.setdefault(number, tuple(found))
        return places.get(row.number)

    def parts(self, row: Row, pos: int) -> tuple[Part, ...]:
        """`members`, with the sizes that they have on the kernel at a position."""
        known = self._parts.setdefault((row.number, row.module), [])
        for valid, parts in known:
            if valid.lo <= pos < valid.hi:
                return parts
        valid = Validity(pos)
        if row.kind in (spec.ENUM, spec.ENUM64):
            parts = tuple(Part(name, value, 0, 0, "") for name, value, *_ in self.members(row))
        else:
            parts = tuple(
                Part(name, offset, 8 * (self.size_of(text, size, row.module, valid) or 0), bits, text)
                for name, offset, bits, text, size in self.members(row)
            )
        known.append((valid, parts))
        return parts

    def size_at(self, text: str, size: int | None, module: str, pos: int) -> int | None:
        """As `size_of`, which is found once for kernels with the same answer."""
        known = self._sizes.setdefault((text, size, module), [])
        if not known or not known[-1][0].lo <= pos < known[-1][0].hi:
            valid = Validity(pos)
            known.append((valid, self.size_of(text, size, module, valid)))
        return known[-1][1]

    def size_of(self, text: str, size: int | None, module: str, valid: Validity) -> int | None:
        """The bytes of a type on the kernel at a position: those of a struct that is named may differ between kernels, all others
        are `size`."""
        sizes: set[int | None] = set()
        todo = [(text, module, 1)]
        seen = set(todo)
        while todo:
            named, place, count = todo.pop()
            found = _NAMED.fullmatch(named)
            if not found or len(seen) > _CHAIN:
                return size
            for length in re.findall(r"\d+", found[3]):
                count *= int(length)
            kinds = KINDS_OF_TAG.get(found[1] or "", _PLAIN)
            for row in self._valid_rows(found[2], place, valid):
                if row.kind not in kinds:
                    continue
                if row.kind != spec.TYPEDEF:
                    sizes.add(None if row.size is None else row.size * count)
                elif (aliased := (row.type, row.module, count)) not in seen:
                    seen.add(aliased)
                    todo.append(aliased)
        return size if len(sizes) != 1 or (one := sizes.pop()) is None else one

    def _valid_rows(self, name: str, module: str, valid: Validity) -> Iterator[Row]:
        """The rows of a name on the kernel at a position, in vmlinux and in the module; narrows `valid` to where they hold."""
        for place in ("", module) if module else ("",):
            ranges = self.ranges(name, place)
            ranges.narrow(valid)
            yield from ranges.at(valid.pos)


_COLUMNS = "d.id, kind, d.size, iif(kind = 12, replace(text, '@', n.name), text), lo, hi"
_JOINS = "JOIN names n ON n.id = name_id LEFT JOIN spellings s ON s.id = d.type"
_MEMBER = "n.name, off, bits, coalesce(text, ''), size"
_MEMBERS = "FROM members JOIN names n ON n.id = name_id LEFT JOIN spellings s ON s.id = type"


def atlas_history(path: str | os.PathLike[str], name: str, *, parts: bool = True) -> History:
    """The history of `name` (see `history`) on all kernels of the atlas at `path`, without guesses.

    Without `parts`, the states of a member have those around it only if the member is absent from some kernel.  Raises
    UnsupportedError if the atlas has no tables, or if only the kernels can answer: a path of more than one member, a typedef;
    and what `Atlas.open` raises.
    """
    path = os.fspath(path)
    if is_member(name) and not _SIMPLE.fullmatch(name):
        raise UnsupportedError(f"{name}: the tables of an atlas have members of named structs only", source=path)
    with Atlas.open(path) as atlas:
        if not atlas.has_tables:
            raise UnsupportedError("the atlas has no tables: they have to be made first (index)", source=path)
        entries = sorted(atlas.entries, key=lambda entry: key_of_entry(entry).order)
        if not entries:
            raise NotFoundError("no kernels in the atlas", source=path)
        names = AtlasNames(atlas)
        whole = atlas.whole()
        states = [_read(atlas, name, entry) if entry.id in whole else _states(names, name, entry) for entry in entries]
        beyond = whole | atlas.whole(MODULES)
        if any(
            entry.id in beyond and entry.modules and not any(one.values())
            for entry, one in zip(entries, states, strict=True)
        ):
            raise UnsupportedError(f"{name}: only modules that are kept whole may have it", source=path)
        if names.opened & names.seen(_root(name)):
            raise UnsupportedError(f"{name}: members of a type with a name", source=path)
        if is_member(name) and (parts or any(not one[MEMBER] for one in states)):
            states = [
                one if entry.id in whole else _with_parts(names, name, entry, one)
                for entry, one in zip(entries, states, strict=True)
            ]
        return History(name, columns_of_entries(entries, path), states)


def columns_of_entries(entries: Sequence[Entry], path: str) -> list[Column]:
    """A column for each kernel, named by `uname -r`, or if that is ambiguous by key."""
    unique = len({entry.uname for entry in entries}) == len(entries)
    return [
        Column(key_of_entry(entry), entry.uname if unique else entry.key, f"{path}({entry.key}/vmlinux)")
        for entry in entries
    ]


def _read(atlas: Atlas, name: str, entry: Entry) -> dict[str, State]:
    """What a kernel has that is kept whole, and is not in the tables: as `history` reads it."""
    from btfkit.btf.btf import Btf
    from btfkit.fleet.history import states_of

    source = f"{atlas.path}({entry.key}/vmlinux)"
    try:
        found = states_of(Btf.from_bytes(atlas.read(entry), source=source), name)
    except BtfError as error:  # `history` has it in the column of this kernel
        raise UnsupportedError(f"{name}: {error.message}", source=source) from error
    return {kind: state._replace(elsewhere="") for kind, state in found.items()}


def _states(names: AtlasNames, name: str, entry: Entry) -> dict[str, State]:
    """What a kernel has under a name, by kind; as `history.HistoryWork`."""
    found = _states_of(names, name, entry.pos, names.ranges(_root(name)).at(entry.pos))
    if any(found.values()) or not entry.modules:
        return found
    for module, rows in names.in_modules(_root(name), entry.pos, tuple(CLASSES)).items():
        for kind, one in _states_of(names, name, entry.pos, rows).items():
            known = found.get(kind)
            if one and not known:
                found[kind] = one._replace(module=module)
            elif one and known and without_place(one) != without_place(known):
                found[kind] = known._replace(definitions=known.definitions + 1)
            elif one and known:
                found[kind] = known._replace(module=f"{known.module}, {module}")
    return found


def _root(name: str) -> str:
    """The name of the type or function that a question is about."""
    if is_member(name):
        return name.rpartition(" ")[2].partition(".")[0]
    tag, _, rest = name.partition(" ")
    return rest if rest and tag in KINDS_OF_TAG else name


def _states_of(names: AtlasNames, name: str, pos: int, there: list[Row]) -> dict[str, State]:
    """What the rows of the kernel at a position have under a name, by kind; as `history.states_of`."""
    if is_member(name):
        return {MEMBER: _member(names, name, pos, there)}
    tag, _, rest = name.partition(" ")
    kinds = KINDS_OF_TAG.get(tag, ()) if rest else tuple(CLASSES)
    if rest and tag not in KINDS_OF_TAG:  # "unsigned int"
        kinds = tuple(CLASSES)
    found: dict[str, list[State]] = {}
    for row in there:
        if row.kind in kinds and (kind := CLASSES[row.kind]) in KINDS:
            found.setdefault(kind, []).append(_type(names, name, row, pos, there))
    return {kind: first_state(states) for kind, states in found.items()}


def _type(names: AtlasNames, name: str, row: Row, pos: int, there: list[Row]) -> State:
    if row.kind == spec.FUNC:
        return State(row.type, kfunc=any(one.kind == spec.DECL_TAG for one in there))
    if row.kind == spec.VAR:
        return State(row.type)
    if row.kind == spec.TYPEDEF:
        raise UnsupportedError(f"{name}: only the kernels know the size of a typedef")
    return State("", size=-1 if row.size is None else row.size, parts=names.parts(row, pos))


def _holder(path: str, there: list[Row]) -> Row | None:
    """The struct or union of a path that is among the rows of a kernel."""
    rows = [row for row in there if row.kind in (spec.STRUCT, spec.UNION)]
    if len(rows) > 1 or (not rows and any(row.kind == spec.TYPEDEF for row in there)):
        raise UnsupportedError(f"{_root(path)}: several types, or a typedef")
    return rows[0] if rows else None


def _member(names: AtlasNames, path: str, pos: int, there: list[Row]) -> State:
    root, member = _root(path), path.partition(".")[2]
    row = _holder(path, there)
    if row is None:
        return State(absent=f"no struct, union or typedef called {printable(root)!r}")
    return _place(names, row, root, member, pos)


def member_state(names: AtlasNames, row: Row, root: str, member: str, pos: int) -> State:
    """What the kernel at a position has as `member` of the struct or union `root`, whose definition is `row`."""
    return _place(names, row, root, member, pos)._replace(parts=names.parts(row, pos))


def _place(names: AtlasNames, row: Row, root: str, member: str, pos: int) -> State:
    """`member_state` without parts."""
    holder = f"{CLASSES[row.kind]} {printable(root)}"
    found = names.member(row, member)
    if found is None:
        reason = f"{printable(root)} has no member {printable(member)!r}"
        return State(holder=holder, holder_size=row.size or 0, absent=reason)
    _, offset, bits, text, size = found
    size = names.size_at(text, size, row.module, pos) or 0
    return State(text, offset // 8, size, offset % 8, bits, holder=holder, holder_size=row.size or 0)


def _with_parts(names: AtlasNames, path: str, entry: Entry, states: dict[str, State]) -> dict[str, State]:
    """The states of a member with what is around it."""
    state = states[MEMBER]
    root, module = _root(path), state.module.partition(",")[0]
    row = _holder(path, names.ranges(root, module).at(entry.pos))
    return {MEMBER: state._replace(parts=names.parts(row, entry.pos))} if row is not None else states
