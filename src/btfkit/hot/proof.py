"""Whether an id map takes the types of one BTF to the same types in another: the loop of `judges/deduped.py`."""

from btfkit.hot import kinds


def prove(
    words,
    positions,
    table,
    start,
    ids,
    shift,
    low,
    high,
    base_words,
    base_positions,
    new_words,
    new_positions,
    new_high,
    known,
    doubtful,
    arrays,
):
    """Compare each record of a layer with the one at `ids[id + shift]`; ids below `start` belong to the base and stay.

    `low` has the strings of the base; higher offsets are in `high` (old) or `new_high` (new).  `known`, one word for each byte of
    `low` and `high`, all 0 at the start, caches which names are equal.  Records have to be identical word for word, except that
    names may have other offsets and that ids have to follow the map.  A declaration (FWD, or an enum without enumerators) may
    become a definition of its name and tag.  If both types are in the base but differ, the two ids are appended to the list
    `doubtful`.  An ARRAY that became another one is not judged here: its index is appended to the list `arrays`.  Returns the
    index of the first wrong record, or the number of records.
    """
    low_size = len(low)
    new_end = start + len(new_positions)
    for index in range(len(positions)):
        at = positions[index]
        new = ids[start + index + shift]
        if new == 0 or new >= new_end:
            return index
        below = new < start
        there = base_positions[new - 1] if below else new_positions[new - start]
        info = words[at + 1]
        other = base_words[there + 1] if below else new_words[there + 1]
        kind = (info >> 24) & 127
        row = kind << 3
        tail = table[row + kinds.TAIL]
        elem = table[row + kinds.ELEM]
        total = 3 + tail
        if elem:
            total += (info & 0xFFFFFF) * elem
        became = False
        if info != other or (kind == kinds.ENUM and (info & 0xFFFFFF) == 0):
            kind_now = (other >> 24) & 127
            if kind == kinds.FWD:
                became = kind_now == (kinds.UNION if info >> 31 else kinds.STRUCT)
            elif (kind == kinds.ENUM or kind == kinds.ENUM64) and (info & 0xFFFFFF) == 0:
                became = kind_now == kinds.ENUM or kind_now == kinds.ENUM64
            if not became and info != other:
                return index
        if became:
            total = 1
        elif kind == kinds.FWD:
            total = 2  # the third word has no meaning
        phase = 0
        for slot in range(total):
            old = words[at + slot]
            now = base_words[there + slot] if below else new_words[there + slot]
            is_name = slot == 0
            is_type = False
            if slot == 2:
                is_type = table[row + kinds.THIRD_IS_TYPE]
            elif slot > 2:
                if slot < 3 + tail:
                    is_type = (table[row + kinds.TAIL_IDS] >> (slot - 3)) & 1
                else:
                    is_name = (table[row + kinds.ELEM_NAMES] >> phase) & 1
                    is_type = (table[row + kinds.ELEM_IDS] >> phase) & 1
                    phase += 1
                    if phase == elem:
                        phase = 0
            if is_type:
                mapped = ids[old + shift] if old >= start else old
                if mapped != now:
                    if kind == kinds.ARRAY:
                        arrays.append(index)
                        break
                    if mapped >= start or now >= start or mapped == 0 or now == 0:
                        return index
                    doubtful.append(mapped)
                    doubtful.append(now)
            elif is_name:
                if known[old] == now + 1:
                    continue
                k = 0
                while True:
                    a = high[old + k - low_size] if old >= low_size else low[old + k]
                    b = new_high[now + k - low_size] if now >= low_size else low[now + k]
                    if a != b:
                        return index
                    if a == 0:
                        break
                    k += 1
                known[old] = now + 1
            elif old != now:
                if kind != kinds.ARRAY:
                    return index
                arrays.append(index)
                break
    return len(positions)
