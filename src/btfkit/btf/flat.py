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
