"""The slow, obvious twin of `Resolved._joined` (encoder/environments.py): every class is compared with every other."""

from __future__ import annotations

from btfkit.btf import spec


def joined(resolved, keys, places):
    """The classes that are the same as just one other in all but what they only declare, with that one; and the votes."""
    by_number = {number: key for key, number in keys.items()}
    found, evidence = {}, {}

    def knows_less(one, other):
        a, b = by_number[one], by_number[other]
        return one == other or (
            a[0] == b[0]
            and all(
                x == y or (x == 0 if is_symbol else knows_less(x, y))
                for x, y, (is_symbol, _) in zip(a[1:], b[1:], places[a[0]], strict=True)
            )
        )

    def vote(lesser, other):
        a, b = by_number[lesser], by_number[other]
        for x, y, (is_symbol, what) in zip(a[1:], b[1:], places[a[0]], strict=True):
            if not is_symbol and x != y:
                vote(x, y)
            elif x == 0 and y:
                votes = evidence.setdefault(what, {})
                votes[y] = votes.get(y, 0) + 1

    for one, key in by_number.items():
        if resolved.kind(key[0]) not in (spec.STRUCT, spec.UNION, spec.TYPEDEF):
            continue
        others = [number for number, other in by_number.items() if other[0] == key[0]]
        below = {(a, b) for a in others for b in others if a != b and knows_less(a, b)}
        uppers = [b for a, b in below if a == one and not any(c == b for c, _ in below)]
        if len(uppers) == 1:
            found[one] = uppers[0]
            vote(one, uppers[0])
    return found, evidence
