"""Putting the records of one BTF behind those of another, with new ids, and their strings into one section, each once.

The *pool* is that section in the making (for a split its bases' strings stand in front), `buckets` an open-addressed index
of its strings: pairs of (1 + offset, hash), as many as a power of two.  `state` is [end of the pool, strings in the index],
`prime` any odd number: drawn anew each time, so that nobody can make strings that collide; no result depends on it.
"""

HASH_SEED = 2166136261
WORD = 0xFFFFFFFF  # by name, for Cython takes a literal of that size for a Python object
LONGEST = 512  # bytes of the end of a longer string that is looked for in the pool; the kernel's names are shorter


def mark(words, positions, table, first_offset, used):
    """Set `used[offset - first_offset]` for each name offset from `first_offset` on of the records at `positions`."""
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        value = words[at]
        if value >= first_offset:
            used[value - first_offset] = 1
        elem = table[row + 1]
        mask = table[row + 5]
        if elem and mask:
            at += 3 + table[row]
            end = at + (info & 0xFFFFFF) * elem
            while at < end:
                for slot in range(elem):
                    if (mask >> slot) & 1:
                        value = words[at + slot]
                        if value >= first_offset:
                            used[value - first_offset] = 1
                at += elem


def find(pool, buckets, strings, start, end, h):
    """The place in `buckets` of the string of hash `h` that is `strings[start:end]`, or the free one where it would go."""
    mask = len(buckets) // 2 - 1
    place = h & mask
    while buckets[2 * place]:
        if buckets[2 * place + 1] == h:
            here = buckets[2 * place] - 1
            k = start
            while k < end and pool[here] == strings[k]:
                k += 1
                here += 1
            if k == end and pool[here] == 0:
                break
        place = (place + 1) & mask
    return place


def digest(strings, start, end, prime):
    """The hash of `strings[start:end]`, of 32 bits."""
    word = WORD
    h = HASH_SEED
    for k in range(start, end):
        h = ((h ^ strings[k]) * prime) & word
    return h ^ (h >> 15)


def index(pool, buckets, state, prime):
    """Put every string of the pool into `buckets`, which is empty: of equal ones the first."""
    word = WORD
    count = 0
    start = 0
    stop = state[0]
    while start < stop:
        end = start
        h = HASH_SEED
        while pool[end]:
            h = ((h ^ pool[end]) * prime) & word
            end += 1
        if end > start:
            h ^= h >> 15
            place = find(pool, buckets, pool, start, end, h)
            if buckets[2 * place] == 0:
                buckets[2 * place] = start + 1
                buckets[2 * place + 1] = h
                count += 1
        start = end + 1
    state[1] = count


def grow(old, buckets):
    """Put what is in the places of `old` into the empty and larger `buckets`."""
    mask = len(buckets) // 2 - 1
    for at in range(len(old) // 2):
        if old[2 * at]:
            place = old[2 * at + 1] & mask
            while buckets[2 * place]:
                place = (place + 1) & mask
            buckets[2 * place] = old[2 * at]
            buckets[2 * place + 1] = old[2 * at + 1]


def add(pool, buckets, state, prime, strings, used, moved):
    """Find or append in the pool every string of `strings` (a section, NUL last) that begins where `used` is set.

    `moved` gets the offsets in the pool, 0 for empty strings; `used` is clear in the end.  A used end of a longer string is
    looked for; where it is not there, it becomes the end of that string in the pool, so that the pool grows by no more than
    the section has.
    """
    word = WORD
    start = 0
    size = len(strings)
    while start < size:
        end = start
        wanted = 0
        full = HASH_SEED
        while strings[end]:
            wanted |= used[end]
            full = ((full ^ strings[end]) * prime) & word
            end += 1
        if wanted:
            full ^= full >> 15
            whole = 0
            for at in range(start, end):
                if used[at] == 0:
                    continue
                used[at] = 0
                if at > start and end - at <= LONGEST:
                    h = digest(strings, at, end, prime)
                    place = find(pool, buckets, strings, at, end, h)
                    if buckets[2 * place]:
                        moved[at] = buckets[2 * place] - 1
                        continue
                if whole == 0:
                    place = find(pool, buckets, strings, start, end, full)
                    if buckets[2 * place] == 0:
                        whole = state[0]
                        for k in range(start, end):
                            pool[whole + k - start] = strings[k]
                        pool[whole + end - start] = 0
                        state[0] = whole + end - start + 1
                        state[1] = state[1] + 1
                        buckets[2 * place] = whole + 1
                        buckets[2 * place + 1] = full
                    else:
                        whole = buckets[2 * place] - 1
                moved[at] = whole + at - start
        if used[end]:
            used[end] = 0
            moved[end] = 0
        start = end + 1


def copy(words, positions, table, shared_id, between, first_id, new_id, first_offset, moved, out, to):
    """Copy the records at `positions` to `out` from word `to` on, with new ids and name offsets; returns where they end.

    An id below `shared_id` stays, one below `first_id` is what `between[id - shared_id]` says, any other becomes as far from
    `new_id` as it was from `first_id`.  A name offset below `first_offset` stays, any other is what
    `moved[offset - first_offset]` says.
    """
    for record in range(len(positions)):
        at = positions[record]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        value = words[at]
        out[to] = moved[value - first_offset] if value >= first_offset else value
        out[to + 1] = info
        value = words[at + 2]
        if table[row + 2] and value >= shared_id:
            value = value - first_id + new_id if value >= first_id else between[value - shared_id]
        out[to + 2] = value
        to += 3
        at += 3
        mask = table[row + 3]
        for slot in range(table[row]):
            value = words[at]
            if (mask >> slot) & 1 and value >= shared_id:
                value = value - first_id + new_id if value >= first_id else between[value - shared_id]
            out[to] = value
            to += 1
            at += 1
        elem = table[row + 1]
        if elem == 0:
            continue
        mask = table[row + 4]
        name_mask = table[row + 5]
        end = at + (info & 0xFFFFFF) * elem
        while at < end:
            for slot in range(elem):
                value = words[at + slot]
                if (mask >> slot) & 1:
                    if value >= shared_id:
                        value = value - first_id + new_id if value >= first_id else between[value - shared_id]
                elif (name_mask >> slot) & 1 and value >= first_offset:
                    value = moved[value - first_offset]
                out[to + slot] = value
            to += elem
            at += elem
    return to
