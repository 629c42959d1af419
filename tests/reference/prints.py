"""The slow, obvious twin of `hot/prints.verify`: what is wrong is removed, again and again until nothing is."""

from __future__ import annotations


def verified(own, base, match, rep):
    """What is left of `match` (own node -> node of the base); `own` and `base` have (record, references) of each node."""
    match = dict(match)
    while True:
        wrong = [node for node, other in match.items() if not _fits(own[node], base[other], own, match, rep)]
        if not wrong:
            return match
        for node in wrong:
            del match[node]


def _fits(one, other, own, match, rep):
    became = [match.get(target, 0) if target in own else rep[target] for target in one[1]]
    return (
        one[0] == other[0]
        and became == [rep[target] for target in other[1]]
        and all(found or not target for found, target in zip(became, one[1], strict=True))
    )
