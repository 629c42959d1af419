"""The offsets of members out of the tables of an atlas, in the time of a few queries: the answers that its kernels would give.

Whatever the tables do not state beyond doubt (typedefs as roots, types without a name, types in modules, several types of one
name) is left to the kernels.
"""

from __future__ import annotations

import re

from btfkit.atlas import schema
from btfkit.btf import spec
from btfkit.btf.btf import LONG_SPELLINGS
from btfkit.errors import printable
from btfkit.fleet.atlas_store import AtlasStore
from btfkit.fleet.history_atlas import KINDS_OF_TAG, AtlasNames
from btfkit.fleet.history_values import State
from btfkit.show.offset import parsed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfkit.atlas.file import Atlas, Entry
    from btfkit.fleet.history_atlas import Row
    from btfkit.fleet.tree import Kernel

_NAME = re.compile(r"[A-Za-z_]\w*")
_MODIFIERS = r"(?:(?:const|volatile|restrict) )*"
_SCALAR = re.compile(rf"{_MODIFIERS}[A-Za-z_]\w*(?: [a-z]+)*")  # a scalar, or a typedef
_TAGGED = re.compile(rf"{_MODIFIERS}(struct|union|enum) ([A-Za-z_]\w*)")
_ARRAY = re.compile(r"(.*?)( ?)\[(\d*)\]((?:\[\d+\])*)")
_QUALIFIERS = ("const ", "volatile ", "restrict ")
_TAGS = re.compile(r"\b(struct|union|enum) ([A-Za-z_]\w*)")
_SCALARS = (spec.INT, spec.FLOAT)
_CHAIN = 32  # typedefs of typedefs, and of arrays of them


