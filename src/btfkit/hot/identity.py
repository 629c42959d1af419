"""The identity of types, as numbers: equal if the types are, whatever their ids (`show/identity.py` defines it).

An `Interner` numbers sequences of words, each once: a text, a reference to a type, or what a type consists of, in which the
numbers of other sequences stand.  Hashes only choose where to look: every match is compared in full.
"""

from btfkit.hot import growth, kinds

LONG = 0xFFFFFFFFFFFFFFFF  # named, because Cython treats a literal of that size as a Python object
# The first word of a sequence that is not what a type of some kind consists of.
TEXT = 128
VOID = 129
NAMED = 130  # class, text
INTEGER = 131
TAGGED = 132
WHOLE = 133
MANY = 0xFFFFFFFF  # types of one class and name
PAIRED = 0xFFFFFFFE


def class_of(kind):
    """The kind that stands for all types that are matched by name with one of this kind; 0: it is not matched by name."""
    if kind == kinds.ENUM64:
        return kinds.ENUM
    if (
        kind == kinds.INT
        or (kinds.STRUCT <= kind <= kinds.ENUM)
        or kind == kinds.TYPEDEF
        or kind == kinds.FUNC
        or kind == kinds.VAR
        or kind == kinds.FLOAT
    ):
        return kind
    return 0


class Interner:
    """The sequences so far, numbered from 1.  `prime` (odd, 64 bits) makes collisions unpredictable."""

    def __init__(self, prime):
        self.prime = prime
        self.count = 0
        self.words = growth.room()
        self.begins = growth.room()
        self.slots = memoryview(bytearray(4 * 8192)).cast("I")
        self.stack = growth.room()
        self.ours = growth.room()
        self.theirs = growth.room()
        self.top = 0

    def push(self, word):
        """Put a word at the end of the sequence that is being made."""
        if self.top >= len(self.stack):
            self.stack = growth.grown(self.stack, self.top)
        self.stack[self.top] = word
        self.top += 1

    def hash(self, words, start, end):
        """The hash of a sequence."""
        long = LONG
        h = self.prime
        for at in range(start, end):
            h = ((h ^ words[at]) * self.prime) & long
            h ^= h >> 32
        return h

    def close(self, start):
        """The number of the sequence that was pushed since `top` was `start`; removes it."""
        length = self.top - start
        mask = len(self.slots) - 1
        slot = self.hash(self.stack, start, self.top) & mask
        while self.slots[slot]:
            found = self.slots[slot]
            here = self.begins[found]
            if self.begins[found + 1] - here == length:
                k = 0
                while k < length and self.words[here + k] == self.stack[start + k]:
                    k += 1
                if k == length:
                    self.top = start
                    return found
            slot = (slot + 1) & mask
        self.count += 1
        found = self.count
        self.slots[slot] = found
        if found + 1 >= len(self.begins):
            self.begins = growth.grown(self.begins, found + 1)
        here = self.begins[found]
        while here + length > len(self.words):
            self.words = growth.grown(self.words, here)
        for k in range(length):
            self.words[here + k] = self.stack[start + k]
        self.begins[found + 1] = here + length
        self.top = start
        if 2 * found > len(self.slots):
            self.more_slots()
        return found

    def more_slots(self):
        """Double the table of sequences."""
        self.slots = memoryview(bytearray(8 * len(self.slots))).cast("I")
        mask = len(self.slots) - 1
        for number in range(1, self.count + 1):
            slot = self.hash(self.words, self.begins[number], self.begins[number + 1]) & mask
            while self.slots[slot]:
                slot = (slot + 1) & mask
            self.slots[slot] = number

    def text(self, strings, at):
        """The number of the text at an offset of `strings`, up to its NUL."""
        start = self.top
        self.push(TEXT)
        shift = 0
        word = 0
        c = strings[at]
        while c:
            word |= c << shift
            shift += 8
            if shift == 32:
                self.push(word)
                word = 0
                shift = 0
            at += 1
            c = strings[at]
        if shift:
            self.push(word)
        return self.close(start)


