"""Which types are equivalent: classes of types, split by what their members refer to until nothing splits any more.

`passes/dedup.py` tells what the loops are for, docs/design/dedup.md why they are right.  A *node* is a type id (0 is void);
`refs[starts[t]]` to `refs[starts[t + 1] - 1]` are the nodes that node `t` refers to, in the order of its words.  Hashes only
say where to look: what is found is compared in full, so no result depends on them (`mask` 0 makes all of them collide).
"""

WORD = 0xFFFFFFFF  # by name, for Cython takes a literal of that size for a Python object
LONG = 0xFFFFFFFFFFFFFFFF


def seed(norm, place, hashes, label, size, buckets, heads, mask):
    """The first classes: `label[t]` gets the number of the class of all nodes that say the same, references aside.

    `place[t]` is where node t's words begin in `norm`; there is one more at the end.  A VAR or a DATASEC (kinds 14, 15) has a
    class for itself; void has class 0.  `size` gets the number of nodes in each class, `heads` the lowest of them.  Returns
    the number of classes.
    """
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
        if kind != 14 and kind != 15:
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


def all_dirty(starts, label, size, dirty):
    """Put every node that refers to something, and whose class has others, on the list `dirty`; returns how many."""
    count = 0
    for node in range(len(starts) - 1):
        if starts[node] != starts[node + 1] and size[label[node]] > 1:
            dirty[count] = node
            count += 1
    return count


def count_keyed(refs, edges, keyed):
    """How many of the first `edges` references lead to a node with `keyed` not 0."""
    count = 0
    for edge in range(edges):
        if keyed[refs[edge]]:
            count += 1
    return count


def keyed_edges(starts, refs, keyed, owners, places, targets):
    """The references to nodes with `keyed` not 0: whose they are, which, and where to."""
    count = 0
    for node in range(len(starts) - 1):
        for edge in range(starts[node], starts[node + 1]):
            if keyed[refs[edge]]:
                owners[count] = node
                places[count] = edge
                targets[count] = refs[edge]
                count += 1


def patch(refs, places, targets, to):
    """Let reference number `places[i]` lead to `to[targets[i]]`."""
    for i in range(len(places)):
        refs[places[i]] = to[targets[i]]


def recount(label, size, owners, dirty):
    """Count the nodes of each class into `size` (all 0 before), and put each of `owners` (ascending) whose class has others
    on the list `dirty`; returns how many."""
    for node in range(len(label)):
        size[label[node]] += 1
    count = 0
    for i in range(len(owners)):
        if i and owners[i] == owners[i - 1]:
            continue
        if size[label[owners[i]]] > 1:
            dirty[count] = owners[i]
            count += 1
    return count


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


def lowest(label, heads):
    """Set `heads[class]` to the lowest node of each class (`heads` all 0 before; class 0 is void's)."""
    for node in range(len(label)):
        if heads[label[node]] == 0:
            heads[label[node]] = node


def declared(norm, place, first, flags):
    """Mark the names of declarations: bit 1 in `flags[name]` for a FWD of a struct, 2 of a union, 4 for an enum without
    enumerators.  Looks at the nodes from `first` on; returns how many there are."""
    count = 0
    for node in range(first, len(place) - 1):
        at = place[node]
        info = norm[at + 1]
        kind = (info >> 24) & 127
        name = norm[at]
        if name and (kind == 7 or ((kind == 6 or kind == 19) and (info & 0xFFFFFF) == 0)):
            flags[name] |= 4 if kind != 7 else 2 if info >> 31 else 1
            count += 1
    return count


def tagged(norm, place, flags, nodes, bits):
    """Append to the list `nodes` every node that is a declaration whose name has its bit in `flags`, or a definition of one,
    and to `bits` that bit, with 8 added for a definition."""
    for node in range(len(place) - 1):
        at = place[node]
        if at == place[node + 1]:
            continue
        name = norm[at]
        if name == 0 or flags[name] == 0:
            continue
        info = norm[at + 1]
        kind = (info >> 24) & 127
        bit = 0
        if kind == 7:
            bit = 2 if info >> 31 else 1
        elif kind == 4:
            bit = 9
        elif kind == 5:
            bit = 10
        elif kind == 6 or kind == 19:
            bit = 12 if info & 0xFFFFFF else 4
        if bit and flags[name] & bit & 7:
            nodes.append(node)
            bits.append(bit)


