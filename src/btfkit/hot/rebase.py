"""Taking a split BTF off one base and putting it on another: collecting, copying, renumbering, finding by name.

`passes/distill.py` and `passes/reconcile.py` tell what the loops are for.  *Below* is the base, as one BTF whose ids
begin at 1 and whose string offsets begin at 0.  A *leaf* is a type that a name and a size stand for: a named INT,
FLOAT, FWD, ENUM, ENUM64, STRUCT or UNION.  A `board` holds one word for each id of a base.
"""

REFERRED = 1  # in marks: some own type refers to it
EMBEDDED = 2  # a struct or union has it by value, through modifiers, typedefs and arrays
PASSED = 4  # a variable, a parameter or a returned value is one

HASH_SEED = 2166136261
HASH_PRIME = 16777619
OFFSET_PRIME = 2654435769
WORD = 0xFFFFFFFF  # by name, for Cython takes a literal of that size for a Python object


def collect(words, positions, table, first_id, below_words, below_positions, below_strings, board, found):
    """Find the types below `first_id` that the records at `positions` stand on: what they refer to, and what that
    refers to until a leaf.

    Their `board` words, 0 before, become 1 for a leaf and 2 for any other, and their ids are appended to the list
    `found`. Returns (number of leaves, words of all others).
    """
    leaves = 0
    extent = 0
    done = 0
    index = 0
    count = len(positions)
    above = True
    while True:
        if above:
            if index == count:
                above = False
                continue
            at = positions[index]
            info = words[at + 1]
            index += 1
        else:
            if done == len(found):
                break
            type_id = found[done]
            at = below_positions[type_id - 1]
            info = below_words[at + 1]
            done += 1
            kind = (info >> 24) & 127
            elem = table[(kind << 3) + 1]
            leaf = kind == 1 or kind == 16 or 4 <= kind <= 7 or kind == 19
            if leaf and below_strings[below_words[at]]:
                leaves += 1
                board[type_id] = 1
                continue
            extent += 3 + table[kind << 3]
            if elem:
                extent += (info & 0xFFFFFF) * elem
        row = ((info >> 24) & 127) << 3
        tail = table[row]
        elem = table[row + 1]
        mask = table[row + 3]
        total = tail + 1
        if elem and table[row + 4]:
            total += (info & 0xFFFFFF) * elem
        phase = 0
        for slot in range(total):
            if slot == 0:
                wanted = table[row + 2]
            elif slot <= tail:
                wanted = (mask >> (slot - 1)) & 1
            else:
                wanted = (table[row + 4] >> phase) & 1
                phase += 1
                if phase == elem:
                    phase = 0
            if wanted:
                target = words[at + 2 + slot] if above else below_words[at + 2 + slot]
                if target and target < first_id and board[target] == 0:
                    board[target] = 2
                    found.append(target)
    return leaves, extent


def part(words, positions, table, found, board, bare, bare_start, others, moved, start, first_moved):
    """Write the leaves among the ids `found` (ascending) without their elements to `bare`, and copy all others to
    `others`.

    INT, FLOAT and FWD are written as they are; STRUCT and UNION with name, kind and size; ENUM and ENUM64 as an ENUM
    with name and size.  `board` (1: a leaf) gets the new ids: leaves from 1, others from `first_moved`.  The word
    positions of the new records go to `bare_start` and `start`, the ids of the others to the list `moved`.  Returns
    the words of all leaves.
    """
    leaf = 0
    to = 0
    end = 0
    for type_id in found:
        at = positions[type_id - 1]
        info = words[at + 1]
        kind = (info >> 24) & 127
        if board[type_id] == 1:
            bare_start[leaf] = to
            leaf += 1
            board[type_id] = leaf
            bare[to] = words[at]
            bare[to + 2] = words[at + 2]
            if kind == 1 or kind == 7 or kind == 16:
                bare[to + 1] = info
            elif kind == 19:
                bare[to + 1] = 6 << 24
            else:
                bare[to + 1] = kind << 24
            to += 3
            if kind == 1:
                bare[to] = words[at + 3]
                to += 1
            continue
        board[type_id] = first_moved + len(moved)
        start[len(moved)] = end
        moved.append(type_id)
        row = kind << 3
        size = 3 + table[row]
        if table[row + 1]:
            size += (info & 0xFFFFFF) * table[row + 1]
        for k in range(size):
            others[end + k] = words[at + k]
        end += size
    return to


def clear(board, found):
    """Set the `board` words of the ids `found` to 0 again."""
    for type_id in found:
        board[type_id] = 0


