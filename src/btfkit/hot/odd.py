"""Which records a rewriting has to look at, so that all others are copied as they are."""


def picked(words, positions, kinds, flags, bare, vlens, odd, first_offset, table, found):
    """Append to the list `found` the indexes of records that have to be looked at.

    These are the records of a kind set in `kinds`, those of a kind set in `flags` with kind_flag, those of a kind set in `bare`
    with a name, those with a vlen over `vlens[kind]`, and those that use a name offset set in `odd` (bytes from offset
    `first_offset` on; empty: none).
    """
    any_odd = len(odd)
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        kind = (info >> 24) & 127
        if kinds[kind] or (info >> 31 and flags[kind]) or (info & 0xFFFFFF) > vlens[kind] or (bare[kind] and words[at]):
            found.append(index)
            continue
        if any_odd == 0:
            continue
        value = words[at]
        if value >= first_offset and odd[value - first_offset]:
            found.append(index)
            continue
        row = kind << 3
        elem = table[row + 1]
        mask = table[row + 5]
        if elem and mask:
            at += 3 + table[row]
            end = at + (info & 0xFFFFFF) * elem
            while at < end:
                value = words[at]
                if value >= first_offset and odd[value - first_offset]:
                    found.append(index)
                    break
                at += elem
