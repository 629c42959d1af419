"""Twins of `hot.rebase.match`: which type of a new base each type of a distilled base stands for."""

from __future__ import annotations

from collections import Counter

from reference.plain import ENUM, ENUM64, FLOAT, FWD, INT, STRUCT, UNION

COMPOSITES, ENUMS = (STRUCT, UNION), (ENUM, ENUM64)
EMBEDDED = object()


def size(record):
    return record.words[2]


def upstream(old, new, embedded):
    """By btf_relocate (kernel 6.11 to 7.2): each type of the new base, in order of ids, is offered to all of the distilled base.

    Returns the first match of each id, and the ids with none or several.  Rules: FORMAT.md 7.3.
    """
    composites = Counter(r.words[0] for r in new.own if r.kind in COMPOSITES)
    matched = {i: EMBEDDED if i in embedded else 0 for i in old.own_ids}
    several = set()
    for new_id in new.own_ids:
        there = new.types[new_id]
        by_size = there.kind in (INT, FLOAT, *ENUMS) or (there.kind in COMPOSITES and composites[there.words[0]] > 1)
        for old_id in old.own_ids:
            here = old.types[old_id]
            if not new.name(new_id) or old.name(old_id) != new.name(new_id) or (by_size and size(here) != size(there)):
                continue
            if offered(here, there, matched[old_id] is EMBEDDED):
                if matched[old_id] not in (0, EMBEDDED):
                    several.add(old_id)
                else:
                    matched[old_id] = new_id
    matched = {i: 0 if new_id is EMBEDDED else new_id for i, new_id in matched.items()}
    return matched, several | {i for i, new_id in matched.items() if not new_id}


def offered(here, there, embedded):
    """Whether upstream takes `there` for the distilled `here`, their names and, where it asks for that, sizes being equal."""
    if here.kind == INT:
        return there.kind == INT and here.words[3] >> 24 == there.words[3] >> 24
    if here.kind == FLOAT:
        return there.kind == FLOAT
    if here.kind == ENUM:
        return there.kind in ENUMS
    if here.kind == FWD:  # the bit of a composite is not its flavour, but upstream takes it for that
        flavor = {FWD: here.flag, STRUCT: 0, UNION: 1}.get(there.kind)
        return there.flag == flavor
    if here.kind in COMPOSITES:
        return there.kind in (INT, FLOAT, FWD, *ENUMS, *COMPOSITES) and (not embedded or size(here) == size(there))
    return False


def strict(old, new, wanted, held):
    """By the rules of passes/reconcile.py, for the ids `wanted`: the clear match of each, and the ids without one."""
    matched = {i: clear(old, new, i, held) if i in wanted else 0 for i in old.own_ids}
    return matched, {i for i in wanted if not matched[i]}


def clear(old, new, old_id, held):
    here = old.types[old_id]
    named = [i for i in new.own_ids if old.name(old_id) and new.name(i) == old.name(old_id)]
    of_kind = [i for i in named if new.kind(i) == here.kind]
    of_size = [i for i in of_kind if size(new.types[i]) == size(here)]
    if here.kind == INT:  # equal ones are equivalent: the lowest
        return next((i for i in of_size if new.types[i].words[3] == here.words[3]), 0)
    if here.kind == FLOAT:
        return next(iter(of_size), 0)
    if here.kind in ENUMS:
        return only([i for i in named if new.kind(i) in ENUMS and size(new.types[i]) == size(here)])
    if here.kind == FWD:
        same = [i for i in of_kind if new.types[i].flag == here.flag]
        return next(iter(same), 0) or only([i for i in named if new.kind(i) == (UNION if here.flag else STRUCT)])
    if here.kind not in COMPOSITES:
        return 0
    if old_id in held or of_kind:
        return only(of_size) or (0 if old_id in held else only(of_kind))
    flavor = 1 if here.kind == UNION else 0  # behind pointers a declaration will do
    return next((i for i in named if new.kind(i) == FWD and new.types[i].flag == flavor), 0)


def only(candidates):
    return candidates[0] if len(candidates) == 1 else 0
