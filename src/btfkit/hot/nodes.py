"""Splitting BTF into parts so that its types can be compared, and assembling the types that are kept.

The part of a type in `norm` is its record with every name replaced by its offset in one `hot.strings.StringTable` (the *pool*)
and every type id replaced by 0.  Its references are in `refs`.
"""

from btfkit.hot import kinds, spans

LONG = 0xFFFFFFFFFFFFFFFF
WORD = 0xFFFFFFFF


def mark(words, positions, table, first_offset, moved, below, found):
    """Set `moved[offset - first_offset]` (all 0 at the start) to 1 for each name offset from `first_offset` on, and append each
    lower one whose word in `below` is 0 to the list `found`, which also sets that word to 1.

    Returns (how many of `moved` were set, the number of type ids).
    """
    marked = 0
    ids = 0
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        marked += mark_name(words[at], first_offset, moved, below, found)
        ids += table[row + kinds.THIRD_IS_TYPE]
        mask = table[row + kinds.TAIL_IDS]
        while mask:
            ids += mask & 1
            mask >>= 1
        if table[row + kinds.ELEM_IDS]:  # at most one word of an element is a type id
            ids += info & 0xFFFFFF
        mask = table[row + kinds.ELEM_NAMES]
        if mask == 0:
            continue
        elem = table[row + kinds.ELEM]
        at += 3 + table[row + kinds.TAIL]
        for _ in range(info & 0xFFFFFF):
            if mask == 1:
                marked += mark_name(words[at], first_offset, moved, below, found)
            else:
                for slot in range(elem):
                    if (mask >> slot) & 1:
                        marked += mark_name(words[at + slot], first_offset, moved, below, found)
            at += elem
    return marked, ids


def mark_name(value, first_offset, moved, below, found):
    """`mark` for one name offset; returns 1 if a word of `moved` was set."""
    if value == 0:
        return 0
    if value >= first_offset:
        if moved[value - first_offset]:
            return 0
        moved[value - first_offset] = 1
        return 1
    if below[value] == 0:
        below[value] = 1
        found.append(value)
    return 0


def clear(moved):
    """Set all words to 0."""
    for at in range(len(moved)):
        moved[at] = 0


def mark_starts(strings, moved):
    """Set `moved` to 1 where a nonempty string begins."""
    begins = True
    for at in range(len(strings)):
        if begins and strings[at]:
            moved[at] = 1
        begins = strings[at] == 0


def take(
    norm,
    first_word,
    positions,
    table,
    first_offset,
    below,
    moved,
    first_id,
    shift,
    refs,
    first_edge,
    place,
    starts,
    hashes,
    prime,
    pool,
    strings,
):
    """Make nodes of the records at `positions` (from word `first_word` of `norm` on, which ends with them).

    Each name becomes its entry in `below`, or from `first_offset` on in `moved` (these entries are 1 too large; those that are 0
    are looked up in `pool`, by the text in `strings`).  Each type id
    becomes 0 and goes to `refs`, from number `first_edge` on; those from `first_id` on get `shift` added.  `place` and `starts`
    get where each record and its references begin, with one more entry at the end, `hashes` the hash of each record.
    Returns the end of the references.
    """
    long = LONG
    low = WORD
    edge = first_edge
    for index in range(len(positions)):
        begin = at = first_word + positions[index]
        info = norm[at + 1]
        row = ((info >> 24) & 127) << 3
        place[index] = at
        starts[index] = edge
        norm[at] = new_name(norm[at], first_offset, below, moved, pool, strings)
        if table[row + kinds.THIRD_IS_TYPE]:
            refs[edge] = new_reference(norm[at + 2], first_id, shift)
            edge += 1
            norm[at + 2] = 0
        at += 3
        tail = table[row + kinds.TAIL]
        elem = table[row + kinds.ELEM]
        end = at + tail + (info & 0xFFFFFF) * elem
        mask = table[row + kinds.TAIL_IDS]
        while mask:
            if mask & 1:
                refs[edge] = new_reference(norm[at], first_id, shift)
                edge += 1
                norm[at] = 0
            mask >>= 1
            at += 1
            tail -= 1
        at += tail
        mask = table[row + kinds.ELEM_IDS]
        names = table[row + kinds.ELEM_NAMES]
        if mask == 2 and names == 1:
            while at < end:
                norm[at] = new_name(norm[at], first_offset, below, moved, pool, strings)
                refs[edge] = new_reference(norm[at + 1], first_id, shift)
                edge += 1
                norm[at + 1] = 0
                at += elem
        elif mask or names:
            while at < end:
                for slot in range(elem):
                    if (mask >> slot) & 1:
                        refs[edge] = new_reference(norm[at + slot], first_id, shift)
                        edge += 1
                        norm[at + slot] = 0
                    elif (names >> slot) & 1:
                        norm[at + slot] = new_name(norm[at + slot], first_offset, below, moved, pool, strings)
                at += elem
        h = prime
        for at in range(begin, end):
            h = ((h ^ norm[at]) * prime) & long
            h ^= h >> 32
        hashes[index] = (h >> 7) & low
    place[len(positions)] = len(norm)
    starts[len(positions)] = edge
    return edge


