# cython: initializedcheck=False
"""Which records of a kernel an atlas has already: contents and labels as numbers of an `Interner`, equal if they are.

A label is the class and name of a type that is matched by name; that of any other type is its content.  The content of a record
is its words, with the texts of names and the labels of types in place of offsets and ids.  Types without a name that are nested
more than `LEVELS` deep, or in a circle, raise ValueError: such BTF is kept whole.
"""

from btfkit.hot import growth, kinds
from btfkit.hot.identity import Interner  # noqa: F401
from btfkit.hot.record_store import RecordStore, zeros  # noqa: F401

LEVELS = 200
# The first word of a sequence that is neither a text nor the content of a record.
VOID = 129
NAMED = 130  # class, text
PRIME = 16777619
SEED = 2166136261
WORD = 0xFFFFFFFF  # named, because Cython treats a literal of that size as a Python object


def label_class(kind):
    """The kind that stands for all that share a label with one of this kind; 0: its content is its label."""
    if kind == kinds.UNION or kind == kinds.FWD:
        return kinds.STRUCT
    if kind == kinds.ENUM64:
        return kinds.ENUM
    if (
        kind == kinds.INT
        or kind == kinds.STRUCT
        or kind == kinds.ENUM
        or kind == kinds.TYPEDEF
        or kind == kinds.DATASEC
        or kind == kinds.FLOAT
    ):
        return kind
    return 0


class Known:
    """The `interner`, and for each of its numbers that of the first record with that content or label, or of the first name with
    that text, among those that were added (0: none)."""

    def __init__(self, interner):
        self.interner = interner
        self.number = growth.room()
        interner.push(VOID)
        self.void = interner.close(interner.top - 1)
        self.no_text = interner.text(b"\0", 0)

    def forget(self):
        """Forget all numbers."""
        self.number = zeros(len(self.number))

    def fit(self):
        """Make room for all numbers of the interner."""
        while len(self.number) <= self.interner.count:
            self.number = growth.grown(self.number, len(self.number))

    def named(self, kind, text):
        """The label of a kind and a text; 0 if its content is its label."""
        group = label_class(kind)
        if group == 0 or text == self.no_text:
            return 0
        interner = self.interner
        start = interner.top
        interner.push(NAMED)
        interner.push(group)
        interner.push(text)
        return interner.close(start)


class Walk:
    """Records whose contents and labels are being numbered; subclasses state what a name and a reference are."""

    def __init__(self, known, words, table):
        self.known = known
        self.words = words
        self.table = table

    def text_of(self, word):
        """The number of the text of a name."""
        raise NotImplementedError

    def label_of(self, word, depth):
        """The number of the label of a reference."""
        raise NotImplementedError

    def body(self, at, depth):
        """The number of the content of the record at a word."""
        if depth > LEVELS:
            raise ValueError("types without a name are nested too deeply")
        interner = self.known.interner
        words = self.words
        table = self.table
        start = interner.top
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        interner.push(info)
        interner.push(self.text_of(words[at]))
        interner.push(self.label_of(words[at + 2], depth) if table[row + kinds.THIRD_IS_TYPE] else words[at + 2])
        at += 3
        mask = table[row + kinds.TAIL_IDS]
        for slot in range(table[row + kinds.TAIL]):
            interner.push(self.label_of(words[at], depth) if (mask >> slot) & 1 else words[at])
            at += 1
        elem = table[row + kinds.ELEM]
        if elem:
            mask = table[row + kinds.ELEM_IDS]
            names = table[row + kinds.ELEM_NAMES]
            for _ in range(info & 0xFFFFFF):
                for slot in range(elem):
                    if (mask >> slot) & 1:
                        interner.push(self.label_of(words[at], depth))
                    elif (names >> slot) & 1:
                        interner.push(self.text_of(words[at]))
                    else:
                        interner.push(words[at])
                    at += 1
        return interner.close(start)


