"""Twins of `hot/names.py`."""

from __future__ import annotations

from reference.plain import ENUM, ENUM64


def essential(name):
    """The name without its flavor: what stands before the last run of exactly three underscores inside it.

    libbpf 1.7, bpf_core_essential_name_len and bpf_core_is_flavor_sep.
    """
    for i in range(len(name) - 5, -1, -1):
        if name[i : i + 1] != b"_" and name[i + 1 : i + 4] == b"___" and name[i + 4 : i + 5] != b"_":
            return name[: i + 1]
    return name


def name_hash(name):
    """FNV-1a; 1 in place of 0."""
    value = 2166136261
    for c in name:
        value = (value ^ c) * 16777619 % (1 << 32)
    return value or 1


def find_hashes(level, kinds, wanted):
    """The indexes of own records of these kinds, with an own name, whose essential name has a hash of one of `wanted`; and how
    many have a name in the base."""
    hashes = {name_hash(name) for name in wanted}
    of_kind = [(i, r.words[0]) for i, r in enumerate(level.own) if r.kind in kinds and r.words[0]]
    own = [(i, offset) for i, offset in of_kind if offset >= level.first_offset]
    return [i for i, offset in own if name_hash(essential(level.text(offset))) in hashes], len(of_kind) - len(own)


def find_name(level, name, kind, start):
    """The index of the first own record from `start` on of that name and (unless 0) kind, or -1."""
    for index, record in enumerate(level.own):
        if index >= start and record.words[0] and level.text(record.words[0]) == name and kind in (0, record.kind):
            return index
    return -1


def next_named(level, name, last):
    """The index of the first own record after `last` of that name, or -1."""
    return find_name(level, name, 0, last + 1)


def first_not_below(level, name, start):
    """The index of the first record from `start` on whose name is not less than `name`."""
    texts = [level.text(record.words[0]) for record in level.own]
    return next((i for i, text in enumerate(texts) if i >= start and text >= name), len(texts))


def next_member(level, record, name, start):
    """The index of the first member from `start` on that is called `name`, is anonymous or has its name in the base, or -1."""
    for index, (offset, _, _) in enumerate(record.elements):
        if index >= start and (offset < level.first_offset or level.text(offset) in (b"", name)):
            return index
    return -1


def named_below(level, kinds):
    """(index, name offset) of the own records of these kinds whose name lies in the base."""
    named = [(i, r.words[0]) for i, r in enumerate(level.own) if r.kind in kinds]
    return [(i, offset) for i, offset in named if 0 < offset < level.first_offset]


def candidates(level, roots):
    """The ids of the own types for each root (kind, essential name); ENUM64 counts as ENUM."""
    of = {ENUM64: ENUM}
    return {
        (kind, name): [
            i
            for i in level.own_ids
            if of.get(level.kind(i), level.kind(i)) == kind and essential(level.name(i)) == name and name
        ]
        for kind, name in roots
    }
