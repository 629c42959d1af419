"""Where the type ids and the name offsets of a type section stand: what passes renumber, mark and search by.

To go through all references of a BTF is to go through one of these columns; nothing has to know what a record looks like.
"""

from __future__ import annotations

from btfkit.hot import columns as _columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array


class Columns:
    """The word positions of all type ids (`ids`) and of all name offsets (`names`) of a section, record by record.

    Those of record i begin at `id_starts[i]` and `name_starts[i]`, which have one entry more at the end; the first name of a
    record is its own.
    """

    __slots__ = ("id_starts", "ids", "name_starts", "names")

    ids: memoryview[int]
    id_starts: memoryview[int]
    names: memoryview[int]
    name_starts: memoryview[int]

    def __init__(
        self, words: memoryview[int] | array[int], positions: memoryview[int] | array[int], table: bytes
    ) -> None:
        ids, names = zeros(len(words)), zeros(len(words))
        self.id_starts, self.name_starts = zeros(len(positions) + 1), zeros(len(positions) + 1)
        id_count, name_count = _columns.find(words, positions, table, ids, self.id_starts, names, self.name_starts)
        self.ids, self.names = ids[:id_count], names[:name_count]


def zeros(count: int) -> memoryview[int]:
    """`count` words of 0, whose pages cost nothing until they are written to."""
    return memoryview(bytearray(4 * count)).cast("I")