def renumber(words, positions, table, first_id, board, new_first):
    """Replace every type id of the records at `positions`, in place: one below `first_id` by its word on `board`, any
    other by that as far from `new_first` as it was from `first_id`."""
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        if table[row + 2]:
            value = words[at + 2]
            if value:
                words[at + 2] = board[value] if value < first_id else value - first_id + new_first
        tail = table[row]
        mask = table[row + 3]
        if mask:
            for slot in range(tail):
                value = words[at + 3 + slot]
                if value and (mask >> slot) & 1:
                    words[at + 3 + slot] = board[value] if value < first_id else value - first_id + new_first
        elem = table[row + 1]
        mask = table[row + 4]
        if elem and mask:
            at += 3 + tail
            end = at + (info & 0xFFFFFF) * elem
            while at < end:
                for slot in range(elem):
                    value = words[at + slot]
                    if value and (mask >> slot) & 1:
                        words[at + slot] = board[value] if value < first_id else value - first_id + new_first
                at += elem


def intern(words, positions, table, low, high, first_offset, known, buckets, sources, news, state):
    """Replace every name offset of the records at `positions`, in place, by the offset of an equal string in a new
    section that has each string once, in the order of first use.

    Offsets below `first_offset` are in the strings `low`, others in `high`.  `known` (pairs of old and new offset) and
    `buckets` (1 + number of a string) are open-addressed tables of sizes that are powers of two; `sources` and `news`
    have the old and the new offset of each string; `state` is [strings, end of the section, limit of that].  Returns
    False where the limit is met.
    """
    word = WORD
    prime = HASH_PRIME
    spread = OFFSET_PRIME
    known_mask = len(known) // 2 - 1
    bucket_mask = len(buckets) - 1
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        elem = table[row + 1]
        mask = table[row + 5]
        total = 1
        if elem and mask:
            total += (info & 0xFFFFFF) * elem
        first = at + 2 + table[row]
        phase = 0
        for item in range(total):
            if item == 0:
                slot = at
            else:
                wanted = (mask >> phase) & 1
                phase += 1
                if phase == elem:
                    phase = 0
                if not wanted:
                    continue
                slot = first + item
            old = words[slot]
            if old == 0:
                continue
            h = (old * spread) & word
            place = (h >> 7) & known_mask
            while known[2 * place] and known[2 * place] != old:
                place = (place + 1) & known_mask
            if known[2 * place]:
                words[slot] = known[2 * place + 1]
                continue
            above = old >= first_offset
            here = old - first_offset if above else old
            h = HASH_SEED
            length = 0
            c = high[here] if above else low[here]
            while c:
                h = ((h ^ c) * prime) & word
                length += 1
                c = high[here + length] if above else low[here + length]
            new = 0
            if length:
                h ^= h >> 15
                bucket = h & bucket_mask
                while buckets[bucket]:
                    entry = buckets[bucket] - 1
                    other = sources[entry]
                    k = 0
                    if other >= first_offset:
                        other -= first_offset
                        while k <= length and high[other + k] == (high[here + k] if above else low[here + k]):
                            k += 1
                    else:
                        while k <= length and low[other + k] == (high[here + k] if above else low[here + k]):
                            k += 1
                    if k > length:
                        new = news[entry]
                        break
                    bucket = (bucket + 1) & bucket_mask
                if new == 0:
                    if state[1] + length + 1 > state[2]:
                        return False
                    entry = state[0]
                    new = state[1]
                    sources[entry] = old
                    news[entry] = new
                    state[0] = entry + 1
                    state[1] = new + length + 1
                    buckets[bucket] = entry + 1
            known[2 * place] = old
            known[2 * place + 1] = new
            words[slot] = new
    return True


def spell(low, high, first_offset, sources, first, count, out, at):
    """Write the strings number `first` to `count` of `intern` to `out` from position `at` on, each with its NUL."""
    for entry in range(first, count):
        here = sources[entry]
        above = here >= first_offset
        if above:
            here -= first_offset
        c = high[here] if above else low[here]
        while c:
            out[at] = c
            at += 1
            here += 1
            c = high[here] if above else low[here]
        out[at] = 0
        at += 1
    return at


