"""Taking BTF apart, so that its types can be compared, and putting what is left together again.

A *pool* is a section of strings in the making, in which every string that is looked for is there once; `buckets` (as many as
a power of two) is an open-addressed index of it, of offsets + 1.  What a type says itself, with every name settled in the pool
and every type id 0, is its part of `norm`; what it refers to is in `refs`.  Hashes only say where to look (`mask` 0 makes all
of them collide).
"""

LONG = 0xFFFFFFFFFFFFFFFF
WORD = 0xFFFFFFFF


def mark_names(words, positions, table, first_offset, moved):
    """Set `moved[offset - first_offset]` to 1 for each name offset from `first_offset` on; returns how many it set."""
    count = 0
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        value = words[at]
        if value and value >= first_offset and moved[value - first_offset] == 0:
            moved[value - first_offset] = 1
            count += 1
        elem = table[row + 1]
        mask = table[row + 5]
        if elem and mask:
            at += 3 + table[row]
            end = at + (info & 0xFFFFFF) * elem
            while at < end:
                for slot in range(elem):
                    if (mask >> slot) & 1:
                        value = words[at + slot]
                        if value and value >= first_offset and moved[value - first_offset] == 0:
                            moved[value - first_offset] = 1
                            count += 1
                at += elem
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


def not_settled(words, positions, table, limit, moved, found):
    """Append to the list `found` each name offset below `limit` whose word in `moved` is 0, and set that to 1."""
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        value = words[at]
        if value and value < limit and moved[value] == 0:
            moved[value] = 1
            found.append(value)
        elem = table[row + 1]
        mask = table[row + 5]
        if elem and mask:
            at += 3 + table[row]
            end = at + (info & 0xFFFFFF) * elem
            while at < end:
                for slot in range(elem):
                    if (mask >> slot) & 1:
                        value = words[at + slot]
                        if value and value < limit and moved[value] == 0:
                            moved[value] = 1
                            found.append(value)
                at += elem


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


def take_apart(
    words,
    positions,
    table,
    first_offset,
    below,
    moved,
    first_id,
    shift,
    norm,
    at_word,
    place,
    starts,
    refs,
    edges,
    hashes,
    node,
    prime,
):
    """Take records apart.

    `norm` (from word `at_word` on) becomes a copy of them with each name settled (by `below` under `first_offset`, else by
    `moved`) and each type id 0; the ids go to `refs` (from number `edges` on), those from `first_id` on with `shift` added.
    For the record of each node, from number `node` on, `place` gets where it begins in `norm`, `starts` where its references do,
    `hashes` the hash of what it says.  Returns (words of `norm`, number of `refs`) that are in use now.
    """
    long = LONG
    low = WORD
    to = at_word
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        starts[node] = edges
        place[node] = to
        value = words[at]
        if value:
            value = (moved[value - first_offset] if value >= first_offset else below[value]) - 1
        norm[to] = value
        norm[to + 1] = info
        h = ((prime ^ value) * prime) & long
        h ^= h >> 32
        h = ((h ^ info) * prime) & long
        h ^= h >> 32
        value = words[at + 2]
        if table[row + 2]:
            refs[edges] = value + shift if value >= first_id else value
            edges += 1
            value = 0
        norm[to + 2] = value
        h = ((h ^ value) * prime) & long
        h ^= h >> 32
        at += 3
        to += 3
        mask = table[row + 3]
        for slot in range(table[row]):
            value = words[at + slot]
            if (mask >> slot) & 1:
                refs[edges] = value + shift if value >= first_id else value
                edges += 1
                value = 0
            norm[to + slot] = value
            h = ((h ^ value) * prime) & long
            h ^= h >> 32
        at += table[row]
        to += table[row]
        elem = table[row + 1]
        if elem:
            end = at + (info & 0xFFFFFF) * elem
            ids = table[row + 4]
            names = table[row + 5]
            while at < end:
                for slot in range(elem):
                    value = words[at + slot]
                    if (names >> slot) & 1:
                        if value:
                            value = (moved[value - first_offset] if value >= first_offset else below[value]) - 1
                    elif (ids >> slot) & 1:
                        refs[edges] = value + shift if value >= first_id else value
                        edges += 1
                        value = 0
                    norm[to + slot] = value
                    h = ((h ^ value) * prime) & long
                    h ^= h >> 32
                at += elem
                to += elem
        hashes[node] = (h >> 7) & low
        node += 1
    starts[node] = edges
    place[node] = to
    return to, edges


def count_refs(words, positions, table):
    """How many type ids the records have."""
    count = 0
    for index in range(len(positions)):
        info = words[positions[index] + 1]
        row = ((info >> 24) & 127) << 3
        count += table[row + 2]
        mask = table[row + 3]
        while mask:
            count += mask & 1
            mask >>= 1
        if table[row + 4]:
            count += info & 0xFFFFFF
    return count


def write(norm, place, table, starts, refs, stays, first, ids, pool, first_offset, renamed, end, out, order):
    """Write the records of the nodes from `first` on that stay (`stays[node]` is not 0) to `out`, with new ids.

    Names before `first_offset` stay.  Any other becomes its word in `renamed[name - first_offset]`; where that is 0 the name
    is new, and gets the offset `end`, behind which its string ends (`pool` begins at `first_offset`); its old offset goes on the
    list `order`.  Returns the end of all strings.
    """
    to_word = 0
    for node in range(first, len(ids)):
        if stays[node] == 0:
            continue
        at = place[node]
        info = norm[at + 1]
        row = ((info >> 24) & 127) << 3
        edge = starts[node]
        tail = table[row]
        elem = table[row + 1]
        mask = table[row + 3]
        total = 3 + tail
        if elem:
            total += (info & 0xFFFFFF) * elem
        phase = 0
        for slot in range(total):
            value = norm[at + slot]
            is_name = slot == 0
            is_type = False
            if slot == 2:
                is_type = table[row + 2]
            elif slot > 2:
                if slot < 3 + tail:
                    is_type = (mask >> (slot - 3)) & 1
                else:
                    is_name = (table[row + 5] >> phase) & 1
                    is_type = (table[row + 4] >> phase) & 1
                    phase += 1
                    if phase == elem:
                        phase = 0
            if is_type:
                value = ids[refs[edge]]
                edge += 1
            elif is_name and value >= first_offset:
                value -= first_offset
                if renamed[value] == 0:
                    renamed[value] = end
                    order.append(value + first_offset)
                    here = value
                    while pool[here]:
                        here += 1
                    end += here - value + 1
                value = renamed[value]
            out[to_word] = value
            to_word += 1
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
        if kind == 7 or ((kind == 6 or kind == 19) and info & 0xFFFFFF == 0):
            found.append(node)
