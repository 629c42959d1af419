# cython: initializedcheck=False
"""The words of a BTF out of records of an atlas, and the choices that this needs.

If several types of a BTF share a label, a reference to it is ambiguous.  The type that was meant last with this label is the
prediction, at first the first one (of a split BTF's own types, if it has one); a choice is 0 if it is right, else 1 + the rank of
the type among those with this label.
"""

from btfkit.hot import growth, kinds
from btfkit.hot.record_store import RecordStore, zeros  # noqa: F401

STEPS = 64  # along types with one label, for each type of the BTF


class Ids:
    """The types of a BTF by label.  Those that were added since `mark` can be taken away again: they belong to a split BTF."""

    def __init__(self, labels):
        self.first = zeros(labels)
        self.last = zeros(labels)
        self.count = zeros(labels)
        self.chosen = zeros(labels)
        self.mark = zeros(labels)
        self.layer = 1
        self.undo = growth.room()
        self.undone = 0
        self.next = growth.room()
        self.rank = growth.room()
        self.end = 1

    def add(self, store, numbers):
        """Give the records of `numbers` the next ids."""
        for place in range(len(numbers)):
            label = store.label[numbers[place]]
            label = store.same_record[label] or label
            type_id = self.end
            self.end += 1
            if type_id >= len(self.next):
                self.next = growth.grown(self.next, type_id)
                self.rank = growth.grown(self.rank, type_id)
            if self.mark[label] != self.layer:
                self.remember(label)
                self.chosen[label] = type_id
            self.rank[type_id] = self.count[label]
            self.next[type_id] = 0
            if self.count[label]:
                self.next[self.last[label]] = type_id
            else:
                self.first[label] = type_id
            self.last[label] = type_id
            self.count[label] += 1

    def remember(self, label):
        """Keep the state of a label until `restore`."""
        self.mark[label] = self.layer
        if self.undone + 5 > len(self.undo):
            self.undo = growth.grown(self.undo, self.undone)
        self.undo[self.undone] = label
        self.undo[self.undone + 1] = self.first[label]
        self.undo[self.undone + 2] = self.last[label]
        self.undo[self.undone + 3] = self.count[label]
        self.undo[self.undone + 4] = self.chosen[label]
        self.undone += 5

    def begin_layer(self):
        """What is added from now on can be taken away."""
        self.layer += 1
        self.undone = 0

    def restore(self, end):
        """Take away what was added since `begin_layer`, when the next id was `end`."""
        while self.undone:
            self.undone -= 5
            label = self.undo[self.undone]
            self.first[label] = self.undo[self.undone + 1]
            self.last[label] = self.undo[self.undone + 2]
            self.count[label] = self.undo[self.undone + 3]
            self.chosen[label] = self.undo[self.undone + 4]
            if self.count[label]:
                self.next[self.last[label]] = 0
        self.end = end
        self.layer += 1

    def choose(self, label, type_id):
        """Take note that a reference to `label` means `type_id`."""
        if self.mark[label] != self.layer:
            self.remember(label)
        self.chosen[label] = type_id

    def ranked(self, label, rank):
        """The type of a rank."""
        found = self.first[label]
        for _ in range(rank):
            found = self.next[found]
        return found


def choices(store, ids, numbers, words, positions, out):
    """Write the choices of a BTF's own references to `out`; returns how many there are.

    Raises ValueError if a reference cannot be written as a choice.
    """
    to = 0
    steps = STEPS * (len(numbers) + 1024)
    table = store.table
    for place in range(len(numbers)):
        here = store.at[numbers[place]]
        at = positions[place]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        tail = table[row + kinds.TAIL]
        elem = table[row + kinds.ELEM]
        slots = 3 + tail + (info & 0xFFFFFF) * elem
        for slot in range(2, slots):
            if not is_type(table, row, tail, elem, slot):
                continue
            label = store.words[here + slot]
            label = store.same_record[label] or label
            if label == 0 or ids.count[label] < 2:
                continue
            type_id = words[at + slot]
            if ids.chosen[label] == type_id:
                out[to] = 0
            else:
                out[to] = 1 + ids.rank[type_id]
                steps -= ids.rank[type_id]
                if steps < 0:
                    raise ValueError("too many types share a label")
                ids.choose(label, type_id)
            to += 1
    return to