def respell(words, positions, table, first_offset, offsets, new_first, unknown):
    """Replace every name offset of the records at `positions`, in place: one below `first_offset` by its word in `offsets`,
    any other by that as far from `new_first` as it was from `first_offset`.

    Where the word in `offsets` is 0, the name stays, and the word position of the name is appended to the list `unknown`.
    """
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        elem = table[row + 1]
        mask = table[row + 5]
        total = 1
        if elem and mask:
            total += (info & 0xFFFFFF) * elem
        first = at + 2 + table[row]
        phase = 0
        for item in range(total):
            if item == 0:
                slot = at
            else:
                wanted = (mask >> phase) & 1
                phase += 1
                if phase == elem:
                    phase = 0
                if not wanted:
                    continue
                slot = first + item
            value = words[slot]
            if value == 0:
                continue
            if value >= first_offset:
                words[slot] = value - first_offset + new_first
            elif offsets[value]:
                words[slot] = offsets[value]
            else:
                unknown.append(slot)


def uses(words, positions, table, first_id, marks):
    """Mark how the records at `positions` use each type below `first_id`: `marks[id]` gets the bits REFERRED,
    EMBEDDED, PASSED.

    By-value use is followed through own modifiers, typedefs and arrays.
    """
    count = len(positions)
    for index in range(count):
        at = positions[index]
        info = words[at + 1]
        kind = (info >> 24) & 127
        row = kind << 3
        tail = table[row]
        elem = table[row + 1]
        mask = table[row + 3]
        how = 1
        if kind == 4 or kind == 5:
            how = 3
        elif kind == 13 or kind == 14:
            how = 5
        total = tail + 1
        if elem and table[row + 4]:
            total += (info & 0xFFFFFF) * elem
        phase = 0
        for slot in range(total):
            if slot == 0:
                wanted = table[row + 2]
            elif slot <= tail:
                wanted = (mask >> (slot - 1)) & 1
            else:
                wanted = (table[row + 4] >> phase) & 1
                phase += 1
                if phase == elem:
                    phase = 0
            if not wanted:
                continue
            target = words[at + 2 + slot]
            steps = count
            while target >= first_id and how > 1 and steps:
                steps -= 1
                here = positions[target - first_id]
                kind = (words[here + 1] >> 24) & 127
                if kind == 3:
                    target = words[here + 3]
                elif 8 <= kind <= 11 or kind == 18:
                    target = words[here + 2]
                else:
                    break
            if target < first_id:
                marks[target] |= how


def index_names(words, positions, strings, buckets, chain, hashes):
    """Index the named INT, FLOAT, FWD, ENUM, ENUM64, STRUCT and UNION records of a base by name.

    `buckets` (length a power of two) gets the lowest id of each bucket, `chain[id]` the next higher one in the same bucket or 0,
    `hashes[id]` the hash of the name.  Returns how many there are.
    """
    word = WORD
    prime = HASH_PRIME
    mask = len(buckets) - 1
    count = 0
    left = len(positions)
    while left:
        at = positions[left - 1]
        kind = (words[at + 1] >> 24) & 127
        if kind == 1 or kind == 16 or 4 <= kind <= 7 or kind == 19:
            here = words[at]
            if strings[here]:
                h = HASH_SEED
                while strings[here]:
                    h = ((h ^ strings[here]) * prime) & word
                    here += 1
                h ^= h >> 15
                chain[left] = buckets[h & mask]
                buckets[h & mask] = left
                hashes[left] = h
                count += 1
        left -= 1
    return count


def named(name, strings, words, positions, buckets, chain, hashes, found):
    """Append to the list `found` the ids, ascending, of the indexed types that are called as the string at `name[0]` says
    (bytes up to a NUL)."""
    word = WORD
    prime = HASH_PRIME
    h = HASH_SEED
    length = 0
    while name[length]:
        h = ((h ^ name[length]) * prime) & word
        length += 1
    h ^= h >> 15
    candidate = buckets[h & (len(buckets) - 1)]
    while candidate:
        if hashes[candidate] == h:
            other = words[positions[candidate - 1]]
            k = 0
            while k <= length and strings[other + k] == name[k]:
                k += 1
            if k > length:
                found.append(candidate)
        candidate = chain[candidate]