def number(label, heads, to, first, place, ids, stays):
    """New ids: `ids[t]` for every node t, which stands for `to[t]`.

    A node below `first` keeps its own.  Of each class the lowest node stays (`stays[t]` becomes 1); those from `first` on are
    numbered in their order.  Returns (id behind the last, words of the records that stay).
    """
    following = first
    total = 0
    for node in range(len(label)):
        if node < first:
            ids[node] = node
        elif to[node] == node and heads[label[node]] == node:
            ids[node] = following
            stays[node] = 1
            following += 1
            total += place[node + 1] - place[node]
    for node in range(first, len(label)):
        ids[node] = ids[heads[label[to[node]]]]
    return following, total


def members(coarse, label, wanted, seen, nodes):
    """Append to the list `nodes` the lowest node of each class of `label` (`seen`, one byte each, is 0 before) that lies in
    a `wanted` class of `coarse`."""
    for node in range(len(label)):
        if wanted[coarse[node]] and seen[label[node]] == 0:
            seen[label[node]] = 1
            nodes.append(node)


def kinds(norm, place, stays, first, before, after):
    """Count the nodes from `first` on by kind into `before`, and those that stay into `after`."""
    for node in range(first, len(place) - 1):
        if place[node] == place[node + 1]:
            continue
        kind = (norm[place[node] + 1] >> 24) & 127
        before[kind] += 1
        if stays[node]:
            after[kind] += 1


def meetings(starts, refs, label, coarse, opened, roots, ends, others, left, right, table, prime, budget, found):
    """Compare roots with types that may be equivalent to them, place by place, and note what would have to be what.

    `others[ends[i - 1]]` to `others[ends[i] - 1]` (from 0 for the first) are to be compared with `roots[i]`; all of them are
    alike in `coarse`.  Where an open declaration (`opened[node]` is not 0) meets something else, it would have to be that.  For
    each pair that nothing else keeps apart (root, other, declaration, definition) is appended to the list `found`, once for each
    declaration.  `left`, `right` (as long as the longest comparison) and `table` (a power of two, twice as long or more, all
    0) are room to work in.  Stops after about `budget` steps.
    """
    long = LONG
    most = len(left)
    table_mask = len(table) - 1
    begin = 0
    for i in range(len(roots)):
        for j in range(begin, ends[i]):
            if label[others[j]] == label[roots[i]]:
                continue
            if budget <= 0:
                return
            left[0] = roots[i]
            right[0] = others[j]
            h = ((prime ^ left[0]) * prime ^ right[0]) * prime & long
            table[(h >> 40) & table_mask] = 1
            count = 1
            done = 0
            met = 0
            fits = True
            while done < count and fits:
                a = left[done]
                b = right[done]
                done += 1
                if opened[a] or opened[b]:
                    met += 1
                    continue
                if coarse[a] != coarse[b]:
                    fits = False
                    break
                first = starts[a]
                there = starts[b]
                for k in range(starts[a + 1] - first):
                    x = refs[first + k]
                    y = refs[there + k]
                    if label[x] == label[y]:
                        continue
                    h = ((prime ^ x) * prime ^ y) * prime & long
                    place = (h >> 40) & table_mask
                    known = False
                    while table[place]:
                        g = table[place] - 1
                        if left[g] == x and right[g] == y:
                            known = True
                            break
                        place = (place + 1) & table_mask
                    if known:
                        continue
                    if count == most:
                        fits = False
                        break
                    left[count] = x
                    right[count] = y
                    count += 1
                    table[place] = count
            budget -= count
            k = 0
            while k < count and fits and met:
                a = left[k]
                b = right[k]
                if opened[b] and not opened[a]:
                    a, b = b, a
                if opened[a]:
                    if opened[b]:
                        fits = False
                    first = 0
                    while first < k and fits:
                        x = left[first]
                        y = right[first]
                        if (x == a and label[y] != label[b]) or (y == a and label[x] != label[b]):
                            fits = False
                        first += 1
                k += 1
            if fits and met:
                for k in range(count):
                    a = left[k]
                    b = right[k]
                    if opened[b]:
                        a, b = b, a
                    if opened[a]:
                        found.append(roots[i])
                        found.append(others[j])
                        found.append(a)
                        found.append(b)
            for k in range(count):
                h = ((prime ^ left[k]) * prime ^ right[k]) * prime & long
                place = (h >> 40) & table_mask
                while table[place] != k + 1:
                    place = (place + 1) & table_mask
                table[place] = 0
        begin = ends[i]
