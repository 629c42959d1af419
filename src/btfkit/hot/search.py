"""Finding records and their elements by name, and what refers to a type: passes over all of a BTF.

`kinds` has a byte a kind (128): 1 where the records' own names count, 2 where those of their elements do, 3 for both.
"""


def used_names(words, positions, table, kinds, used):
    """Set `used[offset]` to 1 for each name offset (of the whole chain's strings) of a wanted record or element."""
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        kind = (info >> 24) & 127
        wanted = kinds[kind]
        if wanted & 1:
            used[words[at]] = 1
        elem = table[8 * kind + 1]
        if wanted & 2 and elem:
            at += 3 + table[8 * kind]
            end = at + (info & 0xFFFFFF) * elem
            while at < end:
                used[words[at]] = 1
                at += elem


def named(words, positions, table, kinds, names, found):
    """Append to the list `found`, for each wanted record or element whose name offset has `names[offset]` set, its
    index (into `positions`) and the number of the element, or -1 for the record itself.  Offset 0 is no name."""
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        kind = (info >> 24) & 127
        wanted = kinds[kind]
        if wanted & 1 and words[at] and names[words[at]]:
            found.append(index)
            found.append(-1)
        elem = table[8 * kind + 1]
        if wanted & 2 and elem:
            at += 3 + table[8 * kind]
            count = info & 0xFFFFFF
            for number in range(count):
                if words[at] and names[words[at]]:
                    found.append(index)
                    found.append(number)
                at += elem


def mark_users(words, positions, table, first_id, marks, found):
    """One pass over who refers to a marked type: `marks` has a byte a type id of the chain.

    Records without a name of their own (pointers, qualifiers, arrays, prototypes, nameless structs and unions) are marked in
    their turn, and the pass says how many; the others are set to 1 in `found` (a byte an own record).  Sections and tags
    (kinds 15 and 17) count for nothing.
    """
    fresh = 0
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        kind = (info >> 24) & 127
        if kind == 15 or kind == 17:
            continue
        row = kind << 3
        hit = 0
        if table[row + 2] and marks[words[at + 2]]:
            hit = 1
        tail = table[row]
        mask = table[row + 3]
        for slot in range(tail):
            if (mask >> slot) & 1 and marks[words[at + 3 + slot]]:
                hit = 1
        elem = table[row + 1]
        mask = table[row + 4]
        if elem and mask and not hit:
            here = at + 3 + tail
            end = here + (info & 0xFFFFFF) * elem
            while here < end:
                for slot in range(elem):
                    if (mask >> slot) & 1 and marks[words[here + slot]]:
                        hit = 1
                here += elem
        if not hit:
            continue
        bare = (
            kind == 2 or kind == 3 or 9 <= kind <= 11 or kind == 13 or kind == 18 or (words[at] == 0 and 4 <= kind <= 5)
        )
        if bare:
            if not marks[first_id + index]:
                marks[first_id + index] = 1
                fresh += 1
        else:
            found[index] = 1
    return fresh
