"""The history of a name out of the tables of an atlas: the same `History` as from kernels, in the time of a few queries.

What only the kernels themselves can answer (paths through several structs, names that only modules have, guesses) is
asked of the kernels in the atlas, by `history`.
"""

from __future__ import annotations

import os
import re

from btfkit.atlas.file import Atlas
from btfkit.btf import spec
from btfkit.errors import NotFoundError, UnsupportedError, printable
from btfkit.fleet.atlas_store import key_of_entry
from btfkit.fleet.history import first_state
from btfkit.fleet.history_values import KINDS, MEMBER, History, Part, State, is_member
from btfkit.fleet.matrix import Column
from btfkit.show.identity import CLASSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfkit.atlas.file import Entry

_NAMED = re.compile(
    r"(?:(?:const|volatile|restrict) )*(struct |union |enum )?([A-Za-z_]\w*(?: [a-z]+)*)((?: ?\[\d+\])*)"
)
_TAGS = {"struct ": (spec.STRUCT,), "union ": (spec.UNION,), "enum ": (spec.ENUM, spec.ENUM64)}
_PLAIN = (spec.TYPEDEF, spec.INT, spec.FLOAT)
_SIMPLE = re.compile(r"(?:(?:struct|union) )?\w+\.\w+")
_CHAIN = 32  # typedefs of typedefs


class Row:
    """A row of `definitions`."""

    __slots__ = ("hi", "kind", "lo", "number", "size", "type")

    def __init__(self, number: int, kind: int, size: int | None, text: str | None, lo: int, hi: int) -> None:
        self.number = number
        self.kind = kind
        self.size = size
        self.type = text or ""
        self.lo = lo
        self.hi = hi


class AtlasNames:
    """The definitions in the tables of an atlas, by name."""

    def __init__(self, atlas: Atlas) -> None:
        self._atlas = atlas
        self._rows: dict[str, list[Row]] = {}
        self._parts: dict[int, list[tuple[str, int, int, str, int | None]]] = {}

    def rows(self, name: str) -> list[Row]:
        """The rows of a name."""
        if name not in self._rows:
            found = self._atlas.query(
                "SELECT d.id, kind, size, text, lo, hi FROM definitions d JOIN names n ON n.id = name_id"
                " LEFT JOIN spellings s ON s.id = d.type WHERE n.name = ? ORDER BY d.id, lo",
                (name,),
            )
            self._rows[name] = [Row(*row) for row in found]
        return self._rows[name]

    def at(self, name: str, pos: int, kinds: tuple[int, ...]) -> list[Row]:
        """The definitions of some kinds that the kernel at a position has."""
        return [row for row in self.rows(name) if row.lo <= pos < row.hi and row.kind in kinds]

    def parts(self, row: Row, pos: int) -> tuple[Part, ...]:
        """The members of a struct or union, or the enumerators of an enum, on the kernel at a position."""
        if row.number not in self._parts:
            self._parts[row.number] = self._atlas.query(
                "SELECT n.name, off, bits, coalesce(text, ''), size FROM members JOIN names n ON n.id = name_id"
                " LEFT JOIN spellings s ON s.id = type WHERE def = ? ORDER BY ord",
                (row.number,),
            )
        rows = self._parts[row.number]
        if row.kind in (spec.ENUM, spec.ENUM64):
            return tuple(Part(name, value, 0, 0, "") for name, value, *_ in rows)
        return tuple(
            Part(name, offset, 8 * (self.size_of(text, size, pos) or 0), bits, text)
            for name, offset, bits, text, size in rows
        )

    def size_of(self, text: str, size: int | None, pos: int) -> int | None:
        """The bytes of a type on the kernel at a position: those of a struct that is named may differ between kernels, all others
        are `size`."""
        found = _NAMED.fullmatch(text)
        if not found:
            return size
        count = 1
        for length in re.findall(r"\d+", found[3]):
            count *= int(length)
        sizes = {self._size(row, pos, _CHAIN) for row in self.at(found[2], pos, _TAGS.get(found[1] or "", _PLAIN))}
        if len(sizes) != 1 or (one := sizes.pop()) is None:
            return size
        return one * count

    def _size(self, row: Row, pos: int, depth: int) -> int | None:
        if row.kind != spec.TYPEDEF:
            return row.size
        return self.size_of(row.type, None, pos) if depth else None


