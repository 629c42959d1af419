"""Finding records and elements by name, references to a type, and records to rewrite: passes over all of a BTF.

`kinds` has a byte for each kind (128): 1 if the records' own names count, 2 if those of their elements do, 3 for both.
The name of an element is its first word.
"""

from btfkit.hot import kinds as numbers


def used_names(words, positions, table, kinds, used):
    """Set `used[offset]` to 1 for each name offset (of the whole chain's strings) of a wanted record or element."""
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        wanted = kinds[(info >> 24) & 127]
        if wanted & 1:
            used[words[at]] = 1
        row = ((info >> 24) & 127) << 3
        if wanted & 2 and table[row + numbers.ELEM_NAMES]:
            elem = table[row + numbers.ELEM]
            at += 3 + table[row + numbers.TAIL]
            for _ in range(info & 0xFFFFFF):
                used[words[at]] = 1
                at += elem


def named(words, positions, table, kinds, marks, found):
    """Append to the list `found`, for each wanted record or element whose name offset has `marks[offset]` set, its
    index (into `positions`) and the number of the element, or -1 for the record itself.  Offset 0 is not a name."""
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        wanted = kinds[(info >> 24) & 127]
        if wanted & 1 and words[at] and marks[words[at]]:
            found.append(index)
            found.append(-1)
        row = ((info >> 24) & 127) << 3
        if wanted & 2 and table[row + numbers.ELEM_NAMES]:
            elem = table[row + numbers.ELEM]
            at += 3 + table[row + numbers.TAIL]
            for number in range(info & 0xFFFFFF):
                if marks[words[at]] and words[at]:
                    found.append(index)
                    found.append(number)
                at += elem


def mark_users(words, positions, ids, id_starts, first_id, marks, found):
    """Find, in one pass, the records that refer to a marked type; `marks` has a byte for each type id of the chain.

    Records without a name of their own (pointers, qualifiers, arrays, prototypes, anonymous structs and unions) are marked in
    turn, and the number of newly marked ones is returned.  The others are set to 1 in `found` (a byte for each own record).
    Sections and declaration tags are ignored.
    """
    fresh = 0
    for index in range(len(positions)):
        at = positions[index]
        kind = (words[at + 1] >> 24) & 127
        if kind == numbers.DATASEC or kind == numbers.DECL_TAG:
            continue
        place = id_starts[index]
        end = id_starts[index + 1]
        while place < end and not marks[words[ids[place]]]:
            place += 1
        if place == end:
            continue
        nameless = kind == numbers.PTR or kind == numbers.ARRAY or kind == numbers.FUNC_PROTO
        nameless = nameless or numbers.is_modifier(kind)
        if nameless or (words[at] == 0 and numbers.STRUCT <= kind <= numbers.UNION):
            if not marks[first_id + index]:
                marks[first_id + index] = 1
                fresh += 1
        else:
            found[index] = 1
    return fresh


def count_referrers(words, positions, ids, id_starts, counts):
    """Add to `counts[id]`, for each type id of the chain, the number of references to it, except from sections and tags."""
    for index in range(len(positions)):
        kind = (words[positions[index] + 1] >> 24) & 127
        if kind != numbers.DATASEC and kind != numbers.DECL_TAG:
            for place in range(id_starts[index], id_starts[index + 1]):
                counts[words[ids[place]]] += 1


def fill_referrers(words, positions, ids, id_starts, first_id, ends, referrers):
    """Write the ids of the referring types, ascending, to `referrers`: for type `i` from `ends[i]` on, which is moved to their
    end."""
    for index in range(len(positions)):
        kind = (words[positions[index] + 1] >> 24) & 127
        if kind != numbers.DATASEC and kind != numbers.DECL_TAG:
            for place in range(id_starts[index], id_starts[index + 1]):
                target = words[ids[place]]
                referrers[ends[target]] = first_id + index
                ends[target] += 1


def to_rewrite(words, positions, names, name_starts, kinds, flags, nameless, vlens, odd, found):
    """Append to the list `found` the indexes of the records that a rewriting pass has to visit.

    These are the records of a kind set in `kinds`, those of a kind set in `flags` with kind_flag, those of a kind set in
    `nameless` with a name, those with a vlen over `vlens[kind]`, and those that use a name offset set in `odd`.  If `odd` is
    empty, the two columns of names are not read.
    """
    any_odd = len(odd)
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        kind = (info >> 24) & 127
        look = kinds[kind] or (info >> 31 and flags[kind]) or (info & 0xFFFFFF) > vlens[kind]
        look = look or (nameless[kind] and words[at])
        if any_odd and not look:
            for place in range(name_starts[index], name_starts[index + 1]):
                if odd[words[names[place]]]:
                    look = True
                    break
        if look:
            found.append(index)
