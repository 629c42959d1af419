"""The positions of the records of a type section, and whether the types and names that they refer to exist.

`scan` checks the extent of every record and finds the largest id and name offset in one pass, before any other loop runs.
"""

from btfkit.hot import kinds

FUNC_ROW = 96  # where the table has the row of FUNC


def scan(words, table, positions, first_id):
    """Find the records of a type section.

    `words` is the section (u32 each), `table` the packed table of kinds; the word position of record i, which has the id
    `first_id` + i, goes to `positions[i]`, as long as there is room.  Returns (number of records, position of the first record
    that is truncated, of unknown kind or without room, or len(words) if there is none, largest type id that a record refers to,
    largest name offset, number of FUNCs whose type is not an earlier FUNC_PROTO).
    """
    size = len(words)
    room = len(positions)
    at = 0
    count = 0
    top_id = 0
    top_name = 0
    unsure = 0
    while at < size:
        if size - at < 3 or count == room:
            break
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        tail = table[row + kinds.TAIL]
        if tail == kinds.NO_SUCH_KIND:
            break
        need = 3 + tail
        elem = table[row + kinds.ELEM]
        if elem:
            need += (info & 0xFFFFFF) * elem  # less than 2 ** 32: a row of the table is bytes
        if need > size - at:
            break
        positions[count] = at
        count += 1
        end = at + need
        value = words[at]
        top_name = value if value > top_name else top_name
        if table[row + kinds.THIRD_IS_TYPE]:
            value = words[at + 2]
            top_id = value if value > top_id else top_id
            if row == FUNC_ROW:
                earlier = first_id <= value < first_id + count
                if not earlier or (words[positions[value - first_id] + 1] >> 24) & 127 != kinds.FUNC_PROTO:
                    unsure += 1
        if need == 3:
            at = end
            continue
        mask = table[row + kinds.TAIL_IDS]
        if mask:
            for slot in range(tail):
                if (mask >> slot) & 1:
                    value = words[at + 3 + slot]
                    top_id = value if value > top_id else top_id
        at += 3 + tail
        ids = table[row + kinds.ELEM_IDS]
        names = table[row + kinds.ELEM_NAMES]
        if ids == 2 and names == 1:
            while at < end:
                value = words[at]
                top_name = value if value > top_name else top_name
                value = words[at + 1]
                top_id = value if value > top_id else top_id
                at += elem
        elif ids or names:
            while at < end:
                for slot in range(elem):
                    value = words[at + slot]
                    if (ids >> slot) & 1:
                        top_id = value if value > top_id else top_id
                    elif (names >> slot) & 1:
                        top_name = value if value > top_name else top_name
                at += elem
        at = end
    return count, at, top_id, top_name, unsure


def functions(words, positions, first_id):
    """Check that a FUNC whose type is an own record (id >= `first_id`) points at a FUNC_PROTO.

    All ids have to exist.  Returns (index of the first bad record or -1, list of the indexes of FUNCs whose type lies in the base
    and is still to be checked).
    """
    below = []
    for index in range(len(positions)):
        at = positions[index]
        if (words[at + 1] >> 24) & 127 == kinds.FUNC:
            target = words[at + 2]
            if target < first_id:
                below.append(index)
            elif (words[positions[target - first_id] + 1] >> 24) & 127 != kinds.FUNC_PROTO:
                return index, below
    return -1, below


def is_sorted(words, positions, below, strings, first_offset):
    """The index of the first named record if names never decrease from one record to the next, else -1.

    Names are compared as C strings, so anonymous records come first.  Those at offsets below `first_offset` are in `below`, the
    strings of the bases, others in `strings`.  Rule: libbpf 1.7, btf_check_sorted; BTF with fewer than two records, or without
    a name, is not sorted.
    """
    count = len(positions)
    first = -1
    previous = 0
    for index in range(count):
        name = words[positions[index]]
        if first < 0:
            if name and (strings[name - first_offset] if name >= first_offset else below[name]):
                first = index
        elif name != previous:
            a_above = previous >= first_offset
            b_above = name >= first_offset
            a = previous - first_offset if a_above else previous
            b = name - first_offset if b_above else name
            while True:
                x = strings[a] if a_above else below[a]
                y = strings[b] if b_above else below[b]
                if x != y or x == 0:
                    break
                a += 1
                b += 1
            if x > y:
                return -1
        previous = name
    return first if count > 1 else -1


def targets(words, positions, ids, id_starts, low, high, below_words, below_positions):
    """Count the references to ids from `low` up to, not including, `high`: the record of an id is at `below_positions[id - low]`.

    Returns (number of references, number of them that lead to a FUNC, VAR, DATASEC or DECL_TAG although only tags and sections
    may refer to these).
    """
    count = 0
    wrong = 0
    for index in range(len(positions)):
        kind = (words[positions[index] + 1] >> 24) & 127
        tag = kind == kinds.DATASEC or kind == kinds.DECL_TAG
        for place in range(id_starts[index], id_starts[index + 1]):
            value = words[ids[place]]
            if low <= value < high:
                count += 1
                kind = (below_words[below_positions[value - low] + 1] >> 24) & 127
                declared = kind == kinds.FUNC or kind == kinds.VAR or kind == kinds.DATASEC or kind == kinds.DECL_TAG
                if declared and not tag:
                    wrong += 1
    return count, wrong


def inside(words, names, low, high, strings):
    """Count the names with an offset from `low` up to, not including, `high`, in `strings`, which begin at `low`.

    Returns (number of names, number of them that do not start at the beginning of a string).
    """
    count = 0
    wrong = 0
    for index in range(len(names)):
        value = words[names[index]]
        if value and low <= value < high:
            count += 1
            if value > low and strings[value - low - 1]:
                wrong += 1
    return count, wrong
