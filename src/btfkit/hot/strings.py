# cython: initializedcheck=False
"""The one table of strings: a section in the making, in which every string that is looked for is there once.

Passes differ in which strings they add, and in which order; how a string is found again is here alone.  Hashes only say where to
look: what is found is compared in full, so no result depends on them.  Their `prime` is drawn anew for each table, so that nobody
can make strings that collide (`mask` 0 makes all of them collide, for tests).
"""

from os import urandom

SEED = 2166136261
WORD = 0xFFFFFFFF  # by name, for Cython takes a literal of that size for a Python object
ALL_BITS = 0xFFFFFFFF  # the mask of hashes
LONGEST = 512  # bytes of the end of a longer string that is looked for on its own; the kernel's names are shorter


def random_prime():
    """An odd number of 32 bits that nobody can know."""
    return int.from_bytes(urandom(4), "little") | 1


class StringTable:
    """Strings, each followed by a NUL: `data` up to `end`; the first byte has the offset `start`.

    What the table `below` has (None: nothing) is told by its offset there and never added; both have the same `prime`.  Adding
    raises OverflowError where `end` would be larger than `limit`.
    """

    def __init__(self, data, start, prime, mask, limit, below):
        self.data = data
        self.pool = data
        self.start = start
        self.end = len(data)
        self.limit = limit
        self.prime = prime
        self.mask = mask
        self.h = 0
        self.below = below
        self.count = 0
        self.slots = memoryview(bytearray(512)).cast("I")  # pairs: 1 + offset (0: free), hash

    def index(self):
        """Make the strings that are there already known: of equal ones the first."""
        start = 0
        while start < self.end:
            end = self.measure(self.pool, start)
            if end > start:
                h = self.h
                slot = self.slot_of(self.pool, start, end, h)
                if self.slots[slot] == 0:
                    self.learn(slot, self.start + start, h)
            start = end + 1

    def reserve(self, count):
        """Make room to know `count` more strings: half of the slots at most are taken."""
        size = len(self.slots)
        while size < 4 * (self.count + count):
            size *= 2
        if size == len(self.slots):
            return
        old = self.slots
        self.slots = memoryview(bytearray(4 * size)).cast("I")
        for at in range(0, len(old), 2):
            if old[at]:
                slot = (2 * old[at + 1]) & (size - 1)
                while self.slots[slot]:
                    slot = (slot + 2) & (size - 1)
                self.slots[slot] = old[at]
                self.slots[slot + 1] = old[at + 1]

    def slot_of(self, strings, start, end, h):
        """The slot of the string `strings[start:end]` of hash `h`, or the free one where it would go."""
        mask = len(self.slots) - 1
        slot = (2 * h) & mask
        while self.slots[slot]:
            if self.slots[slot + 1] == h:
                here = self.slots[slot] - 1 - self.start
                k = start
                while k < end and self.pool[here] == strings[k]:
                    k += 1
                    here += 1
                if k == end and self.pool[here] == 0:
                    break
            slot = (slot + 2) & mask
        return slot

    def learn(self, slot, offset, h):
        """Know the string at `offset`, whose free slot is `slot`, from now on."""
        self.slots[slot] = offset + 1
        self.slots[slot + 1] = h
        self.count += 1
        if 4 * self.count > len(self.slots):
            self.reserve(self.count)

    def measure(self, strings, start):
        """Where the string that begins at `start` has its NUL; its hash becomes `h`."""
        word = WORD
        prime = self.prime
        h = SEED
        while strings[start]:
            h = ((h ^ strings[start]) * prime) & word
            start += 1
        self.h = (h ^ (h >> 15)) & self.mask
        return start

    def find(self, strings, start, end, h):
        """1 + the offset of `strings[start:end]`, whose hash is `h`, or 0 where it is not there."""
        if self.below is not None:
            slot = self.below.slot_of(strings, start, end, h)
            if self.below.slots[slot]:
                return self.below.slots[slot]
        return self.slots[self.slot_of(strings, start, end, h)]

    def add(self, strings, start, end, h):
        """The offset of `strings[start:end]`, whose hash is `h`, which is appended where it is not there yet."""
        if self.below is not None:
            slot = self.below.slot_of(strings, start, end, h)
            if self.below.slots[slot]:
                return self.below.slots[slot] - 1
        slot = self.slot_of(strings, start, end, h)
        if self.slots[slot]:
            return self.slots[slot] - 1
        to = self.end
        if to + end - start + 1 > len(self.pool):
            self.lengthen(to + end - start + 1)
        pool = self.pool  # a local name: compiled code then does not fetch the attribute for each byte
        for k in range(start, end):
            pool[to] = strings[k]
            to += 1
        pool[to] = 0
        offset = self.start + self.end
        self.end = to + 1
        self.learn(slot, offset, h)
        return offset

    def lengthen(self, need):
        """Make the pool at least `need` bytes long, and twice as long as it is where it may."""
        if need > self.limit:
            raise OverflowError
        size = min(max(need, 2 * self.end, 4096), self.limit)
        data = bytearray(size)
        data[: self.end] = memoryview(self.data)[: self.end]
        self.data = data
        self.pool = data

    def settle(self, strings, moved):
        """Replace each word of `moved` that is not 0 by 1 + the offset of the string at that place of `strings`, but where it is
        empty."""
        for at in range(len(moved)):
            if moved[at] and strings[at]:
                end = self.measure(strings, at)
                moved[at] = self.add(strings, at, end, self.h) + 1

    def rename(self, words, places, low, high, first_offset, known):
        """Replace the name offset at each of `places` by that of the string here, which is added in the order of first use.

        Offsets from `first_offset` on are in `high`, others in `low`.  `known`, an open-addressed table of pairs (a power of
        two of words, some free), has the old offset and the new one of each name so far.
        """
        mask = len(known) - 1
        word = WORD
        for index in range(len(places)):
            old = words[places[index]]
            if old == 0:
                continue
            slot = (2 * (((old * self.prime) & word) >> 9)) & mask
            while known[slot] and known[slot] != old:
                slot = (slot + 2) & mask
            if known[slot] == 0:
                known[slot] = old
                if old >= first_offset:
                    start = old - first_offset
                    end = self.measure(high, start)
                    known[slot + 1] = self.add(high, start, end, self.h) if end > start else 0
                else:
                    end = self.measure(low, old)
                    known[slot + 1] = self.add(low, old, end, self.h) if end > old else 0
            words[places[index]] = known[slot + 1]

    def add_used(self, strings, used, moved):
        """Find or append every string of `strings` (a section, NUL last) that begins where `used` is set.

        `moved` gets the offsets here, 0 for empty strings; `used` is clear in the end.  A used end of a longer string is looked
        for; where it is not there, it becomes the end of that string, so that the pool grows by no more than the section has.
        """
        start = 0
        size = len(strings)
        while start < size:
            end = start
            wanted = 0
            while strings[end]:
                wanted |= used[end]
                end += 1
            if wanted:
                whole = 0
                for at in range(start, end):
                    if used[at] == 0:
                        continue
                    used[at] = 0
                    if at > start and end - at <= LONGEST:
                        self.measure(strings, at)
                        found = self.find(strings, at, end, self.h)
                        if found:
                            moved[at] = found - 1
                            continue
                    if whole == 0:
                        self.measure(strings, start)
                        whole = self.add(strings, start, end, self.h)
                    moved[at] = whole + at - start
            if used[end]:
                used[end] = 0
                moved[end] = 0
            start = end + 1
