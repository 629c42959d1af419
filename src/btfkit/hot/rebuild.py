# cython: initializedcheck=False
"""The words of a BTF out of records of an atlas, and the choices that this needs.

If several types of a BTF share a label, a reference to it is ambiguous.  The type that was meant last with this label is the
prediction, at first the first one (of a split BTF's own types, if it has one); a choice is 0 if it is right, else 1 + the rank of
the type among those with this label.
"""

from btfkit.hot import growth, kinds
from btfkit.hot.record_store import RecordStore, pages  # noqa: F401

SHORT = 64  # bytes that are copied one by one
STEPS = 64  # along types with one label, for each type of the BTF


class Ids:
    """The types of a BTF by label.  Those added since `begin_layer` can be taken away again: they belong to a split BTF.

    `only` has the type of a label that is the only one; `count` and the others are set if there are several.
    """

    def __init__(self, labels):
        self.only = pages(labels)
        self.first = pages(labels)
        self.last = pages(labels)
        self.count = pages(labels)
        self.chosen = pages(labels)
        self.mark = pages(labels)
        self.layer = 0  # of the kernel itself, for which nothing is remembered
        self.undo = growth.room()
        self.undone = 0
        self.next = pages(1)
        self.rank = pages(1)
        self.end = 1
        self.next_choice = 0
        self.steps = 0

    def add(self, store, numbers):
        """Give the records of `numbers` the next ids."""
        if self.end + len(numbers) > len(self.next):
            old = self.next
            self.next = pages(self.end + len(numbers))
            self.next[: self.end] = old[: self.end]
            old = self.rank
            self.rank = pages(self.end + len(numbers))
            self.rank[: self.end] = old[: self.end]
        for place in range(len(numbers)):
            label = store.label[numbers[place]]
            label = store.same_record[label] or label
            type_id = self.end
            self.end += 1
            is_first = self.mark[label] != self.layer
            if is_first:
                self.remember(label)
            if self.count[label]:
                self.follow(label, type_id)
                if is_first:
                    self.chosen[label] = type_id
            elif self.only[label]:
                self.begin_several(label)
                self.follow(label, type_id)
                if is_first:
                    self.chosen[label] = type_id
            else:
                self.only[label] = type_id

    def begin_several(self, label):
        """Let the only type of a label be the first of several."""
        found = self.only[label]
        self.only[label] = 0
        self.first[label] = found
        self.last[label] = found
        self.chosen[label] = found
        self.count[label] = 1
        self.rank[found] = 0
        self.next[found] = 0

    def follow(self, label, type_id):
        """Add a type to those of a label."""
        self.rank[type_id] = self.count[label]
        self.next[type_id] = 0
        self.next[self.last[label]] = type_id
        self.last[label] = type_id
        self.count[label] += 1

    def remember(self, label):
        """Keep the state of a label until `restore`."""
        self.mark[label] = self.layer
        if self.undone + 6 > len(self.undo):
            self.undo = growth.grown(self.undo, self.undone)
        self.undo[self.undone] = label
        self.undo[self.undone + 1] = self.only[label]
        self.undo[self.undone + 2] = self.first[label]
        self.undo[self.undone + 3] = self.last[label]
        self.undo[self.undone + 4] = self.count[label]
        self.undo[self.undone + 5] = self.chosen[label]
        self.undone += 6

    def begin_layer(self):
        """What is added from now on can be taken away."""
        self.layer += 1
        self.undone = 0

    def restore(self, end):
        """Take away what was added since `begin_layer`, when the next id was `end`."""
        while self.undone:
            self.undone -= 6
            label = self.undo[self.undone]
            self.only[label] = self.undo[self.undone + 1]
            self.first[label] = self.undo[self.undone + 2]
            self.last[label] = self.undo[self.undone + 3]
            self.count[label] = self.undo[self.undone + 4]
            self.chosen[label] = self.undo[self.undone + 5]
            if self.count[label]:
                self.next[self.last[label]] = 0
        self.end = end
        self.layer += 1

    def clear(self, store, numbers):
        """Take away the types of a kernel, the records of `numbers`."""
        for place in range(len(numbers)):
            label = store.label[numbers[place]]
            label = store.same_record[label] or label
            self.count[label] = 0
            self.only[label] = 0
        self.end = 1

    def choose(self, label, type_id):
        """Take note that a reference to `label` means `type_id`."""
        if self.mark[label] != self.layer:
            self.remember(label)
        self.chosen[label] = type_id

    def begin_choices(self, first, steps):
        """Take choices from number `first` on; they may take so many `steps` along types with one label."""
        self.next_choice = first
        self.steps = steps

    def meant(self, store, word, chosen):
        """The type that a reference to the label `word` means, by the next of the choices `chosen` if several have it."""
        if word == 0:
            return 0
        if self.only[word]:
            return self.only[word]
        label = store.same_record[word] or word
        if self.only[label]:
            return self.only[label]
        count = self.count[label]
        if count == 0:
            raise ValueError("a type that the kernel does not have")
        if self.next_choice >= len(chosen):
            raise ValueError("too few choices")
        rank = chosen[self.next_choice]
        self.next_choice += 1
        if rank == 0:
            return self.chosen[label]
        rank -= 1
        self.steps -= rank
        if rank >= count or self.steps < 0:
            raise ValueError("a choice that does not exist")
        found = self.ranked(label, rank)
        self.choose(label, found)
        return found

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
            if label == 0 or ids.count[label] == 0:
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
    ids.begin_choices(at_choice, STEPS * (len(numbers) + 1024))
    table = store.table
    words = store.words
    to = 0
    for place in range(len(numbers)):
        at = store.at[numbers[place]]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        tail = table[row + kinds.TAIL]
        elem = table[row + kinds.ELEM]
        elem_ids = table[row + kinds.ELEM_IDS]
        elem_names = table[row + kinds.ELEM_NAMES]
        out[to] = offset_of(store, offsets, words[at])
        out[to + 1] = info
        word = words[at + 2]
        out[to + 2] = ids.meant(store, word, chosen) if table[row + kinds.THIRD_IS_TYPE] else word
        at += 3
        to += 3
        for slot in range(tail):
            word = words[at + slot]
            is_id = (table[row + kinds.TAIL_IDS] >> slot) & 1
            out[to + slot] = ids.meant(store, word, chosen) if is_id else word
        at += tail
        to += tail
        count = (info & 0xFFFFFF) if elem else 0
        if elem_names == 1 and elem_ids == 2:  # members and parameters
            for _ in range(count):
                found = offsets[words[at]]
                out[to] = found - 1 if found else offset_of(store, offsets, words[at])
                word = words[at + 1]
                found = ids.only[word]
                out[to + 1] = found if found else ids.meant(store, word, chosen)
                if elem == 3:
                    out[to + 2] = words[at + 2]
                at += elem
                to += elem
            continue
        for _ in range(count):
            for slot in range(elem):
                word = words[at + slot]
                if (elem_ids >> slot) & 1:
                    word = ids.meant(store, word, chosen)
                elif (elem_names >> slot) & 1:
                    word = offset_of(store, offsets, word)
                out[to + slot] = word
            at += elem
            to += elem
    return ids.next_choice


def offset_of(store, offsets, name):
    """The offset of a name; only one that does not equal another one has an offset itself."""
    found = offsets[name]
    if found:
        return found - 1
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
    """Write the strings of `numbers` to `out`, each followed by a NUL; names that follow each other in the store at once."""
    to = 0
    place = 0
    while place < len(numbers):
        begin = store.name_at[numbers[place]]
        end = begin + store.name_length[numbers[place]] + 1
        place += 1
        while place < len(numbers) and store.name_at[numbers[place]] == end:
            end += store.name_length[numbers[place]] + 1
            place += 1
        if end - begin < SHORT:
            for at in range(begin, end):
                out[to + at - begin] = store.text[at]
        else:
            out[to : to + end - begin] = store.text[begin:end]
        to += end - begin
