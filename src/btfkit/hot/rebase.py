"""Moving a split BTF from one base to another: collecting, copying, renumbering, finding by name.

`passes/distill.py` and `passes/reconcile.py` describe how the loops are used.  *Below* is the base, as one BTF whose ids
begin at 1 and whose string offsets begin at 0.  A *leaf* is a type that a name and a size can stand for: a named INT,
FLOAT, FWD, ENUM, ENUM64, STRUCT or UNION.  A `board` holds one word for each id of a base.
"""

from btfkit.hot import kinds
from btfkit.hot.columns import id_place
from btfkit.hot.strings import hash_of, random_prime

REFERRED = 1  # in marks: an own type refers to it
EMBEDDED = 2  # a struct or union contains it by value, through modifiers, typedefs and arrays
PASSED = 4  # it is the type of a variable, a parameter or a return value

# The tag of a type that has one, and whether it is only declared.
STRUCTURE = 0
UNION = 1
ENUMERATION = 2
NO_TAG = 3
DECLARATION = 4
# What is known of the types of one name and tag: own ones are declared, or those of the base only are; the base defines some;
# one of these has the size of the first own one; counted; looked for in the base.
DECLARED = 1
ONLY_DECLARED = 2
KNOWN = 4
FITS = 8
COUNTED = 16
ASKED = 32
HASH = 0x9E3779B1


def collect(words, ids, table, first_id, below_words, below_positions, below_strings, board, found):
    """Find the types below `first_id` that the places `ids` refer to, and the types that these reach, stopping at leaves.

    Their `board` words, 0 at the start, become 1 for a leaf and 2 for any other type, and their ids are appended to the list
    `found`.  Returns (number of leaves, words of all others).
    """
    leaves = 0
    extent = 0
    for index in range(len(ids)):
        target = words[ids[index]]
        if target and target < first_id and board[target] == 0:
            board[target] = 2
            found.append(target)
    done = 0
    while done < len(found):
        type_id = found[done]
        done += 1
        at = below_positions[type_id - 1]
        info = below_words[at + 1]
        kind = (info >> 24) & 127
        if is_leaf(kind) and below_strings[below_words[at]]:
            leaves += 1
            board[type_id] = 1
            continue
        extent += 3 + table[(kind << 3) + kinds.TAIL] + (info & 0xFFFFFF) * table[(kind << 3) + kinds.ELEM]
        index = 0
        place = id_place(below_words, table, at, index)
        while place:
            target = below_words[place]
            if target and board[target] == 0:
                board[target] = 2
                found.append(target)
            index += 1
            place = id_place(below_words, table, at, index)
    return leaves, extent


def is_leaf(kind):
    """Whether a type of this kind can be a leaf."""
    return kind == kinds.INT or kind == kinds.FLOAT or kinds.STRUCT <= kind <= kinds.FWD or kind == kinds.ENUM64


def tag_of(info):
    """The tag of a type (0 struct, 1 union, 2 enumeration), plus 4 if it is only declared; 3 if it has none."""
    kind = (info >> 24) & 127
    if kind == kinds.STRUCT:
        return STRUCTURE
    if kind == kinds.UNION:
        return UNION
    if kind == kinds.ENUM or kind == kinds.ENUM64:
        return ENUMERATION if info & 0xFFFFFF else ENUMERATION | DECLARATION
    if kind == kinds.FWD:
        return (UNION if info >> 31 else STRUCTURE) | DECLARATION
    return NO_TAG


