"""A chain of BTFs as one, for loops that follow references into the base."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

    from btfkit.btf.btf import Btf
    from btfkit.hot.columns import Columns


class Flat:
    """A chain as one BTF: `words`, `positions` (the record of id i is at positions[i - 1]) and `strings`.

    Ids and string offsets are those of the chain.  A BTF without a base is not copied.
    """

    __slots__ = ("btf", "positions", "strings", "words")

    words: memoryview[int] | array[int]
    positions: memoryview[int] | array[int]
    strings: memoryview[int] | bytes

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        if btf.base is None:
            self.words, self.positions, self.strings = btf.words, btf.positions, btf.strings
            return
        from array import array

        words, positions = array("I"), array("I")
        for layer in btf.chain:
            start = len(words)
            if start:
                positions.extend([start + at for at in layer.positions])
            else:
                positions.frombytes(layer.positions.cast("B"))
            words.frombytes(layer.words.cast("B"))
        self.words, self.positions = words, positions
        self.strings = b"".join(bytes(layer.strings) for layer in btf.chain)

    @property
    def columns(self) -> Columns:
        """The positions of type ids and names in `words`."""
        if self.btf.base is None:
            return self.btf.columns
        from btfkit.hot.columns import Columns

        return Columns(self.words, self.positions, self.btf.table)


class FlatFrame:
    """Room for one split BTF at a time after a base, which is copied once: for many small BTFs on one large base."""

    __slots__ = ("_positions", "_starts", "_strings", "_words", "base")

    def __init__(self, base: Btf) -> None:
        self.base = base
        flat = Flat(base)
        self._starts = len(flat.words), len(flat.positions), len(flat.strings)
        self._words = _grown_words(flat.words, self._starts[0], 0)
        self._positions = _grown_words(flat.positions, self._starts[1], 0)
        self._strings = _grown_bytes(flat.strings, self._starts[2], 0)

    def put(self, btf: Btf) -> FramedFlat:
        """`btf`, which is split on the base, as a `Flat`, valid until the next call."""
        words, positions, strings = self._starts
        ends = words + len(btf.words), positions + len(btf.positions), strings + len(btf.strings)
        if ends[0] > len(self._words):
            self._words = _grown_words(self._words, words, ends[0])
        if ends[1] > len(self._positions):
            self._positions = _grown_words(self._positions, positions, ends[1])
        if ends[2] > len(self._strings):
            self._strings = _grown_bytes(self._strings, strings, ends[2])
        self._words[words : ends[0]] = btf.words
        shifted = memoryview(bytearray(4 * len(btf.positions))).cast("I")
        for index, at in enumerate(btf.positions):
            shifted[index] = words + at
        self._positions[positions : ends[1]] = shifted
        self._strings[strings : ends[2]] = btf.strings
        return FramedFlat(self._words[: ends[0]], self._positions[: ends[1]], self._strings[: ends[2]])


class FramedFlat:
    """What `FlatFrame.put` returns: `words`, `positions` and `strings` as of `Flat`."""

    __slots__ = ("positions", "strings", "words")

    def __init__(self, words: memoryview[int], positions: memoryview[int], strings: memoryview[int]) -> None:
        self.words = words
        self.positions = positions
        self.strings = strings


def _grown_words(old: memoryview[int] | array[int], used: int, least: int) -> memoryview[int]:
    """A copy of the first `used` words with room for at least `least`, and for a quarter more."""
    count = max(used, least)
    new = memoryview(bytearray(4 * (count + count // 4 + 1024))).cast("I")
    new[:used] = memoryview(old)[:used]
    return new


def _grown_bytes(old: memoryview[int] | bytes, used: int, least: int) -> memoryview[int]:
    count = max(used, least)
    new = memoryview(bytearray(count + count // 4 + 1024))
    new[:used] = memoryview(old)[:used]
    return new
