"""Finding records by name: one pass over the records, comparing bytes of the string section.

The *essential name* is the name without its `___flavor` (libbpf, bpf_core_essential_name_len).
"""

HASH_SEED = 2166136261
HASH_PRIME = 16777619
LOW_32 = 0xFFFFFFFF  # a C integer when compiled; a literal would be a Python object
HEADS = 128  # words: a bit for each pair of first letters, six bits of each letter


def name_hash(name):
    """The 32-bit FNV-1a hash of all of `name` (bytes, without NUL); never 0."""
    low = LOW_32
    h = HASH_SEED
    for i in range(len(name)):
        h = ((h ^ name[i]) * HASH_PRIME) & low
    return h if h else 1


def buckets_of(names):
    """The table for `find_hashes` of a set of names: HEADS words, with the bits of the first two letters of each name (after a
    name of one letter may follow a flavor), then an open-addressed table of the hashes of whole names."""
    size = 8
    while size < 4 * len(names):
        size *= 2
    table = memoryview(bytearray(4 * (HEADS + size))).cast("I")
    for name in names:
        for second in name[1:2] or b"\0_":
            bit = ((name[0] if name else 0) & 63) << 6 | second & 63
            table[bit >> 5] = table[bit >> 5] | 1 << (bit & 31)
        value = name_hash(name)
        bucket = value & (size - 1)
        while table[HEADS + bucket]:
            bucket = (bucket + 1) & (size - 1)
        table[HEADS + bucket] = value
    return table


def find_hashes(words, positions, kinds, strings, first_offset, buckets, found):
    """Find the records whose essential name has one of the wanted hashes.

    `kinds[k]` is 1 for each wanted kind; `buckets` has the wanted names (`buckets_of`), which may contain `___` themselves.
    The indexes of the records are appended to the list `found`; hashes may collide, so the caller compares the names.
    Anonymous records and those whose name lies below `first_offset` (in the base) are skipped.  Returns the number of the
    latter among the wanted kinds.
    """
    heads = HEADS
    mask = len(buckets) - heads - 1
    below = 0
    seed = HASH_SEED
    prime = HASH_PRIME
    low = LOW_32
    for index in range(len(positions)):
        at = positions[index]
        if not kinds[(words[at + 1] >> 24) & 127]:
            continue
        offset = words[at]
        if offset == 0:
            continue
        if offset < first_offset:
            below += 1
            continue
        start = offset - first_offset
        at = start
        c = strings[at]
        bucket = (c & 63) << 6
        if c:
            bucket |= strings[at + 1] & 63
        if (buckets[bucket >> 5] >> (bucket & 31)) & 1 == 0:
            continue
        h = seed
        before_run = seed
        kept = 0
        has_flavor = 0
        run = 0
        while c:
            if c == 95:
                if run == 0:
                    before_run = h
                run += 1
            else:
                if run == 3 and at - start > 3:
                    kept = before_run
                    has_flavor = 1
                run = 0
            h = ((h ^ c) * prime) & low
            at += 1
            c = strings[at]
        if has_flavor:
            h = kept
        if h == 0:
            h = 1
        bucket = h & mask
        while buckets[heads + bucket]:
            if buckets[heads + bucket] == h:
                found.append(index)
                break
            bucket = (bucket + 1) & mask
    return below


def find_name(words, positions, strings, first_offset, name, below, kind, start):
    """The index of the first record from `start` on whose name is `name` (bytes, without NUL), or -1.

    `kind` 0 means any kind.  `below` is a sorted buffer of the offsets below `first_offset` at which the strings of the bases
    have the name.
    """
    length = len(name)
    size = len(strings)
    lowest = len(below)
    for index in range(start, len(positions)):
        at = positions[index]
        offset = words[at]
        if offset == 0 or (kind and (words[at + 1] >> 24) & 127 != kind):
            continue
        if offset < first_offset:
            for k in range(lowest):
                if below[k] == offset:
                    return index
            continue
        offset -= first_offset
        if offset + length >= size or strings[offset + length] != 0:
            continue
        k = 0
        while k < length and strings[offset + k] == name[k]:
            k += 1
        if k == length:
            return index
    return -1


def chain_names(words, positions, below, strings, first_offset, buckets, following):
    """Index all named records: `buckets` (length a power of two, all 0) gets 1 + the index of the first record in each bucket,
    `following` 1 + that of the next record there, in their order.  `below` has the strings of the bases."""
    low = LOW_32
    prime = HASH_PRIME
    seed = HASH_SEED
    mask = len(buckets) - 1
    left = len(positions)
    while left:
        at = words[positions[left - 1]]
        if at:
            own = at >= first_offset
            if own:
                at -= first_offset
            h = seed
            c = strings[at] if own else below[at]
            while c:
                h = ((h ^ c) * prime) & low
                at += 1
                c = strings[at] if own else below[at]
            if h == 0:
                h = 1
            following[left - 1] = buckets[h & mask]
            buckets[h & mask] = left
        left -= 1


