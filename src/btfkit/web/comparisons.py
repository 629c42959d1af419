"""Two kernels of an atlas compared by its tables: definitions that were added, removed or changed, and one side by side."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import NamedTuple

from btfkit.btf import spec
from btfkit.errors import UnsupportedError, printable
from btfkit.fleet.history_changes import type_changes
from btfkit.show.identity import CLASSES, FUNC
from btfkit.web.definitions import KEPT_WHOLE, WITH_MEMBERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from btfkit.fleet.history_values import Part, State
    from btfkit.web.catalog import Reader
    from btfkit.web.definitions import Definition

    _Row = tuple[int, int, int | None, int | None]  # kind, id, size, type

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
WHATS = (CHANGED, ADDED, REMOVED)
_OPAQUE = "{…}"  # a type without a name, in C
MOST_ALIGNED = 3000  # members of a struct that are put side by side
_STATEMENT = """
SELECT name_id, kind, id, size, type, (lo <= ?1 AND hi > ?1) + 2 * (lo <= ?2 AND hi > ?2) FROM definitions
WHERE (lo <= ?1 AND hi > ?1) OR (lo <= ?2 AND hi > ?2)
"""
_BOTH = 3  # kernels have a row: the old one (1) and the new one (2)
AT_ONCE = 2000  # ids that are asked for


class Difference(NamedTuple):
    """A definition that two kernels do not share: `what` is ADDED, REMOVED or CHANGED."""

    kind: str
    name: str
    what: str


def demand_in_tables(reader: Reader, *numbers: int) -> None:
    """Raise UnsupportedError for a kernel that cannot be compared by the tables."""
    for number in numbers:
        if number in reader.kernels.whole:
            raise UnsupportedError(f"{printable(reader.kernels.entries[number].key)}: {KEPT_WHOLE.absent}")


class Comparison:
    """The differences between two kernels, by kind and name; `same` counts what they share, by kind."""

    def __init__(self, reader: Reader, old: int, new: int) -> None:
        entries = reader.kernels.entries
        demand_in_tables(reader, old, new)
        words = CLASSES | {spec.DECL_TAG: FUNC}
        same: set[tuple[int, str]] = set()
        sides: dict[tuple[int, str], tuple[list[_Row], list[_Row]]] = {}
        for name_id, kind, *row, which in reader.atlas.query(_STATEMENT, (entries[old].pos, entries[new].pos)):
            key = name_id, words[kind]
            if which == _BOTH:
                same.add(key)
            else:
                sides.setdefault(key, ([], []))[which - 1].append((kind, *row))
        names = dict(_rows(reader, "SELECT id, name FROM names WHERE id", {name_id for name_id, _ in sides}))
        equal = _equal(reader, sides)
        self.same: dict[str, int] = {}
        for _, word in (same | equal) - (sides.keys() - equal):
            self.same[word] = self.same.get(word, 0) + 1
        self.differences: list[Difference] = []
        for name_id, word in sides.keys() - equal:
            before, after = sides[name_id, word]
            both = (name_id, word) in same or (before and after)
            self.differences.append(Difference(word, names[name_id], CHANGED if both else ADDED if after else REMOVED))
        kinds = list(dict.fromkeys(CLASSES.values()))
        self.differences.sort(key=lambda one: (kinds.index(one.kind), one.name))

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """By kind, the number of definitions that are the same, changed, added and removed."""
        found = {
            kind: {"same": self.same.get(kind, 0), CHANGED: 0, ADDED: 0, REMOVED: 0}
            for kind in dict.fromkeys(CLASSES.values())
        }
        for one in self.differences:
            found[one.kind][one.what] += 1
        return {kind: counts for kind, counts in found.items() if any(counts.values())}


def _rows(reader: Reader, statement: str, numbers: Iterable[int]) -> Iterator[Any]:
    """The rows of a statement that ends in a column which has one of some numbers."""
    wanted = sorted(numbers)
    for at in range(0, len(wanted), AT_ONCE):
        yield from reader.atlas.query(f"{statement} IN ({', '.join(map(str, wanted[at : at + AT_ONCE]))})")


def _equal(reader: Reader, sides: dict[tuple[int, str], tuple[list[_Row], list[_Row]]]) -> set[tuple[int, str]]:
    """The names whose definitions are equal on both sides, and were only stored twice; none with something in it that has no
    name, the content of which the tables do not have."""
    opaque = {number for (number,) in reader.atlas.query("SELECT id FROM spellings WHERE instr(text, ?)", (_OPAQUE,))}
    found: set[tuple[int, str]] = set()
    composites: dict[tuple[int, str], tuple[int, int]] = {}
    for key, (old, new) in sides.items():
        facts = [sorted((kind, size or 0, text or 0) for kind, _, size, text in rows) for rows in (old, new)]
        if facts[0] != facts[1] or any(text in opaque for *_, text in old):
            continue
        if key[1] not in WITH_MEMBERS:
            found.add(key)
        elif len(old) == 1:
            composites[key] = old[0][1], new[0][1]
    members: dict[int, list[tuple[int, ...]]] = {}
    statement = "SELECT def, ord, name_id, off, bits, type FROM members WHERE def"
    for number, *row in _rows(reader, statement, {number for pair in composites.values() for number in pair}):
        members.setdefault(number, []).append(tuple(row))
    for key, pair in composites.items():
        one, other = (sorted(members.get(number, ()), key=lambda row: row[:2]) for number in pair)
        if one == other and not any(row[-1] in opaque for row in one):
            found.add(key)
    return found


class Pair(NamedTuple):
    """A row of two definitions side by side: a member of either, or of both, and `what` differs: "", ADDED, REMOVED, "moved",
    "retyped", "resized", or the `former` name of a member that seems to be renamed."""

    old: Part | None
    new: Part | None
    what: str


class SideBySide:
    """A definition on two kernels: its states (`old`, `new`), `pairs` of members, `changes` in words, and `guesses`."""

    def __init__(self, found: Definition, old: int, new: int) -> None:
        self.old: State = found.state(old)
        self.new: State = found.state(new)
        self.changes, self.guesses = type_changes(self.old, self.new, found.kind, MOST_ALIGNED)
        self.cut = max(len(self.old.parts), len(self.new.parts)) > MOST_ALIGNED
        self.pairs = list(_pairs(self.old.parts[:MOST_ALIGNED], self.new.parts[:MOST_ALIGNED]))

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return self.old == self.new


def _pairs(old: tuple[Part, ...], new: tuple[Part, ...]) -> Iterator[Pair]:
    names = [part.name for part in old], [part.name for part in new]
    left, right = set(names[0]), set(names[1])
    for what, a, b, c, d in SequenceMatcher(None, *names, autojunk=False).get_opcodes():
        if what == "equal":
            yield from (
                Pair(one, other, _difference(one, other)) for one, other in zip(old[a:b], new[c:d], strict=True)
            )
            continue
        for part in old[a:b]:
            yield Pair(part, None, "order" if part.name and part.name in right else REMOVED)
        for part in new[c:d]:
            yield Pair(None, part, "order" if part.name and part.name in left else ADDED)


def _difference(old: Part, new: Part) -> str:
    if old.type != new.type:
        return "retyped"
    if (old.size, old.bits) != (new.size, new.bits):
        return "resized"
    return "moved" if old.offset != new.offset else ""