def part(words, positions, table, found, board, bare, bare_start, others, moved, start, first_moved):
    """Write the leaves among the ids `found` (ascending) without their elements to `bare`, and copy all other types to
    `others`.

    INT, FLOAT and FWD are copied unchanged; STRUCT and UNION are written with name, kind and size, ENUM and ENUM64 as an ENUM
    with name and size.  `board` (1: a leaf) gets the new ids: leaves from 1, others from `first_moved`.  The word positions
    of the new records go to `bare_start` and `start`, the ids of the others to the list `moved`.  Returns the words of all
    leaves.
    """
    leaf = 0
    to = 0
    end = 0
    for type_id in found:
        at = positions[type_id - 1]
        info = words[at + 1]
        kind = (info >> 24) & 127
        if board[type_id] == 1:
            bare_start[leaf] = to
            leaf += 1
            board[type_id] = leaf
            bare[to] = words[at]
            bare[to + 2] = words[at + 2]
            if kind == kinds.INT or kind == kinds.FWD or kind == kinds.FLOAT:
                bare[to + 1] = info
            elif kind == kinds.ENUM64:
                bare[to + 1] = kinds.ENUM << 24
            else:
                bare[to + 1] = kind << 24
            to += 3
            if kind == kinds.INT:
                bare[to] = words[at + 3]
                to += 1
            continue
        board[type_id] = first_moved + len(moved)
        start[len(moved)] = end
        moved.append(type_id)
        row = kind << 3
        size = 3 + table[row + kinds.TAIL]
        if table[row + kinds.ELEM]:
            size += (info & 0xFFFFFF) * table[row + kinds.ELEM]
        for k in range(size):
            others[end + k] = words[at + k]
        end += size
    return to


def of_kinds(words, positions, kinds_wanted, found):
    """Append the index of each record whose kind (below 32) is one of the bits `kinds_wanted` to the list `found`."""
    for index in range(len(positions)):
        kind = (words[positions[index] + 1] >> 24) & 127
        if kind < 32 and (kinds_wanted >> kind) & 1:
            found.append(index)


def clear(board, found):
    """Reset the `board` words of the ids `found` to 0."""
    for type_id in found:
        board[type_id] = 0


def uses(words, positions, ids, id_starts, first_id, marks):
    """Mark how the records at `positions` use each type below `first_id`: `marks[id]` gets the bits REFERRED,
    EMBEDDED, PASSED.

    Use by value is followed through own modifiers, typedefs and arrays.
    """
    count = len(positions)
    for index in range(count):
        kind = (words[positions[index] + 1] >> 24) & 127
        how = 1
        if kind == kinds.STRUCT or kind == kinds.UNION:
            how = 3
        elif kind == kinds.FUNC_PROTO or kind == kinds.VAR:
            how = 5
        for place in range(id_starts[index], id_starts[index + 1]):
            target = words[ids[place]]
            steps = count
            while target >= first_id and how > 1 and steps:
                steps -= 1
                here = positions[target - first_id]
                kind = (words[here + 1] >> 24) & 127
                if kind == kinds.ARRAY:
                    target = words[here + 3]
                elif kinds.is_alias(kind):
                    target = words[here + 2]
                else:
                    break
            if target < first_id:
                marks[target] |= how


def same(one, a, other, b):
    """Whether the strings that begin at `one[a]` and `other[b]` are equal, up to their NULs."""
    while one[a] == other[b]:
        if one[a] == 0:
            return True
        a += 1
        b += 1
    return False


class Records:
    """The words, positions and strings of a BTF."""

    def __init__(self, words, positions, strings):
        self.words = words
        self.positions = positions
        self.strings = strings


