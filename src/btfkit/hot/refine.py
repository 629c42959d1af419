"""The steps around the classes of equivalent types: where splitting begins, what declarations could mean, and what is kept.

`hot/classes.py` defines nodes, references and classes, `passes/dedup.py` describes how the loops are used, and
docs/design/dedup.md proves them correct.
"""

from btfkit.hot import kinds

LONG = 0xFFFFFFFFFFFFFFFF  # named, because Cython treats a literal of that size as a Python object


def all_dirty(starts, label, size, dirty):
    """Put every node that has references and shares its class on the list `dirty`; returns the number of these nodes."""
    count = 0
    for node in range(len(starts) - 1):
        if starts[node] != starts[node + 1] and size[label[node]] > 1:
            dirty[count] = node
            count += 1
    return count


def count_keyed(refs, edges, keyed):
    """The number of the first `edges` references that lead to a node whose `keyed` is not 0."""
    count = 0
    for edge in range(edges):
        if keyed[refs[edge]]:
            count += 1
    return count


def keyed_edges(starts, refs, keyed, owners, places, targets):
    """The references to nodes whose `keyed` is not 0: their owners, their numbers and their targets."""
    count = 0
    for node in range(len(starts) - 1):
        for edge in range(starts[node], starts[node + 1]):
            if keyed[refs[edge]]:
                owners[count] = node
                places[count] = edge
                targets[count] = refs[edge]
                count += 1


def count_up(to):
    """Set each word to its index."""
    for node in range(len(to)):
        to[node] = node


def patch(refs, places, targets, to):
    """Set the target of reference number `places[i]` to `to[targets[i]]`."""
    for i in range(len(places)):
        refs[places[i]] = to[targets[i]]


def recount(label, size, owners, dirty):
    """Count the nodes of each class into `size` (all 0 at the start), and put each of `owners` (ascending) that shares its class
    on the list `dirty`; returns the number of these nodes."""
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


def lowest(label, heads):
    """Set `heads[class]` to the lowest node of each class (`heads` is all 0 at the start; class 0 is void's)."""
    for node in range(len(label)):
        if heads[label[node]] == 0:
            heads[label[node]] = node


def declared(norm, place, first, flags):
    """Mark the names of declarations: bit 1 in `flags[name]` for a FWD of a struct, 2 of a union, 4 for an enum without
    enumerators.  A FWD with a count, which has no meaning, is none, for the count would be lost.  Visits the nodes from `first`
    on; returns the number of declarations."""
    count = 0
    for node in range(first, len(place) - 1):
        at = place[node]
        info = norm[at + 1]
        kind = (info >> 24) & 127
        name = norm[at]
        declares = kind == kinds.FWD or kind == kinds.ENUM or kind == kinds.ENUM64
        if name and declares and (info & 0xFFFFFF) == 0:
            flags[name] |= 4 if kind != kinds.FWD else 2 if info >> 31 else 1
            count += 1
    return count


def tagged(norm, place, first, flags, nodes, bits):
    """Append to the list `nodes` every declaration from node `first` on whose name has its bit in `flags`, and every definition
    that it could mean.  `bits` gets that bit for each, with 8 added for a definition."""
    for node in range(first, len(place) - 1):
        at = place[node]
        name = norm[at]
        if name == 0 or flags[name] == 0:
            continue
        info = norm[at + 1]
        kind = (info >> 24) & 127
        bit = 0
        if kind == kinds.FWD:
            bit = 0 if info & 0xFFFFFF else 2 if info >> 31 else 1
        elif kind == kinds.STRUCT:
            bit = 9
        elif kind == kinds.UNION:
            bit = 10
        elif kind == kinds.ENUM or kind == kinds.ENUM64:
            bit = 12 if info & 0xFFFFFF else 4
        if bit and flags[name] & bit & 7:
            nodes.append(node)
            bits.append(bit)


def number(label, heads, to, first, norm, place, table, ids, stays):
    """Compute new ids: `ids[t]` for every node t, which `to[t]` replaces.

    A node below `first` keeps its id.  The lowest node of each class is kept (`stays[t]` becomes 1); those from `first` on are
    numbered in order.  Returns (one more than the last id, words of the records that are kept).
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
            info = norm[place[node] + 1]
            row = ((info >> 24) & 127) << 3
            total += 3 + table[row + kinds.TAIL] + (info & 0xFFFFFF) * table[row + kinds.ELEM]
    for node in range(first, len(label)):
        ids[node] = ids[heads[label[to[node]]]]
    return following, total


def climb(norm, place, label, through, back_starts, back, moved_starts, moved, todo, count, most, seen, met, found):
    """Append to the list `found` the nodes from which references lead to the first `count` of `todo`, and these, nearest first.

    It gets one node of each class, at most `most`, of the kinds that are `through` (one byte for each kind); users of other nodes
    are not visited.  `back_starts` and `back` are reversed references (`hot.classes.reverse`); `moved_starts` and `moved` are
    more of them, or nothing.  Stops when `todo` is full.  `seen` and `met`, one byte for each node, are all 0 at the start and
    at the end.
    """
    limit = len(todo) - 1
    for k in range(count):
        seen[todo[k]] = 1
    done = 0
    number = 0
    while done < count and count <= limit and number < most:
        node = todo[done]
        done += 1
        if through[(norm[place[node] + 1] >> 24) & 127] == 0:
            continue
        if met[label[node]] == 0:
            met[label[node]] = 1
            found.append(node)
            number += 1
        here = back_starts[node]
        end = back_starts[node + 1]
        there = 0
        moved_end = 0
        if len(moved):
            there = moved_starts[node]
            moved_end = moved_starts[node + 1]
        while count <= limit and (here < end or there < moved_end):
            if there == moved_end or (here < end and back[here] < moved[there]):
                user = back[here]
                here += 1
            else:
                user = moved[there]
                there += 1
            if seen[user] == 0:
                seen[user] = 1
                todo[count] = user
                count += 1
    for k in range(count):
        seen[todo[k]] = 0
        met[label[todo[k]]] = 0


def members(coarse, label, wanted, seen, nodes):
    """Append to the list `nodes` the lowest node of each class of `label` (`seen`, one byte each, is 0 at the start) that lies in
    a `wanted` class of `coarse`."""
    for node in range(len(label)):
        if wanted[coarse[node]] and seen[label[node]] == 0:
            seen[label[node]] = 1
            nodes.append(node)


def count_kinds(norm, place, stays, first, before, after):
    """Count the nodes from `first` on by kind into `before`, and those that are kept into `after`.  A node whose place is the end
    of `norm` is a type of the base."""
    for node in range(first, len(place) - 1):
        if place[node] == len(norm):
            continue
        kind = (norm[place[node] + 1] >> 24) & 127
        before[kind] += 1
        if stays[node]:
            after[kind] += 1


def meetings(starts, refs, label, coarse, opened, roots, ends, others, left, right, table, prime, budget, found):
    """Compare roots with types that may be equivalent to them, position by position, and record which types would have to match.

    `others[ends[i - 1]]` to `others[ends[i] - 1]` (from 0 for the first) are compared with `roots[i]`; all of them are in one
    class of `coarse`.  If an open declaration (`opened[node]` is not 0) meets another type, it would have to mean that type.
    If nothing else distinguishes a pair, (root, other, declaration, definition) is appended to the list `found`, once for each
    declaration. `left`, `right` (as long as the longest comparison) and `table` (length a power of two, at least twice that,
    all 0) are working space.  Stops after about `budget` steps.
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
