"""What the engine read of a target to decide about one candidate.

The matcher records every type, member and enumerator that it reads.  Keeping exactly these reproduces the decision: this is all
that minimizing knows about relocations.

A positive decision needs what it read (`types`, `members`, `values`).  A negative one needs nothing, because what is missing does
not match either, with three exceptions in which dropping something would turn "no" into "yes":

- a reference that led to a wrong type would become void, which may match (`pointers`: if the first is kept, so is the second);
- a zero-length array within a struct becomes flexible if the members after it are dropped (`not_last`);
- a member of the right name but the wrong type hides another one of that name (`hides`, with the anonymous members on the way).

Ids are those of the BTF in which the candidate was found.
"""

from __future__ import annotations


class Witness:
    """The reads of one candidate.  `pointer_size` is whether the size of a pointer was among them; `at_least` pairs a composite
    or enum with the number of elements that it must keep."""

    __slots__ = ("at_least", "hides", "members", "not_last", "pointer_size", "pointers", "types", "values")

    def __init__(self) -> None:
        self.types: list[int] = []
        self.members: list[tuple[int, int]] = []
        self.values: list[tuple[int, int]] = []
        self.pointers: list[tuple[int, int]] = []
        self.at_least: list[tuple[int, int]] = []
        self.not_last: list[tuple[int, int]] = []
        self.hides: list[tuple[tuple[int, int], ...]] = []
        self.pointer_size = False

    @property
    def has_traps(self) -> bool:
        """Whether keeping what was read does not suffice to have the same decision."""
        return bool(self.pointers or self.not_last or self.hides or self.at_least)

    def mark(self) -> tuple[int, ...]:
        """The current state, for `retract`."""
        return len(self.types), len(self.members), len(self.values), len(self.at_least)

    def retract(self, mark: tuple[int, ...]) -> None:
        """Drop what was read since `mark`, by a branch that did not match.  (`pointers`, `not_last` and `hides` remain.)"""
        del self.types[mark[0] :]
        del self.members[mark[1] :]
        del self.values[mark[2] :]
        del self.at_least[mark[3] :]
