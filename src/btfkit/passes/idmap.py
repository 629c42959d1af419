"""Id maps: the new id of each old type, which every pass returns with its result."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterator, Sequence


class IdMap:
    """Maps old type ids to new ones; `map[old]` is 0 for void and for a type that was removed.

    Two maps compose: `(first | second)[old] == second[first[old]]`.
    """

    __slots__ = ("_ids",)

    def __init__(self, ids: dict[int, int]) -> None:
        self._ids = ids

    def __repr__(self) -> str:
        return f"<ids: {len(self)} old to new>"

    def __getitem__(self, old: int) -> int:
        return self._ids.get(old, 0)

    def __contains__(self, old: int) -> bool:
        return old in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids)

    def __or__(self, second: IdMap) -> IdMap:
        return IdMap({old: new for old, middle in self.items() if (new := second[middle])})

    def items(self) -> Iterator[tuple[int, int]]:
        """(old, new) pairs, sorted by old id."""
        return iter(sorted(self._ids.items()))

    def translate(self) -> Callable[[int], int]:
        """The map as a function."""
        ids = self._ids
        return lambda old: ids.get(old, 0)


class Dense(IdMap):
    """A map with an entry for every id from `start` on: `ids[old - start]` is the new id.

    `below` maps the ids below `start`; if it is None they do not change.
    """

    __slots__ = ("below", "ids", "start")

    def __init__(self, ids: array[int], start: int = 0, below: IdMap | None = None) -> None:
        super().__init__({})
        self.ids = ids
        self.start = start
        self.below = below

    def __getitem__(self, old: int) -> int:
        if 0 <= old < self.start:
            return self.below[old] if self.below is not None else old
        return self.ids[old - self.start] if self.start <= old < self.start + len(self.ids) else 0

    def __contains__(self, old: object) -> bool:
        return isinstance(old, int) and self[old] != 0

    def __len__(self) -> int:
        below = len(self.below) if self.below is not None else max(self.start - 1, 0)
        return below + len(self.ids) - self.ids.count(0)

    def __iter__(self) -> Iterator[int]:
        return (old for old, _ in self.items())

    def __or__(self, second: IdMap) -> IdMap:
        if self.start == 0:
            from array import array

            return Dense(array("I", map(second.translate(), self.ids)))
        return super().__or__(second)

    def items(self) -> Iterator[tuple[int, int]]:
        if self.below is not None:
            yield from self.below.items()
        else:
            yield from ((old, old) for old in range(1, self.start))
        yield from ((old, new) for old, new in enumerate(self.ids, self.start) if new)

    def translate(self) -> Callable[[int], int]:
        return self.__getitem__

    def board(self, count: int) -> array[int]:
        """The new ids of all old ids below `count`, as an array for loops; do not change it."""
        if self.start == 0 and len(self.ids) == count:
            return self.ids
        from array import array

        return array("I", map(self.__getitem__, range(count)))


class Spans(IdMap):
    """A map of a few ranges: `spans` are (first id, last id + 1, first new id), ascending; each range keeps its order."""

    __slots__ = ("spans",)

    def __init__(self, spans: Sequence[tuple[int, int, int]]) -> None:
        super().__init__({})
        self.spans = tuple(span for span in spans if span[1] > span[0])

    def __getitem__(self, old: int) -> int:
        for first, end, new in self.spans:
            if first <= old < end:
                return old - first + new
        return 0

    def __contains__(self, old: object) -> bool:
        return isinstance(old, int) and self[old] != 0

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[int]:
        return (old for old, _ in self.items())

    def items(self) -> Iterator[tuple[int, int]]:
        for first, end, new in self.spans:
            yield from ((old, old - first + new) for old in range(first, end) if old - first + new)

    def translate(self) -> Callable[[int], int]:
        return self.__getitem__