class TableOffsets:
    """Answers questions on the kernels of an atlas with tables."""

    def __init__(self, atlas: Atlas) -> None:
        self._names = AtlasNames(atlas)
        self._whole = atlas.whole()
        self._pointers: dict[int, int | None] = {}

    def answer(self, paths: Sequence[str], entry: Entry) -> tuple[int, list[State]] | None:
        """The number of the first of `paths` that exists on a kernel (-1: none), and what there is at each up to that one.

        None if only the kernel itself can answer.
        """
        found: list[State] = []
        for number, path in enumerate(paths):
            state = self._state(path, entry)
            if state is None:
                return None
            found.append(state)
            if state:
                return number, found
        return -1, found

    def _state(self, path: str, entry: Entry) -> State | None:
        root, steps = parsed(path)
        if entry.id in self._whole or not _NAME.fullmatch(root):
            return None
        there = self._names.ranges(root).at(entry.pos)
        rows = [row for row in there if row.kind in spec.COMPOSITES]
        if not rows and not any(row.kind == spec.TYPEDEF for row in there) and entry.modules is None:
            return State(absent=f"no struct, union or typedef called {printable(root)!r}")
        if len(rows) != 1:
            return None
        tag = "struct" if rows[0].kind == spec.STRUCT else "union"
        text, offset, bits, walked = f"{tag} {root}", 0, 0, printable(root)
        for step in steps:
            if isinstance(step, int):
                array = _ARRAY.fullmatch(text)
                if not array or step >= int(array[3] or 1 << 32) or text.startswith(_QUALIFIERS):
                    return None
                text, bits = _element(array), 0
                size = self._size(text, entry.pos)
                if size is None:
                    return None
                offset += 8 * step * size
                walked += f"[{step}]"
                continue
            row = self._composite(text, entry.pos)
            if row is None or row.number in self._names.opened:
                return None
            found = self._names.member(row, step)
            if found is None:
                return State(absent=f"{walked} has no member {printable(step)!r}")
            _, begin, bits, text, _ = found
            offset += begin
            walked += f".{printable(step)}"
        known = self._size(text, entry.pos) if self._is_spelled_so(text, entry.pos) else None
        return None if known is None else State(text, offset // 8, known, offset % 8, bits)

    def _composite(self, text: str, pos: int) -> Row | None:
        """The struct or union that a type is; None for another type, and if there are several."""
        named = _TAGGED.fullmatch(text)
        rows = [row for row in self._names.ranges(named[2]).at(pos) if row.kind in spec.COMPOSITES] if named else []
        return rows[0] if named and len(rows) == 1 and rows[0].kind in KINDS_OF_TAG[named[1]] else None

    def _is_spelled_so(self, text: str, pos: int) -> bool:
        """Whether a type that some kernel calls `text` is called so on the kernel at a position, which has the same record of it:
        whether a name is that of a struct, a union or an enum may differ."""
        for tag, name in _TAGS.findall(text):
            kinds = {row.kind for row in self._names.ranges(name).at(pos)} & {*spec.COMPOSITES, *spec.ENUMS}
            if not kinds <= {*KINDS_OF_TAG[tag]}:
                return False
        return True

    def _size(self, text: str, pos: int) -> int | None:
        """The bytes of a type that is called `text` on the kernel at a position; None if that is not certain."""
        count = 1
        for _ in range(_CHAIN):
            while array := _ARRAY.fullmatch(text):
                count *= int(array[3] or 0)
                text = _element(array)
            if text.endswith("*") or ("(*)(" in text and "[" not in text and "{" not in text):
                size = self._pointer(pos)
                return None if size is None else size * count
            named = _TAGGED.fullmatch(text)
            if named:
                rows = [row for row in self._names.ranges(named[2]).at(pos) if row.kind in KINDS_OF_TAG[named[1]]]
            elif _SCALAR.fullmatch(text):
                name = re.sub(rf"^{_MODIFIERS}", "", text)
                rows = [row for row in self._names.ranges(name).at(pos) if row.kind in (*_SCALARS, spec.TYPEDEF)]
            else:
                return None
            if len(rows) == 1 and rows[0].kind == spec.TYPEDEF:
                text = rows[0].type
                continue
            sizes = {None if row.kind == spec.TYPEDEF else row.size for row in rows}
            size = sizes.pop() if len(sizes) == 1 else None
            return None if size is None else size * count
        return None

    def _pointer(self, pos: int) -> int | None:
        """The bytes of a pointer on the kernel at a position, as `Btf.pointer_size`; None if that is not certain."""
        if pos not in self._pointers:
            rows = [row for name in LONG_SPELLINGS for row in self._names.ranges(spec.text(name)).at(pos)]
            sizes = {row.size for row in rows if row.kind == spec.INT and row.size in (4, 8)}
            self._pointers[pos] = sizes.pop() if len(sizes) == 1 else None
        return self._pointers[pos]


def _element(array: re.Match[str]) -> str:
    """The element of an array type."""
    return f"{array[1]}{array[2]}{array[4]}" if array[4] else array[1]


class Entries:
    """The kernels of a tree that are in atlases whose tables can answer."""

    def __init__(self) -> None:
        self._tables: dict[str, TableOffsets | None] = {}

    def answer(self, kernel: Kernel, paths: Sequence[str]) -> tuple[int, list[State]] | None:
        """As `TableOffsets.answer`; None, too, for a kernel that is elsewhere."""
        store = kernel.store
        if not isinstance(store, AtlasStore) or len(kernel.paths) != 1:
            return None
        entry = store.entries.get(kernel.paths[0].removesuffix("/vmlinux"))
        tables = self._tables_of(store) if entry is not None else None
        return tables.answer(paths, entry) if tables is not None and entry is not None else None

    def _tables_of(self, store: AtlasStore) -> TableOffsets | None:
        if store.root not in self._tables:
            atlas = store.atlas
            is_sure = atlas.has_tables and atlas.query("SELECT 1 FROM meta WHERE key = ?", (schema.MARK,))
            self._tables[store.root] = TableOffsets(atlas) if is_sure else None
        return self._tables[store.root]
