"""Where the records of a type section lie, and whether what they refer to is there.

`scan` proves the extent of every record and tells the largest id and name offset in one pass, before any other loop runs;
`check` finds the record to blame where these are too large.
"""


def scan(words, table, positions):
    """Find the records of a type section.

    `words` is the section (u32 each), `table` the packed table of kinds; the word position of record i goes to
    `positions[i]`, as far as there is room.  Returns (number of records, position of the first record that is not whole,
    of unknown kind or without room, or len(words) if all is well, largest type id that a record refers to, largest name
    offset).
    """
    size = len(words)
    room = len(positions)
    at = 0
    count = 0
    top_id = 0
    top_name = 0
    while at < size:
        if size - at < 3 or count == room:
            break
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        tail = table[row]
        if tail == 255:
            break
        need = 3 + tail
        elem = table[row + 1]
        if elem:
            vlen = info & 0xFFFFFF
            if vlen > (size - at) // elem:
                break
            need += vlen * elem
        if need > size - at:
            break
        positions[count] = at
        count += 1
        end = at + need
        value = words[at]
        top_name = value if value > top_name else top_name
        if table[row + 2]:
            value = words[at + 2]
            top_id = value if value > top_id else top_id
        mask = table[row + 3]
        if mask:
            for slot in range(tail):
                if (mask >> slot) & 1:
                    value = words[at + 3 + slot]
                    top_id = value if value > top_id else top_id
        at += 3 + tail
        ids = table[row + 4]
        names = table[row + 5]
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
    return count, at, top_id, top_name


def functions(words, positions, first_id):
    """Check that a FUNC (kind 12) whose type is an own record (id >= `first_id`) points at a FUNC_PROTO (kind 13).

    The ids have to be there.  Returns (index of the first bad record or -1, list of the indexes of FUNCs whose type lies in
    the base and is still to be looked at).
    """
    below = []
    for index in range(len(positions)):
        at = positions[index]
        if (words[at + 1] >> 24) & 127 == 12:
            target = words[at + 2]
            if target < first_id:
                below.append(index)
            elif (words[positions[target - first_id] + 1] >> 24) & 127 != 13:
                return index, below
    return -1, below


def check(words, positions, table, type_count, string_count):
    """The index of the first record at `positions` that refers to a type id not below `type_count` or to a name offset not
    below `string_count`, else -1."""
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        if words[at] >= string_count:
            return index
        if table[row + 2] and words[at + 2] >= type_count:
            return index
        mask = table[row + 3]
        if mask:
            for slot in range(table[row]):
                if (mask >> slot) & 1 and words[at + 3 + slot] >= type_count:
                    return index
        elem = table[row + 1]
        if elem:
            at += 3 + table[row]
            ids = table[row + 4]
            names = table[row + 5]
            end = at + (info & 0xFFFFFF) * elem
            while at < end:
                for slot in range(elem):
                    if (ids >> slot) & 1 and words[at + slot] >= type_count:
                        return index
                    if (names >> slot) & 1 and words[at + slot] >= string_count:
                        return index
                at += elem
    return -1


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


def misfits(
    words, positions, table, first_id, first_offset, base_words, base_positions, base_id, base_strings, base_offset
):
    """How well references into the base fit: evidence of whether a split BTF was built on it.

    Looked at are references to ids from `base_id` to `first_id` and name offsets from `base_offset` to `first_offset`.
    Returns (type references, those of them that land on a FUNC, VAR, DATASEC or DECL_TAG though only tags and sections may
    refer to these, name references, those of them that do not land on the start of a string).
    """
    types = 0
    wrong = 0
    names = 0
    inside = 0
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        kind = (info >> 24) & 127
        row = kind << 3
        tail = table[row]
        elem = table[row + 1]
        tag = kind == 15 or kind == 17
        total = 3 + tail
        if elem:
            total += (info & 0xFFFFFF) * elem
        for slot in range(total):
            if slot == 0:
                is_name = 1
                is_type = 0
            elif slot == 1:
                continue
            elif slot == 2:
                is_name = 0
                is_type = table[row + 2]
            elif slot < 3 + tail:
                is_name = 0
                is_type = (table[row + 3] >> (slot - 3)) & 1
            else:
                is_name = (table[row + 5] >> ((slot - 3 - tail) % elem)) & 1
                is_type = (table[row + 4] >> ((slot - 3 - tail) % elem)) & 1
            value = words[at + slot]
            if is_type and base_id <= value < first_id:
                types += 1
                other = (base_words[base_positions[value - base_id] + 1] >> 24) & 127
                if not tag and (other == 12 or other == 14 or other == 15 or other == 17):
                    wrong += 1
            elif is_name and base_offset <= value < first_offset and value:
                names += 1
                if value > base_offset and base_strings[value - base_offset - 1]:
                    inside += 1
    return types, wrong, names, inside