def atlas_history(path: str | os.PathLike[str], name: str) -> History:
    """The history of `name` (see `history`) on all kernels of the atlas at `path`, without guesses.

    Raises UnsupportedError if the atlas has no tables, or if only the kernels can answer: a path of more than one member, or a
    name that some vmlinux lacks while the atlas has modules of that kernel; and what `Atlas.open` raises.
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
        states = [_states(names, name, entry) for entry in entries]
        for entry, one in zip(entries, states, strict=True):
            if entry.modules and not any(one.values()):
                raise UnsupportedError(f"{name}: the modules of {entry.key} may have it", source=path)
        return History(name, columns_of_entries(entries, path), states)


def columns_of_entries(entries: Sequence[Entry], path: str) -> list[Column]:
    """A column for each kernel, named by `uname -r`, or if that is ambiguous by key."""
    unique = len({entry.uname for entry in entries}) == len(entries)
    return [
        Column(key_of_entry(entry), entry.uname if unique else entry.key, f"{path}({entry.key}/vmlinux)")
        for entry in entries
    ]


def _states(names: AtlasNames, name: str, entry: Entry) -> dict[str, State]:
    """What a kernel has under a name, by kind; as `history.states_of`."""
    if is_member(name):
        return {MEMBER: _member(names, name, entry)}
    tag, _, rest = name.partition(" ")
    kinds = _TAGS.get(f"{tag} ") if rest else tuple(CLASSES)
    found: dict[str, list[State]] = {}
    for row in names.at(rest if kinds and rest else name, entry.pos, kinds or ()):
        if (kind := CLASSES[row.kind]) in KINDS:
            found.setdefault(kind, []).append(_type(names, name, row, entry.pos))
    return {kind: first_state(states) for kind, states in found.items()}


def _type(names: AtlasNames, name: str, row: Row, pos: int) -> State:
    if row.kind == spec.FUNC:
        return State(row.type, kfunc=bool(names.at(name, pos, (spec.DECL_TAG,))))
    if row.kind == spec.VAR:
        return State(row.type)
    if row.kind == spec.TYPEDEF:
        raise UnsupportedError(f"{name}: only the kernels know the size of a typedef")
    return State("", size=-1 if row.size is None else row.size, parts=names.parts(row, pos))


def _member(names: AtlasNames, path: str, entry: Entry) -> State:
    root, _, member = path.rpartition(" ")[2].partition(".")
    rows = names.at(root, entry.pos, (spec.STRUCT, spec.UNION))
    if not rows:
        if names.at(root, entry.pos, (spec.TYPEDEF,)):
            raise UnsupportedError(f"{root}: a typedef of {entry.key}")
        return State(absent=f"no struct, union or typedef called {printable(root)!r}")
    if len(rows) > 1:
        raise UnsupportedError(f"{root}: several types of {entry.key}")
    return member_state(names, rows[0], root, member, entry.pos)


def member_state(names: AtlasNames, row: Row, root: str, member: str, pos: int) -> State:
    """What the kernel at a position has as `member` of the struct or union `root`, whose definition is `row`."""
    parts = names.parts(row, pos)
    holder = f"{CLASSES[row.kind]} {printable(root)}"
    found = next((part for part in parts if part.name == member), None)
    if found is None:
        reason = f"{printable(root)} has no member {printable(member)!r}"
        return State(parts=parts, holder=holder, holder_size=row.size or 0, absent=reason)
    place = found.offset // 8, found.size // 8, found.offset % 8, found.bits
    return State(found.type, *place, parts, holder=holder, holder_size=row.size or 0)