def match(
    d_words,
    d_positions,
    d_strings,
    marks,
    words,
    positions,
    strings,
    buckets,
    chain,
    hashes,
    upstream,
    mapped,
    hard,
    full,
):
    """Find for each type of a distilled base the type of an indexed base that it stands for; `mapped[id]` gets its id.

    With `upstream` by the rules of btf__relocate, defects included, for all types; else by the rules of
    `passes/reconcile.py`, for those that `marks` has.  The ids of those without one clear answer are appended to the list
    `hard` (their `mapped` is 0, but with `upstream` the first of several).  The ids of composites and enums that have
    elements are appended to the list `full`.
    """
    word = WORD
    prime = HASH_PRIME
    mask = len(buckets) - 1
    for index in range(len(d_positions)):
        if marks[index + 1] == 0 and not upstream:
            continue
        at = d_positions[index]
        info = d_words[at + 1]
        kind = (info >> 24) & 127
        name = d_words[at]
        size = d_words[at + 2]
        leaf = kind == 1 or kind == 16 or 4 <= kind <= 7 or (kind == 19 and not upstream)
        if not leaf or d_strings[name] == 0:
            hard.append(index + 1)
            continue
        if info & 0xFFFFFF and (4 <= kind <= 6 or kind == 19):
            full.append(index + 1)
        held = marks[index + 1] & 2 if upstream else marks[index + 1] & 6
        h = HASH_SEED
        length = 0
        while d_strings[name + length]:
            h = ((h ^ d_strings[name + length]) * prime) & word
            length += 1
        h ^= h >> 15
        first = 0
        good = 0
        alternative = 0
        alternatives = 0
        sized = 0
        of_size = 0
        candidate = buckets[h & mask]
        while candidate:
            here = candidate
            candidate = chain[candidate]
            if hashes[here] != h:
                continue
            to = positions[here - 1]
            other = words[to]
            k = 0
            while k <= length and strings[other + k] == d_strings[name + k]:
                k += 1
            if k <= length:
                continue
            other_info = words[to + 1]
            other_kind = (other_info >> 24) & 127
            if upstream:
                if other_kind == 4 or other_kind == 5:
                    if words[to + 2] != size:
                        count = 0
                        twin = buckets[h & mask]
                        while twin:
                            if words[positions[twin - 1]] == other:
                                twin_kind = (words[positions[twin - 1] + 1] >> 24) & 127
                                if twin_kind == 4 or twin_kind == 5:
                                    count += 1
                            twin = chain[twin]
                        if count > 1:
                            continue
                elif other_kind != 7 and words[to + 2] != size:
                    continue
                if kind == 7:
                    if other_kind == 7:
                        if (info ^ other_info) >> 31:
                            continue
                    elif other_kind == 4:
                        if other_info >> 31:
                            continue
                    elif other_kind == 5:
                        if not other_info >> 31:
                            continue
                    else:
                        continue
                elif kind == 1:
                    if other_kind != 1 or (d_words[at + 3] ^ words[to + 3]) >> 24:
                        continue
                elif kind == 16:
                    if other_kind != 16:
                        continue
                elif kind == 6:
                    if other_kind != 6 and other_kind != 19:
                        continue
                elif held and good == 0 and words[to + 2] != size:
                    continue
                good += 1
                if good == 1:
                    first = here
                continue
            if kind == 1:
                fits = other_kind == 1 and words[to + 2] == size and words[to + 3] == d_words[at + 3]
            elif kind == 16:
                fits = other_kind == 16 and words[to + 2] == size
            elif kind == 6 or kind == 19:
                fits = (other_kind == 6 or other_kind == 19) and words[to + 2] == size
            elif kind == 7:
                fits = other_kind == 7 and (info ^ other_info) >> 31 == 0
                if other_kind == 4 + (info >> 31):
                    alternatives += 1
                    alternative = here
            else:
                fits = other_kind == kind and (held == 0 or words[to + 2] == size)
                if other_kind == 7 and held == 0 and other_info >> 31 == kind - 4:
                    if alternatives == 0:
                        alternative = here
                    alternatives = 1
                if fits and words[to + 2] == size:
                    of_size += 1
                    sized = here
            if fits:
                good += 1
                if good == 1:
                    first = here
        if upstream:
            mapped[index + 1] = first
            if good != 1:
                hard.append(index + 1)
        elif good == 1 or (good and (kind == 1 or kind == 7 or kind == 16)):
            mapped[index + 1] = first
        elif good and of_size == 1:
            mapped[index + 1] = sized
        elif good == 0 and alternatives == 1:
            mapped[index + 1] = alternative
        else:
            hard.append(index + 1)


def spellings(d_words, d_positions, mapped, words, positions, offsets):
    """Set `offsets[old]` to the name offset of the type that each named type of a distilled base is mapped to."""
    for index in range(len(d_positions)):
        if mapped[index + 1] and mapped[index + 1] <= len(positions):
            offsets[d_words[d_positions[index]]] = words[positions[mapped[index + 1] - 1]]