class StoredRecords(Walk):
    """The records of a store."""

    def __init__(self, known, store):
        self.known = known
        self.store = store
        self.words = store.words
        self.table = store.table
        self.texts = zeros(len(store.name_at))
        self.labels = zeros(len(store.at))
        self.contents = zeros(len(store.at))

    def text_of(self, word):
        return self.texts[word]

    def label_of(self, word, depth):
        if word == 0:
            return self.known.void
        if self.labels[word]:
            return self.labels[word]
        at = self.store.at[word]
        found = self.known.named((self.words[at + 1] >> 24) & 127, self.texts[self.words[at]])
        if found == 0:
            found = self.content(word, depth + 1)
        self.labels[word] = found
        return found

    def content(self, number, depth):
        """The content of record `number`."""
        if self.contents[number] == 0:
            self.contents[number] = self.body(self.store.at[number], depth)
        return self.contents[number]

    def add_names(self, first, count):
        """Make names known; returns pairs, as a list, of those that equal one that is known already, and that one."""
        store = self.store
        known = self.known
        equal = []
        for number in range(first, first + count):
            text = self.texts[number]
            if text == 0:
                text = known.interner.text(store.text, store.name_at[number])
                self.texts[number] = text
            known.fit()
            if known.number[text]:
                equal.append(number)
                equal.append(known.number[text])
            else:
                known.number[text] = number
        return equal

    def add_records(self, first, count):
        """Make records known whose names are; returns pairs, as a list, of labels that equal one that is known, and that one."""
        store = self.store
        self.words = store.words
        known = self.known
        equal = []
        for number in range(first, first + count):
            found = self.content(number, 0)
            label = self.label_of(store.label[number], 0)
            known.fit()
            if known.number[found] == 0:
                known.number[found] = number
            if known.number[label] == 0:
                known.number[label] = number
            elif store.label[number] == number and known.number[label] != number:
                equal.append(number)
                equal.append(known.number[label])
        return equal

    def newest(self, numbers, latest):
        """Set `latest` of each label to the number of the last record of `numbers` with that label, if it was added."""
        store = self.store
        for place in range(len(numbers)):
            number = numbers[place]
            if self.labels[number]:
                label = store.label[number]
                latest[store.same_record[label] or label] = number


