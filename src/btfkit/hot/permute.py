"""Sorting by name, and an order of types as a map of ids.

Names are compared as C strings of unsigned bytes.  Those below `first_offset` are in `low`, the strings of the bases; the others
are in `high`.
"""


def keys(words, positions, low, high, first_offset, out):
    """Write the first eight bytes of each record's name to `out`, most significant byte first, padded with zeros."""
    for index in range(len(positions)):
        here = words[positions[index]]
        above = here >= first_offset
        if above:
            here -= first_offset
        key = 0
        k = 0
        while k < 8:
            c = high[here + k] if above else low[here + k]
            if c == 0:
                break
            key = key << 8 | c
            k += 1
        out[index] = key << (8 * (8 - k)) if k else 0


def follows(words, positions, low, high, first_offset, one, other):
    """Whether the name of record `one`, from its ninth byte on, is greater than that of record `other`."""
    a = words[positions[one]]
    b = words[positions[other]]
    if a == b:
        return False
    a_above = a >= first_offset
    b_above = b >= first_offset
    a = (a - first_offset if a_above else a) + 8
    b = (b - first_offset if b_above else b) + 8
    while True:
        x = high[a] if a_above else low[a]
        y = high[b] if b_above else low[b]
        if x != y or x == 0:
            return x > y
        a += 1
        b += 1


def order(words, positions, low, high, first_offset, key, indexes, work):
    """Sort `indexes` (0 to the number of records) by name, keeping the order of equal names; `work` has the same length.

    `key` comes from `keys`.  This is a bottom-up merge sort, so the time does not depend on the order of the names.
    """
    count = len(indexes)
    width = 1
    while width < count:
        start = 0
        while start < count:
            middle = start + width if start + width < count else count
            end = middle + width if middle + width < count else count
            left = start
            right = middle
            to = start
            while left < middle and right < end:
                a = key[indexes[left]]
                b = key[indexes[right]]
                later = a > b
                if a == b and a & 255:
                    later = follows(words, positions, low, high, first_offset, indexes[left], indexes[right])
                if later:
                    work[to] = indexes[right]
                    right += 1
                else:
                    work[to] = indexes[left]
                    left += 1
                to += 1
            while left < middle:
                work[to] = indexes[left]
                left += 1
                to += 1
            while right < end:
                work[to] = indexes[right]
                right += 1
                to += 1
            start = end
        for to in range(count):
            indexes[to] = work[to]
        width *= 2


def both_ways(order, first_id, indexes, new_ids):
    """Set for each position in the list of ids `order` the index of its type, and for each type its new id.

    `indexes` and `new_ids` (all 0 at the start) are as long as `order`.  Returns the first position with an id that is not an own
    one or is repeated, or the number of ids.
    """
    count = len(order)
    for place in range(count):
        type_id = order[place]
        if type_id < first_id or type_id - first_id >= count or new_ids[type_id - first_id]:
            return place
        new_ids[type_id - first_id] = first_id + place
        indexes[place] = type_id - first_id
    return count
