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
    from collections.abc import Mapping


class NameIndex:
    """An index of the named types of a base, made once for any number of modules.

    `btf` is the base (a chain counts as one BTF).  INT, FLOAT, FWD, ENUM, ENUM64, STRUCT and UNION are indexed.
    """

    __slots__ = ("_buckets", "_chain", "_hashes", "btf", "flat", "strings_end")

    def __init__(self, btf: Btf) -> None:
        demand_btf("new_base", btf)
        self.btf = btf
        self.flat = Flat(btf)
        self.strings_end = len(self.flat.strings)
        size = 64
        while size < len(btf) // 4:
            size *= 2
        self._buckets = words(size)
        self._chain = words(len(btf))
        self._hashes = words(len(btf))
        flat = self.flat
        _rebase.index_names(flat.words, flat.positions, flat.strings, self._buckets, self._chain, self._hashes)

    def find(self, name: bytes) -> list[int]:
        """The ids of the indexed types called `name` (without NUL), ascending."""
        flat, found = self.flat, list[int]()
        _rebase.named(
            name + b"\0", flat.strings, flat.words, flat.positions, self._buckets, self._chain, self._hashes, found
        )
        return found

    def match(self, distilled: Flat, marks: bytearray, upstream: bool, hard: list[int], full: list[int]) -> array[int]:
        """Match all types of `distilled` (`hot.rebase.match`); returns the id in this base for each (0: none, or see `hard`)."""
        mapped = words(len(distilled.positions) + 1)
        flat = self.flat
        _rebase.match(
            distilled.words,
            distilled.positions,
            distilled.strings,
            marks,
            flat.words,
            flat.positions,
            flat.strings,
            self._buckets,
            self._chain,
            self._hashes,
            upstream,
            mapped,
            hard,
            full,
        )
        return mapped


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
    out = array("I", bytes(split.words))
    for number, (type_id, namesake) in enumerate((carried or {}).items()):
        mapped[type_id] = first_id + len(split.positions) + number
        at, name = old.positions[type_id - 1], new.words[new.positions[namesake - 1]]
        offsets[old.words[at]] = name
        out.append(name)
        out.extend(old.words[at + 1 : at + 4])
    _rebase.spellings(old.words, old.positions, mapped, new.words, new.positions, offsets)
    columns = split.columns
    unknown: list[int] = []
    _columns.missing(split.words, columns.names, split.start_str_off, offsets, unknown)
    strings = bytes(split.strings)
    strings += _spell_out(split, new.btf, unknown, offsets, first_offset + len(strings))
    _columns.replace(out, columns.ids, 0, mapped, split.start_id, first_id)
    _columns.replace(out, columns.names, 0, offsets, split.start_str_off, first_offset)
    return Rebased(Frame.keeping(split, new.btf).emit(out, strings), len(unknown))


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
