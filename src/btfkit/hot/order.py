# cython: initializedcheck=False
"""A sequence of numbers, written as what differs from another one.

A sequence consists of pieces: pieces of the reference, in any order; runs of known numbers that follow each other; and runs of
new numbers, each the next one.  `Order` has a column for each property of a piece, to which one sequence after another is added:

    kinds      of each piece, in the order of the sequence: COPY, KNOWN, NEW
    lengths    of the runs, in the order of the sequence
    starts     of the runs of known numbers, as a difference to the end of the last one
    gaps, kept of the pieces of the reference, in the order of the reference: what is left out before each, and its length;
               before them, `kept` has their number
    jumps      of the pieces of the reference, in the order of the sequence: how many of those that are not used yet lie between
               the place after the last one and it

A column that cannot be what an `Order` wrote raises ValueError.
"""

from btfkit.hot import growth
from btfkit.hot.record_store import zeros

COPY = 0
KNOWN = 1
NEW = 2


class Column:
    """Words that are written at the end and read from the beginning."""

    def __init__(self, words):
        self.words = words
        self.top = 0
        self.limit = len(words)

    def put(self, word):
        """Add a word."""
        if self.top == len(self.words):
            self.words = growth.grown(self.words, self.top)
        self.words[self.top] = word
        self.top += 1

    def put_signed(self, value):
        """Add a number that may be negative."""
        self.put(-2 * value - 1 if value < 0 else 2 * value)

    def take(self):
        """The next word."""
        if self.top >= self.limit:
            raise ValueError("a column ends too early")
        self.top += 1
        return self.words[self.top - 1]

    def take_signed(self):
        """The next number that may be negative."""
        word = self.take()
        return -((word + 1) >> 1) if word & 1 else word >> 1


class Ranks:
    """Which of a number of pieces are not used yet: a Fenwick tree of their counts."""

    def __init__(self, count):
        self.size = count
        self.tree = zeros(count + 1)
        for at in range(1, count + 1):
            self.tree[at] += 1
            up = at + (at & -at)
            if up <= count:
                self.tree[up] += self.tree[at]
        self.top = 1
        while 2 * self.top <= count:
            self.top *= 2

    def below(self, piece):
        """How many pieces before `piece` are not used yet."""
        total = 0
        while piece > 0:
            total += self.tree[piece]
            piece &= piece - 1
        return total

    def use(self, piece):
        """Count a piece as used."""
        at = piece + 1
        while at <= self.size:
            self.tree[at] -= 1
            at += at & -at

    def find(self, rank):
        """The piece before which `rank` pieces are not used yet, and which is not used; `size` if there is none."""
        at = 0
        step = self.top
        while step:
            if at + step <= self.size and self.tree[at + step] <= rank:
                at += step
                rank -= self.tree[at]
            step >>= 1
        return at


