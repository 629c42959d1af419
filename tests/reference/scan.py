"""Twins of `hot/scan.py`."""

from __future__ import annotations

from reference.plain import DATASEC, DECL_TAG, FUNC, FUNC_PROTO, VAR, records


def scan(words, layout, room, first_id):
    """The position of each record; where the first begins that is not whole, of unknown kind or without room; the largest id
    and name offset of those before it, and how many FUNCs among them do not follow their FUNC_PROTO."""
    found, end = records(words, layout)
    positions = [sum(len(record.words) for record in found[:i]) for i in range(len(found))] + [end]
    whole = found[:room]
    top_id, top_name = (max((i for record in whole for i in record.all(what)), default=0) for what in "in")
    protos = {first_id + index for index, record in enumerate(whole) if record.kind == FUNC_PROTO}
    functions = [(first_id + index, record) for index, record in enumerate(whole) if record.kind == FUNC]
    unsure = sum(record.words[2] not in protos or record.words[2] > type_id for type_id, record in functions)
    return positions[:-1][:room], positions[min(room, len(found))], top_id, top_name, unsure


def functions(own, first_id):
    """The index of the first FUNC of an own type that is no prototype (or -1); and the FUNCs before it of types in the base."""
    below = []
    for index, record in enumerate(own):
        if record.kind == FUNC:
            if record.words[2] < first_id:
                below.append(index)
            elif own[record.words[2] - first_id].kind != FUNC_PROTO:
                return index, below
    return -1, below


def check(own, type_count, string_count):
    """The index of the first record that refers to what is not there, or -1."""
    for index, record in enumerate(own):
        if any(name >= string_count for name in record.all("n")) or any(i >= type_count for i in record.all("i")):
            return index
    return -1


def is_sorted(level):
    """The index of the first named record where all own records are in the order of their names, else -1."""
    texts = [level.text(record.words[0]) for record in level.own]
    return texts.count(b"") if len(texts) > 1 and any(texts) and texts == sorted(texts) else -1


def misfits(level):
    """References into the base below, those on declarations, names in it, those that begin within a string."""
    base = level.below
    types = [(r.kind, i) for r in level.own for i in r.all("i") if base.first_id <= i < level.first_id]
    names = [n for r in level.own for n in r.all("n") if n and base.first_offset <= n < level.first_offset]
    declared = [
        i for kind, i in types if kind not in (DATASEC, DECL_TAG) and base.kind(i) in (FUNC, VAR, DATASEC, DECL_TAG)
    ]
    inside = [n for n in names if n > base.first_offset and level.strings[n - 1]]
    return len(types), len(declared), len(names), len(inside)
