"""Which symbols reach a type: by value or by pointer, through members, parameters, arrays, typedefs, whatever the distance.

    reach = Reach(btf, {type_id: 1 << number, ...})      # the symbols, as bits, that begin at each type
    reach[type_id]                                       # the bits of the symbols that reach a type

Types that reach each other have the same symbols: they are found first (Tarjan, 1972), so that each reference is followed once.
"""

from __future__ import annotations

from btfkit.btf.flat import Flat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from btfkit.btf.btf import Btf


class Reach:
    """The symbols that reach each type of a chain; `roots` are the bits of the symbols that begin at each type."""

    __slots__ = ("_group_of", "_masks")

    def __init__(self, btf: Btf, roots: Mapping[int, int]) -> None:
        flat = Flat(btf)
        columns = flat.columns
        self._group_of, groups = _groups(flat.words, columns.ids, columns.id_starts, sorted(roots))
        masks = [0] * len(groups)
        for type_id, mask in roots.items():
            masks[self._group_of[type_id]] |= mask
        words, ids, starts = flat.words, columns.ids, columns.id_starts
        for number in range(len(groups) - 1, -1, -1):  # those that refer come after what they refer to
            mask = masks[number]
            if not mask:
                continue
            for type_id in groups[number]:
                for at in ids[starts[type_id - 1] : starts[type_id]]:
                    other = self._group_of.get(words[at], number)
                    if other != number:
                        masks[other] |= mask
        self._masks = masks

    def __getitem__(self, type_id: int) -> int:
        """The bits of the symbols that reach a type; 0 if none does."""
        number = self._group_of.get(type_id)
        return 0 if number is None else self._masks[number]

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self._group_of)


def _groups(
    words: Sequence[int], ids: Sequence[int], starts: Sequence[int], roots: Sequence[int]
) -> tuple[dict[int, int], list[list[int]]]:
    """The number of the group of each type that the roots reach, and the groups: types that reach each other, each group after
    those that it refers to."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    group_of: dict[int, int] = {}
    groups: list[list[int]] = []
    path: list[int] = []
    for root in roots:
        if root in order or not root:
            continue
        order[root] = low[root] = len(order)
        path.append(root)
        work = [(root, starts[root - 1])]
        while work:
            type_id, at = work[-1]
            if at < starts[type_id]:
                work[-1] = type_id, at + 1
                other = words[ids[at]]
                if not other:
                    continue
                if other not in order:
                    order[other] = low[other] = len(order)
                    path.append(other)
                    work.append((other, starts[other - 1]))
                elif other not in group_of and order[other] < low[type_id]:
                    low[type_id] = order[other]
                continue
            work.pop()
            if work and low[type_id] < low[work[-1][0]]:
                low[work[-1][0]] = low[type_id]
            if low[type_id] == order[type_id]:
                cut = len(path)
                while True:
                    cut -= 1
                    group_of[path[cut]] = len(groups)
                    if path[cut] == type_id:
                        break
                groups.append(path[cut:])
                del path[cut:]
    return group_of, groups
