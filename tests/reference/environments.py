"""The slow, obvious twins of `encoder/copies.py` and `encoder/lesser_classes.py`: every class is computed anew in each round, and
compared with every other."""

from __future__ import annotations

from bisect import bisect_right

from btfkit.btf import spec
from btfkit.hot import assembly

SYMBOL = 0x80000000
PLACE = 0x3FFFFFFF


def told_apart(types, kind):
    """({(group, record): class}, classes by their keys, ambiguous symbols), as `Copies.keys` has them."""
    defines = {}
    for symbol in range(1, types.symbol_count + 1):
        if types.symbol_record[symbol]:
            defines.setdefault(types.symbol_record[symbol], set()).add(symbol)
    for symbol, record in types.others:
        defines.setdefault(record, set()).add(symbol)
    occurring = {}
    for at in range(types.occurred):
        occurring.setdefault(bisect_right(types.starts, at), set()).add(types.occurrences[at])
    ambiguous = {symbol for symbol, _ in types.others}
    while True:
        places = _places(types, ambiguous)
        groups = []
        for group, records in sorted(occurring.items()):
            means = {symbol: record for record in sorted(records) for symbol in defines.get(record, set()) & ambiguous}
            groups.append((group, sorted(records & set(places)), means))
        own, keys, merged = _refined(groups, places, kind)
        classes = {}
        for (_, record), one in merged.items():
            classes.setdefault(record, set()).add(one)
        more = {symbol for record in classes if len(classes[record]) > 1 for symbol in defines.get(record, ())}
        if more <= ambiguous:
            return own, keys, ambiguous
        ambiguous |= more


def _places(types, ambiguous):
    found = {}
    for record in range(1, types.record_count + 1):
        at = []
        assembly.references(types.records, types.record_at[record], at)
        tokens = [types.records[place] for place in at]
        tokens = [(bool(token & SYMBOL), token & PLACE if token & SYMBOL else token) for token in tokens]
        here = [(is_symbol, what) for is_symbol, what in tokens if what in (ambiguous if is_symbol else found)]
        if here:
            found[record] = here
    return found


def _refined(groups, places, kind):
    merged = {}
    while True:
        keys, own = {}, {}
        for group, records, means in groups:
            for record in records:
                key = [record]
                for is_symbol, what in places[record]:
                    target = means.get(what, 0)
                    key.append(merged.get((group, target), -target) if is_symbol else own[group, what])
                own[group, record] = keys.setdefault(tuple(key), len(keys) + 1)
        into, _ = joined(keys, places, kind)
        before, merged = merged, {copy: into.get(one, one) for copy, one in own.items()}
        if merged == before:
            return own, keys, merged


def joined(keys, places, kind):
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
        if kind(key[0]) not in (spec.STRUCT, spec.UNION, spec.TYPEDEF):
            continue
        others = [number for number, other in by_number.items() if other[0] == key[0]]
        below = {(a, b) for a in others for b in others if a != b and knows_less(a, b)}
        uppers = [b for a, b in below if a == one and not any(c == b for c, _ in below)]
        if len(uppers) == 1:
            found[one] = uppers[0]
            vote(one, uppers[0])
    return found, evidence
