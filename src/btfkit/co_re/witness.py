"""What the engine read of a target to decide about one candidate.

The matcher notes every type, member and enumerator as it reads them.  Keeping exactly these, and nothing else, makes the
same decision come out again: that is all that minimizing knows about relocations.

A decision for "yes" needs what it read (`types`, `members`, `values`).  A decision for "no" needs nothing to stay, as
what is missing does not match either, but for three traps, where dropping something would turn "no" into "yes":

- a reference that was read and found wanting would become void, which may suit (`pointers`: where the first is kept, the
  second has to be kept as well);
- a zero-length array in mid-struct becomes flexible when what follows it goes (`not_last`);
- a member of the right name but the wrong type hides a later one of that name (`hides`).

Ids are those of the BTF in which the candidate was found.
"""

from __future__ import annotations


class Witness:
    """The reads of one candidate.  `pointer_size` tells whether the size of a pointer was among them;
    `at_least` pairs a composite or enum with the number of elements that a comparison counted on."""

    __slots__ = ("at_least", "hides", "members", "not_last", "pointer_size", "pointers", "types", "values")

    def __init__(self) -> None:
        self.types: list[int] = []
        self.members: list[tuple[int, int]] = []
        self.values: list[tuple[int, int]] = []
        self.pointers: list[tuple[int, int]] = []
        self.at_least: list[tuple[int, int]] = []
        self.not_last: list[tuple[int, int]] = []
        self.hides: list[tuple[int, int]] = []
        self.pointer_size = False

    def mark(self) -> tuple[int, ...]:
        """Where the notes stand now, for `retract`."""
        return len(self.types), len(self.members), len(self.values), len(self.at_least)

    def retract(self, mark: tuple[int, ...]) -> None:
        """A branch that began at `mark` came to "no": what it read need not stay.  (`pointers` and the traps remain.)"""
        del self.types[mark[0] :]
        del self.members[mark[1] :]
        del self.values[mark[2] :]
        del self.at_least[mark[3] :]
