"""Finding the types of a split BTF among those of a base whose classes are known.

A *print* is a 64-bit hash of a type and of the types that it reaches in a given number of steps; equal types have equal prints.
Those of the base are kept for every number of steps, so that computing a split's takes that many rounds over the split alone.
Prints only propose matches; `verify` checks them.  `passes/prepared_base.py` describes the rest.
"""

from btfkit.hot import kinds

LONG = 0xFFFFFFFFFFFFFFFF  # named, because Cython treats a literal of that size as a Python object


def skeletons(norm, place, first, prints, prime):
    """The prints of zero steps: of each node's own record and, for a VAR or DATASEC (kinds 14, 15), of its number too, which
    counts from `first`."""
    long = LONG
    for node in range(len(place) - 1):
        h = prime
        for at in range(place[node], place[node + 1]):
            h = ((h ^ norm[at]) * prime) & long
            h ^= h >> 32
        if place[node] < place[node + 1]:
            kind = (norm[place[node] + 1] >> 24) & 127
            if kind == kinds.VAR or kind == kinds.DATASEC:
                h = ((h ^ (first + node)) * prime) & long
                h ^= h >> 29
        prints[node] = h


def step(starts, refs, first, skeleton, below, before, after, prime):
    """The prints of one more step: nodes from `first` on are the own ones, with their prints in `before`; those of the others
    are in `below`."""
    long = LONG
    for node in range(len(skeleton)):
        h = skeleton[node]
        for edge in range(starts[node], starts[node + 1]):
            target = refs[edge]
            h = ((h ^ (before[target - first] if target >= first else below[target])) * prime) & long
            h ^= h >> 31
        after[node] = h


def index_prints(prints, rep, buckets):
    """Add the print of the lowest node of each class (`rep[node] == node`) to `buckets`; returns whether all differ."""
    mask = len(buckets) - 1
    for node in range(1, len(prints)):
        if rep[node] != node:
            continue
        place = (prints[node] >> 20) & mask
        while buckets[place]:
            if prints[buckets[place]] == prints[node]:
                return False
            place = (place + 1) & mask
        buckets[place] = node
    return True


def look_up(own, prints, buckets, match):
    """Set `match[i]` to the node with the print `own[i]`, or leave it 0."""
    mask = len(buckets) - 1
    for index in range(len(own)):
        place = (own[index] >> 20) & mask
        while buckets[place]:
            if prints[buckets[place]] == own[index]:
                match[index] = buckets[place]
                break
            place = (place + 1) & mask


def verify(norm, place, starts, refs, first, match, b_norm, b_place, b_starts, b_refs, rep):
    """Remove every match whose record differs, or whose references are not the matches of its own.  The remaining matches prove
    each other.  Returns the number removed."""
    count = len(match)
    removed = memoryview(bytearray(4 * count + 4)).cast("I")
    wrong = 0
    for index in range(count):
        other = match[index]
        if other == 0:
            continue
        at = place[index]
        length = place[index + 1] - at
        there = b_place[other]
        fits = b_place[other + 1] - there == length
        k = 0
        while fits and k < length:
            fits = norm[at + k] == b_norm[there + k]
            k += 1
        begin = starts[index]
        width = starts[index + 1] - begin
        there = b_starts[other]
        fits = fits and b_starts[other + 1] - there == width
        k = 0
        while fits and k < width:
            target = refs[begin + k]
            became = match[target - first] if target >= first else rep[target]
            fits = became == rep[b_refs[there + k]] and (became != 0 or target == 0)
            k += 1
        if not fits:
            match[index] = 0
            removed[wrong] = index
            wrong += 1
    if wrong:
        wrong = remove_users(starts, refs, first, match, removed, wrong)
    return wrong


def remove_users(starts, refs, first, match, removed, wrong):
    """Remove the matches of all own nodes that refer to a removed one, and so on; `removed` has the first `wrong` of these.
    Returns the number removed."""
    count = len(match)
    ends = memoryview(bytearray(4 * count + 8)).cast("I")
    users = memoryview(bytearray(4 * starts[count] + 4)).cast("I")
    for edge in range(starts[count]):
        if refs[edge] >= first:
            ends[refs[edge] - first + 1] += 1
    for index in range(count):
        ends[index + 1] += ends[index]
    for index in range(count):
        for edge in range(starts[index], starts[index + 1]):
            if refs[edge] >= first:
                target = refs[edge] - first
                users[ends[target]] = index
                ends[target] += 1  # from where it begins to where it ends
    done = 0
    while done < wrong:
        target = removed[done]
        done += 1
        for edge in range(ends[target - 1] if target else 0, ends[target]):
            index = users[edge]
            if match[index]:
                match[index] = 0
                removed[wrong] = index
                wrong += 1
    return wrong


def gather(
    norm, place, starts, refs, hashes, first, match, local, board, g_norm, g_place, g_starts, g_refs, g_hashes, below
):
    """Build a graph of the nodes without a match: numbers from 1 in their order (`local[i]` of own node i), then one for each
    base type that they refer to.  The ids of these types go to the list `below`, their numbers to `board`, all 0 at the start.

    `g_norm`, `g_place`, `g_starts`, `g_refs` and `g_hashes` are at least as large as the arrays that they are copied from.
    Returns (words, references) in use.
    """
    count = 1
    for index in range(len(match)):
        if match[index] == 0:
            local[index] = count
            count += 1
    word = 0
    edge = 0
    node = 1
    following = count
    for index in range(len(match)):
        if match[index]:
            continue
        g_place[node] = word
        g_starts[node] = edge
        g_hashes[node] = hashes[index]
        for at in range(place[index], place[index + 1]):
            g_norm[word] = norm[at]
            word += 1
        for at in range(starts[index], starts[index + 1]):
            target = refs[at]
            if target >= first:
                if match[target - first] == 0:
                    g_refs[edge] = local[target - first]
                    edge += 1
                    continue
                target = match[target - first]
            if target and board[target] == 0:
                board[target] = following
                following += 1
                below.append(target)
            g_refs[edge] = board[target]
            edge += 1
        node += 1
    g_place[node] = word
    while node <= following:
        g_starts[node] = edge
        node += 1
    return word, edge


def classify(below, rep, board, label, size, first, classes):
    """Assign a class to the nodes of the base types `below`, from node `first` on, equal for types of one class in the base.

    `board` has their numbers, and is all 0 again at the end.  Returns the number of classes.
    """
    for index in range(len(below)):
        board[below[index]] = 0
    for index in range(len(below)):
        head = rep[below[index]]
        if board[head] == 0:
            board[head] = classes
            size[classes] = 0
            classes += 1
        label[first + index] = board[head]
        size[board[head]] += 1
    for index in range(len(below)):
        board[rep[below[index]]] = 0
    return classes


def spread(match, local, ids, first, out):
    """Set `out[first + i]` for each own node i to its match, or to the id of its number in `ids`."""
    for index in range(len(match)):
        out[first + index] = match[index] if match[index] else ids[local[index]]
