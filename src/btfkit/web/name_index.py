"""The names of an atlas in memory, for search as you type: what begins with a text first, then what contains it.

A list of names is one string of bytes, sorted, each name between NULs, which no name contains: what begins with a text is a
range of it, found by bisection, and `bytes.find` finds what contains one.  Upper and lower case of ASCII letters are equal.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right

from btfkit.btf import spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    Query = Callable[[str], Iterable[Sequence[Any]]]

TYPES, FUNCTIONS, VARIABLES, MEMBERS = "types", "functions", "variables", "members"
GROUPS = {
    TYPES: (spec.STRUCT, spec.UNION, spec.ENUM, spec.ENUM64, spec.TYPEDEF, spec.INT, spec.FLOAT),
    FUNCTIONS: (spec.FUNC,),
    VARIABLES: (spec.VAR,),
    MEMBERS: (),
}
MOST = 2000  # names that contain a text, which are counted
SHORTEST = 2  # letters of a text that is searched for within names


class Found:
    """The names of one group that a text finds: how many there are (`total`), whether there are more than that (`capped`), and
    `hits`, (name, kinds as numbers) each."""

    __slots__ = ("capped", "group", "hits", "total")

    def __init__(self, group: str, total: int, capped: bool, hits: list[tuple[str, tuple[int, ...]]]) -> None:
        self.group = group
        self.total = total
        self.capped = capped
        self.hits = hits


class NameList:
    """Names in the order of their lower case, each with kinds."""

    def __init__(self, names: Iterable[tuple[str, int]]) -> None:
        """`names` are (name, kinds as bits) each."""
        made = sorted((_lower(raw), raw, kinds) for name, kinds in names for raw in (_bytes(name),))
        self._starts = array("I")
        at = 1
        for _, raw, _ in made:
            self._starts.append(at)
            at += len(raw) + 1
        self._lower = b"\0" + b"".join(lower + b"\0" for lower, _, _ in made)
        self._names = b"\0" + b"".join(raw + b"\0" for _, raw, _ in made)
        self._kinds = array("I", (kinds for _, _, kinds in made))

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: int) -> tuple[str, int]:
        """(name, kinds as bits)."""
        start = self._starts[number]
        return _text(self._names[start : self._names.index(b"\0", start)]), self._kinds[number]

    def beginning(self, text: bytes) -> range:
        """The numbers of the names that begin with a text in lower case."""
        starts, lower, size = self._starts, self._lower, len(text)

        def key(number: int) -> bytes:
            start = starts[number]
            return lower[start : start + size]

        numbers = range(len(starts))
        first = bisect_left(numbers, text, key=key)
        return range(first, bisect_right(numbers, text, first, key=key))

    def containing(self, text: bytes, besides: range) -> Iterator[int]:
        """The numbers of the names that contain a text in lower case, but do not begin with it."""
        starts, lower = self._starts, self._lower
        at = lower.find(text)
        while at >= 0:
            number = bisect_right(starts, at) - 1
            following = number + 1
            if number in besides:
                following = besides.stop
            else:
                yield number
            if following >= len(starts):
                return
            at = lower.find(text, starts[following])


class NameIndex:
    """The names of an atlas, in groups (`lists`)."""

    def __init__(self, query: Query) -> None:
        """`query` gives the rows of a statement; the atlas has tables."""
        kinds: dict[int, int] = {}
        for table in ("definitions", "module_definitions"):
            for name_id, kind in query(f"SELECT name_id, kind FROM {table}"):
                kinds[name_id] = kinds.get(name_id, 0) | 1 << kind
        members = {name_id for (name_id,) in query("SELECT DISTINCT name_id FROM members")}
        names = [(number, name) for number, name in query("SELECT id, name FROM names") if name]
        self.lists: dict[str, NameList] = {}
        for group, numbers in GROUPS.items():
            bits = sum(1 << number for number in numbers)
            if group == MEMBERS:
                self.lists[group] = NameList((name, 0) for number, name in names if number in members)
            else:
                chosen = ((name, kinds.get(number, 0) & bits) for number, name in names)
                self.lists[group] = NameList((name, some) for name, some in chosen if some)

    def search(
        self, text: str, group: str, limit: int, start: int = 0, kinds: Sequence[int] = (), *, quick: bool = False
    ) -> Found:
        """The names of a group that a text finds: those that begin with it, exact ones first, then those that contain it; `limit`
        of them, the first `start` omitted.  `kinds` limits them to definitions of some kinds.  `quick`: if enough names begin
        with the text, the others are not counted."""
        names = self.lists[group]
        lower = _lower(_bytes(text))
        wanted = sum(1 << number for number in kinds)
        numbers, total, capped = self._numbers(names, lower, wanted, start + limit, quick)
        hits = []
        for number in numbers[start:]:
            name, bits = names[number]
            hits.append((name, tuple(kind for kind in GROUPS[group] if bits >> kind & 1)))
        return Found(group, total, capped, hits)

    @staticmethod
    def _numbers(names: NameList, lower: bytes, wanted: int, most: int, quick: bool) -> tuple[list[int], int, bool]:
        if not lower or b"\0" in lower:
            return [], 0, False
        fits = names._kinds
        prefixed = names.beginning(lower)
        found = [n for n in prefixed if fits[n] & wanted][:most] if wanted else list(prefixed[:most])
        total = sum(1 for n in prefixed if fits[n] & wanted) if wanted else len(prefixed)
        if quick and len(found) == most:
            return found, total, True
        within = 0
        if len(lower) >= SHORTEST:
            for number in names.containing(lower, prefixed):
                if wanted and not fits[number] & wanted:
                    continue
                within += 1
                if within > MOST:
                    return found, total + MOST, True
                if len(found) < most:
                    found.append(number)
        return found, total + within, False


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def _lower(raw: bytes) -> bytes:
    return raw.lower()