class KernelRecords(Walk):
    """The records of a BTF, on those of its base (`below`, or None).

    `start` is the first own offset of strings, `first` the first own id.
    """

    def __init__(self, known, words, positions, table, strings, start, first, below):
        self.known = known
        self.words = words
        self.positions = positions
        self.table = table
        self.strings = strings
        self.start = start
        self.first = first
        self.below = below
        self.texts = zeros(len(strings) + 1)
        self.labels = zeros(len(positions) + 1)
        self.contents = zeros(len(positions) + 1)

    def text_of(self, word):
        if word < self.start:
            return self.below.text_of(word)
        at = word - self.start
        if self.texts[at] == 0:
            self.texts[at] = self.known.interner.text(self.strings, at)
        return self.texts[at]

    def label_of(self, word, depth):
        if word == 0:
            return self.known.void
        if word < self.first:
            return self.below.label_of(word, depth)
        index = word - self.first
        if self.labels[index] == 0:
            at = self.positions[index]
            found = self.known.named((self.words[at + 1] >> 24) & 127, self.text_of(self.words[at]))
            self.labels[index] = found or self.content(index, depth + 1)
        return self.labels[index]

    def content(self, index, depth):
        """The content of the record with an index."""
        if self.contents[index] == 0:
            self.contents[index] = self.body(self.positions[index], depth)
        return self.contents[index]

    def number_names(self, next_number, out):
        """Write the numbers of all own strings to `out`, new ones numbered from `next_number` on; returns the next number."""
        known = self.known
        at = 0
        to = 0
        size = len(self.strings)
        while at < size:
            text = self.text_of(self.start + at)
            known.fit()
            if known.number[text] == 0:
                known.number[text] = next_number
                next_number += 1
            out[to] = known.number[text]
            to += 1
            while self.strings[at]:
                at += 1
            at += 1
        return next_number

    def number_records(self, next_number, out):
        """Write the numbers of all own records to `out`, new ones numbered from `next_number` on; returns the next number."""
        known = self.known
        for index in range(len(self.positions)):
            found = self.content(index, 0)
            label = self.label_of(self.first + index, 0)
            known.fit()
            if known.number[found] == 0:
                known.number[found] = next_number
                next_number += 1
            number = known.number[found]
            if known.number[label] == 0:
                known.number[label] = number
            out[index] = number
        return next_number

    def store_new(self, numbers, first, last, store, names):
        """Add to `store` those of all own records, `numbers`, that are numbered from `first` up to, not including, `last`.

        `names` is the number of the first name that does not exist.  A name that has no number raises ValueError.
        """
        known = self.known
        words = self.words
        table = self.table
        due = first
        for index in range(len(numbers)):
            if numbers[index] != due:
                continue
            if due == last:
                break
            at = self.positions[index]
            info = words[at + 1]
            row = ((info >> 24) & 127) << 3
            tail = table[row + kinds.TAIL]
            elem = table[row + kinds.ELEM]
            record = zeros(3 + tail + elem * (info & 0xFFFFFF))
            record[0] = self.name_number(words[at], names)
            record[1] = info
            record[2] = self.label_number(words[at + 2]) if table[row + kinds.THIRD_IS_TYPE] else words[at + 2]
            mask = table[row + kinds.TAIL_IDS]
            for slot in range(tail):
                word = words[at + 3 + slot]
                record[3 + slot] = self.label_number(word) if (mask >> slot) & 1 else word
            to = 3 + tail
            mask = table[row + kinds.ELEM_IDS]
            named = table[row + kinds.ELEM_NAMES]
            for _ in range(info & 0xFFFFFF if elem else 0):
                for slot in range(elem):
                    word = words[at + to]
                    if (mask >> slot) & 1:
                        word = self.label_number(word)
                    elif (named >> slot) & 1:
                        word = self.name_number(word, names)
                    record[to] = word
                    to += 1
            store.add(record, due, known.number[self.labels[index]])
            due += 1
        if due != last:
            raise ValueError("new records are not in order")

    def name_number(self, word, names):
        """The number of a name."""
        number = self.known.number[self.text_of(word)]
        if number == 0 or number >= names:
            raise ValueError("a name that is not a string of its own")
        return number

    def label_number(self, word):
        """The number of the label of a type."""
        if word == 0:
            return 0
        return self.known.number[self.label_of(word, 0)]


def sketch(words, positions, strings, start, table, least, out):
    """Hash the named records, without the types that they refer to, write the hashes below `least` to `out`, and count them.

    Records that are in two kernels, such as structs with equal members, have the same hash in both.  Only strings from the offset
    `start` on are read.
    """
    to = 0
    word = WORD
    room = len(out)
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        if words[at] < start or (words[at] == 0 and start == 0):
            continue
        h = SEED ^ info
        place = words[at] - start
        while strings[place]:
            h = ((h ^ strings[place]) * PRIME) & word
            place += 1
        if not table[row + kinds.THIRD_IS_TYPE]:
            h = ((h ^ words[at + 2]) * PRIME) & word
        elem = table[row + kinds.ELEM]
        if elem:
            mask = table[row + kinds.ELEM_IDS]
            named = table[row + kinds.ELEM_NAMES]
            at += 3 + table[row + kinds.TAIL]
            for _ in range(info & 0xFFFFFF):
                for slot in range(elem):
                    if (named >> slot) & 1:
                        if words[at] >= start:
                            place = words[at] - start
                            while strings[place]:
                                h = ((h ^ strings[place]) * PRIME) & word
                                place += 1
                    elif not (mask >> slot) & 1:
                        h = ((h ^ words[at]) * PRIME) & word
                        h ^= h >> 15
                    at += 1
        h ^= h >> 16
        h = (h * 0x45D9F3B) & word
        h ^= h >> 16
        if h < least and to < room:
            out[to] = h
            to += 1
    return to
