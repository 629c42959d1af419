"""How much two members of a struct on two kernels are alike: whether one may be the other under another name.

BTF does not record that a member was renamed.  What these functions find is a guess, and has to be labeled as such.
"""

from __future__ import annotations

import itertools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ENOUGH = 3  # of `likeness`, for a guess


class Row:
    """A member of a struct, anonymous ones opened: its name, offset in bits, type (id and text), and its neighbours'
    names."""

    __slots__ = ("after", "before", "name", "offset", "type_id", "type_text")

    def __init__(self, name: str, offset: int, type_id: int, type_text: str) -> None:
        self.name = name
        self.offset = offset
        self.type_id = type_id
        self.type_text = type_text
        self.before = ""
        self.after = ""


def link(rows: Sequence[Row]) -> None:
    """Set the neighbours of the members of a struct, which are in order."""
    for one, other in itertools.pairwise(rows):
        one.after, other.before = other.name, one.name


def marks(row: Row) -> Iterator[tuple[str, int | str]]:
    """What two rows that resemble each other share, one of these at least (`likeness`)."""
    yield "offset", row.offset
    if row.before:
        yield "before", row.before
    if row.after:
        yield "after", row.after


def likeness(row: Row, there: Row) -> int:
    """How similar two members are; ENOUGH and more is worth a hint."""
    between = (row.before == there.before != "") + (row.after == there.after != "")
    same_type = row.type_text == there.type_text
    return 2 * same_type + (row.offset == there.offset) + between + (between == 2)
