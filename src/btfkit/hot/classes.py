# cython: boundscheck=False
"""Classes of equivalent types: the first ones, and their splitting.

A *node* is a type id (0 is void); `refs[starts[t]]` to `refs[starts[t + 1] - 1]` are the nodes that node `t` refers to, in the
order of its words.  Hashes only say where to look: what is found is compared in full, so no result depends on them (`mask` 0
makes all of them collide).

These loops alone run without bounds checks, which cost them 40 %: every index is a node, and `hot.scan` has proven each id; or
the number of a class or group, of which there are no more than nodes; or a place in a table, masked.  Each function begins with a
look at whether its arrays are as long as there are nodes.
"""

from btfkit.hot import kinds

LONG = 0xFFFFFFFFFFFFFFFF  # by name, for Cython takes a literal of that size for a Python object
WORD = 0xFFFFFFFF


def seed(norm, place, hashes, label, size, buckets, heads, mask):
    """The first classes: `label[t]` gets the number of the class of all nodes that say the same, references aside.

    `place[t]` is where node t's words begin in `norm`; there is one more at the end.  A VAR or a DATASEC (kinds 14, 15) has a
    class for itself; void has class 0.  `size` gets the number of nodes in each class, `heads` the lowest of them.  Returns
    the number of classes.
    """
    if min(len(hashes), len(label), len(heads)) < len(place) - 1 or len(size) < len(place) - 1:
        raise IndexError("room for fewer nodes than there are")
    place_mask = len(buckets) - 1
    label[0] = 0
    heads[0] = 0
    size[0] = 1
    classes = 1
    for node in range(1, len(place) - 1):
        at = place[node]
        length = place[node + 1] - at
        kind = (norm[at + 1] >> 24) & 127
        found = classes
        if kind != kinds.VAR and kind != kinds.DATASEC:
            slot = hashes[node] & mask & place_mask
            while buckets[slot]:
                other = heads[buckets[slot] - 1]
                if hashes[other] == hashes[node]:
                    here = place[other]
                    if place[other + 1] - here == length:
                        k = 0
                        while k < length and norm[here + k] == norm[at + k]:
                            k += 1
                        if k == length:
                            found = buckets[slot] - 1
                            break
                slot = (slot + 1) & place_mask
            if found == classes:
                buckets[slot] = classes + 1
        label[node] = found
        if found == classes:
            heads[classes] = node
            size[classes] = 0
            classes += 1
        size[found] += 1
    return classes


def reverse(starts, refs, back_starts, back):
    """Who refers to each node: `back[back_starts[t]]` to `back[back_starts[t + 1] - 1]`.

    Left out are references to nodes that refer to nothing, for their class never changes.  `back_starts` has two words
    more than there are nodes, all 0 before.
    """
    if len(back_starts) < len(starts) + 1 or len(back) < starts[len(starts) - 1] or len(refs) < len(back):
        raise IndexError("room for fewer references than there are")
    count = len(starts) - 1
    for edge in range(starts[count]):
        target = refs[edge]
        if starts[target] != starts[target + 1]:
            back_starts[target + 2] += 1
    for node in range(1, count + 2):
        back_starts[node] += back_starts[node - 1]
    for node in range(count):
        for edge in range(starts[node], starts[node + 1]):
            target = refs[edge]
            if starts[target] != starts[target + 1]:
                back[back_starts[target + 1]] = node
                back_starts[target + 1] += 1


def refine(
    starts,
    refs,
    back_starts,
    back,
    label,
    size,
    classes,
    dirty,
    dirty_count,
    group,
    heads,
    counts,
    fresh,
    touched,
    best,
    mark,
    buckets,
    prime,
    mask,
):
    """Split the classes until all nodes of a class refer, place by place, to nodes of the same classes.

    `dirty` lists the nodes to begin with: of each class all, or those whose references differ from all others'.  A round
    groups the dirty nodes by their class and the classes of what they refer to; of a class that is dirty as a whole the largest
    group keeps the number, every other group gets a new one, and who refers to a node with a new number is dirty next. So a
    node's number changes a logarithmic number of times, and rounds in which little happens cost little.  All arrays but `starts`,
    `refs`, `back_starts`, `back`, `label` and `size` are room to work in, `touched`, `best`, `mark` and `buckets` all 0 (and
    again when it is done).  Returns (classes, rounds).
    """
    count = len(starts) - 1
    room = min(len(label), len(size), len(dirty), len(group), len(heads), len(counts), len(fresh), len(touched))
    if min(room, len(best), len(mark), len(back_starts) - 1) < count or len(buckets) < 2 * count:
        raise IndexError("room for fewer nodes than there are")
    low = WORD
    long = LONG
    rounds = 0
    while dirty_count:
        rounds += 1
        room = 16
        while room < 2 * dirty_count:
            room *= 2
        place_mask = room - 1
        groups = 0
        for i in range(dirty_count):
            node = dirty[i]
            mark[node] = 0
            own = label[node]
            begin = starts[node]
            width = starts[node + 1] - begin
            h = ((prime ^ own) * prime) & long
            h ^= h >> 32
            for k in range(width):
                h = ((h ^ label[refs[begin + k]]) * prime) & long
                h ^= h >> 32
            key = (h >> 7) & low & mask
            place = key & place_mask
            found = groups
            while buckets[place]:
                g = buckets[place] - 1
                if fresh[g] == key:
                    other = heads[g]
                    if label[other] == own:
                        there = starts[other]
                        k = 0
                        while k < width and label[refs[there + k]] == label[refs[begin + k]]:
                            k += 1
                        if k == width:
                            found = g
                            break
                place = (place + 1) & place_mask
            if found == groups:
                buckets[place] = groups + 1
                heads[groups] = node
                counts[groups] = 0
                fresh[groups] = key
                groups += 1
            group[i] = found
            counts[found] += 1
            touched[own] += 1
        for g in range(groups):
            place = fresh[g] & place_mask
            while buckets[place] != g + 1:
                place = (place + 1) & place_mask
            buckets[place] = 0
            own = label[heads[g]]
            if touched[own] == size[own] and (best[own] == 0 or counts[best[own] - 1] < counts[g]):
                best[own] = g + 1
        for g in range(groups):
            own = label[heads[g]]
            if best[own] == g + 1:
                fresh[g] = own
            else:
                fresh[g] = classes
                size[classes] = counts[g]
                size[own] -= counts[g]
                classes += 1
        for g in range(groups):
            own = label[heads[g]]
            touched[own] = 0
            best[own] = 0
        changed = 0
        for i in range(dirty_count):
            node = dirty[i]
            g = group[i]
            if fresh[g] != label[node]:
                label[node] = fresh[g]
                dirty[changed] = node
                changed += 1
        dirty_count = 0
        for i in range(changed):
            node = dirty[i]
            for edge in range(back_starts[node], back_starts[node + 1]):
                other = back[edge]
                if mark[other] == 0 and size[label[other]] > 1:
                    mark[other] = 1
                    group[dirty_count] = other
                    dirty_count += 1
        dirty, group = group, dirty
    return classes, rounds
