"""Which type became which: the second thing that every pass returns."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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
        return IdMap({old: second[new] for old, new in self._ids.items() if second[new]})

    def items(self) -> Iterator[tuple[int, int]]:
        """(old, new) pairs, ascending by old id."""
        return iter(sorted(self._ids.items()))

    def translate(self) -> Callable[[int], int]:
        """The map as a function."""
        ids = self._ids
        return lambda old: ids.get(old, 0)
