"""Twins of `hot/graph.py`: levels raised until nothing changes."""

from __future__ import annotations

from reference.plain import ENUM, ENUM64, MODIFIERS, PTR, STRUCT, UNION

POINTED, BY_VALUE, ASKED = 1, 2, 3
DIRECT, VALUES, FULL = 0, 1, 2


def has_elements(level, type_id):
    return level.kind(type_id) in (STRUCT, UNION, ENUM, ENUM64)


def is_whole(level, type_id, how, policy):
    """Whether a type that is reached that way is kept with its members or enumerators."""
    if not has_elements(level, type_id) or how == ASKED or policy == FULL:
        return True
    return how == BY_VALUE and (policy == VALUES or level.types[type_id].words[0] == 0)


def handed_on(level, type_id, how):
    """How a type that is whole and reached that way reaches what it refers to."""
    kind = level.kind(type_id)
    if kind == PTR:
        return POINTED
    if has_elements(level, type_id):
        return BY_VALUE
    return how if kind in MODIFIERS else min(how, BY_VALUE)


def reach(level, roots, policy, ids):
    """How each type is reached from `roots` (id: how), by references of the types `ids`."""
    reached = {type_id: how for type_id, how in roots.items() if how}
    while True:
        before = dict(reached)
        for type_id, how in before.items():
            if type_id in ids and is_whole(level, type_id, how, policy):
                for target in level.types[type_id].all("i"):
                    if target:
                        reached[target] = max(reached.get(target, 0), handed_on(level, type_id, how))
        if reached == before:
            return reached


def whole(level, reached, policy):
    """Those of the own types reached that are whole, and the others, which are names and sizes only."""
    own = [type_id for type_id in level.own_ids if type_id in reached]
    kept = [type_id for type_id in own if is_whole(level, type_id, reached[type_id], policy)]
    return kept, [type_id for type_id in own if type_id not in kept]


def references_below(level):
    """The ids in the base that own records refer to."""
    return {target for record in level.own for target in record.all("i") if target < level.first_id}
