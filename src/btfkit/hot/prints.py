"""Finding the types of a split BTF among those of a base whose classes are known.

A *print* is a hash (64 bits) of a type and of what can be reached from it in so many steps; equal types have equal prints.  Those
of the base are kept for every number of steps, so that a split's take as many rounds over the split alone.  Prints only propose:
`verify` looks at what they say.  `passes/prepared_base.py` tells the rest.
"""

from btfkit.hot import kinds

LONG = 0xFFFFFFFFFFFFFFFF  # by name, for Cython takes a literal of that size for a Python object


def skeletons(norm, place, first, prints, prime):
    """The prints of no steps: of what each node says itself; of a VAR or DATASEC (kinds 14, 15) also of which it is, its number
    being `first` or more."""
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
    """The prints of one step more: nodes from `first` on are the own ones, with their prints in `before`; those of the others
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
    """Put the print of the lowest node of each class (`rep[node] == node`) into `buckets`; returns whether all differ."""
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
    """`match[i]` becomes the node with the print `own[i]`, or stays 0."""
    mask = len(buckets) - 1
    for index in range(len(own)):
        place = (own[index] >> 20) & mask
        while buckets[place]:
            if prints[buckets[place]] == own[index]:
                match[index] = buckets[place]
                break
            place = (place + 1) & mask


def verify(norm, place, starts, refs, first, match, b_norm, b_place, b_starts, b_refs, rep):
    """Take back every match that does not say the same, or refers to anything but what its match refers to; what is left is
    mutual proof.  Returns how many were taken back."""
    wrong = 0
    changed = True
    while changed:
        changed = False
        for index in range(len(match)):
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
                wrong += 1
                changed = True
    return wrong


def gather(
    norm, place, starts, refs, hashes, first, match, local, board, g_norm, g_place, g_starts, g_refs, g_hashes, below
):
    """The nodes without a match as a graph of their own: numbers from 1 in their order (`local[i]` of own node i), then one for
    each type of the base that they refer to; these go on the list `below`, their numbers on `board`, all 0 before.

    `g_norm`, `g_place`, `g_starts`, `g_refs` and `g_hashes` are as large as what they are copied from, or larger.  Returns
    (words, references) in use.
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
    """Give the nodes of the base's types `below`, from node `first` on, a class each, the same to those of one class there.

    `board` has their numbers, and is all 0 again afterwards.  Returns the number of classes.
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
    """`out[first + i]` becomes what own node i became: its match, or the id of its number in `ids`."""
    for index in range(len(match)):
        out[first + index] = match[index] if match[index] else ids[local[index]]
