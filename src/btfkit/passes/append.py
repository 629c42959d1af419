"""`append`: combine several BTFs into one by appending their types.  Flattening a chain is the same operation.

The first BTF does not change, ids and string offsets included, and neither does its base.  The types of each further BTF get
the next free ids.  A split BTF must be split on a layer of the first BTF's chain (two modules of one kernel, a kernel and its
modules); its references to that layer keep their ids.  Types are not compared (`passes/dedup.py` does that).  Each string is
stored once; unused strings are not copied, and if types use only the end of a string, only that end is copied.
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.btf.btf import Btf, demand_btf
from btfkit.btf.emit import Frame
from btfkit.errors import ChainError, FormatError
from btfkit.hot import columns as _columns
from btfkit.hot.strings import ALL_BITS, StringTable, random_prime
from btfkit.passes.idmap import IdMap, Spans
from btfkit.passes.rebase import refuse_unknown_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST = 0x7FFFFFFF  # types, or bytes of strings: libbpf's limits


def append(first: Btf, *others: Btf) -> tuple[Btf, list[IdMap]]:
    """Append the types of `others` to those of `first`; returns the result and an id map for each of `others`.

    A BTF without a base can always be appended.  A split BTF must be split on the base of `first`, on `first` itself or on one
    of the `others` before it (the same object, or equal in every byte); layers in between that are not in the result yet
    are appended too.  Byte order, layout section and pointer size (if known) are those of `first`.  Raises ChainError
    for another base, UnsupportedError for a kind whose references are unknown.
    Rule: libbpf 1.8-dev, btf__add_btf, which accepts one base only.
    """
    demand_btf("first", first)
    demand_btf("others", *others)
    appending = _Appending(first)
    maps = [appending.add(other) for other in others]
    return appending.finish(), maps


class _Place:
    """Where a layer goes: its own types get new ids starting at `new_id`."""

    __slots__ = ("layer", "new_id")

    def __init__(self, layer: Btf, new_id: int) -> None:
        self.layer = layer
        self.new_id = new_id

    @property
    def span(self) -> tuple[int, int, int]:
        """(first id, last id + 1, first new id)."""
        return self.layer.start_id, len(self.layer), self.new_id


class _Part:
    """A layer to copy: `shared` is the highest layer below it that stays as it is (or None); `places` are those of the layers
    above that, ending with the layer itself."""

    __slots__ = ("places", "shared")

    def __init__(self, shared: Btf | None, places: Sequence[_Place]) -> None:
        self.shared = shared
        self.places = places


class _Appending:
    """The state of one call of `append`."""

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
                f"split on {chain[-2].source or 'a base'}, which is neither {self.first.source or 'the first BTF'} nor its base: "
                "append modules of one kernel only, with or without their vmlinux",
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
        """The highest layer below the last of `chain` that is in the chain of the first BTF too."""
        found = None
        for mine, its in zip(self.first.chain, chain[:-1], strict=False):
            if not self._is(mine, its):
                break
            found = its
        return found

    def _is(self, mine: Btf, its: Btf) -> bool:
        """Whether two layers are the same object, or equal in types and strings; their bases are known to be equal."""
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
        """Copy all layers and return the result."""
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
    """The strings of the result: those of the bases, then its own.  Strings of the second and later BTFs are stored once."""

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
        """Make `used` and `moved` at least as long as a section of `size` bytes; all parts reuse them."""
        if size > len(self.used):
            self.used = bytearray(2 * size)
            self.moved = array("I", bytes(8 * size))

    def add(self, strings: memoryview | bytes) -> None:
        """Store the new offset of each place of `strings` that is `used` in `moved`, then clear `used`."""
        try:
            self.table.add_used(strings, self.used, self.moved)
        except OverflowError:
            raise FormatError(f"more than {MOST} bytes of strings") from None

    def own(self) -> memoryview:
        """The string section of the result."""
        return memoryview(self.table.data)[self.start : self.table.end]


def _copy(part: _Part, names: _Names, out: memoryview, at: int) -> int:
    """Copy the types of one layer to word `at`; returns the word after them."""
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
    """The new ids of all types of `places`, in order."""
    for place in places:
        yield from range(place.new_id, place.new_id + len(place.layer.positions))


def _covering(layout: bytes) -> bytes:
    """`layout`, extended to every kind that may have been appended."""
    return layout + spec.layout_section()[len(layout) :] if layout else b""
