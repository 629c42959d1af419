"""What a set of types reaches: the closure policies of `passes/select.py` as one walk over references.

A type is reached at a level: 1 behind a pointer, 2 by value, 3 asked for by name.  Policies: 0 direct, 1 by value, 2 full.
A composite or enum is *whole* (with its elements) if it was asked for, if the policy is full, or if it was reached by value and
is anonymous or the policy is "by value"; else it is *bare*: name and size.
"""


def reach(words, positions, table, first_id, levels, stack, below, policy):
    """Walk from the own types whose indexes are on the list `stack`, raising `levels` (a byte for each own type).

    References to types below `first_id` are appended to the list `below` as 4 * id + level.  `stack` is empty at the end.
    """
    while stack:
        index = stack.pop()
        level = levels[index]
        at = positions[index]
        info = words[at + 1]
        kind = (info >> 24) & 127
        row = kind << 3
        child = level
        if kind == 4 or kind == 5 or kind == 6 or kind == 19:
            if level < 3 and policy < 2 and not (level == 2 and (policy == 1 or words[at] == 0)):
                continue
            child = 2
        elif kind == 2:
            child = 1
        elif level == 3 and not 8 <= kind <= 11 and kind != 18:
            child = 2
        slot = 0
        tail = table[row]
        elem = table[row + 1]
        mask = table[row + 3]
        total = tail + 1
        if elem:
            total += (info & 0xFFFFFF) * elem
        while slot < total:
            if slot == 0:
                target = words[at + 2] if table[row + 2] else 0
            elif slot <= tail:
                target = words[at + 2 + slot] if (mask >> (slot - 1)) & 1 else 0
            else:
                target = words[at + 2 + slot] if (table[row + 4] >> ((slot - 1 - tail) % elem)) & 1 else 0
            slot += 1
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
        element = kind == 4 or kind == 5 or kind == 6 or kind == 19
        if element and level < 3 and policy < 2 and not (level == 2 and (policy == 1 or words[at] == 0)):
            bare.append(index)
        else:
            kept.append(index)


def references_below(words, positions, table, first_id, found):
    """Set `found[id]` to 1 for each type below `first_id` that a record at `positions` refers to."""
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        if table[row + 2] and words[at + 2] < first_id:
            found[words[at + 2]] = 1
        tail = table[row]
        mask = table[row + 3]
        for slot in range(tail):
            if (mask >> slot) & 1 and words[at + 3 + slot] < first_id:
                found[words[at + 3 + slot]] = 1
        elem = table[row + 1]
        mask = table[row + 4]
        if elem and mask:
            at += 3 + tail
            end = at + (info & 0xFFFFFF) * elem
            while at < end:
                for slot in range(elem):
                    if (mask >> slot) & 1 and words[at + slot] < first_id:
                        found[words[at + slot]] = 1
                at += elem
