# cython: boundscheck=False
"""Classes of equivalent types: the first ones, and their splitting.

A *node* is a type id (0 is void); `refs[starts[t]]` to `refs[starts[t + 1] - 1]` are the nodes that node `t` refers to, in the
order of its words.  Hashes only choose where to look: every match is compared in full, so no result depends on them (with
`mask` 0 all of them collide).

A node may be *outer* if it refers to something and only outer nodes refer to it; all others are *inner*, and none of these refers
to an outer one.  Seven of eight types of a kernel are outer: functions, their prototypes, and what only these refer to.  So only
inner nodes are split in rounds (`refine`); the class of an outer one is that of its contents and of the classes that it refers
to (`classify`).

Only these loops run without bounds checks, which cost 40 % here.  Every index is a node, whose id `hot.scan` has checked; the
number of a class or group, of which there are no more than nodes; or a masked position in a table, which is never full.  Each
function first checks that its arrays have room for all nodes and references, and its table for all that may be put into it.
"""

from btfkit.hot import kinds

LONG = 0xFFFFFFFFFFFFFFFF  # named, because Cython treats a literal of that size as a Python object
WORD = 0xFFFFFFFF
MOST_PASSES = 250  # of `peel`: they are numbered in bytes


def seed(norm, place, hashes, label, size, buckets, heads, mask):
    """The initial classes: `label[t]` gets the class of all nodes whose records are identical except for their references.

    `place[t]` is where node t's words begin in `norm`, with one more entry at the end.  Each VAR or DATASEC (kinds 14, 15) has
    its own class; void has class 0.  Similar inputs have long runs in common, so the node that follows the one that the last node
    was equal to is tried first.  `size` gets the number of nodes in each class, `heads` the lowest of them.  Returns the
    number of classes.
    """
    if min(len(hashes), len(label), len(heads)) < len(place) - 1 or len(size) < len(place) - 1:
        raise IndexError("room for fewer nodes than there are")
    place_mask = len(buckets) - 1
    if len(buckets) < len(place) - 1 or len(buckets) & place_mask or len(place) < 2:
        raise IndexError("room for fewer classes than there may be")
    label[0] = 0
    heads[0] = 0
    size[0] = 1
    classes = 1
    following = 0
    for node in range(1, len(place) - 1):
        at = place[node]
        kind = (norm[at + 1] >> 24) & 127
        found = classes
        if kind != kinds.VAR and kind != kinds.DATASEC:
            if following < node and hashes[following] == hashes[node] and have_same_words(norm, place, following, node):
                found = label[following]
                following += 1
            else:
                slot = hashes[node] & mask & place_mask
                while buckets[slot]:
                    other = heads[buckets[slot] - 1]
                    if hashes[other] == hashes[node] and have_same_words(norm, place, other, node):
                        found = buckets[slot] - 1
                        if norm[at]:  # records without a name are everywhere
                            following = other + 1
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


def have_same_words(norm, place, one, other):
    """Whether the records of two nodes are equal."""
    here = place[one]
    there = place[other]
    end = place[one + 1]
    if end - here != place[other + 1] - there:
        return False
    while here < end and norm[here] == norm[there]:
        here += 1
        there += 1
    return here == end


def reverse(starts, refs, omitted, back_starts, back):
    """The references to each node, reversed: `back[back_starts[t]]` to `back[back_starts[t + 1] - 1]` refer to node t.

    References to nodes that refer to nothing are omitted, because the class of such a node never changes, and so are those with
    the numbers `omitted` (ascending).  `back_starts` has two words more than there are nodes, all 0 at the start.
    """
    if len(back_starts) < len(starts) + 1 or len(back) < starts[len(starts) - 1] or len(refs) < len(back):
        raise IndexError("room for fewer references than there are")
    count = len(starts) - 1
    after = 0
    for edge in range(starts[count]):
        if after < len(omitted) and omitted[after] == edge:
            after += 1
            continue
        target = refs[edge]
        if starts[target] != starts[target + 1]:
            back_starts[target + 2] += 1
    for node in range(1, count + 2):
        back_starts[node] += back_starts[node - 1]
    after = 0
    for node in range(count):
        for edge in range(starts[node], starts[node + 1]):
            if after < len(omitted) and omitted[after] == edge:
                after += 1
                continue
            target = refs[edge]
            if starts[target] != starts[target + 1]:
                back[back_starts[target + 1]] = node
                back_starts[target + 1] += 1


