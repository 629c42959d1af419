"""Which type became which: the second thing that every pass returns."""

from __future__ import annotations

from array import array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class IdMap:
    """Old type ids to new ones; `map[old]` is 0 for void and for a type that is gone.

    Two maps compose: `(first | second)[old] == second[first[old]]`.
    """

    __slots__ = ("_ids",)

    def __init__(self, ids: dict[int, int]) -> None:
        self._ids = ids

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
        """(old, new) pairs, ascending by old id."""
        return iter(sorted(self._ids.items()))

    def translate(self) -> Callable[[int], int]:
        """The map as a function."""
        ids = self._ids
        return lambda old: ids.get(old, 0)


class Dense(IdMap):
    """A map with an entry for every id below the length of the array `ids`: `ids[old]` is the new one."""

    __slots__ = ("ids",)

    def __init__(self, ids: array[int]) -> None:
        super().__init__({})
        self.ids = ids

    def __getitem__(self, old: int) -> int:
        return self.ids[old] if 0 <= old < len(self.ids) else 0

    def __contains__(self, old: object) -> bool:
        return isinstance(old, int) and 0 < old < len(self.ids) and self.ids[old] != 0

    def __len__(self) -> int:
        return len(self.ids) - self.ids.count(0)

    def __iter__(self) -> Iterator[int]:
        return (old for old, new in enumerate(self.ids) if new)

    def __or__(self, second: IdMap) -> IdMap:
        return Dense(array("I", map(second.translate(), self.ids)))

    def items(self) -> Iterator[tuple[int, int]]:
        return ((old, new) for old, new in enumerate(self.ids) if new)

    def translate(self) -> Callable[[int], int]:
        return self.__getitem__


class Spans(IdMap):
    """A map of few pieces: `spans` are (first id, id behind the last, first new id), ascending; ids within keep their order."""

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