class Side:
    """The types of one chain (`btf.flat.Flat`): words, positions and strings.

    `reference` and `definition` raise ValueError, with the id of a type and the side, if more than `levels` types without
    a name are nested.
    """

    def __init__(self, interner, words, positions, strings, levels):
        self.interner = interner
        self.words = words
        self.positions = positions
        self.strings = strings
        self.levels = levels
        self.references = memoryview(bytearray(4 * (len(positions) + 1))).cast("I")
        self.definitions = memoryview(bytearray(4 * (len(positions) + 1))).cast("I")
        self.tagged = memoryview(bytearray(4 * (len(positions) + 1))).cast("I")
        self.wholes = memoryview(bytearray(4 * (len(positions) + 1))).cast("I")

    def restart(self, words, positions, strings, first):
        """Put other types in place of those from id `first` on; what is known of the types before them stays."""
        self.words = words
        self.positions = positions
        self.strings = strings
        while len(self.references) <= len(positions):
            self.references = growth.grown(self.references, first)
            self.definitions = growth.grown(self.definitions, first)
            self.tagged = growth.grown(self.tagged, first)
            self.wholes = growth.grown(self.wholes, first)
        for type_id in range(first, len(positions) + 1):
            self.references[type_id] = 0
            self.definitions[type_id] = 0
            self.tagged[type_id] = 0
            self.wholes[type_id] = 0

    def key(self, type_id):
        """The number of the class and the name of a type; 0 if it has no name or is not matched by name."""
        at = self.positions[type_id - 1]
        group = class_of((self.words[at + 1] >> 24) & 127)
        if group == 0 or self.words[at] == 0:
            return 0
        return self.named(group, self.words[at])

    def named(self, group, name):
        """The number of a class and the text of a name."""
        interner = self.interner
        text = interner.text(self.strings, name)
        start = interner.top
        interner.push(NAMED)
        interner.push(group)
        interner.push(text)
        return interner.close(start)

    def reference(self, type_id, depth):
        """The number of a reference to a type, at `depth` types without a name."""
        interner = self.interner
        if type_id == 0:
            start = interner.top
            interner.push(VOID)
            return interner.close(start)
        found = self.references[type_id]
        if found:
            return found
        if depth > self.levels:
            raise ValueError(type_id, self)
        at = self.positions[type_id - 1]
        info = self.words[at + 1]
        kind = (info >> 24) & 127
        group = class_of(kind)
        if kind == kinds.INT:  # without the encoding: that belongs to the definition
            text = interner.text(self.strings, self.words[at])
            start = interner.top
            interner.push(INTEGER)
            interner.push(text)
            interner.push(self.words[at + 2])
            interner.push(self.words[at + 3] & 0xFFFFFF)
            found = interner.close(start)
        elif kind == kinds.FWD:
            found = self.named(kinds.UNION if info >> 31 else kinds.STRUCT, self.words[at])
        elif self.words[at] and (kinds.STRUCT <= group <= kinds.ENUM or group == kinds.TYPEDEF):
            found = self.named(group, self.words[at])
        else:
            found = self.body(at, kind, depth)
        self.references[type_id] = found
        return found

    def definition(self, type_id):
        """The number of what a type consists of."""
        found = self.definitions[type_id]
        if found == 0:
            at = self.positions[type_id - 1]
            found = self.body(at, (self.words[at + 1] >> 24) & 127, 0)
            if self.tagged[type_id]:
                interner = self.interner
                start = interner.top
                interner.push(TAGGED)
                interner.push(found)
                interner.push(self.tagged[type_id])
                found = interner.close(start)
            self.definitions[type_id] = found
        return found

    def whole(self, type_id, depth):
        """The number of all that the layout of a type and the text of its members depend on.

        That is its definition, those of what it holds by value, and the names of parameters.  0: it is nested deeper than
        `levels`, or no member has such a type.
        """
        if type_id == 0:
            return self.reference(0, 0)
        found = self.wholes[type_id]
        if found:
            return found
        if depth > self.levels:
            return 0
        at = self.positions[type_id - 1]
        info = self.words[at + 1]
        kind = (info >> 24) & 127
        if kind == kinds.FWD:
            return self.reference(type_id, 0)
        if kind == kinds.INT or kind == kinds.FLOAT or kind == kinds.ENUM or kind == kinds.ENUM64:
            return self.definition(type_id)
        interner = self.interner
        start = interner.top
        interner.push(WHOLE)
        interner.push(kind)
        if kind == kinds.STRUCT or kind == kinds.UNION:
            interner.push(self.definition(type_id))
            for index in range(info & 0xFFFFFF):
                part = self.whole(self.words[at + 4 + 3 * index], depth + 1)
                interner.push(part)
                if part == 0:
                    break
        elif kind == kinds.ARRAY:
            interner.push(self.words[at + 5])
            interner.push(self.whole(self.words[at + 3], depth + 1))
        elif kind == kinds.PTR:
            interner.push(self.text_of(self.words[at + 2], depth + 1))
        elif (
            kind == kinds.TYPEDEF
            or kind == kinds.CONST
            or kind == kinds.VOLATILE
            or kind == kinds.RESTRICT
            or kind == kinds.TYPE_TAG
        ):
            interner.push(self.definition(type_id))
            interner.push(self.whole(self.words[at + 2], depth + 1))
        else:
            interner.push(0)
        if interner.stack[interner.top - 1] == 0:
            interner.top = start
            return 0
        found = interner.close(start)
        self.wholes[type_id] = found
        return found

    def text_of(self, type_id, depth):
        """The number of all that the text of a type without its definition depends on; 0 as in `whole`."""
        if type_id == 0:
            return self.reference(0, 0)
        at = self.positions[type_id - 1]
        kind = (self.words[at + 1] >> 24) & 127
        if kind == kinds.FUNC_PROTO and self.wholes[type_id]:
            return self.wholes[type_id]
        if depth > self.levels:
            return 0
        if (kind == kinds.STRUCT or kind == kinds.UNION) and self.words[at] == 0:  # what changed in it is shown
            return self.whole(type_id, depth)
        interner = self.interner
        start = interner.top
        interner.push(WHOLE)
        interner.push(kind)
        if kind == kinds.FUNC_PROTO:
            part = self.text_of(self.words[at + 2], depth + 1)
            interner.push(part)
            for index in range(self.words[at + 1] & 0xFFFFFF):
                if part == 0:
                    break
                interner.push(interner.text(self.strings, self.words[at + 3 + 2 * index]))
                part = self.text_of(self.words[at + 4 + 2 * index], depth + 1)
                interner.push(part)
        elif kind == kinds.ARRAY:
            interner.push(self.words[at + 5])
            interner.push(self.text_of(self.words[at + 3], depth + 1))
        elif (
            kind == kinds.PTR
            or kind == kinds.CONST
            or kind == kinds.VOLATILE
            or kind == kinds.RESTRICT
            or kind == kinds.TYPE_TAG
        ):
            interner.push(self.text_of(self.words[at + 2], depth + 1))
        elif kind == kinds.FUNC or kind == kinds.VAR or kind == kinds.DATASEC or kind == kinds.DECL_TAG:
            interner.push(0)
        else:
            interner.push(self.reference(type_id, 0))
        if interner.stack[interner.top - 1] == 0:
            interner.top = start
            return 0
        found = interner.close(start)
        if kind == kinds.FUNC_PROTO:
            self.wholes[type_id] = found
        return found

    def tag(self, type_id, tags):
        """State the declaration tags of a type, numbers of their texts and components in turn, for its definition."""
        interner = self.interner
        start = interner.top
        interner.push(TAGGED)
        for word in tags:
            interner.push(word)
        self.tagged[type_id] = interner.close(start)

    def tags(self, found, first):
        """Append the ids of all DECL_TAGs, from id `first` on, to the list `found`."""
        for index in range(first - 1, len(self.positions)):
            if (self.words[self.positions[index] + 1] >> 24) & 127 == kinds.DECL_TAG:
                found.append(index + 1)

    def body(self, at, kind, depth):
        """The number of what a type of `kind` at word `at` consists of."""
        interner = self.interner
        start = interner.top
        info = self.words[at + 1]
        count = info & 0xFFFFFF
        flag = info >> 31
        interner.push(kind)
        if kind == kinds.STRUCT or kind == kinds.UNION:
            interner.push(self.words[at + 2])
            at += 3
            for _ in range(count):
                where = self.words[at + 2]
                interner.push(interner.text(self.strings, self.words[at]))
                interner.push(self.reference(self.words[at + 1], depth + 1))
                interner.push(where >> 24 if flag else 0)  # the width of a bitfield, whatever kind_flag is
                interner.push(where & 0xFFFFFF if flag else where)
                at += 3
        elif kind == kinds.FUNC_PROTO:
            interner.push(self.reference(self.words[at + 2], depth + 1))
            at += 4
            for _ in range(count):
                interner.push(self.reference(self.words[at], depth + 1))
                at += 2
        elif kind == kinds.ENUM or kind == kinds.ENUM64:
            interner.push(self.words[at + 2])
            interner.push(flag)
            at += 3
            for _ in range(count):
                interner.push(interner.text(self.strings, self.words[at]))
                interner.push(self.words[at + 1])
                if kind == kinds.ENUM64:
                    interner.push(self.words[at + 2])
                    at += 1
                at += 2
        elif kind == kinds.ARRAY:
            interner.push(self.reference(self.words[at + 3], depth + 1))
            interner.push(self.words[at + 5])
        elif kind == kinds.INT or kind == kinds.FLOAT:
            interner.push(interner.text(self.strings, self.words[at]))
            interner.push(self.words[at + 2])
            if kind == kinds.INT:
                interner.push(self.words[at + 3])
        elif kind == kinds.TYPE_TAG:
            interner.push(interner.text(self.strings, self.words[at]))
            interner.push(self.reference(self.words[at + 2], depth + 1))
        elif kind > kinds.LAST_KIND or kind == kinds.UNKN or kind == kinds.FWD or kind == kinds.DATASEC:
            interner.push(interner.text(self.strings, self.words[at]))
        else:
            interner.push(self.reference(self.words[at + 2], depth + 1))
        return interner.close(start)


