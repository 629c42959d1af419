"""`append`: the types of several BTFs in one, one behind the other; and a chain as one BTF is the same thing.

The first BTF stays as it is, ids and string offsets included, and so does its base.  The types of each further one get the next
free ids.  One that is split has to stand on what the first has in its own chain: what it refers to there keeps its
id.  That is so for two modules of a kernel, and for a kernel and its modules.  Types are not compared
(`passes/dedup.py`); strings are stored once, and those that no type uses stay behind, as do strings within longer ones where
nothing but their end was used.
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.emit import Frame
from btfkit.errors import ChainError, FormatError
from btfkit.hot import columns as _columns
from btfkit.hot.strings import ALL_BITS, StringTable, random_prime
from btfkit.passes.idmap import IdMap, Spans
from btfkit.passes.rebase import refuse_unknown_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST = 0x7FFFFFFF  # types, bytes of strings: libbpf's limits


def append(first: Btf, *others: Btf) -> tuple[Btf, list[IdMap]]:
    """`first` with the types of `others` behind its own, and for each of `others` the map of its ids.

    One without a base can always be appended.  A split one has to stand on the base of `first`, on `first` itself or on one of
    `others` before it (the same object, or equal in every byte); layers between, which are not in the result yet,
    are appended too.  Byte order, layout section and what is known of the pointer size are those of `first`.  Raises
    ChainError for another base, UnsupportedError for a kind whose references are unknown.
    Rule: libbpf 1.8-dev, btf__add_btf, which takes one base only.
    """
    appending = _Appending(first)
    maps = [appending.add(other) for other in others]
    return appending.finish(), maps


class _Place:
    """Where a layer goes: its own types get the ids from `new_id` on."""

    __slots__ = ("layer", "new_id")

    def __init__(self, layer: Btf, new_id: int) -> None:
        self.layer = layer
        self.new_id = new_id

    @property
    def span(self) -> tuple[int, int, int]:
        """(first id, id behind the last, first new id)."""
        return self.layer.start_id, len(self.layer), self.new_id


class _Part:
    """A layer to be copied: `shared`, the highest layer below it that stays as it is (or None), and `places` of those between
    that and it, itself last."""

    __slots__ = ("places", "shared")

    def __init__(self, shared: Btf | None, places: Sequence[_Place]) -> None:
        self.shared = shared
        self.places = places


class _Appending:
    """A BTF in the making."""

    def __init__(self, first: Btf) -> None:
        self.first = first
        self.next_id = len(first)
        self.parts: list[_Part] = []
        self.known: dict[Btf, _Place] = {}
        self.pointer_size = first.given_pointer_size
        self._equal: dict[tuple[Btf, Btf], bool] = {}

    def add(self, other: Btf) -> IdMap:
        """Plan where the types of `other` go."""
        chain = other.chain
        shared = self._shared(chain)
        if shared is None and other.base is not None:
            raise ChainError(
                f"split on {chain[-2].source or 'a base'}, which is neither what {self.first.source or 'the first'} stands on "
                "nor that itself: modules of one kernel go together, with their vmlinux or without it",
                source=other.source,
            )
        between: list[_Place] = []
        for layer in chain[(chain.index(shared) + 1) if shared is not None else 0 : -1]:
            if layer not in self.known:
                self.known[layer] = self._place(layer, shared, between)
            between.append(self.known[layer])
        place = self._place(other, shared, between)
        self.known.setdefault(other, place)
        if self.first.pointer_size is None and self.pointer_size is None:
            self.pointer_size = other.given_pointer_size
        below = [(0, len(shared), 0)] if shared is not None else [(0, 1, 0)]
        return Spans([*below, *(one.span for one in between), place.span])

    def _place(self, layer: Btf, shared: Btf | None, between: Sequence[_Place]) -> _Place:
        refuse_unknown_in(layer)
        place = _Place(layer, self.next_id)
        self.next_id += len(layer.positions)
        if self.next_id > MOST:
            raise FormatError(f"more than {MOST} types", source=layer.source)
        self.parts.append(_Part(shared, (*between, place)))
        return place

    def _shared(self, chain: Sequence[Btf]) -> Btf | None:
        """The highest layer below the last of `chain` that the first has in its own chain."""
        found = None
        for mine, its in zip(self.first.chain, chain[:-1], strict=False):
            if not self._is(mine, its):
                break
            found = its
        return found

    def _is(self, mine: Btf, its: Btf) -> bool:
        """Whether two layers are the same, or equal in types, strings and what lies below (that is known already)."""
        if mine is its:
            return True
        key = mine, its
        if key not in self._equal:
            same = (mine.start_id, len(mine), mine.start_str_off) == (its.start_id, len(its), its.start_str_off)
            self._equal[key] = (
                same and bytes(mine.strings) == bytes(its.strings) and bytes(mine.words) == bytes(its.words)
            )
        return self._equal[key]

    def finish(self) -> Btf:
        """Copy everything, and read the result."""
        first = self.first
        total = len(first.words) + sum(len(part.places[-1].layer.words) for part in self.parts)
        out = array("I", (0,)) * total
        view = memoryview(out)
        view[: len(first.words)] = first.words
        names = _Names(first)
        at = len(first.words)
        for part in self.parts:
            at = _copy(part, names, view, at)
        layout = _covering(first.layout)
        frame = Frame(first.byte_order, first.base, layout=layout, pointer_size=self.pointer_size, source=first.source)
        return frame.emit(out, names.own())


class _Names:
    """The strings of the result: those of the bases, then its own, each once from the second BTF on."""

    __slots__ = ("moved", "start", "table", "used")

    def __init__(self, first: Btf) -> None:
        self.start = first.start_str_off
        data = bytearray().join([bytes(layer.strings) for layer in first.chain])
        self.table = StringTable(data, 0, random_prime(), ALL_BITS, MOST, None)
        self.table.reserve(data.count(0))
        self.table.index()
        self.used = bytearray()
        self.moved = array("I")

    def room(self, size: int) -> None:
        """Make `used` and `moved` as long as a section of `size` bytes: they serve for one part after the other."""
        if size > len(self.used):
            self.used = bytearray(2 * size)
            self.moved = array("I", bytes(8 * size))

    def add(self, strings: memoryview | bytes) -> None:
        """Put the new offset of each place of `strings` that is `used` into `moved`, and forget what is used."""
        try:
            self.table.add_used(strings, self.used, self.moved)
        except OverflowError:
            raise FormatError(f"more than {MOST} bytes of strings") from None

    def own(self) -> memoryview:
        """The section of the result."""
        return memoryview(self.table.data)[self.start : self.table.end]


def _copy(part: _Part, names: _Names, out: memoryview, at: int) -> int:
    """Copy the types of one layer to word `at`; returns where they end."""
    layer, place = part.places[-1].layer, part.places[-1]
    shared_id = len(part.shared) if part.shared is not None else 1
    first_offset = part.shared.start_str_off + len(part.shared.strings) if part.shared is not None else 0
    if len(part.places) == 1:
        strings: memoryview | bytes = layer.strings
    else:
        strings = b"".join(bytes(one.layer.strings) for one in part.places)
    names.room(len(strings))
    columns = layer.columns
    _columns.mark(layer.words, columns.names, first_offset, MOST, names.used)
    names.add(strings)
    end = at + len(layer.words)
    own = out[at:end]
    own[:] = layer.words
    _columns.replace(own, columns.names, first_offset, names.moved, MOST, MOST)
    _columns.replace(own, columns.ids, shared_id, array("I", _ids(part.places[:-1])), layer.start_id, place.new_id)
    return end


def _ids(places: Sequence[_Place]) -> Iterator[int]:
    """The new ids of all types of some layers, in their order."""
    for place in places:
        yield from range(place.new_id, place.new_id + len(place.layer.positions))


def _covering(layout: bytes) -> bytes:
    """A layout section that also tells of every kind that may have been appended."""
    return layout + spec.layout_section()[len(layout) :] if layout else b""