def reverse_some(starts, refs, owners, numbers, back_starts, back):
    """Like `reverse`, for the references with the `numbers` alone, which the nodes `owners` have."""
    count = len(starts) - 1
    if len(back_starts) < len(starts) + 1 or min(len(back), len(owners)) < len(numbers):
        raise IndexError("room for fewer references than there are")
    for k in range(len(numbers)):
        if numbers[k] >= len(refs) or owners[k] >= count:
            raise IndexError("no such reference")
    for k in range(len(numbers)):
        target = refs[numbers[k]]
        if starts[target] != starts[target + 1]:
            back_starts[target + 2] += 1
    for node in range(1, count + 2):
        back_starts[node] += back_starts[node - 1]
    for k in range(len(numbers)):
        target = refs[numbers[k]]
        if starts[target] != starts[target + 1]:
            back[back_starts[target + 1]] = owners[k]
            back_starts[target + 1] += 1


def deepen(starts, refs, label, prime, before, after):
    """Set `after[t]` to a hash of the class of node t and of the words of `before` for the nodes that it refers to, in order."""
    count = len(starts) - 1
    if min(len(label), len(before), len(after)) < count or len(refs) < starts[count]:
        raise IndexError("room for fewer nodes than there are")
    low = WORD
    long = LONG
    for node in range(count):
        h = ((prime ^ label[node]) * prime) & long
        for edge in range(starts[node], starts[node + 1]):
            h = (((h >> 32) ^ h ^ before[refs[edge]]) * prime) & long
        after[node] = (h >> 32) & low


def users(nodes, number, back_starts, back, label, size, mark, found, count):
    """Add the users of the first `number` of `nodes` to the `count` nodes on the list `found`, and mark them, unless they are
    marked or alone in their class; returns how many are on the list then."""
    for i in range(number):
        node = nodes[i]
        for edge in range(back_starts[node], back_starts[node + 1]):
            other = back[edge]
            if mark[other] == 0 and size[label[other]] > 1:
                mark[other] = 1
                found[count] = other
                count += 1
    return count


def lead_alike(starts, refs, own, label, one, other):
    """Whether two nodes are in one class by `own`, and refer to nodes of the same classes by `label`."""
    if own[one] != own[other]:
        return False
    here = starts[one]
    there = starts[other]
    end = starts[one + 1]
    while here < end and label[refs[here]] == label[refs[there]]:
        here += 1
        there += 1
    return here == end


