"""Twin of `passes/permute.py`: the order of names, and records in another order."""

from __future__ import annotations


def by_name(level):
    """The own ids of a level by name."""
    return sorted(level.own_ids, key=level.name)


def permuted(level, order, ids):
    """The own words of a level in that order of own ids; `ids` has the new id of every old one, those of the bases included."""
    words = []
    for old in order:
        record = level.types[old]
        pairs = zip(record.words, record.letters, strict=True)
        words += [ids[word] if what == "i" else word for word, what in pairs]
    return words
