"""`permute`: put types in another order and update the splits on them; `sort`: put them in order of their names.

Only ids change.  Strings keep their offsets, so offsets of a split into the strings of its base stay valid; its ids do not,
which is why a base is permuted together with all its splits.
"""

from __future__ import annotations

from array import array

from btfkit.btf.btf import Btf, btf_list, demand_btf
from btfkit.btf.emit import Frame
from btfkit.btf.refusal import demand_few_overlaps
from btfkit.errors import counted
from btfkit.hot import columns as _columns
from btfkit.hot import permute as _permute
from btfkit.passes.idmap import Dense, IdMap
from btfkit.passes.rebase import refuse_unknown_in, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class SortReport:
    """What sorting did: the number of own `types`, how many of them are `anonymous` and come first, and whether they were
    `sorted_already`."""

    __slots__ = ("anonymous", "sorted_already", "types")

    def __init__(self, btf: Btf, ids: IdMap) -> None:
        self.types = len(btf.positions)
        self.anonymous = (btf.first_named_id or len(btf)) - btf.start_id
        self.sorted_already = all(ids[old] == old for old in btf.own_ids)

    def __repr__(self) -> str:
        return (
            f"<{counted(self.types, 'type')}, {self.anonymous:,} anonymous{', sorted already' * self.sorted_already}>"
        )


class Sorted:
    """The result of `sort`: `btf`, its `ids` (those of bases do not change) and `report`, and for each split its new BTF in
    `splits` and the id map of its chain in `split_ids`."""

    __slots__ = ("btf", "ids", "split_ids", "splits")

    def __init__(self, btf: Btf, ids: IdMap, splits: Sequence[Btf], split_ids: Sequence[IdMap]) -> None:
        self.btf = btf
        self.ids = ids
        self.splits = tuple(splits)
        self.split_ids = tuple(split_ids)

    @property
    def report(self) -> SortReport:
        """What was sorted, for `btf`."""
        return SortReport(self.btf, self.ids)

    def __repr__(self) -> str:
        return f"<sorted: {self.btf!r}, {len(self.splits)} splits on it>"


def sort(btf: Btf, splits: Sequence[Btf] = ()) -> Sorted:
    """Sort the own types of `btf` and of each of `splits` by name: anonymous types first, equal names in their old order.

    Names are compared bytewise.  Raises UnsupportedError for a kind whose references are unknown, ValueError for a split
    on another base.  Rule: Linux 7.0, tools/bpf/resolve_btfids, which kernels since then rely on (btf_find_by_name_kind).
    """
    demand_btf("btf", btf, file_function="sort_file")
    splits = btf_list("splits", splits)
    new, ids = permute(btf, by_name(btf))
    done = [sort_on(split, btf, new, ids) for split in splits]
    return Sorted(new, ids, [one for one, _ in done], [split_ids for _, split_ids in done])


def sort_on(split: Btf, old: Btf, new: Btf, ids: IdMap) -> tuple[Btf, Dense]:
    """Sort the own types of `split` and move it from `old` to `new`, its base permuted; returns it and the map of all its ids."""
    done, own = permute(follow(split, old, new, ids), by_name(split))
    return done, Dense(own.ids, split.start_id, ids)


def permute(btf: Btf, order: Sequence[int] | IdMap) -> tuple[Btf, Dense]:
    """Put the own types of `btf` in another order; returns the result and its id map (ids of bases do not change).

    `order` has all own ids in their new order, or is an id map that permutes them.  Raises ValueError if it is neither,
    UnsupportedError for a kind whose references are unknown.  Rule: libbpf 1.7, btf__permute.
    """
    demand_btf("btf", btf)
    refuse_unknown_in(btf)
    indexes, new_ids = _both_ways(btf, order)
    renumbered, out = array("I", bytes(btf.words)), words(len(btf.words))
    _columns.replace(renumbered, btf.columns.ids, btf.start_id, new_ids, len(btf), 0)
    _columns.gather(renumbered, btf.positions, indexes, out, 0)
    new = Frame.keeping(btf, btf.base).emit(out, btf.strings)
    return new, Dense(array("I", (0,)) + new_ids) if btf.base is None else Dense(new_ids, btf.start_id)


def follow(split: Btf, old: Btf, new: Btf, ids: IdMap) -> Btf:
    """Move `split` to `new`, its base `old` permuted: references to the base follow `ids`, own ids do not change.

    Raises ValueError for a split on another base, or if `new` has another number of types or bytes of strings.
    """
    refuse_unknown_in(split)
    if split.base is not old or len(new) != len(old) or len(new.strings) != len(old.strings):
        raise ValueError("expected the base of the split, permuted")
    board = ids.board(split.start_id) if isinstance(ids, Dense) else array("I", map(ids.translate(), range(len(old))))
    out = array("I", bytes(split.words))
    _columns.replace(out, split.columns.ids, 0, board, split.start_id, split.start_id)
    return Frame.keeping(split, new).emit(out, split.strings)


def by_name(btf: Btf) -> list[int]:
    """The own ids of `btf` sorted by name as C strings: anonymous types first, equal names by id.

    Raises FormatError if its names overlap too much (`demand_few_overlaps`).
    """
    demand_few_overlaps(btf)
    count = len(btf.positions)
    key = array("Q", bytes(8 * count))
    indexes = array("I", range(count))
    places = btf.words, btf.positions, btf.strings_below, btf.strings, btf.start_str_off
    _permute.keys(*places, key)
    _permute.order(*places, key, indexes, words(count))
    return [btf.start_id + index for index in indexes]


def _both_ways(btf: Btf, order: Sequence[int] | IdMap) -> tuple[array[int], array[int]]:
    """(index of the old type at each new place, new id of each old type)."""
    count, start = len(btf.positions), btf.start_id
    if isinstance(order, IdMap):
        ids = array("I", [order[old] for old in btf.own_ids])
        indexes, _ = _both_ways(btf, _inverse(ids, start))
        return indexes, ids
    if len(order) != count:
        raise ValueError(f"{counted(len(order), 'id')} for {counted(count, 'type')}")
    indexes, new_ids = words(count), words(count)
    try:
        place = _permute.both_ways(array("I", order), start, indexes, new_ids)
    except OverflowError:
        place = next(place for place, old in enumerate(order) if not start <= old < len(btf))
    if place < count:
        raise ValueError(f"not a permutation of the ids {start} to {len(btf) - 1}: {order[place]} at place {place}")
    return indexes, new_ids


def _inverse(ids: array[int], start: int) -> array[int]:
    """The inverse of `ids`, the new id of each old type: the old id for each new place, 0 if there is none."""
    order = words(len(ids))
    for index, new in enumerate(ids):
        if not 0 <= new - start < len(ids):
            raise ValueError(
                f"not a permutation of the ids {start} to {start + len(ids) - 1}: {start + index} to {new}"
            )
        order[new - start] = start + index
    return order