def is_type(table, row, tail, elem, slot):
    """Whether a word of a record, from the third on, is a type."""
    if slot == 2:
        return table[row + kinds.THIRD_IS_TYPE]
    if slot < 3 + tail:
        return (table[row + kinds.TAIL_IDS] >> (slot - 3)) & 1
    if table[row + kinds.ELEM_IDS] == 0:
        return 0
    return (table[row + kinds.ELEM_IDS] >> ((slot - 3 - tail) % elem)) & 1


def rebuild(store, ids, offsets, numbers, chosen, at_choice, out):
    """Write the words of the records of `numbers`, whose ids were added, to `out`.

    `offsets` has 1 + the offset of each name (0: none), `chosen` the choices, from number `at_choice` on.  Returns the number of
    the first choice that was not used.  Raises ValueError if there is no such type, name or choice.
    """
    steps = STEPS * (len(numbers) + 1024)
    table = store.table
    words = store.words
    to = 0
    for place in range(len(numbers)):
        at = store.at[numbers[place]]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        tail = table[row + kinds.TAIL]
        elem = table[row + kinds.ELEM]
        slots = 3 + tail + (info & 0xFFFFFF) * elem
        out[to] = offset_of(store, offsets, words[at])
        out[to + 1] = info
        names = table[row + kinds.ELEM_NAMES]
        for slot in range(2, slots):
            word = words[at + slot]
            if is_type(table, row, tail, elem, slot):
                if word:
                    label = store.same_record[word] or word
                    count = ids.count[label]
                    if count == 0:
                        raise ValueError("a type that the kernel does not have")
                    word = ids.first[label]
                    if count > 1:
                        if at_choice >= len(chosen):
                            raise ValueError("too few choices")
                        rank = chosen[at_choice]
                        at_choice += 1
                        word = ids.chosen[label]
                        if rank:
                            rank -= 1
                            steps -= rank
                            if rank >= count or steps < 0:
                                raise ValueError("a choice that does not exist")
                            word = ids.ranked(label, rank)
                            ids.choose(label, word)
            elif names and slot >= 3 + tail and (names >> ((slot - 3 - tail) % elem)) & 1:
                word = offset_of(store, offsets, word)
            out[to + slot] = word
        to += slots
    return at_choice


def offset_of(store, offsets, name):
    """The offset of a name."""
    found = offsets[store.same_name[name] or name]
    if found == 0:
        raise ValueError("a name that is not a string of the kernel")
    return found - 1


def place_names(store, numbers, start, offsets):
    """Set the offsets, unless they have one, of the strings of `numbers`, which begin at `start`; returns where they end."""
    at = start
    for place in range(len(numbers)):
        number = numbers[place]
        if number >= len(store.name_at) or store.name_at[number] == 0:
            raise ValueError("a name that is not in the packs")
        name = store.same_name[number] or number
        if offsets[name] == 0:
            offsets[name] = at + 1
        at += store.name_length[number] + 1
        if at > 0x7FFFFFFF:
            raise ValueError("more strings than a BTF can have")
    return at


def unplace_names(store, numbers, start, offsets):
    """Forget the offsets from `start` on that `place_names` has set for `numbers`."""
    for place in range(len(numbers)):
        name = store.same_name[numbers[place]] or numbers[place]
        if offsets[name] > start:
            offsets[name] = 0


def write_names(store, numbers, out):
    """Write the strings of `numbers` to `out`, each followed by a NUL."""
    to = 0
    for place in range(len(numbers)):
        at = store.name_at[numbers[place]]
        for byte in range(store.name_length[numbers[place]]):
            out[to] = store.text[at + byte]
            to += 1
        out[to] = 0
        to += 1
