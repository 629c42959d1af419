"""The order of the roots in the C text: by rank, name, own name, contents and id.

Rules: bpftool 7.8, btf_type_rank, btf_type_sort_name, btf_type_disambig_hash, btf_type_compare.
"""

from btfkit.hot import kinds

LAST_RANK = 10
LONGEST = 4096  # references in a row; a longer chain counts as nameless
KNOWN = 1  # in marks: the hash without members
KNOWN_WHOLE = 2  # ... and with them
WORD_64 = 0xFFFFFFFFFFFFFFFF  # named, because literals of that size are Python objects in compiled code


def choose(words, positions, kinds, ids):
    """Write the ids of the types of a wanted kind (`kinds[k]` is 1) to `ids`, ascending; returns their number."""
    count = 0
    for index in range(len(positions)):
        if kinds[(words[positions[index] + 1] >> 24) & 127]:
            ids[count] = index + 1
            count += 1
    return count


def sort(words, positions, strings, ids, room):
    """Sort `ids` (u32, each id once, ascending); `room` is a second buffer of the same length."""
    sorter = _Sorter(words, positions, strings)
    sorter.prepare(ids)
    sorter.merge(ids, room)


class _Sorter:
    def __init__(self, words, positions, strings):
        count = len(positions) + 1
        self.words = words
        self.positions = positions
        self.strings = strings
        self.keys = memoryview(bytearray(8 * count)).cast("Q")  # rank and the first seven bytes of the name
        self.names = memoryview(bytearray(4 * count)).cast("I")  # the name to sort by
        self.hashes = memoryview(bytearray(16 * count)).cast("Q")
        self.marks = memoryview(bytearray(count))
        self.path = memoryview(bytearray(8 * (LONGEST + 1))).cast("I")

    def prepare(self, ids):
        """Find rank and name of each id."""
        words = self.words
        positions = self.positions
        strings = self.strings
        for index in range(len(ids)):
            type_id = ids[index]
            name = 0
            rank = LAST_RANK
            if type_id:
                named = False
                direct = True
                ranked = True  # a type on the path has a name, or there is no path yet
                here = type_id
                for _ in range(LONGEST):
                    at = positions[here - 1]
                    info = words[at + 1]
                    kind = (info >> 24) & 127
                    if words[at]:
                        named = True
                    if kind == kinds.ARRAY or kind == kinds.PTR or kind == kinds.DECL_TAG or kinds.is_alias(kind):
                        if not named:
                            ranked = False
                        here = words[at + 3] if kind == kinds.ARRAY else words[at + 2]
                        direct = False
                        if here:
                            continue
                        break
                    name = words[at]
                    if kind == kinds.ENUM or kind == kinds.ENUM64:
                        if name == 0 and direct and info & 0xFFFFFF:
                            name = words[at + 3]
                        if ranked:
                            rank = 1 if named else 0
                    elif ranked and (kind == kinds.INT or kind == kinds.FLOAT):
                        rank = 2
                    elif ranked and named and (kind == kinds.STRUCT or kind == kinds.UNION):
                        rank = 3
                    elif ranked and named and kind == kinds.FUNC_PROTO:
                        rank = 4
                    break
            key = rank
            at = name
            ended = False
            for _ in range(7):
                c = 0 if ended else strings[at]
                if c == 0:
                    ended = True
                key = key << 8 | c
                at += 1
            self.keys[type_id] = key
            self.names[type_id] = name

    def less(self, one, other):
        """Whether `one` sorts before `other`."""
        if self.keys[one] != self.keys[other]:
            return self.keys[one] < self.keys[other]
        strings = self.strings
        at = self.names[one]
        to = self.names[other]
        if at != to and self.keys[one] & 255:
            at += 7
            to += 7
            while strings[at] == strings[to] and strings[at]:
                at += 1
                to += 1
            if strings[at] != strings[to]:
                return strings[at] < strings[to]
        at = self.words[self.positions[one - 1]] if one else 0
        to = self.words[self.positions[other - 1]] if other else 0
        if at != to:
            while strings[at] == strings[to] and strings[at]:
                at += 1
                to += 1
            if strings[at] != strings[to]:
                return strings[at] < strings[to]
        own = self.hash(one, KNOWN_WHOLE)
        its = self.hash(other, KNOWN_WHOLE)
        if own != its:
            return own < its
        return one < other

    def hash(self, type_id, whole):
        """The contents of a type as a 64-bit hash, with its members or, if `whole` is KNOWN, without."""
        words = self.words
        positions = self.positions
        path = LONGEST + 1 if whole == KNOWN_WHOLE else 0  # where it begins
        steps = 0
        value = 0
        here = type_id
        while here and steps <= LONGEST:
            if self.marks[here] & whole:
                value = self.hashes[2 * here + whole - 1]
                break
            self.path[path + steps] = here
            steps += 1
            at = positions[here - 1]
            kind = (words[at + 1] >> 24) & 127
            if not (kind == kinds.ARRAY or kind == kinds.PTR or kind == kinds.DECL_TAG or kinds.is_alias(kind)):
                break
            here = words[at + 3] if kind == kinds.ARRAY else words[at + 2]
        while steps:
            steps -= 1
            here = self.path[path + steps]
            at = positions[here - 1]
            kind = (words[at + 1] >> 24) & 127
            if kind == kinds.ARRAY or kind == kinds.PTR or kind == kinds.DECL_TAG or kinds.is_alias(kind):
                mine = self.string_hash(0, words[at])
                if kind == kinds.ARRAY:
                    mine = (mine * 31 + words[at + 5]) & WORD_64
                value = (mine * 31 + value) & WORD_64
            else:
                value = self.terminal(here, whole)
            self.hashes[2 * here + whole - 1] = value
            self.marks[here] |= whole
        return value

    def terminal(self, type_id, whole):
        """The hash of a type that is not a reference."""
        words = self.words
        at = self.positions[type_id - 1]
        info = words[at + 1]
        kind = (info >> 24) & 127
        vlen = info & 0xFFFFFF
        value = self.string_hash(0, words[at])
        if kind == kinds.ENUM or kind == kinds.ENUM64:
            step = 2 if kind == kinds.ENUM else 3
            for index in range(vlen):
                value = self.string_hash(value, words[at + 3 + step * index])
        elif (kind == kinds.STRUCT or kind == kinds.UNION) and whole == KNOWN_WHOLE:
            for index in range(vlen):
                value = self.string_hash(value, words[at + 3 + 3 * index])
                value = (value * 31 + self.hash(words[at + 4 + 3 * index], KNOWN)) & WORD_64
        return value

    def string_hash(self, value, offset):
        """`value` combined with the hash of the string at `offset`; unchanged if the offset is 0."""
        if offset == 0:
            return value
        strings = self.strings
        h = 0
        c = strings[offset]
        while c:
            h = (h * 31 + c - (c & 128) * 2) & WORD_64
            offset += 1
            c = strings[offset]
        return (value * 31 + h) & WORD_64

    def merge(self, ids, room):
        """Merge sort, from pairs upwards."""
        count = len(ids)
        width = 1
        turned = False
        while width < count:
            source = room if turned else ids
            target = ids if turned else room
            low = 0
            while low < count:
                middle = low + width if low + width < count else count
                high = middle + width if middle + width < count else count
                left = low
                right = middle
                if middle == high or not self.less(source[middle], source[middle - 1]):
                    right = high
                    for at in range(low, high):
                        target[at] = source[at]
                else:
                    for at in range(low, high):
                        if left < middle and (right == high or not self.less(source[right], source[left])):
                            target[at] = source[left]
                            left += 1
                        else:
                            target[at] = source[right]
                            right += 1
                low = high
            turned = not turned
            width *= 2
        if turned:
            for at in range(count):
                ids[at] = room[at]