class Index:
    """The named INT, FLOAT, FWD, ENUM, ENUM64, STRUCT and UNION records of a base, by name.

    `buckets` (words, their number a power of two) gets the lowest id of the names in each bucket, `chain[id]` that of the next
    name there, and `twins[id]` the next higher id of the same name; all of them 0 at the start and for none.  `hashes[id]` is
    the hash of the name.
    """

    def __init__(self, words, positions, strings, buckets, chain, twins, hashes):
        self.words = words
        self.positions = positions
        self.strings = strings
        self.buckets = buckets
        self.chain = chain
        self.twins = twins
        self.hashes = hashes
        self.prime = random_prime()
        self.fill()

    def fill(self):
        """Index all records."""
        words = self.words
        positions = self.positions
        strings = self.strings
        buckets = self.buckets
        chain = self.chain
        hashes = self.hashes
        mask = len(buckets) - 1
        left = len(positions)
        while left:
            at = positions[left - 1]
            if is_leaf((words[at + 1] >> 24) & 127) and strings[words[at]]:
                h = hash_of(strings, words[at], self.prime)
                hashes[left] = h
                before = 0
                here = buckets[h & mask]
                while here and not (
                    hashes[here] == h and same(strings, words[positions[here - 1]], strings, words[at])
                ):
                    before = here
                    here = chain[here]
                if here == 0:
                    chain[left] = buckets[h & mask]
                    buckets[h & mask] = left
                else:
                    self.twins[left] = here
                    chain[left] = chain[here]
                    if before:
                        chain[before] = left
                    else:
                        buckets[h & mask] = left
            left -= 1

    def first(self, strings, start):
        """The lowest id of the name that begins at `strings[start]` (bytes up to a NUL), or 0."""
        h = hash_of(strings, start, self.prime)
        here = self.buckets[h & (len(self.buckets) - 1)]
        while here:
            if self.hashes[here] == h and same(self.strings, self.words[self.positions[here - 1]], strings, start):
                break
            here = self.chain[here]
        return here

    def differing(self, own, groups, doubtful):
        """Compare the structs, unions and enumerations of the BTF `own` (a `Records` without a base, whose strings are all
        different) with those here, by name and tag.

        Nothing is to be said of the types of one name and tag if all are definitions, and either there are none here, or
        the first has the size of one here (enumerations: whatever their size).  The ids of all others are appended to the list
        `doubtful`.  Of the former, returns how many names of structs and unions are defined here too.  `groups` is a table of
        pairs of words, all 0, of a power of two, at least twice as many as `own` has types.
        """
        words = self.words
        positions = self.positions
        twins = self.twins
        mask = len(groups) - 1
        both = 0
        for second in range(2):
            for number in range(len(own.positions)):
                at = own.positions[number]
                info = own.words[at + 1]
                tag = tag_of(info)
                if tag == NO_TAG or own.words[at] == 0:
                    continue
                key = own.words[at] << 2 | (tag & 3)
                slot = (key * HASH >> 8) & mask & ~1
                while groups[slot] and groups[slot] != key:
                    slot = (slot + 2) & mask
                state = groups[slot + 1]
                if second:
                    if state & DECLARED or (state & KNOWN and state & FITS == 0):
                        doubtful.append(number + 1)
                    elif state & KNOWN and tag < ENUMERATION and state & COUNTED == 0:
                        groups[slot + 1] |= COUNTED
                        both += 1
                    continue
                if tag & DECLARATION:
                    state |= DECLARED
                elif state & (DECLARED | ASKED) == 0:
                    state |= ASKED
                    here = self.first(own.strings, own.words[at])
                    while here:
                        place = positions[here - 1]
                        other = tag_of(words[place + 1])
                        if other & 3 == tag:
                            if other & DECLARATION:
                                state |= ONLY_DECLARED
                            else:
                                state |= KNOWN
                                if tag == ENUMERATION or words[place + 2] == own.words[at + 2]:
                                    state |= FITS
                        here = twins[here]
                    if state & KNOWN == 0 and state & ONLY_DECLARED:
                        state |= DECLARED
                groups[slot] = key
                groups[slot + 1] = state
        return both

    def match(self, old, marks, upstream, most, mapped, hard, full, crowded):
        """Find for each type of the distilled base `old` (a `Records`) the type that it stands for; `mapped[id]` gets its id.

        With `upstream` all types are looked up by the rules of btf__relocate, defects included; otherwise those in `marks`,
        by the rules of `passes/reconcile.py`.  The ids without one clear answer are appended to the list `hard` (their `mapped`
        is 0 or, with `upstream`, the first of several), those with more than `most` types of their name to the list `crowded`,
        unmatched.  The ids of composites and enums that have elements are appended to the list `full`.
        """
        words = self.words
        positions = self.positions
        twins = self.twins
        d_words = old.words
        d_positions = old.positions
        d_strings = old.strings
        for index in range(len(d_positions)):
            if marks[index + 1] == 0 and not upstream:
                continue
            at = d_positions[index]
            info = d_words[at + 1]
            kind = (info >> 24) & 127
            name = d_words[at]
            size = d_words[at + 2]
            leaf = is_leaf(kind) and not (kind == kinds.ENUM64 and upstream)
            if not leaf or d_strings[name] == 0:
                hard.append(index + 1)
                continue
            if info & 0xFFFFFF and (kinds.STRUCT <= kind <= kinds.ENUM or kind == kinds.ENUM64):
                full.append(index + 1)
            held = marks[index + 1] & 2 if upstream else marks[index + 1] & 6
            head = self.first(d_strings, name)
            left = most
            composites = 0
            here = head
            while here and left:
                other_kind = (words[positions[here - 1] + 1] >> 24) & 127
                composites += other_kind == kinds.STRUCT or other_kind == kinds.UNION
                left -= 1
                here = twins[here]
            if here:
                crowded.append(index + 1)
                continue
            first = 0
            good = 0
            alternative = 0
            alternatives = 0
            sized = 0
            of_size = 0
            candidate = head
            while candidate:
                here = candidate
                candidate = twins[candidate]
                to = positions[here - 1]
                other_info = words[to + 1]
                other_kind = (other_info >> 24) & 127
                if upstream:
                    if other_kind == kinds.STRUCT or other_kind == kinds.UNION:
                        if words[to + 2] != size and composites > 1:
                            continue
                    elif other_kind != kinds.FWD and words[to + 2] != size:
                        continue
                    if kind == kinds.FWD:
                        if other_kind == kinds.FWD:
                            if (info ^ other_info) >> 31:
                                continue
                        elif other_kind == kinds.STRUCT:
                            if other_info >> 31:
                                continue
                        elif other_kind == kinds.UNION:
                            if not other_info >> 31:
                                continue
                        else:
                            continue
                    elif kind == kinds.INT:
                        if other_kind != kinds.INT or (d_words[at + 3] ^ words[to + 3]) >> 24:
                            continue
                    elif kind == kinds.FLOAT:
                        if other_kind != kinds.FLOAT:
                            continue
                    elif kind == kinds.ENUM:
                        if other_kind != kinds.ENUM and other_kind != kinds.ENUM64:
                            continue
                    elif held and good == 0 and words[to + 2] != size:
                        continue
                    good += 1
                    if good == 1:
                        first = here
                    continue
                if kind == kinds.INT:
                    fits = other_kind == kinds.INT and words[to + 2] == size and words[to + 3] == d_words[at + 3]
                elif kind == kinds.FLOAT:
                    fits = other_kind == kinds.FLOAT and words[to + 2] == size
                elif kind == kinds.ENUM or kind == kinds.ENUM64:
                    fits = (other_kind == kinds.ENUM or other_kind == kinds.ENUM64) and words[to + 2] == size
                elif kind == kinds.FWD:
                    fits = other_kind == kinds.FWD and (info ^ other_info) >> 31 == 0
                    if other_kind == kinds.STRUCT + (info >> 31):
                        alternatives += 1
                        alternative = here
                else:
                    fits = other_kind == kind and (held == 0 or words[to + 2] == size)
                    if other_kind == kinds.FWD and held == 0 and other_info >> 31 == kind - kinds.STRUCT:
                        if alternatives == 0:
                            alternative = here
                        alternatives = 1
                    if fits and words[to + 2] == size:
                        of_size += 1
                        sized = here
                if fits:
                    good += 1
                    if good == 1:
                        first = here
            if upstream:
                mapped[index + 1] = first
                if good != 1:
                    hard.append(index + 1)
            elif good == 1 or (good and (kind == kinds.INT or kind == kinds.FWD or kind == kinds.FLOAT)):
                mapped[index + 1] = first
            elif good and of_size == 1:
                mapped[index + 1] = sized
            elif good == 0 and alternatives == 1:
                mapped[index + 1] = alternative
            else:
                hard.append(index + 1)


def spellings(d_words, d_positions, mapped, words, positions, offsets):
    """Set `offsets[old]` to the name offset of the type that each named type of a distilled base is mapped to."""
    for index in range(len(d_positions)):
        if mapped[index + 1] and mapped[index + 1] <= len(positions):
            offsets[d_words[d_positions[index]]] = words[positions[mapped[index + 1] - 1]]