def differing(old, old_first, new, new_first, same, left, right):
    """Count the types that are one of a class and name on either side, and identical, in `same[kind of the class]`.

    `old` and `new` are `Side`s of one `Interner`; types from the ids `old_first` and `new_first` on are compared.  The ids of
    all other types that are matched by name are appended to the lists `left` and `right`.
    """
    interner = old.interner
    old_keys = memoryview(bytearray(4 * (len(old.positions) + 1))).cast("I")
    new_keys = memoryview(bytearray(4 * (len(new.positions) + 1))).cast("I")
    for type_id in range(old_first, len(old_keys)):
        old_keys[type_id] = old.key(type_id)
    for type_id in range(new_first, len(new_keys)):
        new_keys[type_id] = new.key(type_id)
    while len(interner.ours) <= interner.count:
        interner.ours = growth.grown(interner.ours, 0)
        interner.theirs = growth.grown(interner.theirs, 0)
    ours = interner.ours  # by key; what they have of earlier calls is cleared for the keys of these two
    theirs = interner.theirs
    for type_id in range(old_first, len(old_keys)):
        ours[old_keys[type_id]] = 0
        theirs[old_keys[type_id]] = 0
    for type_id in range(new_first, len(new_keys)):
        ours[new_keys[type_id]] = 0
        theirs[new_keys[type_id]] = 0
    for type_id in range(old_first, len(old_keys)):
        ours[old_keys[type_id]] = MANY if ours[old_keys[type_id]] else type_id
    for type_id in range(new_first, len(new_keys)):
        theirs[new_keys[type_id]] = MANY if theirs[new_keys[type_id]] else type_id
    for type_id in range(old_first, len(old_keys)):
        key = old_keys[type_id]
        if key == 0:
            continue
        other = theirs[key]
        if other and other != MANY and ours[key] != MANY and old.definition(type_id) == new.definition(other):
            same[class_of((old.words[old.positions[type_id - 1] + 1] >> 24) & 127)] += 1
            theirs[key] = PAIRED
        else:
            left.append(type_id)
    for type_id in range(new_first, len(new_keys)):
        key = new_keys[type_id]
        if key and theirs[key] != PAIRED:
            right.append(type_id)
