"""Move a split BTF to another base, given the type of the new base for each type of the old one.

Shared by `distill` and `reconcile`: an index by name of a chain as one BTF, and writing the result.
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.btf.btf import Btf, demand_btf
from btfkit.btf.emit import Frame
from btfkit.btf.flat import Flat
from btfkit.errors import UnsupportedError
from btfkit.hot import columns as _columns
from btfkit.hot import rebase as _rebase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST = 16  # types of one name; if a base has more, they are matched by a table


class NameIndex:
    """An index of the named types of a base, made once for any number of modules.

    `btf` is the base (a chain counts as one BTF).  INT, FLOAT, FWD, ENUM, ENUM64, STRUCT and UNION are indexed.  The index
    of a BTF without a base is kept with it, so that a second `NameIndex` of it costs nothing; that of a chain holds a copy of
    all its layers and is not kept.
    """

    __slots__ = ("_crowds", "_index", "btf", "flat", "most", "strings_end")

    def __init__(self, btf: Btf) -> None:
        demand_btf("new_base", btf)
        self.btf = btf
        self.flat = Flat(btf)
        self.strings_end = len(self.flat.strings)
        self._index, self._crowds = btf.kept(_names_alone) if btf.base is None else _names_of(self.flat)
        self.most = MOST

    def find(self, name: bytes) -> list[int]:
        """The ids of the indexed types called `name` (without NUL), ascending."""
        found, here = list[int](), self._index.first(name + b"\0", 0)
        while here:
            found.append(here)
            here = self._index.twins[here]
        return found

    def differing(self, btf: Btf) -> tuple[int, list[int]]:
        """How many structs and unions a BTF without a base, whose strings are all different, has in common with this base,
        and the ids of the types with a tag of which more is to be said (`hot.rebase.Index.differing`)."""
        doubtful: list[int] = []
        records = _rebase.Records(btf.words, btf.positions, btf.strings)
        size = 64
        while size < 4 * len(btf):
            size *= 2
        return self._index.differing(records, words(size), doubtful), doubtful

    def match(self, distilled: Flat, marks: bytearray, upstream: bool, hard: list[int], full: list[int]) -> array[int]:
        """Match all types of `distilled` (`hot.rebase.match`); returns the id in this base for each (0: none, or see `hard`)."""
        mapped = words(len(distilled.positions) + 1)
        crowded: list[int] = []
        records = _rebase.Records(distilled.words, distilled.positions, distilled.strings)
        self._index.match(records, marks, upstream, self.most, mapped, hard, full, crowded)
        for type_id in crowded:
            at = distilled.positions[type_id - 1]
            start = distilled.words[at]
            name = _name(distilled.strings, start)
            crowd = self._crowds.get(name)
            if crowd is None:
                crowd = self._crowds[name] = _Crowd(self.flat, self.find(name))
            old = distilled.words[at + 1 : at + 4]
            mapped[type_id], clear = (crowd.upstream if upstream else crowd.strict)(old, marks[type_id])
            if not clear:
                hard.append(type_id)
        if crowded:
            hard.sort()
        return mapped


def _names_alone(btf: Btf) -> tuple[_rebase.Index, dict[bytes, _Crowd]]:
    return _names_of(Flat(btf))


def _names_of(flat: Flat) -> tuple[_rebase.Index, dict[bytes, _Crowd]]:
    """The index of all names, and an empty table of those that many types share; neither refers to a `Btf`."""
    size, count = 64, len(flat.positions) + 1
    while size < count // 4:
        size *= 2
    index = _rebase.Index(
        flat.words, flat.positions, flat.strings, words(size), words(count), words(count), words(count)
    )
    return index, {}


def _name(strings: bytes | bytearray | memoryview, start: int) -> bytes:
    end = start
    while strings[end]:
        end += 1
    return bytes(strings[start:end])


class _Crowd:
    """Many types of one name, by what the rules ask for, so that each of many old types of that name is matched in one step.

    The rules are those of `hot.rebase.match`; `old` is a record from its second word on.
    """

    def __init__(self, flat: Flat, ids: list[int]) -> None:
        self._ids: dict[tuple[int, ...], list[int]] = {}
        for type_id in ids:
            at = flat.positions[type_id - 1]
            info, size = flat.words[at + 1], flat.words[at + 2]
            kind, flag = info >> 24 & spec.MAX_KIND, info >> 31
            kind = spec.ENUM if kind == spec.ENUM64 else kind
            keys: list[tuple[int, ...]] = [(kind, size), (kind,)]
            if kind == spec.INT:
                keys += (kind, size, flat.words[at + 3]), (kind, size, -1, flat.words[at + 3] >> 24)
            elif kind == spec.FWD:
                keys += ((kind, -1, flag),)
            elif kind in spec.COMPOSITES:
                keys += (kind, size, flag, -1), (kind, -1, flag)
            for key in keys:
                self._ids.setdefault(key, []).append(type_id)

    def _of(self, *key: int) -> list[int]:
        return self._ids.get(key, [])

    def strict(self, old: Sequence[int], marks: int) -> tuple[int, bool]:
        """(id or 0, whether it is clear) by the strict rules."""
        info, size, *rest = old
        kind, flag = info >> 24 & spec.MAX_KIND, info >> 31
        if kind in (spec.INT, spec.FLOAT, spec.FWD):
            key = (
                (kind, size, rest[0]) if kind == spec.INT else (kind, size) if kind == spec.FLOAT else (kind, -1, flag)
            )
            fit = self._of(*key)[:1] or (self._of(spec.STRUCT + flag) if kind == spec.FWD else [])
        elif kind in spec.ENUMS:
            fit = self._of(spec.ENUM, size)
        elif marks & (_rebase.EMBEDDED | _rebase.PASSED) or len(fit := self._of(kind)) > 1:
            fit = self._of(kind, size)
        elif not fit:
            fit = self._of(spec.FWD, -1, kind - spec.STRUCT)[:1]
        return (fit[0], True) if len(fit) == 1 else (0, False)

    def upstream(self, old: Sequence[int], marks: int) -> tuple[int, bool]:
        """(the first match or 0, whether it is the only one) by the rules of btf__relocate."""
        info, size, *rest = old
        kind, flag = info >> 24 & spec.MAX_KIND, info >> 31
        several = len(self._of(spec.STRUCT)) + len(self._of(spec.UNION)) > 1
        lists: list[list[int]]
        if kind == spec.INT:
            lists = [self._of(kind, size, -1, rest[0] >> 24)]
        elif kind in (spec.FLOAT, spec.ENUM):
            lists = [self._of(kind, size)]
        elif kind == spec.FWD:
            lists = [self._of(kind, -1, flag)]
            for number, wanted in (spec.STRUCT, 0), (spec.UNION, 1):
                lists.append(self._of(number, size, wanted, -1) if several else self._of(number, -1, wanted))
        else:
            sized = [self._of(number, size) for number in (spec.INT, spec.FLOAT, spec.ENUM)]
            lists = [*sized, self._of(spec.FWD)]
            lists += [self._of(number, size) if several else self._of(number) for number in (spec.STRUCT, spec.UNION)]
            if marks & _rebase.EMBEDDED:  # the first one must be of that size, later ones count anyway
                sized += [self._of(number, size) for number in (spec.FWD, spec.STRUCT, spec.UNION)]
                first = min((ids[0] for ids in sized if ids), default=0)
                return first, bool(first) and max(ids[-1] for ids in lists if ids) == first
        first = min((ids[0] for ids in lists if ids), default=0)
        return first, sum(map(len, lists)) == 1


def words(count: int) -> array[int]:
    """`count` words of 32 bits, all 0."""
    return array("I", (0,)) * count


def refuse_unknown(btf: Btf) -> None:
    """Raise UnsupportedError if a type of the chain has a kind whose references are unknown (only a layout section states its
    size), because it cannot be renumbered."""
    for layer in btf.chain:
        refuse_unknown_in(layer)


def refuse_unknown_in(layer: Btf) -> None:
    """Like `refuse_unknown`, for the own types of one layer."""
    if layer.table == spec.TABLE:
        return
    for index, at in enumerate(layer.positions):
        kind = layer.words[at + 1] >> 24 & spec.MAX_KIND
        if not 0 < kind < len(spec.KINDS):
            raise UnsupportedError(
                f"unknown kind {kind}: its references cannot be renumbered",
                source=layer.source,
                type_id=layer.start_id + index,
            )


def flattened(btf: Btf) -> Btf:
    """The chain of `btf` as one BTF without a base; ids and string offsets do not change."""
    if btf.base is None:
        return btf
    flat = Flat(btf)
    return frame_below(btf).emit(flat.words, flat.strings)


def frame_below(btf: Btf) -> Frame:
    """The frame of a BTF without a base that replaces the chain of `btf`."""
    layout = btf.chain[0].layout
    return Frame(btf.byte_order, layout=layout, pointer_size=btf.pointer_size, source=btf.source)


class Rebased:
    """A split BTF on its new base: `btf`; `unknown` counts the names in the old base that no mapped type has, which were
    looked up by their text."""

    __slots__ = ("btf", "unknown")

    def __init__(self, btf: Btf, unknown: int) -> None:
        self.btf = btf
        self.unknown = unknown


def rebase(split: Btf, old: Flat, mapped: array[int], new: Flat, carried: Mapping[int, int] | None = None) -> Rebased:
    """Replace references of `split` to `old` (its base) by references to `new`, as `mapped` states.

    The types `carried` of the old base (INTs) become own types of the result, after all others, and their new ids are stored in
    `mapped`; their values are the ids of types of the same name in the new base.  Names in the old base become names in the new
    one, or own names if it lacks them.
    """
    first_id, first_offset = len(new.positions) + 1, len(new.strings)
    offsets = words(len(old.strings))
    out = array("I")
    out.frombytes(split.words.cast("B"))
    for number, (type_id, namesake) in enumerate((carried or {}).items()):
        mapped[type_id] = first_id + len(split.positions) + number
        at, name = old.positions[type_id - 1], new.words[new.positions[namesake - 1]]
        offsets[old.words[at]] = name
        out.append(name)
        out.extend(old.words[at + 1 : at + 4])
    unknown = _name_offsets(split, old, mapped, new, offsets)
    strings = bytes(split.strings)
    strings += _spell_out(split, new.btf, unknown, offsets, first_offset + len(strings))
    columns = split.columns
    _columns.replace(out, columns.ids, 0, mapped, split.start_id, first_id)
    _columns.replace(out, columns.names, 0, offsets, split.start_str_off, first_offset)
    return Rebased(Frame.keeping(split, new.btf).emit(out, strings), len(unknown))


def unknown_names(split: Btf, old: Flat, mapped: array[int], new: Flat) -> list[int]:
    """The offsets of the names of `split` in the old base that no mapped type has (`Rebased.unknown`)."""
    return _name_offsets(split, old, mapped, new, words(len(old.strings)))


def _name_offsets(split: Btf, old: Flat, mapped: array[int], new: Flat, offsets: array[int]) -> list[int]:
    """Store the new offset of the name of each mapped type at its old one; returns the old offsets of other names."""
    _rebase.spellings(old.words, old.positions, mapped, new.words, new.positions, offsets)
    unknown: list[int] = []
    _columns.missing(split.words, split.columns.names, split.start_str_off, offsets, unknown)
    return unknown


def _spell_out(split: Btf, new: Btf, unknown: list[int], offsets: array[int], end: int) -> bytes:
    """Store new offsets for the names at the old offsets `unknown`; returns the strings to append at `end` for those that `new`
    lacks."""
    added = bytearray()
    for old in unknown:
        name = split.string(old)
        offset = min(new.string_offsets(name), default=-1) if name else 0
        if offset < 0:
            offset = end + len(added)
            added += name + b"\0"
        offsets[old] = offset
    return bytes(added)
