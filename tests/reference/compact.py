"""Twin of `passes/compact.py`: new records for one level after the other."""

from __future__ import annotations

from reference.plain import MODIFIERS, Record, interned


def follow(level, old, ids):
    """The new id of the first kept type along modifiers and typedefs, else 0."""
    seen = set()
    while old not in ids:
        if level.kind(old) not in MODIFIERS or old in seen:
            return 0
        seen.add(old)
        old = level.types[old].words[2]
    return ids[old]


def picked(record, elements):
    """A copy of a record with these of its elements only (None: all)."""
    if elements is None or not record.step:
        return Record(list(record.words), record.letters, record.head, record.step)
    words, letters = record.words[: record.head], record.letters[: record.head]
    for item in sorted(elements):
        words += record.elements[item]
        letters += record.letters[record.head : record.head + record.step]
    words[1] = words[1] & 0xFF000000 | len(elements)
    return Record(words, letters, record.head, record.step)


def compact(level, kept):
    """The new levels, lowest first, of the types `kept` (id: numbers of the elements that stay, or None), as (words, strings),
    and the new ids."""
    below, ids, done = ([], {}, b"") if level.below is None else compact(level.below, kept)
    own = [type_id for type_id in level.own_ids if type_id in kept]
    ids = {**ids, **{old: new for new, old in enumerate(own, 1 + len(ids))}}
    records = [picked(level.types[type_id], kept[type_id]) for type_id in own]
    for record in records:
        for slot, what in enumerate(record.letters):
            if what == "i" and record.words[slot]:
                record.words[slot] = follow(level, record.words[slot], ids)
    known, at = {}, 0
    for text in done.split(b"\0")[:-1]:
        known.setdefault(text, at)
        at += len(text) + 1
    known[b""] = 0
    head = b"" if done else b"\0"
    strings = head + interned(records, level.text, len(done + head), known)
    return [*below, ([w for r in records for w in r.words], strings)], ids, done + strings
