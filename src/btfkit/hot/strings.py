# cython: initializedcheck=False
"""The one table of strings: a string section being built, in which every string that is looked up occurs once.

Passes differ in which strings they add, and in which order; lookup is the same for all of them.  Hashes only choose where to
look: every match is compared in full, so no result depends on them.  Their `prime` is random for each table, so that nobody
can prepare strings that collide (for tests, `mask` 0 makes all of them collide).
"""

from os import urandom

from btfkit.hot import spans

WORD = 0xFFFFFFFF  # named, because Cython treats a literal of that size as a Python object
ALL_BITS = 0xFFFFFFFF  # the mask of hashes
CELL = 3  # log2 of the bytes of the pool that share an entry of `followers`
LONGEST = 512  # bytes at the end of a longer string that are looked up on their own; the kernel's names are shorter


def random_prime():
    """A random odd number of 32 bits."""
    return int.from_bytes(urandom(4), "little") | 1


def hash_of(strings, start, prime):
    """The hash of the string that begins at `strings[start]`, up to its NUL."""
    return spans.hash_of(strings, start, spans.end_of(strings, start), prime)


class StringTable:
    """Strings, each followed by a NUL: `data` up to `end`; the first byte has the offset `start`.

    A string in the table `below` (None: no table) keeps its offset there and is never added; both tables have the same `prime`.
    Adding raises OverflowError if `end` would exceed `limit`.
    """

    def __init__(self, data, start, prime, mask, limit, below):
        self.data = data
        self.pool = data
        self.start = start
        self.end = len(data)
        self.added = len(data)  # from here on no string occurs twice
        self.limit = limit
        self.prime = prime
        self.mask = mask
        self.h = 0
        self.below = below
        self.before = 0  # the last string that was resolved,
        self.following = 0  # and what follows it
        self.count = 0
        self.slots = memoryview(bytearray(512)).cast("I")  # pairs: 1 + offset (0: free), hash
        self.followers = memoryview(bytearray(4)).cast("I")  # by place: what followed that string when it was last seen

    def index(self):
        """Index the strings that are already in `data`; of equal ones the first."""
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
        """Make room to index `count` more strings: at most half of the slots are used."""
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
        """The slot of the string `strings[start:end]` with hash `h`, or the free slot where it belongs."""
        mask = len(self.slots) - 1
        slot = (2 * h) & mask
        while self.slots[slot]:
            if self.slots[slot + 1] == h:
                here = self.slots[slot] - 1 - self.start
                if spans.are_equal(self.pool, here, strings, start, end - start) and self.pool[here + end - start] == 0:
                    break
            slot = (slot + 2) & mask
        return slot

    def learn(self, slot, offset, h):
        """Index the string at `offset` in the free slot `slot`."""
        self.slots[slot] = offset + 1
        self.slots[slot + 1] = h
        self.count += 1
        if 4 * self.count > len(self.slots):
            self.reserve(self.count - 2)  # twice the slots: more do not fit into the caches

    def measure(self, strings, start):
        """The position of the NUL of the string that begins at `start`; its hash becomes `h`."""
        end = spans.end_of(strings, start)
        if strings[end] == 0:  # raises if there is none
            self.h = spans.hash_of(strings, start, end, self.prime) & self.mask
        return end

    def find(self, strings, start, end, h):
        """1 + the offset of `strings[start:end]`, whose hash is `h`, or 0 if it is not in the table."""
        if self.below is not None:
            slot = self.below.slot_of(strings, start, end, h)
            if self.below.slots[slot]:
                return self.below.slots[slot]
        return self.slots[self.slot_of(strings, start, end, h)]

    def add(self, strings, start, end, h):
        """The offset of `strings[start:end]`, whose hash is `h`; it is appended if it is not in the table."""
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
        spans.copy(self.pool, to, strings, start, end - start)
        to += end - start
        self.pool[to] = 0
        offset = self.start + self.end
        self.end = to + 1
        self.learn(slot, offset, h)
        return offset

    def stage(self, strings, start):
        """Copy the string that begins at `strings[start]` to the end of the pool while hashing it; the hash becomes `h`.

        Returns the position of its NUL in the pool, or 0 if there is no room for it.
        """
        count = spans.end_of(strings, start) - start
        if self.end + count + 1 > len(self.pool):
            return 0
        spans.copy(self.pool, self.end, strings, start, count + 1)
        self.h = spans.hash_of(strings, start, start + count, self.prime) & self.mask
        return self.end + count

    def keep_staged(self, end):
        """The offset of the string that was staged, which ends at `end`: its own, unless it is in the table already."""
        mask = len(self.slots) - 1
        slot = (2 * self.h) & mask
        while self.slots[slot]:
            if self.slots[slot + 1] == self.h:
                here = self.slots[slot] - 1 - self.start
                if spans.are_equal(self.pool, here, self.pool, self.end, end + 1 - self.end):
                    return self.slots[slot] - 1
            slot = (slot + 2) & mask
        offset = self.start + self.end
        self.end = end + 1
        self.learn(slot, offset, self.h)
        return offset

    def put(self, strings, start):
        """The offset of the string that begins at `strings[start]`, which is added if it is new; 0 if it is empty."""
        end = self.measure(strings, start)
        return self.add(strings, start, end, self.h) if end > start else 0

    def put_part(self, strings, start, end):
        """As `put`, of the string `strings[start:end]`, which no NUL need end; it is not empty."""
        return self.add(strings, start, end, spans.hash_of(strings, start, end, self.prime) & self.mask)

    def lengthen(self, need):
        """Extend the pool to at least `need` bytes, and to twice its length if the limit allows."""
        if need > self.limit:
            raise OverflowError
        size = min(max(need, 2 * self.end, 4096), self.limit)
        data = bytearray(size)
        data[: self.end] = memoryview(self.data)[: self.end]
        self.data = data
        self.pool = data

    def begin(self, strings):
        """Prepare for `resolve` with the names of another section."""
        self.before = 0
        self.following = self.end
        if 2 * self.end < len(strings):
            self.lengthen(min(self.end + len(strings), self.limit))

    def resolve(self, strings, start):
        """1 + the offset of the string that begins at `strings[start]`, which is added if it is new; 1 if it is empty.

        Sections of similar BTFs have long runs in common.  So what followed the last string when it was last seen is tried first,
        or, if nothing did, what follows it in the pool.
        """
        end = spans.end_of(strings, start)
        if end == start:
            return 1
        cell = self.before >> CELL
        guess = self.followers[cell] if cell < len(self.followers) else 0
        if guess == 0:
            guess = self.following
        if guess >= self.end or not spans.are_equal(self.pool, guess, strings, start, end - start + 1):
            end = self.measure(strings, start)
            offset = self.add(strings, start, end, self.h)
            if offset < self.start:
                self.before = 0
                self.following = self.end
                return offset + 1
            guess = offset - self.start
        if cell >= len(self.followers):
            self.lengthen_followers()
        self.followers[cell] = guess
        self.before = guess
        self.following = guess + end - start + 1
        if self.following < self.added:
            self.following = self.end
        return self.start + guess + 1

    def settle(self, strings, moved):
        """Replace each nonzero word of `moved` by 1 + the offset of the string at that position of `strings`, unless the string
        is empty."""
        self.begin(strings)
        for at in range(len(moved)):
            if moved[at] and strings[at]:
                moved[at] = self.resolve(strings, at)

    def lengthen_followers(self):
        """Give `followers` an entry for each part of the pool."""
        old = self.followers
        self.followers = memoryview(bytearray(4 * (len(self.pool) >> CELL) + 4)).cast("I")
        for cell in range(len(old)):
            self.followers[cell] = old[cell]

    def finish(self):
        """Release what only adding strings needs."""
        self.slots = self.followers = memoryview(bytearray(8)).cast("I")

    def rename(self, words, places, low, high, first_offset, known):
        """Replace the name offset at each of `places` by that of the string in this table; new strings are added in order of use.

        Offsets from `first_offset` on are in `high`, others in `low`.  `known`, an open-addressed table of pairs (length in
        words a power of two, some free), has the old and the new offset of each name so far.
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
                end = self.stage(high, old - first_offset) if old >= first_offset else self.stage(low, old)
                if end > self.end:
                    known[slot + 1] = self.keep_staged(end)
                elif end < self.end:
                    known[slot + 1] = self.put(high, old - first_offset) if old >= first_offset else self.put(low, old)
            words[places[index]] = known[slot + 1]

    def add_used(self, strings, used, moved):
        """Find or append every string of `strings` (a section that ends with a NUL) that begins where `used` is set.

        `moved` gets the offsets here, 0 for empty strings; `used` is all 0 at the end.  If the end of a longer string is used,
        it is looked up too; if it is not in the table, it becomes the end of that string.  So the pool never grows by more than
        the section.
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