def refine(
    starts,
    refs,
    back_starts,
    back,
    other_starts,
    other_back,
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
    depth,
):
    """Split the classes until all nodes of a class refer, position by position, to nodes of the same classes.

    `dirty` lists the nodes to begin with: of each class all nodes, or those whose references differ from all others'.  A round
    groups the dirty nodes by their class and the classes of their references.  If all of a class is dirty, its largest group
    keeps the number; every other group gets a new one, and the nodes that refer to a renumbered node are dirty next.  So a
    node's number changes a logarithmic number of times, and rounds with few changes cost little.  All arrays except `starts`,
    `refs`, `back_starts`, `back`, `label` and `size` are working space; `touched`, `best`, `mark` and `buckets` are all 0 at
    the start and at the end.  `other_starts` and `other_back` are more references, reversed.

    In the first round, hashes that reach `depth` references further stand in for classes, as nodes with different hashes cannot
    be equivalent: that takes the place of as many rounds, which cost more.  Returns (classes, rounds).
    """
    count = len(starts) - 1
    room = min(len(label), len(size), len(dirty), len(group), len(heads), len(counts), len(fresh), len(touched))
    if min(room, len(best), len(mark), len(back_starts) - 1) < count or max(dirty_count, classes) > count:
        raise IndexError("room for fewer nodes than there are")
    if len(refs) < starts[count] or len(back) < back_starts[count]:
        raise IndexError("room for fewer references than there are")
    if len(other_back) and (len(other_starts) <= count or len(other_back) < other_starts[count]):
        raise IndexError("room for fewer references than there are")
    room = 16
    while room < 2 * count:
        room *= 2
    if len(buckets) < room:  # the largest table that a round can need
        raise IndexError("room for fewer groups than there may be")
    low = WORD
    long = LONG
    rounds = 0
    known = label
    for level in range(depth if dirty_count else 0):  # the last one fills `best`, which the first round does not need
        if (depth - level) % 2:
            deepen(starts, refs, label, prime, known, best)
            known = best
        else:
            deepen(starts, refs, label, prime, known, group)
            known = group
    while dirty_count:
        rounds += 1
        room = 16
        while room < 2 * dirty_count:
            room *= 2
        place_mask = room - 1
        groups = 0
        following = 0  # the group after that of the last node, tried first: similar inputs have long runs in common
        for i in range(dirty_count):
            node = dirty[i]
            mark[node] = 0
            own = label[node]
            begin = starts[node]
            width = starts[node + 1] - begin
            h = ((prime ^ own) * prime) & long
            h ^= h >> 32
            for k in range(width):
                h = ((h ^ known[refs[begin + k]]) * prime) & long
                h ^= h >> 32
            key = (h >> 7) & low & mask
            g = following
            if g >= groups or fresh[g] != key or not lead_alike(starts, refs, label, label, heads[g], node):
                place = key & place_mask
                while buckets[place]:
                    g = buckets[place] - 1
                    if fresh[g] == key and lead_alike(starts, refs, label, label, heads[g], node):
                        break
                    place = (place + 1) & place_mask
                if buckets[place] == 0:
                    g = groups
                    buckets[place] = groups + 1
                    heads[groups] = node
                    counts[groups] = 0
                    fresh[groups] = key
                    groups += 1
            following = g + 1
            group[i] = g
            counts[g] += 1
            touched[own] += 1
        if depth:
            known = label
            depth = 0
            for node in range(count):
                best[node] = 0
        if 8 * groups > room:
            for place in range(room):
                buckets[place] = 0
        else:
            for g in range(groups):
                place = fresh[g] & place_mask
                while buckets[place] != g + 1:
                    place = (place + 1) & place_mask
                buckets[place] = 0
        for g in range(groups):
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
        dirty_count = users(dirty, changed, back_starts, back, label, size, mark, group, 0)
        if len(other_back):
            dirty_count = users(dirty, changed, other_starts, other_back, label, size, mark, group, dirty_count)
        dirty, group = group, dirty
    return classes, rounds


def peel(starts, refs, level, used, left):
    """Find outer nodes: `level[t]` becomes 0 for an inner node, else the number of the pass that found it to be an outer one.

    Each pass marks in `used` what all other nodes refer to; unmarked nodes are outer.  So an outer node refers to inner ones and
    to those of later passes.  Passes end when one finds few; what is left counts as inner.
    `level` and `used` are all 0 at the start, `left` is working space for all nodes.  Returns (passes, number of outer nodes,
    references of these).
    """
    count = len(starts) - 1
    if min(len(level), len(used), len(left)) < count or len(refs) < starts[count]:
        raise IndexError("room for fewer nodes than there are")
    waiting = 0
    for node in range(count):
        if starts[node] != starts[node + 1]:
            left[waiting] = node
            waiting += 1
    passes = 0
    outer = waiting
    edges = 0
    found = waiting
    while found and 8 * found >= waiting and passes < MOST_PASSES:
        passes += 1
        if passes == 1:  # in one loop, which is faster than one for each node
            for edge in range(starts[count]):
                used[refs[edge]] = passes
        else:
            for k in range(waiting):
                for edge in range(starts[left[k]], starts[left[k] + 1]):
                    used[refs[edge]] = passes
        found = waiting
        waiting = 0
        for k in range(found):
            node = left[k]
            if used[node] == passes:
                left[waiting] = node
                waiting += 1
            else:
                level[node] = passes
                edges += starts[node + 1] - starts[node]
        found -= waiting
    return passes, outer - waiting, edges


