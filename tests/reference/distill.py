"""Twins of the loops of `hot/rebase.py` that `passes/distill.py` and `passes/rebase.py` put together."""

from __future__ import annotations

from reference.plain import (
    ARRAY,
    ENUM,
    ENUM64,
    FLOAT,
    FUNC_PROTO,
    FWD,
    INT,
    MODIFIERS,
    STRUCT,
    UNION,
    VAR,
    Record,
    interned,
)

LEAVES = (INT, FLOAT, FWD, ENUM, ENUM64, STRUCT, UNION)


def is_leaf(level, type_id):
    """Whether a name and a size stand for the type."""
    return level.kind(type_id) in LEAVES and level.name(type_id) != b""


def stood_on(split):
    """The ids of the base that own types refer to, and what these refer to until a leaf."""
    found, todo = set(), {i for record in split.own for i in record.all("i")}
    while todo:
        todo = {i for i in todo if 0 < i < split.first_id} - found
        found |= todo
        todo = {i for old in todo if not is_leaf(split, old) for i in split.types[old].all("i")}
    return sorted(found)


def bare(record):
    """A leaf without its elements, an ENUM64 as an ENUM."""
    if record.kind in (INT, FLOAT, FWD):
        return Record(list(record.words), record.letters)
    kind = ENUM if record.kind == ENUM64 else record.kind
    return Record([record.words[0], kind << 24, record.words[2]], "nfx")


def distill(split):
    """(words, strings) of the distilled base and of the split on it."""
    found = stood_on(split)
    leaves = [i for i in found if is_leaf(split, i)]
    moved = [i for i in found if not is_leaf(split, i)]
    ids = {old: new for new, old in enumerate([0, *leaves, *split.own_ids, *moved])}
    base = [bare(split.types[i]) for i in leaves]
    own = [Record(list(split.types[i].words), split.types[i].letters) for i in [*split.own_ids, *moved]]
    for record in own:
        record.words = [ids[w] if what == "i" else w for w, what in zip(record.words, record.letters, strict=True)]
    known = {b"": 0}
    low = b"\0" + interned(base, split.text, 1, known)
    high = interned(own, split.text, len(low), known)
    return ([w for r in base for w in r.words], low), ([w for r in own for w in r.words], high)


def uses(split):
    """How own types use each type of the base: a set of "referred", "embedded" (in a struct or union), "passed"."""
    marks = {type_id: set() for type_id in range(split.first_id)}
    ways = {STRUCT: "embedded", UNION: "embedded", FUNC_PROTO: "passed", VAR: "passed"}
    for record in split.own:
        for target in record.all("i"):
            if target < split.first_id:
                marks[target].add("referred")
            seen = set()
            while target >= split.first_id and target not in seen and split.kind(target) in (ARRAY, *MODIFIERS):
                seen.add(target)
                target = split.types[target].words[3 if split.kind(target) == ARRAY else 2]
            if target < split.first_id and record.kind in ways:
                marks[target].add(ways[record.kind])
    return marks


def rebased(split, mapped, new):
    """The own records on the base `new`, `mapped` old id to new: words with new ids, and b"name" in place of name offsets."""
    shift = len(new.types) - split.first_id
    ids = {0: 0, **mapped, **{i: i + shift for i in split.own_ids}}
    told = {"n": split.text, "i": lambda i: ids.get(i, 0), "x": int, "f": int}
    return [[told[what](w) for w, what in zip(r.words, r.letters, strict=True)] for r in split.own]
