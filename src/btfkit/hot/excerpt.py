# cython: initializedcheck=False
"""Which types of a base a split can have in common with it, and moving the split to a base of only these.

`state` has a byte for each type id: OUT, IN, or OPAQUE for types that count as known whatever they refer to.
"""

from btfkit.hot import kinds
from btfkit.hot.strings import StringTable  # noqa: F401

OUT = 0
IN = 1
OPAQUE = 2
WORD = 0xFFFFFFFF
HASH = 0x9E3779B1
HEAD = 8  # letters by which most strings of a base are told from those of a split
HEADS = 0x10000


def are_whole(words, places, first, strings):
    """Whether every name at `places` is 0 or a whole string of `strings`, which begin at the offset `first`."""
    for index in range(len(places)):
        name = words[places[index]]
        if name == 0:
            continue
        if name < first or (name > first and strings[name - first - 1]):
            return False
    return True


def head_of(strings, start, prime):
    """The hash of the first letters of the string at a position."""
    h = prime
    at = start
    while strings[at] and at - start < HEAD:
        h = ((h ^ strings[at]) * prime) & WORD
        at += 1
    return (h >> 12) & (HEADS - 1)


class CommonNames:
    """The strings of a base that a split has too: by the offset in the base, which has `size` bytes of strings, that in the
    split.  A bit tells for each offset whether there is one, so that most questions need no look at the table, whose slots
    are pairs of offsets."""

    def __init__(self, size, count, prime):
        self.bits = bytearray((size >> 3) + 1)
        room = 64
        while room < 8 * count:
            room *= 2
        self.slots = memoryview(bytearray(4 * room)).cast("I")
        self.left = room >> 2
        self.prime = prime

    def add(self, old, new):
        """Note an offset; returns whether there was room for it."""
        if self.left == 0:
            return False
        self.left -= 1
        mask = len(self.slots) - 1
        slot = (old * self.prime >> 7) & mask & ~1
        while self.slots[slot]:
            slot = (slot + 2) & mask
        self.slots[slot] = old
        self.slots[slot + 1] = new
        self.bits[old >> 3] |= 1 << (old & 7)
        return True

    def of(self, old):
        """The offset in the split of the string at an offset of the base, 0 if it has none."""
        if (self.bits[old >> 3] >> (old & 7)) & 1 == 0:
            return 0
        mask = len(self.slots) - 1
        slot = (old * self.prime >> 7) & mask & ~1
        while self.slots[slot] != old:
            slot = (slot + 2) & mask
        return self.slots[slot + 1]


def common_names(strings, own, names, moved, offsets):
    """Find the strings of a base that are among `own` too, of which `names` is the table.

    `moved`, by the offset in the base, becomes the offset in `own`, and `offsets`, by that, the first one in the base.
    Returns whether `moved` had room for all of them, which it has if no string is there twice.
    """
    prime = names.prime
    heads = memoryview(bytearray(HEADS))
    start = 1
    while start < len(own):
        heads[head_of(own, start, prime)] = 1
        while own[start]:
            start += 1
        start += 1
    start = 1
    size = len(strings)
    while start < size:
        if heads[head_of(strings, start, prime)]:
            end = names.measure(strings, start)
            found = names.find(strings, start, end, names.h) if end > start else 0
            if found:
                if not moved.add(start, found - 1):
                    return False
                if offsets[found - 1] == 0:
                    offsets[found - 1] = start
            start = end + 1
        else:
            while strings[start]:
                start += 1
            start += 1
    return True


def form(name, info, third):
    """Where a record of that name and form is noted; `third` counts if it is not a type."""
    word = WORD
    h = (name * HASH ^ info) & word
    h = ((h ^ h >> 15) * HASH ^ third) & word
    return ((h ^ h >> 13) * HASH & word) >> 16


def note_forms(words, positions, table, shift, forms):
    """Set `forms` of all records of a split, whose names are `shift` less than their offsets."""
    for index in range(len(positions)):
        at = positions[index]
        name = words[at] - shift if words[at] else 0
        third = 0 if table[(((words[at + 1] >> 24) & 127) << 3) + kinds.THIRD_IS_TYPE] else words[at + 2]
        forms[form(name, words[at + 1], third)] = 1


def select(words, positions, table, strings, moved, forms, state, chosen):
    """Set `state` to IN for each type of a form in `forms`, or declaration, all of whose names are in `moved`.

    Variables and sections are never common.  `chosen` gets the ids of these types and of the opaque ones, from its word 1 on.

    Returns 1 + how many there are; 0 if a name is the end of a longer string, so that the answer would be incomplete.
    """
    count = 1
    for index in range(len(positions)):
        if state[index + 1]:
            chosen[count] = index + 1
            count += 1
            continue
        at = positions[index]
        info = words[at + 1]
        kind = (info >> 24) & 127
        if kind == kinds.VAR or kind == kinds.DATASEC or kind > kinds.LAST_KIND:
            continue
        name = words[at]
        new = moved.of(name)
        if name and new == 0:
            if strings[name - 1]:
                return 0
            continue
        row = kind << 3
        third = 0 if table[row + kinds.THIRD_IS_TYPE] else words[at + 2]
        declares = kind == kinds.FWD or (info & 0xFFFFFF == 0 and (kind == kinds.ENUM or kind == kinds.ENUM64))
        if not declares and not forms[form(new, info, third)]:
            continue
        known = True
        if table[row + kinds.ELEM_NAMES]:
            elem = table[row + kinds.ELEM]
            at += 3 + table[row + kinds.TAIL]
            for _ in range(info & 0xFFFFFF):
                name = words[at]
                if name and moved.of(name) == 0:
                    if strings[name - 1]:
                        return 0
                    known = False
                    break
                at += elem
        if known:
            state[index + 1] = IN
            chosen[count] = index + 1
            count += 1
    return count


def close(words, positions, table, state, chosen, count):
    """Leave out each type that refers to one that is OUT, until there is none, of the `count` words of `chosen`; returns how many
    are left, and how many words they take.  Those that are OPAQUE take three."""
    left = count
    total = 0
    changed = True
    while changed:
        changed = False
        total = 0
        end = 1
        for index in range(1, left):
            number = chosen[index]
            at = positions[number - 1]
            if state[number] == OPAQUE:
                total += 3
            elif refers_out(words, at, table, state):
                state[number] = OUT
                changed = True
                continue
            else:
                row = ((words[at + 1] >> 24) & 127) << 3
                total += 3 + table[row + kinds.TAIL] + table[row + kinds.ELEM] * (words[at + 1] & 0xFFFFFF)
            chosen[end] = number
            end += 1
        left = end
    return left, total


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


def write(words, positions, table, state, chosen, moved, opaque, ids, out):
    """Copy the types `chosen`, from the second on, to `out`, with their names as in `moved` and new `ids` (by the old ones); the
    place of one that is OPAQUE takes a declaration with the next of the names `opaque`."""
    for index in range(1, len(chosen)):
        ids[chosen[index]] = index
    end = 0
    number = 0
    for index in range(1, len(chosen)):
        if state[chosen[index]] == OPAQUE:
            out[end] = opaque[number]
            out[end + 1] = kinds.FWD << 24
            out[end + 2] = 0
            number += 1
            end += 3
            continue
        at = positions[chosen[index] - 1]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        out[end] = moved.of(words[at])
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
                    word = moved.of(word)
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
