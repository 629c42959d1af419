# cython: initializedcheck=False
"""Which types of a base a split can have in common with it, and moving the split to a base of only these.

`state` has a byte for each type id: OUT, IN, or OPAQUE for types that count as known whatever they refer to.
"""

from btfkit.hot import kinds
from btfkit.hot.strings import StringTable  # noqa: F401

OUT = 0
IN = 1
OPAQUE = 2


def are_whole(words, places, first, strings):
    """Whether every name at `places` is 0 or a whole string of `strings`, which begin at the offset `first`."""
    for index in range(len(places)):
        name = words[places[index]]
        if name == 0:
            continue
        if name < first or (name > first and strings[name - first - 1]):
            return False
    return True


def common_names(strings, names, moved, offsets):
    """For each string of a base that is in the table `names` too: `moved`, by the offset in the base, becomes the offset there,
    and `offsets`, by the offset there, the first one in the base."""
    start = 0
    size = len(strings)
    while start < size:
        end = names.measure(strings, start)
        if end > start:
            found = names.find(strings, start, end, names.h)
            if found:
                moved[start] = found - 1
                if offsets[found - 1] == 0:
                    offsets[found - 1] = start
        start = end + 1


def select(words, positions, table, strings, moved, state):
    """Set `state` to IN for each type all of whose names are in `moved`; no variables and sections, which are never common.

    Returns False if a name is the end of a longer string: then the answer would be incomplete.
    """
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        kind = (info >> 24) & 127
        if kind == kinds.VAR or kind == kinds.DATASEC or kind > kinds.LAST_KIND or state[index + 1]:
            continue
        name = words[at]
        if name and moved[name] == 0:
            if strings[name - 1]:
                return False
            continue
        row = kind << 3
        known = True
        if table[row + kinds.ELEM_NAMES]:
            elem = table[row + kinds.ELEM]
            at += 3 + table[row + kinds.TAIL]
            for _ in range(info & 0xFFFFFF):
                name = words[at]
                if name and moved[name] == 0:
                    if strings[name - 1]:
                        return False
                    known = False
                    break
                at += elem
        if known:
            state[index + 1] = IN
    return True


def close(words, positions, table, state):
    """Set `state` to OUT for each type that is IN and refers to one that is not, until there is none; returns how many words the
    others take.  Those that are OPAQUE take three."""
    changed = True
    while changed:
        changed = False
        total = 0
        for index in range(len(positions)):
            if state[index + 1] == OUT:
                continue
            if state[index + 1] == OPAQUE:
                total += 3
                continue
            at = positions[index]
            row = ((words[at + 1] >> 24) & 127) << 3
            if refers_out(words, at, table, state):
                state[index + 1] = OUT
                changed = True
            else:
                total += 3 + table[row + kinds.TAIL] + table[row + kinds.ELEM] * (words[at + 1] & 0xFFFFFF)
    return total


def refers_out(words, at, table, state):
    """Whether the record at `at` refers to a type whose state is OUT."""
    info = words[at + 1]
    row = ((info >> 24) & 127) << 3
    if table[row + kinds.THIRD_IS_TYPE] and state[words[at + 2]] == OUT:
        return True
    at += 3
    mask = table[row + kinds.TAIL_IDS]
    slot = 0
    while mask:
        if mask & 1 and state[words[at + slot]] == OUT:
            return True
        mask >>= 1
        slot += 1
    mask = table[row + kinds.ELEM_IDS]
    if mask == 0:
        return False
    at += table[row + kinds.TAIL]
    while mask & 1 == 0:  # at most one word of an element is a type id
        mask >>= 1
        at += 1
    elem = table[row + kinds.ELEM]
    for _ in range(info & 0xFFFFFF):
        if state[words[at]] == OUT:
            return True
        at += elem
    return False


def write(words, positions, table, state, moved, opaque, ids, out):
    """Copy the types that are not OUT to `out`, with their names as in `moved` and new `ids` (by the old ones); the place of one
    that is OPAQUE takes a declaration with the next of the names `opaque`."""
    count = 0
    for index in range(len(positions)):
        if state[index + 1]:
            count += 1
            ids[index + 1] = count
    end = 0
    number = 0
    for index in range(len(positions)):
        if state[index + 1] == OUT:
            continue
        if state[index + 1] == OPAQUE:
            out[end] = opaque[number]
            out[end + 1] = kinds.FWD << 24
            out[end + 2] = 0
            number += 1
            end += 3
            continue
        at = positions[index]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        out[end] = moved[words[at]]
        out[end + 1] = info
        out[end + 2] = ids[words[at + 2]] if table[row + kinds.THIRD_IS_TYPE] else words[at + 2]
        tail = table[row + kinds.TAIL]
        for slot in range(tail):
            word = words[at + 3 + slot]
            out[end + 3 + slot] = ids[word] if (table[row + kinds.TAIL_IDS] >> slot) & 1 else word
        at += 3 + tail
        end += 3 + tail
        elem = table[row + kinds.ELEM]
        for _ in range((info & 0xFFFFFF) if elem else 0):
            for slot in range(elem):
                word = words[at + slot]
                if (table[row + kinds.ELEM_IDS] >> slot) & 1:
                    word = ids[word]
                elif (table[row + kinds.ELEM_NAMES] >> slot) & 1:
                    word = moved[word]
                out[end + slot] = word
            at += elem
            end += elem
    return end


def move(words, places, ids, first, new_first):
    """Replace the type ids at `places`: those from `first` on keep their distance from it, now counted from `new_first`; others
    become `ids` of them.  Returns whether all of these are there (not 0)."""
    complete = True
    for index in range(len(places)):
        old = words[places[index]]
        if old >= first:
            words[places[index]] = old - first + new_first
        elif old:
            words[places[index]] = ids[old]
            if ids[old] == 0:
                complete = False
    return complete


def shift_names(words, places, by):
    """Subtract `by` from the names at `places` that are not 0."""
    for index in range(len(places)):
        if words[places[index]]:
            words[places[index]] -= by


def rename(words, places, known, strings, first, out):
    """Replace the offsets of names in `strings` at `places` by those in `known`; a name without one is appended to `out`, whose
    first byte has the offset `first`, in the order of use.  Returns the number of bytes of `out` in use."""
    end = 0
    for index in range(len(places)):
        name = words[places[index]]
        if name == 0:
            continue
        if known[name] == 0:
            known[name] = first + end
            at = name
            while strings[at]:
                out[end] = strings[at]
                end += 1
                at += 1
            out[end] = 0
            end += 1
        words[places[index]] = known[name]
    return end