def next_named(words, positions, below, strings, first_offset, buckets, following, name, last):
    """The index of the first record after the index `last` (-1: of all) whose name is `name`, or -1; `chain_names` documents
    the rest."""
    length = len(name)
    here = following[last] if last >= 0 else buckets[name_hash(name) & (len(buckets) - 1)]
    while here:
        at = words[positions[here - 1]]
        own = at >= first_offset
        if own:
            at -= first_offset
        k = 0
        c = strings[at] if own else below[at]
        while k < length and c == name[k] and c:
            k += 1
            at += 1
            c = strings[at] if own else below[at]
        if k == length and c == 0:
            return here - 1
        here = following[here - 1]
    return -1


def first_not_below(words, positions, below, strings, first_offset, name, start):
    """The index of the first record from `start` on whose name is not less than `name`, by binary search.

    The records from `start` on have to be sorted by name (`scan.is_sorted`, which also documents `below`).  Returns
    len(positions) if there is none.
    """
    low = start
    high = len(positions)
    length = len(name)
    while low < high:
        middle = (low + high) >> 1
        at = words[positions[middle]]
        own = at >= first_offset
        if own:
            at -= first_offset
        k = 0
        c = strings[at] if own else below[at]
        while k < length and c == name[k] and c:
            k += 1
            at += 1
            c = strings[at] if own else below[at]
        if k < length and c < name[k]:
            low = middle + 1
        else:
            high = middle
    return low


def next_member(words, at, count, strings, first_offset, name, start):
    """The index of the first member from `start` on that is called `name`, is anonymous, or has its name in the base.

    `at` is the word position of the first of `count` members of three words each.  Returns -1 if there is none.
    """
    length = len(name)
    size = len(strings)
    for index in range(start, count):
        offset = words[at + 3 * index]
        if offset < first_offset or strings[offset - first_offset] == 0:
            return index
        offset -= first_offset
        if offset + length >= size or strings[offset + length] != 0:
            continue
        k = 0
        while k < length and strings[offset + k] == name[k]:
            k += 1
        if k == length:
            return index
    return -1


def has_longer(strings, limit):
    """Whether one of `strings` (each ends in a NUL) has more than `limit` bytes; most of them are not looked at."""
    at = 0
    size = len(strings)
    while size - at > limit:
        end = at + limit
        while strings[end]:
            if end == at:
                return True
            end -= 1
        at = end + 1
    return False


def distinct_length(words, places, strings, first_offset, seen, most):
    """The total length of the names in `strings` whose offsets are at `places`, each offset once (`seen` has a byte for each, all
    0 at the start); no more than one name above `most` is counted."""
    total = 0
    for index in range(len(places)):
        offset = words[places[index]]
        if offset < first_offset or seen[offset - first_offset]:
            continue
        offset -= first_offset
        seen[offset] = 1
        while strings[offset]:
            offset += 1
            total += 1
        if total > most:
            break
    return total


def named_below(words, positions, kinds, first_offset, indexes, offsets):
    """Append, for each record of a wanted kind whose name lies in the base, its index and its name offset."""
    for index in range(len(positions)):
        at = positions[index]
        offset = words[at]
        if 0 < offset < first_offset and kinds[(words[at + 1] >> 24) & 127]:
            indexes.append(index)
            offsets.append(offset)


def namesakes(words, positions, groups, strings, seed, buckets, lengths, leaders, followers):
    """Find the records that share an essential name and a group (`groups[kind]`; 0: skipped).

    For each record except the first of a name, its index goes to the list `followers`, and that of the first to `leaders`.
    `buckets` (length a power of two, larger than the number of records, all 0) and `lengths` (one for each record) are working
    space; all names are in `strings`.  No result depends on `seed`, which makes collisions unpredictable.
    """
    mask = len(buckets) - 1
    prime = HASH_PRIME
    low = LOW_32
    for index in range(len(positions)):
        at = positions[index]
        group = groups[(words[at + 1] >> 24) & 127]
        start = words[at]
        if group == 0 or strings[start] == 0:
            continue
        at = start
        h = seed
        before_run = seed
        kept = 0
        end = 0
        run_start = start
        run = 0
        c = strings[at]
        while c:
            if c == 95:
                if run == 0:
                    before_run = h
                    run_start = at
                run += 1
            else:
                if run == 3 and at - start > 3:
                    kept = before_run
                    end = run_start
                run = 0
            h = ((h ^ c) * prime) & low
            at += 1
            c = strings[at]
        if end:
            h = kept
        else:
            end = at
        length = end - start
        lengths[index] = length
        h = ((h ^ group) * prime) & low
        h ^= h >> 15
        bucket = h & mask
        while buckets[bucket]:
            first = buckets[bucket] - 1
            other = positions[first]
            if lengths[first] == length and groups[(words[other + 1] >> 24) & 127] == group:
                other = words[other]
                k = 0
                while k < length and strings[start + k] == strings[other + k]:
                    k += 1
                if k == length:
                    leaders.append(first)
                    followers.append(index)
                    break
            bucket = (bucket + 1) & mask
        if buckets[bucket] == 0:
            buckets[bucket] = index + 1
