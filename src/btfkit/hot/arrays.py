"""Arrays of arrays: where they are, and which structs hold them.  `passes/array_style.py` describes what for."""

from btfkit.hot import kinds


def nested(words, positions, below_words, below_positions, found):
    """Append to the list `found` the id of each own ARRAY whose element is itself an ARRAY; returns the number of own ARRAYs.

    `below_words` and `below_positions` are those of the base, whose ids begin at 1; own ids follow.
    """
    first_id = len(below_positions) + 1
    count = 0
    for index in range(len(positions)):
        at = positions[index]
        if (words[at + 1] >> 24) & 127 != kinds.ARRAY:
            continue
        count += 1
        element = words[at + 3]
        if element == 0:
            continue
        is_below = element < first_id
        there = below_positions[element - 1] if is_below else positions[element - first_id]
        info = below_words[there + 1] if is_below else words[there + 1]
        if (info >> 24) & 127 == kinds.ARRAY:
            found.append(first_id + index)
    return count


def holders(words, positions, marks, found):
    """Mark the types that contain a marked type by value and have no name of their own: `marks[id]` becomes 1.

    A named STRUCT or UNION that contains one gets the mark 2, and its id is appended to the list `found`.  Ids begin at 1.
    Returns whether anything was marked 1, so that another pass may find more.
    """
    more = False
    for index in range(len(positions)):
        if marks[index + 1]:
            continue
        at = positions[index]
        info = words[at + 1]
        kind = (info >> 24) & 127
        if kind == kinds.STRUCT or kind == kinds.UNION:
            for member in range(info & 0xFFFFFF):
                if marks[words[at + 4 + 3 * member]] == 1:
                    if words[at]:
                        marks[index + 1] = 2
                        found.append(index + 1)
                    else:
                        marks[index + 1] = 1
                        more = True
                    break
        elif (kind == kinds.ARRAY and marks[words[at + 3]] == 1) or (
            kinds.is_alias(kind) and marks[words[at + 2]] == 1
        ):
            marks[index + 1] = 1
            more = True
    return more


def namesakes(words, positions, wanted, first, found):
    """Append to the list `found` the index of each STRUCT and UNION whose name is at an offset that is not 0 in `wanted` (a byte
    for each offset from `first` on)."""
    limit = first + len(wanted)
    for index in range(len(positions)):
        at = positions[index]
        kind = (words[at + 1] >> 24) & 127
        if kind == kinds.STRUCT or kind == kinds.UNION:
            name = words[at]
            if first <= name and name < limit and wanted[name - first]:
                found.append(index)
