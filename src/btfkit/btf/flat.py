"""A chain of BTFs looked at as one, for loops that follow references all the way down."""

from __future__ import annotations

from array import array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf
    from btfkit.hot.columns import Columns


class Flat:
    """A chain as one BTF for the loops: `words`, `positions` (record of id i at positions[i - 1]) and `strings`.

    Ids and string offsets are those of the chain.  A chain of one is not copied.
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
        """Where type ids and names stand in `words`."""
        if self.btf.base is None:
            return self.btf.columns
        from btfkit.hot.columns import Columns

        return Columns(self.words, self.positions, self.btf.table)
