"""Twin of `hot/strings.py` and `passes/append.py`: the records of one level behind those of another."""

from __future__ import annotations

LONGEST = 512


def pool_of(level):
    """The strings of a chain, and where each of them begins for the first time."""
    known, at = {}, 0
    for text in level.strings.split(b"\0")[:-1]:
        known.setdefault(text, at)
        at += len(text) + 1
    known[b""] = 0
    return level.strings, known


def append(first, *others, shared=0):
    """The own words and strings of `first` with the own records of `others` behind it, which are all split on the lowest `shared`
    types of its chain (0: on none)."""
    pool, known = pool_of(first)
    words = list(first.words)
    next_id = len(first.types)
    for other in others:
        first_offset = other.first_offset if shared else 0
        first_id = other.first_id
        used = {word for record in other.own for word in record.all("n") if word >= first_offset}
        moved = {}
        at = first_offset
        for text in other.strings[first_offset:].split(b"\0")[:-1]:
            for place in range(at, at + len(text)):
                tail = text[place - at :]
                if place not in used:
                    continue
                if place > at and len(tail) <= LONGEST and tail in known:
                    moved[place] = known[tail]
                    continue
                if text not in known:
                    known[text] = len(pool)
                    pool += text + b"\0"
                moved[place] = known[text] + place - at
            at += len(text) + 1
        for record in other.own:
            for word, what in zip(record.words, record.letters, strict=True):
                if what == "i" and word >= first_id:
                    word += next_id - first_id
                elif what == "n" and word >= first_offset:
                    word = moved.get(word, 0)
                words.append(word)
        next_id += len(other.own)
    return words, pool[first.first_offset :]
