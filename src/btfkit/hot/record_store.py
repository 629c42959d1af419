# cython: initializedcheck=False
"""The records and names of an atlas, in memory.

Records and names are numbered from 1, over the whole atlas.  A record is stored once, as the words of BTF in which the offset of
a name is the number of that name, and the id of a type is the *label* of that type: the number of the first record with its class
and name, or, if it is not matched by name, with its content.  What cannot be true of a store raises ValueError.
"""

import mmap

from btfkit.hot import growth, kinds

# The columns in which records are written, each a sequence of words.
INFO = 0  # the word with kind, kind_flag and vlen
NAME = 1
SIZE = 2  # the third word, if it is not a type
TYPE = 3  # ... if it is
TAIL_TYPE = 4
TAIL = 5
MEMBER = 6  # names of members and enumerators
PARAMETER = 7  # names of parameters
ELEMENT_TYPE = 8
OFFSET = 9  # of members
VALUE = 10  # of enumerators; offsets and sizes in sections
COLUMNS = 11
PRIVATE = getattr(mmap, "MAP_PRIVATE", 0) | getattr(mmap, "MAP_ANONYMOUS", 0)  # 0: Windows, which has neither
LARGE = 1 << 14  # words


def zeros(count):
    """`count` words of 0."""
    return memoryview(bytearray(4 * count)).cast("I")


def pages(count):
    """`count` words of 0 that cost nothing until they are written, if they are many."""
    if count >= LARGE and PRIVATE:
        return memoryview(mmap.mmap(-1, 4 * count, PRIVATE)).cast("I")
    return zeros(count)


def roomy(size):
    """More than `size`, for what grows again and again: what is not written costs nothing."""
    return 4 * size if PRIVATE else size + size // 8


def replaced(before, first, out):
    """Write those numbers of `before` to `out` that are below `first`, and not 0; returns how many there are."""
    to = 0
    for place in range(len(before)):
        if 0 < before[place] < first:
            out[to] = before[place]
            to += 1
    return to