class Order:
    """The columns of sequences; `next_new` is the next new number."""

    def __init__(self, columns, next_new):
        self.kinds = Column(columns[0])
        self.lengths = Column(columns[1])
        self.starts = Column(columns[2])
        self.gaps = Column(columns[3])
        self.kept = Column(columns[4])
        self.jumps = Column(columns[5])
        self.next_new = next_new

    def columns(self):
        """The six columns so far."""
        return [
            memoryview(self.kinds.words[: self.kinds.top]),
            memoryview(self.lengths.words[: self.lengths.top]),
            memoryview(self.starts.words[: self.starts.top]),
            memoryview(self.gaps.words[: self.gaps.top]),
            memoryview(self.kept.words[: self.kept.top]),
            memoryview(self.jumps.words[: self.jumps.top]),
        ]

    def add(self, numbers, reference, match):
        """Add a sequence, of which `match[i]` is 1 + the place of `numbers[i]` in `reference`, or 0 (see `align`)."""
        size = len(numbers)
        piece_at = zeros(len(reference) + 1)
        pieces = 0
        at = 0
        while at < size:
            if match[at] == 0:
                at += 1
                continue
            begin = at
            at += 1
            while at < size and match[at] == match[at - 1] + 1:
                at += 1
            piece_at[match[begin] - 1] = at - begin
            pieces += 1
        self.kept.put(pieces)
        number = 0
        end = 0
        place = 0
        while place < len(reference):
            length = piece_at[place]
            if length == 0:
                place += 1
                continue
            self.gaps.put(place - end)
            self.kept.put(length)
            piece_at[place] = number
            number += 1
            place += length
            end = place
        ranks = Ranks(pieces)
        cursor = 0
        last = 0
        at = 0
        while at < size:
            begin = at
            at += 1
            if match[begin]:
                while at < size and match[at] == match[at - 1] + 1:
                    at += 1
                number = piece_at[match[begin] - 1]
                self.kinds.put(COPY)
                self.jumps.put_signed(ranks.below(number) - ranks.below(cursor))
                ranks.use(number)
                cursor = number + 1
            elif numbers[begin] == self.next_new:
                self.next_new += 1
                while at < size and match[at] == 0 and numbers[at] == self.next_new:
                    at += 1
                    self.next_new += 1
                self.kinds.put(NEW)
                self.lengths.put(at - begin)
            else:
                while (
                    at < size and match[at] == 0 and numbers[at] == numbers[at - 1] + 1 and numbers[at] != self.next_new
                ):
                    at += 1
                self.kinds.put(KNOWN)
                self.lengths.put(at - begin)
                self.starts.put_signed(numbers[begin] - last)
                last = numbers[at - 1] + 1

    def take(self, out, reference, limit):
        """Read a sequence of `len(out)` numbers below `limit` into `out`."""
        size = len(out)
        pieces = self.kept.take()
        if pieces > len(reference):
            raise ValueError("more pieces than the reference has numbers")
        begins = zeros(pieces)
        lengths = zeros(pieces)
        end = 0
        for piece in range(pieces):
            end += self.gaps.take()
            begins[piece] = end
            lengths[piece] = self.kept.take()
            end += lengths[piece]
            if end > len(reference):
                raise ValueError("a piece that the reference does not have")
        ranks = Ranks(pieces)
        cursor = 0
        last = 0
        at = 0
        while at < size:
            kind = self.kinds.take()
            if kind == COPY:
                rank = ranks.below(cursor) + self.jumps.take_signed()
                piece = ranks.find(rank) if rank >= 0 else pieces
                if piece >= pieces or at + lengths[piece] > size or lengths[piece] == 0:
                    raise ValueError("a piece of the reference that does not exist")
                ranks.use(piece)
                cursor = piece + 1
                begin = begins[piece]
                for place in range(lengths[piece]):
                    out[at + place] = reference[begin + place]
                at += lengths[piece]
                continue
            length = self.lengths.take()
            if length == 0 or at + length > size:
                raise ValueError("a run that is longer than its sequence")
            if kind == NEW:
                first = self.next_new
                self.next_new += length
            else:
                first = last + self.starts.take_signed()
                last = first + length
            if first <= 0 or first + length > limit:
                raise ValueError("a number that does not exist")
            for place in range(length):
                out[at + place] = first + place
            at += length


class Aligner:
    """Finds the numbers of sequences in a reference; `limit` is above all numbers."""

    def __init__(self, limit):
        self.head = zeros(limit)

    def align(self, numbers, reference, match):
        """Set `match[i]` to 1 + the place in `reference` of `numbers[i]`, or 0; each place at most once.

        The place after the last match is taken first, else the first that is free.  Returns the number of pieces, in which the
        numbers that were not found and follow each other count as one.
        """
        head = self.head
        size = len(reference)
        following = zeros(size + 1)
        taken = memoryview(bytearray(size + 1))
        for back in range(size):
            place = size - 1 - back
            following[place] = head[reference[place]]
            head[reference[place]] = place + 1
        last = 0
        pieces = 0
        for at in range(len(numbers)):
            number = numbers[at]
            found = last + 1
            if last >= size or reference[last] != number or taken[last]:
                found = head[number]
                while found and taken[found - 1]:
                    found = following[found - 1]
                head[number] = found
            if found == 0:
                if at == 0 or match[at - 1] or numbers[at - 1] + 1 != number:
                    pieces += 1
            elif found != last + 1 or at == 0 or match[at - 1] == 0:
                pieces += 1
            if found:
                taken[found - 1] = 1
                last = found
            match[at] = found
        for place in range(size):
            head[reference[place]] = 0
        return pieces
