"""Taking BTF apart, so that its types can be compared, and putting what is left together again.

A *pool* is a section of strings in the making, in which every string that is looked for is there once; `buckets` (as many as
a power of two) is an open-addressed index of it, of offsets + 1.  What a type says itself, with every name settled in the pool
and every type id 0, is its part of `norm`; what it refers to is in `refs`.  Hashes only say where to look (`mask` 0 makes all
of them collide).
"""

from btfkit.hot import kinds

LONG = 0xFFFFFFFFFFFFFFFF
WORD = 0xFFFFFFFF


def mark_names(words, names, first_offset, moved):
    """Set `moved[offset - first_offset]` to 1 for each name offset from `first_offset` on; returns how many it set."""
    count = 0
    for index in range(len(names)):
        value = words[names[index]]
        if value and value >= first_offset and moved[value - first_offset] == 0:
            moved[value - first_offset] = 1
            count += 1
    return count


def mark_starts(strings, moved):
    """Set `moved` to 1 where a string begins that is not empty; returns how many it set anew."""
    count = 0
    begins = True
    for at in range(len(strings)):
        if begins and strings[at] and moved[at] == 0:
            moved[at] = 1
            count += 1
        begins = strings[at] == 0
    return count


def index(pool, start, end, buckets, prime, mask):
    """Put the strings of `pool[start:end]` that are not there yet into `buckets`; returns how many it put."""
    long = LONG
    place_mask = len(buckets) - 1
    count = 0
    at = start
    while at < end:
        h = prime
        begin = at
        c = pool[at]
        while c:
            h = ((h ^ c) * prime) & long
            at += 1
            c = pool[at]
        at += 1
        if at - begin == 1:
            continue
        h ^= h >> 32
        place = h & mask & place_mask
        while buckets[place]:
            other = buckets[place] - 1
            k = begin
            while pool[other] == pool[k] and pool[k]:
                other += 1
                k += 1
            if pool[other] == pool[k]:
                break
            place = (place + 1) & place_mask
        if buckets[place] == 0:
            buckets[place] = begin + 1
            count += 1
    return count


def settle_names(strings, start, moved, below, below_buckets, pool, pool_start, end, buckets, prime, mask):
    """Set each marked word of `moved`, from `start` on, to 1 + the offset of an equal string: in the pool `below`, or in
    `pool`, whose offsets begin at `pool_start` and which gets the string where neither has it.

    Returns (offset that is to be done next, for `pool` is full, or len(moved); end of the pool now).
    """
    long = LONG
    place_mask = len(buckets) - 1
    below_mask = len(below_buckets) - 1
    for offset in range(start, len(moved)):
        if moved[offset] == 0:
            continue
        h = prime
        at = offset
        c = strings[at]
        while c:
            h = ((h ^ c) * prime) & long
            at += 1
            c = strings[at]
        if at == offset:
            continue
        length = at - offset + 1
        h ^= h >> 32
        h &= mask
        found = 0
        place = h & below_mask
        while below_buckets[place]:
            other = below_buckets[place] - 1
            k = 0
            while k < length and below[other + k] == strings[offset + k]:
                k += 1
            if k == length:
                found = other + 1
                break
            place = (place + 1) & below_mask
        if found:
            moved[offset] = found
            continue
        place = h & place_mask
        while buckets[place]:
            other = buckets[place] - 1 - pool_start
            k = 0
            while k < length and pool[other + k] == strings[offset + k]:
                k += 1
            if k == length:
                found = other + 1 + pool_start
                break
            place = (place + 1) & place_mask
        if found == 0:
            if end + length > len(pool):
                return offset, end
            for k in range(length):
                pool[end + k] = strings[offset + k]
            found = pool_start + end + 1
            buckets[place] = found
            end += length
        moved[offset] = found
    return len(moved), end


def settle(norm, names, first_offset, below, moved):
    """Replace each name in the words `norm`: by what `below` says under `first_offset`, else by what `moved` says; both have 1
    added."""
    for index in range(len(names)):
        value = norm[names[index]]
        if value:
            norm[names[index]] = (moved[value - first_offset] if value >= first_offset else below[value]) - 1


def take_ids(norm, ids, first_id, shift, refs):
    """Move each type id out of the words `norm`, where it becomes 0, to `refs`, those from `first_id` on with `shift` added."""
    for index in range(len(ids)):
        value = norm[ids[index]]
        refs[index] = value + shift if value >= first_id else value
        norm[ids[index]] = 0


def place_nodes(norm, first_word, positions, id_starts, first_edge, place, starts, hashes, prime):
    """Say of each record where it begins in `norm` (`place`) and where its references do (`starts`), and make its hash.

    The records begin at word `first_word`, their references at number `first_edge`; `place` and `starts` have one entry more.
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


def gather(norm, place, starts, refs, stays, first, ids, out, positions, targets):
    """Copy the records of the nodes from `first` on that stay (`stays[node]` is not 0) to `out`.

    `positions` gets where each begins, `targets` the new ids of all that they refer to, in their order.
    """
    to = 0
    record = 0
    edge = 0
    for node in range(first, len(ids)):
        if stays[node] == 0:
            continue
        positions[record] = to
        record += 1
        for at in range(place[node], place[node + 1]):
            out[to] = norm[at]
            to += 1
        for at in range(starts[node], starts[node + 1]):
            targets[edge] = ids[refs[at]]
            edge += 1


def put(words, places, values):
    """Put `values`, as many as there are `places`, where these say."""
    for index in range(len(places)):
        words[places[index]] = values[index]


def rename(words, names, pool, first_offset, renamed, end, order):
    """Give names their new offsets.

    Those before `first_offset` stay.  Any other becomes its word in `renamed[name - first_offset]`; where that is 0 the name
    is new, and gets the offset `end`, after which its string ends (`pool` begins at `first_offset`); its old offset goes on the
    list `order`.  Returns the end of all strings.
    """
    for index in range(len(names)):
        value = words[names[index]]
        if value < first_offset:
            continue
        value -= first_offset
        if renamed[value] == 0:
            renamed[value] = end
            order.append(value + first_offset)
            here = value
            while pool[here]:
                here += 1
            end += here - value + 1
        words[names[index]] = renamed[value]
    return end


def spell(pool, start, order, out, at):
    """Write the strings at the offsets `order` of a pool that begins at `start` to `out`, from byte `at` on, each with its NUL;
    returns the end."""
    for number in range(len(order)):
        here = order[number] - start
        c = pool[here]
        while c:
            out[at] = c
            at += 1
            here += 1
            c = pool[here]
        out[at] = 0
        at += 1
    return at


def declarations(norm, place, first, found):
    """Append to the list `found` the nodes from `first` on that only declare: FWD, and enums without a value."""
    for node in range(first, len(place) - 1):
        info = norm[place[node] + 1]
        kind = (info >> 24) & 127
        if kind == kinds.FWD or ((kind == kinds.ENUM or kind == kinds.ENUM64) and info & 0xFFFFFF == 0):
            found.append(node)
