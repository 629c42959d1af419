"""Classes of copies that are the same as another one in all but what some of their groups only declare.

The key of a class is its record, and for each place that depends on the group what is there: for a symbol the class of its
definition, or 0 if the group only declares it; otherwise the class of the record inside, which comes before it.

Such a class is joined with the other, if it is a structure, union or typedef, and if there is just one such other class: as
`dedup` resolves declarations by their context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import heapify, heappop, heappush

from btfkit.btf import spec

Key = tuple[int, ...]
Places = list[tuple[bool, int]]

BY_CONTEXT = (spec.STRUCT, spec.UNION, spec.TYPEDEF)


def join_all(
    keys: Mapping[Key, int], places: Mapping[int, Places], kind: Callable[[int], int]
) -> tuple[dict[int, int], dict[int, dict[int, int]]]:
    """The classes that are joined, with the one that each is joined with; and for each symbol the votes for its definitions.

    A definition has one vote for each path from a joined class to a declaration that stands for it there.
    """
    by_number = {number: key for key, number in keys.items()}
    by_record: dict[int, list[int]] = {}
    for key, number in keys.items():
        by_record.setdefault(key[0], []).append(number)
    found: dict[int, int] = {}
    every: dict[int, set[int]] = {}
    for record in sorted(by_record):  # what is inside a record comes before it
        lesser = above(by_record[record], by_number, places[record], every)
        every.update(lesser)
        if kind(record) in BY_CONTEXT:
            found.update(joined(lesser))
    return found, _votes(by_number, places, found)


def above(
    numbers: list[int], by_number: Mapping[int, Key], context: Places, inside: Mapping[int, set[int]]
) -> dict[int, set[int]]:
    """The classes of one record that declare something, with those that know more; `inside` has these of the records inside."""
    lesser = [number for number in numbers if _declares(by_number[number], context, inside)]
    index: list[dict[int, list[int]]] = []
    if lesser and len(numbers) > 1:
        index = _by_place(numbers, by_number, len(context))
    found = {}
    for one in lesser:
        key = by_number[one]
        found[one] = {
            other
            for other in _that_may_know_more(key, context, inside, index, numbers)
            if other != one and _knows_less(key, by_number[other], context, inside)
        }
    return found


def joined(lesser: Mapping[int, set[int]]) -> dict[int, int]:
    """The classes of one record of which just one knows all that others know, with that one; `lesser` is from `above`."""
    found = {}
    for one, more in lesser.items():
        uppers = [other for other in more if not lesser.get(other)]
        if len(uppers) == 1:
            found[one] = uppers[0]
    return found


def _votes(
    by_number: Mapping[int, Key], places: Mapping[int, Places], joined: Mapping[int, int]
) -> dict[int, dict[int, int]]:
    found: dict[int, dict[int, int]] = {}
    weights: dict[int, dict[tuple[int, int], int]] = {}  # of pairs of classes, by their record
    for pair in joined.items():
        weights.setdefault(by_number[pair[0]][0], {})[pair] = 1
    todo = [-record for record in weights]
    heapify(todo)
    while todo:
        record = -heappop(todo)
        for (lesser, other), weight in weights.pop(record).items():
            pairs = zip(by_number[lesser][1:], by_number[other][1:], places[record], strict=True)
            for x, y, (is_symbol, what) in pairs:
                if not is_symbol and x != y:
                    if what not in weights:
                        weights[what] = {}
                        heappush(todo, -what)
                    weights[what][x, y] = weights[what].get((x, y), 0) + weight
                elif x == 0 and y:
                    votes = found.setdefault(what, {})
                    votes[y] = votes.get(y, 0) + weight
    return found


def _declares(key: Key, context: Places, inside: Mapping[int, set[int]]) -> bool:
    """Whether a class declares something, itself or inside, so that another may know more."""
    return any(not x if is_symbol else x in inside for x, (is_symbol, _) in zip(key[1:], context, strict=True))


def _by_place(numbers: list[int], by_number: Mapping[int, Key], count: int) -> list[dict[int, list[int]]]:
    """For each place the classes by what is there."""
    found: list[dict[int, list[int]]] = [{} for _ in range(count)]
    for number in numbers:
        for place, what in enumerate(by_number[number][1:]):
            found[place].setdefault(what, []).append(number)
    return found


def _that_may_know_more(
    key: Key,
    context: Places,
    inside: Mapping[int, set[int]],
    index: list[dict[int, list[int]]],
    numbers: list[int],
) -> list[int]:
    """The classes that have one place in common with a class: the place that leaves the fewest; all if it only declares."""
    best = numbers
    choices = []
    for x, (is_symbol, _), here in zip(key[1:], context, index, strict=False):
        if x or not is_symbol:
            choices.append((x, () if is_symbol else inside.get(x, ()), here))
    for x, more, here in sorted(choices, key=lambda choice: len(choice[1])):
        if len(more) > len(best):  # to look them up takes longer than to compare the best
            break
        fitting = [here[each] for each in (x, *more) if each in here]
        if sum(map(len, fitting)) < len(best):
            best = [number for some in fitting for number in some]
    return best


def _knows_less(one: Key, other: Key, context: Places, inside: Mapping[int, set[int]]) -> bool:
    """Whether two classes are the same in all but what `one` only declares."""
    return all(
        x == y or (x == 0 if is_symbol else y in inside.get(x, ()))
        for x, y, (is_symbol, _) in zip(one[1:], other[1:], context, strict=True)
    )