class RecordStore:
    """Room for records numbered below `records` and names numbered below `names`; `table` is the packed table of kinds.

    `at[n]` is the word where record n begins (0: it is not here), `label[n]` its label; `name_at[n]` is the byte of `text` where
    name n begins, and `name_length[n]` its length.  `same_record` and `same_name` have, for a label or name that equals another,
    the number of that other one.
    """

    def __init__(self, table, records, names):
        self.table = table
        self.words = growth.room()
        self.used = 1
        self.at = pages(records)
        self.label = pages(records)
        self.same_record = pages(records)
        self.text = memoryview(bytearray(4096))
        self.text_used = 1
        self.name_at = pages(names)
        self.name_length = pages(names)
        self.same_name = pages(names)

    def make_room(self, records, names):
        """Make room for more numbers of records and names."""
        if records > len(self.at):
            self.at = extended(self.at, records)
            self.label = extended(self.label, records)
            self.same_record = extended(self.same_record, records)
        if names > len(self.name_at):
            self.name_at = extended(self.name_at, names)
            self.name_length = extended(self.name_length, names)
            self.same_name = extended(self.same_name, names)

    def add_names(self, data, first, count):
        """Add `count` names, each followed by a NUL in `data`, under the numbers from `first` on."""
        size = len(data)
        if self.text_used + size > len(self.text):
            old = self.text
            self.text = memoryview(pages(roomy(self.text_used + size) // 4 + 1)).cast("B")
            self.text[: self.text_used] = old[: self.text_used]
        start = self.text_used
        to = start
        number = first
        end = first + count
        self.text[start : start + size] = data
        for place in range(size):
            to += 1
            if data[place] == 0:
                if number >= end:
                    raise ValueError("more names than stated")
                self.name_at[number] = start
                self.name_length[number] = to - 1 - start
                number += 1
                start = to
        if number != end or start != to:
            raise ValueError("fewer names than stated")
        self.text_used = to

    def name(self, number):
        """Name number `number`, as bytes."""
        start = self.name_at[number]
        return bytes(self.text[start : start + self.name_length[number]])

    def reserve(self, need):
        """Make room for `need` more words."""
        if self.used + need > len(self.words):
            old = self.words
            self.words = pages(roomy(self.used + need))
            self.words[: self.used] = old[: self.used]

    def add(self, words, number, label):
        """Add the record that consists of `words` under `number`."""
        need = len(words)
        self.reserve(need)
        to = self.used
        self.at[number] = to
        self.label[number] = label
        for place in range(need):
            self.words[to + place] = words[place]
        self.used = to + need

    def extent(self, number):
        """The words of a record that is here; 0 if it is not."""
        at = self.at[number]
        if at == 0:
            return 0
        info = self.words[at + 1]
        row = ((info >> 24) & 127) << 3
        return 3 + self.table[row + kinds.TAIL] + self.table[row + kinds.ELEM] * (info & 0xFFFFFF)

    def total(self, numbers):
        """The words of all records of a sequence of numbers, which must be here."""
        total = 0
        for place in range(len(numbers)):
            number = numbers[place]
            if number >= len(self.at):
                raise ValueError("a record that does not exist")
            size = self.extent(number)
            if size == 0:
                raise ValueError("a record that is not in the packs")
            total += size
        return total

    def lengths(self, numbers, before, lengths):
        """Add up, in `lengths`, the words that the records of `numbers` have in each column.

        A record for which `before` (as long, or empty) is not 0 has no word in the column of names.
        """
        table = self.table
        for place in range(len(numbers)):
            at = self.at[numbers[place]]
            info = self.words[at + 1]
            kind = (info >> 24) & 127
            row = kind << 3
            lengths[INFO] += 1
            if len(before) == 0 or before[place] == 0:
                lengths[NAME] += 1
            lengths[TYPE if table[row + kinds.THIRD_IS_TYPE] else SIZE] += 1
            for slot in range(table[row + kinds.TAIL]):
                lengths[TAIL_TYPE if (table[row + kinds.TAIL_IDS] >> slot) & 1 else TAIL] += 1
            for slot in range(table[row + kinds.ELEM]):
                lengths[column_of(table, kind, slot)] += info & 0xFFFFFF

    def write(self, numbers, before, columns):
        """Write the records of `numbers` to `columns`, arrays of the `lengths`."""
        table = self.table
        words = self.words
        tops = zeros(COLUMNS)
        info_column = columns[INFO]
        name_column = columns[NAME]
        size_column = columns[SIZE]
        type_column = columns[TYPE]
        tail_type_column = columns[TAIL_TYPE]
        tail_column = columns[TAIL]
        for place in range(len(numbers)):
            at = self.at[numbers[place]]
            info = words[at + 1]
            row = ((info >> 24) & 127) << 3
            info_column[place] = info
            if len(before) == 0 or before[place] == 0:
                name_column[tops[NAME]] = words[at]
                tops[NAME] += 1
            if table[row + kinds.THIRD_IS_TYPE]:
                type_column[tops[TYPE]] = words[at + 2]
                tops[TYPE] += 1
            else:
                size_column[tops[SIZE]] = words[at + 2]
                tops[SIZE] += 1
            at += 3
            for slot in range(table[row + kinds.TAIL]):
                if (table[row + kinds.TAIL_IDS] >> slot) & 1:
                    tail_type_column[tops[TAIL_TYPE]] = words[at]
                    tops[TAIL_TYPE] += 1
                else:
                    tail_column[tops[TAIL]] = words[at]
                    tops[TAIL] += 1
                at += 1
        for which in range(MEMBER, COLUMNS):
            self.write_elements(numbers, which, columns[which])

    def write_elements(self, numbers, which, column):
        """Write one column of elements."""
        table = self.table
        words = self.words
        to = 0
        for place in range(len(numbers)):
            at = self.at[numbers[place]]
            info = words[at + 1]
            kind = (info >> 24) & 127
            row = kind << 3
            elem = table[row + kinds.ELEM]
            mask = 0
            for slot in range(elem):
                if column_of(table, kind, slot) == which:
                    mask |= 1 << slot
            if mask == 0:
                continue
            at += 3 + table[row + kinds.TAIL]
            for _ in range(info & 0xFFFFFF):
                for slot in range(elem):
                    if (mask >> slot) & 1:
                        column[to] = words[at + slot]
                        to += 1
                at += elem

    def predecessors(self, first, coded, before):
        """Decode the numbers of the records that new ones replace: 0, or a difference to the last such number; see `load`."""
        last = 0
        for place in range(len(coded)):
            value = coded[place]
            if value == 0:
                before[place] = 0
                continue
            value -= 1
            last += -((value + 1) >> 1) if value & 1 else value >> 1
            if not 0 < last < first + place:
                raise ValueError("a record that replaces one which does not exist")
            if last < first and self.at[last] == 0:
                raise ValueError("a record that replaces one which is not in the packs")
            before[place] = last

    def load(self, first, before, columns):
        """Read new records, numbered from `first` on, from `columns`.

        `before` has for each the number of a record with the same label (0: it is the first of its label).
        """
        table = self.table
        info_column = columns[INFO]
        name_column = columns[NAME]
        size_column = columns[SIZE]
        type_column = columns[TYPE]
        tail_type_column = columns[TAIL_TYPE]
        tail_column = columns[TAIL]
        room = 0
        for which in range(COLUMNS):
            room += len(columns[which])
        self.reserve(room + 2 * len(before))
        words = self.words
        limit = self.used + room + 2 * len(before)
        tops = zeros(COLUMNS)
        begin = self.used
        at = begin
        for place in range(len(before)):
            number = first + place
            info = info_column[place]
            row = ((info >> 24) & 127) << 3
            tail = table[row + kinds.TAIL]
            if tail == kinds.NO_SUCH_KIND:
                raise ValueError("a record of an unknown kind")
            need = 3 + tail + table[row + kinds.ELEM] * (info & 0xFFFFFF)
            if at + need > limit:
                raise ValueError("a record that is longer than its columns")
            self.at[number] = at
            words[at + 1] = info
            if before[place]:
                self.label[number] = self.label[before[place]]
                words[at] = words[self.at[before[place]]]
            else:
                self.label[number] = number
                words[at] = self.a_name(name_column[tops[NAME]])
                tops[NAME] += 1
            if table[row + kinds.THIRD_IS_TYPE]:
                words[at + 2] = self.a_label(type_column[tops[TYPE]])
                tops[TYPE] += 1
            else:
                words[at + 2] = size_column[tops[SIZE]]
                tops[SIZE] += 1
            for slot in range(tail):
                if (table[row + kinds.TAIL_IDS] >> slot) & 1:
                    words[at + 3 + slot] = self.a_label(tail_type_column[tops[TAIL_TYPE]])
                    tops[TAIL_TYPE] += 1
                else:
                    words[at + 3 + slot] = tail_column[tops[TAIL]]
                    tops[TAIL] += 1
            at += need
        self.used = at
        for which in range(MEMBER, COLUMNS):
            self.load_elements(first, len(before), which, columns[which])

    def load_elements(self, first, count, which, column):
        """Read one column of elements."""
        table = self.table
        words = self.words
        record_at = self.at
        top = 0
        is_type = which == ELEMENT_TYPE
        is_name = which in (MEMBER, PARAMETER)
        limit = len(self.at) if is_type else len(self.name_at) if is_name else 1 << 32
        masks = zeros(128)
        for kind in range(len(table) >> 3):
            row = kind << 3
            if table[row + kinds.TAIL] != kinds.NO_SUCH_KIND:
                for slot in range(table[row + kinds.ELEM]):
                    if column_of(table, kind, slot) == which:
                        masks[kind] |= 1 << slot
        for number in range(first, first + count):
            at = record_at[number]
            info = words[at + 1]
            kind = (info >> 24) & 127
            mask = masks[kind]
            if mask == 0:
                continue
            row = kind << 3
            elem = table[row + kinds.ELEM]
            at += 3 + table[row + kinds.TAIL]
            if mask & (mask - 1) == 0:
                while mask > 1:
                    mask >>= 1
                    at += 1
                for _ in range(info & 0xFFFFFF):
                    value = column[top]
                    top += 1
                    if value >= limit or (is_name and value == 0):
                        raise ValueError("a type or name that does not exist")
                    words[at] = value
                    at += elem
                continue
            for _ in range(info & 0xFFFFFF):
                for slot in range(elem):
                    if (mask >> slot) & 1:
                        value = column[top]
                        top += 1
                        if is_type:
                            value = self.a_label(value)
                        elif is_name:
                            value = self.a_name(value)
                        words[at + slot] = value
                at += elem

    def a_name(self, number):
        """The number, if it may be one of a name; whether that is in the packs is found out when it is used."""
        if number == 0 or number >= len(self.name_at):
            raise ValueError("a name that does not exist")
        return number

    def a_label(self, number):
        """The number, if it may be one of a record; whether that is in the packs is found out when it is used."""
        if number >= len(self.at):
            raise ValueError("a type that does not exist")
        return number


def joined_planes(data, count, used, out):
    """Add their bytes to the `count` words of `out`, which are 0.

    The bytes for which `used` has a bit, lowest first, are in `data` one after another, each for all words.
    """
    start = 0
    shift = 0
    for plane in range(4):
        if (used >> plane) & 1:
            for place in range(count):
                out[place] |= data[start + place] << shift
            start += count
        shift += 8


def column_of(table, kind, slot):
    """The column of a word of an element."""
    row = kind << 3
    if (table[row + kinds.ELEM_IDS] >> slot) & 1:
        return ELEMENT_TYPE
    if (table[row + kinds.ELEM_NAMES] >> slot) & 1:
        return PARAMETER if kind == kinds.FUNC_PROTO else MEMBER
    return OFFSET if kind == kinds.STRUCT or kind == kinds.UNION else VALUE


def extended(old, size):
    """A copy of `old` with room for `size` words, at least a half more than it has."""
    if size < len(old) + len(old) // 2:
        size = len(old) + len(old) // 2
    new = pages(size)
    new[: len(old)] = old
    return new


def first_uses(store, numbers, seen, out):
    """The names that the records of a sequence use, in the order of their first use; returns how many went to `out`.

    `seen` has a byte for each name, 0 for those that are wanted; it is set to 1 for those that were found.
    """
    to = 0
    table = store.table
    words = store.words
    for place in range(len(numbers)):
        at = store.at[numbers[place]]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        name = words[at]
        if seen[name] == 0:  # a name that equals another one is never seen
            name = store.same_name[name] or name
            if seen[name] == 0:
                seen[name] = 1
                out[to] = name
                to += 1
        mask = table[row + kinds.ELEM_NAMES]
        if mask == 0:
            continue
        elem = table[row + kinds.ELEM]
        at += 3 + table[row + kinds.TAIL]
        for slot in range(elem):
            if (mask >> slot) & 1 == 0:
                continue
            for element in range(info & 0xFFFFFF):
                name = words[at + element * elem + slot]
                if seen[name] == 0:
                    name = store.same_name[name] or name
                    if seen[name] == 0:
                        seen[name] = 1
                        out[to] = name
                        to += 1
    return to
