"""Splitting BTF into parts so that its types can be compared, and assembling the types that are kept.

The part of a type in `norm` is its record with every name replaced by its offset in one `hot.strings.StringTable` (the *pool*)
and every type id replaced by 0.  Its references are in `refs`.
"""

from btfkit.hot import kinds

LONG = 0xFFFFFFFFFFFFFFFF
WORD = 0xFFFFFFFF


def mark_names(words, names, first_offset, moved):
    """Set `moved[offset - first_offset]` to 1 for each name offset from `first_offset` on."""
    for index in range(len(names)):
        value = words[names[index]]
        if value and value >= first_offset:
            moved[value - first_offset] = 1


def mark_starts(strings, moved):
    """Set `moved` to 1 where a nonempty string begins."""
    begins = True
    for at in range(len(strings)):
        if begins and strings[at]:
            moved[at] = 1
        begins = strings[at] == 0


def settle(norm, names, first_offset, below, moved):
    """Replace each name in the words `norm`: below `first_offset` by its entry in `below`, otherwise by its entry in `moved`.
    All entries are 1 too large."""
    for index in range(len(names)):
        value = norm[names[index]]
        if value:
            norm[names[index]] = (moved[value - first_offset] if value >= first_offset else below[value]) - 1


def take_ids(norm, ids, first_id, shift, refs):
    """Move each type id from the words `norm`, where it becomes 0, to `refs`; ids from `first_id` on get `shift` added."""
    for index in range(len(ids)):
        value = norm[ids[index]]
        refs[index] = value + shift if value >= first_id else value
        norm[ids[index]] = 0


def place_nodes(norm, first_word, positions, id_starts, first_edge, place, starts, hashes, prime):
    """Write where each record begins in `norm` (`place`) and where its references begin (`starts`), and compute its hash.

    The records begin at word `first_word`, their references at number `first_edge`.  `place` and `starts` have one more entry.
    """
    long = LONG
    low = WORD
    count = len(positions)
    for index in range(count):
        place[index] = first_word + positions[index]
        starts[index] = first_edge + id_starts[index]
    place[count] = len(norm)
    starts[count] = first_edge + id_starts[count]
    for index in range(count):
        h = prime
        for at in range(place[index], place[index + 1]):
            h = ((h ^ norm[at]) * prime) & long
            h ^= h >> 32
        hashes[index] = (h >> 7) & low


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


def gather(norm, place, table, starts, refs, stays, first, ids, out, positions, targets):
    """Copy the records of the nodes from `first` on that are kept (`stays[node]` is not 0) to `out`.

    `positions` gets the start of each record, `targets` the new ids of all its references, in order.
    """
    to = 0
    record = 0
    edge = 0
    for node in range(first, len(ids)):
        if stays[node] == 0:
            continue
        positions[record] = to
        record += 1
        at = place[node]
        info = norm[at + 1]
        row = ((info >> 24) & 127) << 3
        end = at + 3 + table[row + kinds.TAIL] + (info & 0xFFFFFF) * table[row + kinds.ELEM]
        while at < end:
            out[to] = norm[at]
            to += 1
            at += 1
        for at in range(starts[node], starts[node + 1]):
            targets[edge] = ids[refs[at]]
            edge += 1


def put(words, places, values):
    """Write `values` to the positions `places`, one for each."""
    for index in range(len(places)):
        words[places[index]] = values[index]


def rename(words, names, pool, first_offset, renamed, end, text, shift):
    """Give names their new offsets, and write their strings to `text`, whose first byte has the offset `shift`.

    Those below `first_offset` stay.  Any other becomes its word in `renamed[name - first_offset]`.  If that is 0, the name is
    new: it gets the offset `end`, and `end` moves past its string (`pool` begins at `first_offset`).  Returns the end of all
    strings.
    """
    for index in range(len(names)):
        value = words[names[index]]
        if value < first_offset:
            continue
        value -= first_offset
        if renamed[value] == 0:
            renamed[value] = end
            end = spell(pool, value, text, end - shift) + shift
        words[names[index]] = renamed[value]
    return end


def spell(pool, here, text, at):
    """Copy the string at `pool[here]` with its NUL to `text[at]`; returns the end of the copy."""
    while pool[here]:
        text[at] = pool[here]
        here += 1
        at += 1
    text[at] = 0
    return at + 1


def declarations(norm, place, first, found):
    """Append to the list `found` the nodes from `first` on that are only declarations: FWD, and enums without values."""
    for node in range(first, len(place) - 1):
        info = norm[place[node] + 1]
        kind = (info >> 24) & 127
        if kind == kinds.FWD or ((kind == kinds.ENUM or kind == kinds.ENUM64) and info & 0xFFFFFF == 0):
            found.append(node)
