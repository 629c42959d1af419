"""Dedup in the most obvious way: pairs of types that could be equivalent, struck off until none has to be.

No hash, no classes, no numbers: a table of all pairs.  `dedup(types)` takes the types of a chain as `plain.Level` has them.
"""

from itertools import combinations, groupby

from reference.plain import DATASEC, ENUM, ENUM64, FWD, STRUCT, UNION, VAR


def said(level, record):
    """What a type says itself: its words, names as text, ids left out."""
    words = []
    for word, letter in zip(record.words, record.letters, strict=True):
        words.append(level.text(word) if letter == "n" else word if letter != "i" else "id")
    return words


def tag(level, record):
    """(name, "struct", "union" or "enum"), and whether it is a definition; None for other types and those without name."""
    name = level.text(record.words[0])
    if not name:
        return None
    if record.kind in (STRUCT, UNION):
        return (name, "struct" if record.kind == STRUCT else "union"), True
    if record.kind == FWD:
        return (name, "union" if record.flag else "struct"), False
    if record.kind in (ENUM, ENUM64):
        return (name, "enum"), record.words[1] & 0xFFFFFF != 0
    return None


def equivalent(level, stands_for):
    """The set of pairs (a, b), a < b, of ids that are equivalent if each id is what `stands_for` says."""
    types = level.types
    self_only = {i for i in range(1, len(types)) if types[i].kind in (VAR, DATASEC)}
    own = [None, *(said(level, record) for record in types[1:])]
    refs = [[], *([stands_for[i] for i in record.all("i")] for record in types[1:])]
    pairs = {
        (a, b)
        for a, b in combinations(range(1, len(types)), 2)
        if own[a] == own[b] and a not in self_only and b not in self_only
    }

    def alike(a, b):
        return a == b or (min(a, b), max(a, b)) in pairs

    while True:
        wrong = {(a, b) for a, b in pairs if not all(alike(x, y) for x, y in zip(refs[a], refs[b], strict=True))}
        if not wrong:
            return pairs
        pairs -= wrong


def only_definitions(level, first):
    """What own declarations stand for where there is one definition: the largest set of these that bears itself out."""
    types = level.types
    tags = {i: found for i in range(1, len(types)) if (found := tag(level, types[i])) is not None}
    names = {}
    for name, ids in groupby(sorted(tags, key=lambda i: tags[i][0]), key=lambda i: tags[i][0]):
        ids = sorted(ids)
        declared = [i for i in ids if not tags[i][1]]
        defined = [i for i in ids if tags[i][1]]
        if any(i >= first for i in declared):
            names[name] = declared, defined
    chosen = {name: defined[0] for name, (declared, defined) in names.items() if defined}
    while True:
        stands_for = list(range(len(types)))
        for name, (declared, _) in names.items():
            for i in declared:
                if i >= first:
                    stands_for[i] = chosen.get(name, declared[0])
        pairs = equivalent(level, stands_for)
        wrong = [n for n in chosen if any((names[n][1][0], d) not in pairs for d in names[n][1][1:])]
        if not wrong:
            return stands_for, pairs
        for name in wrong:
            del chosen[name]


def classes(level, first=None):
    """For each id of the chain, the lowest id that it is equivalent to; declarations by `only_definitions` alone."""
    stands_for, pairs = only_definitions(level, level.first_id if first is None else first)
    lowest = list(range(len(level.types)))
    for a, b in sorted(pairs):
        lowest[b] = min(lowest[b], a)
    return [lowest[stands_for[i]] for i in range(len(lowest))]