def arrange(level, passes, order):
    """Fill `order` with the outer nodes: those of the last pass first, and those of one pass ascending."""
    number = 0
    while passes:
        for node in range(len(level)):
            if level[node] == passes:
                if number == len(order):
                    raise IndexError("room for fewer nodes than there are")
                order[number] = node
                number += 1
        passes -= 1


def gather(starts, refs, level, label, numbers, nodes, inner_starts, inner_refs, inner_label, known):
    """Copy the graph of the inner nodes; returns the number of its classes.

    `nodes` gets the inner nodes, ascending, `numbers` the place of each among them.  `known`, one word for each class, is all 0
    at the start.
    """
    most = len(starts) - 1
    if min(len(level), len(label), len(numbers)) < most or len(refs) < starts[most]:
        raise IndexError("room for fewer nodes than there are")
    room = min(len(nodes), len(inner_label), len(inner_starts) - 1)
    count = 0
    classes = 0
    for node in range(most):
        if level[node]:
            continue
        if count == room or label[node] >= len(known):
            raise IndexError("room for fewer nodes or classes than there are")
        if known[label[node]] == 0:
            classes += 1
            known[label[node]] = classes
        inner_label[count] = known[label[node]] - 1
        nodes[count] = node
        numbers[node] = count
        count += 1
    edge = 0
    for number in range(count):
        node = nodes[number]
        inner_starts[number] = edge
        if starts[node + 1] - starts[node] > len(inner_refs) - edge:
            raise IndexError("room for fewer references than there are")
        for k in range(starts[node], starts[node + 1]):
            inner_refs[edge] = numbers[refs[k]]
            edge += 1
    inner_starts[count] = edge
    return classes


def spread(nodes, inner_label, label):
    """Give the inner `nodes` their classes."""
    if len(inner_label) < len(nodes):
        raise IndexError("fewer classes than nodes")
    for number in range(len(nodes)):
        if nodes[number] >= len(label):
            raise IndexError("no such node")
        label[nodes[number]] = inner_label[number]


def classify(starts, refs, order, before, size, label, classes, nodes, heads, keys, buckets, prime, mask):
    """Find the classes of the outer nodes in `order` (by `arrange`); returns the number of classes.

    `before` has the first classes of all nodes, `size` their sizes; `label` has the classes of the inner `nodes`, of which there
    are `classes`, and gets those of the others.  A node that is alone in its first class stays alone; all others are looked up.
    `heads` and `keys` have a word for each node that is, `buckets` (a power of two, more than these) are all 0 at the start.
    """
    count = len(starts) - 1
    inner = len(nodes)
    place_mask = len(buckets) - 1
    if min(len(before), len(size), len(label), len(heads), len(keys)) < count or inner + len(order) > count:
        raise IndexError("room for fewer nodes than there are")
    if len(refs) < starts[count] or len(buckets) <= count or len(buckets) & place_mask:
        raise IndexError("room for fewer references or groups than there may be")
    long = LONG
    low = WORD
    groups = 0
    following = 0  # the group after that of the last node, tried first: similar inputs have long runs in common
    for index in range(inner + len(order)):
        node = nodes[index] if index < inner else order[index - inner]
        own = before[node]
        begin = starts[node]
        end = starts[node + 1]
        if size[own] == 1 or begin == end:
            if index >= inner:
                label[node] = classes
                classes += 1
            continue
        h = ((prime ^ own) * prime) & long
        h ^= h >> 32
        for edge in range(begin, end):
            h = ((h ^ label[refs[edge]]) * prime) & long
            h ^= h >> 32
        key = (h >> 7) & low & mask
        g = following
        if g >= groups or keys[g] != key or not lead_alike(starts, refs, before, label, heads[g], node):
            place = key & place_mask
            while buckets[place]:
                g = buckets[place] - 1
                if keys[g] == key and lead_alike(starts, refs, before, label, heads[g], node):
                    break
                place = (place + 1) & place_mask
            if buckets[place] == 0:
                g = groups
                heads[g] = node
                keys[g] = key
                groups += 1
                buckets[place] = groups
        if index < inner:
            continue
        following = g + 1
        if heads[g] == node:
            label[node] = classes
            classes += 1
        else:
            label[node] = label[heads[g]]
    return classes
