"""Putting the strings of several BTFs into one section, each once.

The *pool* is that section in the making (for a split its bases' strings stand in front), `buckets` an open-addressed index
of its strings: pairs of (1 + offset, hash), as many as a power of two.  `state` is [end of the pool, strings in the index],
`prime` any odd number: drawn anew each time, so that nobody can make strings that collide; no result depends on it.
"""

HASH_SEED = 2166136261
WORD = 0xFFFFFFFF  # by name, for Cython takes a literal of that size for a Python object
LONGEST = 512  # bytes of the end of a longer string that is looked for in the pool; the kernel's names are shorter


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
