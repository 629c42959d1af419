"""Finds the strings of a table that are words of a list, without hashing each string."""


def mark(strings, tree, ends, found):
    """Set `found[k]` to the mark of the word that the string at `strings[k]` is, also where it is the end of a longer string.

    `tree` has the words read backwards: 256 numbers a node, for each byte the node that follows, 0 for none.  `ends[n]` is the
    mark of the word that is complete at node n, 0 for none.
    """
    if 256 * len(ends) > len(tree) or len(found) < len(strings):
        raise IndexError("room for fewer nodes or strings than there are")
    for end in range(len(strings)):
        if strings[end]:
            continue
        node = 0
        at = end
        while at > 0:
            at -= 1
            node = tree[256 * node + strings[at]]
            if node == 0:
                break
            if ends[node]:
                found[at] = ends[node]
