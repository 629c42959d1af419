"""Copying a selection of records into a new type section, with new ids and new name offsets."""


def compact(words, positions, table, kept, chosen, ids, follow, names, rename, out):
    """Append the records with the indexes `kept` (ascending) to the array `out`.

    `chosen` maps the index of a composite or enum to the sorted tuple of the elements that stay; one that is not in it
    keeps all.  `ids` maps old ids to new ones; for one that it lacks, `follow(old)` tells (0: becomes void).  `names` maps
    old name offsets to new ones; for one that it lacks, `rename(old)` tells and `names` learns it.
    """
    for index in kept:
        at = positions[index]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        count = info & 0xFFFFFF
        elem = table[row + 1]
        tail = table[row]
        picked = chosen.get(index) if elem else None
        if picked is not None:
            info = ((info >> 24) << 24) | len(picked)
        value = words[at]
        if value:
            renamed = names.get(value)
            if renamed is None:
                renamed = rename(value)
                names[value] = renamed
            value = renamed
        out.append(value)
        out.append(info)
        value = words[at + 2]
        if value and table[row + 2]:
            new = ids.get(value)
            value = follow(value) if new is None else new
        out.append(value)
        mask = table[row + 3]
        for slot in range(tail):
            value = words[at + 3 + slot]
            if value and (mask >> slot) & 1:
                new = ids.get(value)
                value = follow(value) if new is None else new
            out.append(value)
        if not elem:
            continue
        first = at + 3 + tail
        mask = table[row + 4]
        name_mask = table[row + 5]
        for item in range(count) if picked is None else picked:
            at = first + item * elem
            for slot in range(elem):
                value = words[at + slot]
                if value:
                    if (mask >> slot) & 1:
                        new = ids.get(value)
                        value = follow(value) if new is None else new
                    elif (name_mask >> slot) & 1:
                        renamed = names.get(value)
                        if renamed is None:
                            renamed = rename(value)
                            names[value] = renamed
                        value = renamed
                out.append(value)