def new_name(value, first_offset, below, moved, pool, strings):
    """The new offset of a name, as `take` describes."""
    if value == 0:
        return 0
    if value < first_offset:
        return below[value] - 1
    value -= first_offset
    if moved[value] == 0:
        moved[value] = pool.resolve(strings, value)
    return moved[value] - 1


def new_reference(value, first_id, shift):
    """The node of a type id, as `take` describes."""
    return value + shift if value >= first_id else value


def share(norm, place, label, heads):
    """Keep one record for all nodes of a class, whose records are equal; `heads` has the lowest node of each class.

    Records move to the front of `norm`, and `place` becomes where they are then; its last entry becomes the end of all records,
    which is returned.
    """
    end = 0
    at = place[1]
    for node in range(1, len(place) - 1):
        following = place[node + 1]
        first = heads[label[node]]
        if first == node:
            place[node] = end
            while at < following:
                norm[end] = norm[at]
                end += 1
                at += 1
        else:
            place[node] = place[first]
        at = following
    place[len(place) - 1] = end
    return end


def write(norm, place, table, starts, refs, stays, first, ids, pool, first_offset, renamed, end, out, text, shift):
    """Copy the records of the nodes from `first` on that are kept (`stays[node]` is not 0) to `out`, with their new references
    `ids[node]` and new names, and write the strings of these to `text`, whose first byte has the offset `shift`.

    Names below `first_offset` stay.  Any other becomes its word in `renamed`, which has one for every two bytes of `pool`; two
    names never begin in them.  If that word is 0, the name is new: it gets the offset `end`, and `end` moves past its string
    (`pool` begins at `first_offset`).  Returns the end of all strings.
    """
    to = 0
    for node in range(first, len(ids)):
        if stays[node] == 0:
            continue
        at = place[node]
        edge = starts[node]
        info = norm[at + 1]
        row = ((info >> 24) & 127) << 3
        value = norm[at]
        if value >= first_offset:
            if renamed[(value - first_offset) >> 1] == 0:
                end = rename(pool, value - first_offset, renamed, end, text, shift)
            value = renamed[(value - first_offset) >> 1]
        out[to] = value
        out[to + 1] = info
        out[to + 2] = norm[at + 2]
        if table[row + kinds.THIRD_IS_TYPE]:
            out[to + 2] = ids[refs[edge]]
            edge += 1
        at += 3
        to += 3
        mask = table[row + kinds.TAIL_IDS]
        for _ in range(table[row + kinds.TAIL]):
            out[to] = norm[at]
            if mask & 1:
                out[to] = ids[refs[edge]]
                edge += 1
            mask >>= 1
            at += 1
            to += 1
        elem = table[row + kinds.ELEM]
        mask = table[row + kinds.ELEM_IDS]
        names = table[row + kinds.ELEM_NAMES]
        for _ in range(info & 0xFFFFFF if elem else 0):
            for slot in range(elem):
                value = norm[at + slot]
                if (mask >> slot) & 1:
                    value = ids[refs[edge]]
                    edge += 1
                elif (names >> slot) & 1 and value >= first_offset:
                    if renamed[(value - first_offset) >> 1] == 0:
                        end = rename(pool, value - first_offset, renamed, end, text, shift)
                    value = renamed[(value - first_offset) >> 1]
                out[to + slot] = value
            at += elem
            to += elem
    return end


def rename(pool, name, renamed, end, text, shift):
    """Give the string at `pool[name]` the offset `end`, and write it to `text`; returns the end of all strings then."""
    renamed[name >> 1] = end
    return spell(pool, name, text, end - shift) + shift


def spell(pool, here, text, at):
    """Copy the string at `pool[here]` with its NUL to `text[at]`; returns the end of the copy."""
    count = spans.end_of(pool, here) + 1 - here
    spans.copy(text, at, pool, here, count)
    return at + count


def declarations(norm, place, first, found):
    """Append to the list `found` the nodes from `first` on that are only declarations: FWD, and enums without values."""
    for node in range(first, len(place) - 1):
        info = norm[place[node] + 1]
        kind = (info >> 24) & 127
        if kind == kinds.FWD or ((kind == kinds.ENUM or kind == kinds.ENUM64) and info & 0xFFFFFF == 0):
            found.append(node)
