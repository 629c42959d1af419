"""Matches of own nodes with those of a base: what is left proves itself, whatever the order of the nodes."""

from __future__ import annotations

import random
from array import array

from btfkit.hot import prints
from reference.prints import verified


def columns(nodes):
    """Records and references one after the other, and where each begins."""
    norm, place, starts, refs = array("I"), array("I"), array("I"), array("I")
    for record, targets in nodes:
        place.append(len(norm))
        starts.append(len(refs))
        norm.extend(record)
        refs.extend(targets)
    return norm, array("I", [*place, len(norm)]), array("I", [*starts, len(refs)]), refs


def random_nodes(r, first, count, others):
    """Chains with a few branches, in both directions; `others` are nodes that were made before."""
    numbers = [*range(first, first + count)]
    r.shuffle(numbers)
    nodes = {}
    for at, number in enumerate(numbers):
        targets = [numbers[at - 1]] if at else [r.choice(others)]
        targets += [r.choice([*numbers, *others]) for _ in range(r.random() < 0.2)]
        nodes[number] = ([r.randint(1, 2) if r.random() < 0.1 else 1], targets)
    return [nodes[number] for number in sorted(nodes)]


def test_matches_are_verified_as_by_removing_what_is_wrong_again_and_again() -> None:
    removed = left = 0
    for seed in range(400):
        r = random.Random(seed)
        below = r.randint(3, 20)
        base = [([0], []), *random_nodes(r, 1, below, [0])]
        first = below + 1
        count = r.randint(1, below)
        own = [(record, [*targets]) for record, targets in base[1 : count + 1]]
        for node, (_, targets) in enumerate(own):
            for at, target in enumerate(targets):
                if 0 < target <= count and r.random() < 0.8:
                    targets[at] = target - 1 + first  # the own copy
            if r.random() < 0.05:
                own[node] = ([3], targets)
        rep = array("I", range(below + 1))
        match = array("I", [number if r.random() < 0.97 else 0 for number in range(1, count + 1)])
        before = {first + at: other for at, other in enumerate(match) if other}
        expected = verified({first + at: node for at, node in enumerate(own)}, dict(enumerate(base)), before, rep)
        gone = prints.verify(*columns(own), first, match, *columns(base), rep)
        assert {first + at: other for at, other in enumerate(match) if other} == expected
        assert gone == len(before) - len(expected)
        removed += gone
        left += len(expected)
    assert min(removed, left) > 300
