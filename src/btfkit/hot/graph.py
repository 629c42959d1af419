"""The types that a set of types reaches: the closure policies of `passes/select.py` as one walk over references.

A type is reached at a level: 1 through a pointer, 2 by value, 3 requested by name.  Policies: 0 direct, 1 by value, 2 full.
A composite or enum is *whole* (with its elements) if it was requested, if the policy is full, or if it was reached by value and
is anonymous or the policy is "by value".  Otherwise it is *bare*: name and size only.
"""

from btfkit.hot import kinds
from btfkit.hot.columns import id_place


def has_elements(kind):
    """Whether the kind is a composite or an enum."""
    return kinds.STRUCT <= kind <= kinds.ENUM or kind == kinds.ENUM64


def reach(words, positions, table, first_id, levels, stack, below, policy):
    """Walk from the own types whose indexes are on the list `stack`, raising `levels` (a byte for each own type).

    References to types below `first_id` are appended to the list `below` as 4 * id + level.  `stack` is empty at the end.
    """
    while stack:
        index = stack.pop()
        level = levels[index]
        at = positions[index]
        kind = (words[at + 1] >> 24) & 127
        child = level
        if has_elements(kind):
            if level < 3 and policy < 2 and not (level == 2 and (policy == 1 or words[at] == 0)):
                continue
            child = 2
        elif kind == kinds.PTR:
            child = 1
        elif level == 3 and not kinds.is_alias(kind):
            child = 2
        number = 0
        place = id_place(words, table, at, number)
        while place:
            target = words[place]
            number += 1
            place = id_place(words, table, at, number)
            if target == 0:
                continue
            if target < first_id:
                below.append(4 * target + child)
            elif levels[target - first_id] < child:
                levels[target - first_id] = child
                stack.append(target - first_id)


def whole(words, positions, levels, policy, kept, bare):
    """Sort the reached types (level > 0) into the lists `kept` (whole, or of a kind without elements) and `bare`."""
    for index in range(len(positions)):
        level = levels[index]
        if level == 0:
            continue
        at = positions[index]
        kind = (words[at + 1] >> 24) & 127
        if has_elements(kind) and level < 3 and policy < 2 and not (level == 2 and (policy == 1 or words[at] == 0)):
            bare.append(index)
        else:
            kept.append(index)
