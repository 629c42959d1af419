"""C text in a growing buffer: names, numbers, texts of tags, padding, and how often each name was used.

`c_text.py` writes declarations with it.
"""

LONGEST_NAME = 255  # bytes of a name that gets a number
DEEPEST = 13  # tabs
NO_NAME = b"___c"  # follows a name that is a keyword of C
ALWAYS, SINCE_C23, PREDEFINED, COMPILERS_OWN = 1, 2, 3, 4  # in marks (show/c_names.py)
WORD = 0xFFFFFFFF  # named, because literals of that size are Python objects in compiled code


class NameCounts:
    """How often each name was used: an open-addressed table of string offsets, compared by their text as `shown` writes it."""

    def __init__(self):
        self.used = 0
        self.slots = memoryview(bytearray(3 * 4 * 1024)).cast("I")  # offset + 1, hash, count

    def grow(self):
        """Double the size of the table."""
        old = self.slots
        size = 2 * len(old)
        new = memoryview(bytearray(4 * size)).cast("I")
        mask = size // 3 - 1
        at = 0
        while at < len(old):
            if old[at]:
                slot = 3 * (old[at + 1] & mask)
                while new[slot]:
                    slot += 3
                    if slot == size:
                        slot = 0
                new[slot] = old[at]
                new[slot + 1] = old[at + 1]
                new[slot + 2] = old[at + 2]
            at += 3
        self.slots = new

    def count(self, strings, shown, offset):
        """Count a use of the name at `offset`; returns its number, from 1."""
        if 2 * 3 * self.used >= len(self.slots):
            self.grow()
        slots = self.slots
        size = len(slots)
        h = 2166136261
        at = offset
        c = strings[at]
        while c:
            h = ((h ^ shown[c]) * 16777619) & WORD
            at += 1
            c = strings[at]
        slot = 3 * (h & (size // 3 - 1))
        while slots[slot]:
            if slots[slot + 1] == h:
                at = slots[slot] - 1
                to = offset
                while at != to and shown[strings[at]] == shown[strings[to]] and strings[at]:
                    at += 1
                    to += 1
                if at == to or shown[strings[at]] == shown[strings[to]]:
                    slots[slot + 2] += 1
                    return slots[slot + 2]
            slot += 3
            if slot == size:
                slot = 0
        slots[slot] = offset + 1
        slots[slot + 1] = h
        slots[slot + 2] = 1
        self.used += 1
        return 1


class Buffer:
    """A text being written: `out[:at]`.

    `shown` has 256 bytes, the form in which each byte of an identifier is written; `attributed` is the same for attributes.
    Unless `literal` is set, an identifier that begins with a digit gets a `_`, and the texts of tags cannot end their attribute
    early.  `marks` (a byte for each offset of a string) has the names that are keywords; `prefix` and `suffix` are added to
    those of types and enumerators.  A long has `long_bits` bits.  More than `most` bytes raise OverflowError.
    """

    def __init__(self, strings, shown, attributed, literal, most, long_bits=64, marks=b"", prefix=b"", suffix=b""):
        self.strings = strings
        self.marks = marks
        self.plain = False  # whether names that are keywords are written as they are
        self.prefix = prefix
        self.suffix = suffix
        self.affixed = len(prefix) + len(suffix) > 0
        self.shown = shown
        self.attributed = attributed
        self.literal = literal
        self.most = most
        self.long_bits = long_bits
        self.out = memoryview(bytearray(1 << 16))
        self.at = 0

    def take(self):
        """Return the text so far as bytes, and empty the buffer."""
        text = bytes(self.out[: self.at])
        self.most -= self.at
        self.at = 0
        return text

    def grow(self, more):
        """Make room for `more` bytes."""
        if self.at + more > self.most:
            raise OverflowError("text")
        new = memoryview(bytearray(2 * len(self.out) + more))
        new[: self.at] = self.out[: self.at]
        self.out = new

    def put(self, text):
        """Write a text."""
        size = len(text)
        if self.at + size > len(self.out):
            self.grow(size)
        at = self.at
        for c in text:
            self.out[at] = c
            at += 1
        self.at = at

    def put_number(self, value):
        """Write an unsigned number."""
        if self.at + 20 > len(self.out):
            self.grow(20)
        self.at += 1
        rest = value
        while rest > 9:
            rest //= 10
            self.at += 1
        end = self.at
        while value > 9:
            end -= 1
            rest = value // 10
            self.out[end] = 48 + value - 10 * rest
            value = rest
        self.out[end - 1] = 48 + value

    def put_line(self, level):
        """Begin a line."""
        if self.at + 1 + DEEPEST > len(self.out):
            self.grow(1 + DEEPEST)
        self.out[self.at] = 10
        self.at += 1
        for _ in range(level if level < DEEPEST else DEEPEST):
            self.out[self.at] = 9
            self.at += 1

    def put_spelled(self, offset, how):
        """Write the string at `offset`, each byte in the form that `how` (256 bytes) gives."""
        strings = self.strings
        out = self.out
        at = self.at
        end = len(out)
        c = strings[offset]
        if 48 <= c <= 57 and not self.literal:
            if at == end:
                self.grow(1)
                out = self.out
                end = len(out)
            out[at] = 95
            at += 1
        while c:
            if at == end:
                self.at = at
                self.grow(1)
                out = self.out
                end = len(out)
            out[at] = how[c]
            at += 1
            offset += 1
            c = strings[offset]
        self.at = at

    def put_name(self, offset, number):
        """Write an identifier, with its number unless it is the first of its name."""
        if offset == 0:
            return
        if self.marks[offset] and number < 2 and not self.plain and self.marks[offset] != COMPILERS_OWN:
            self.put_keyword(offset)
            return
        start = self.at
        self.put_spelled(offset, self.shown)
        if number > 1:
            self.put(b"___")
            self.put_number(number)
            if self.at > start + LONGEST_NAME:
                self.at = start + LONGEST_NAME

    def put_keyword(self, offset):
        """Write a name that is a keyword, in all compilers or in some, as an identifier."""
        mark = self.marks[offset]
        if mark != ALWAYS:
            while self.at and (self.out[self.at - 1] == 32 or self.out[self.at - 1] == 9):
                self.at -= 1
            if self.at and self.out[self.at - 1] != 10:
                self.put(b"\n")
            if mark == SINCE_C23:
                self.put(b"#if __STDC_VERSION__ <= 201710L\n")
            else:
                self.put(b"#ifndef ")
                self.put_spelled(offset, self.shown)
                self.put(b"\n")
            self.put_spelled(offset, self.shown)
            self.put(b"\n#else\n")
        self.put_spelled(offset, self.shown)
        self.put(NO_NAME)
        if mark != ALWAYS:
            self.put(b"\n#endif\n")

    def put_affixed(self, offset, number):
        """Write the name of a type or an enumerator, with its number, the prefix and the suffix."""
        if not self.affixed or self.marks[offset] == COMPILERS_OWN:
            self.put_name(offset, number)
        elif offset:
            self.put(self.prefix)
            self.put_spelled(offset, self.shown)
            self.put(self.suffix)
            if number > 1:
                self.put(b"_" if len(self.suffix) else b"___")
                self.put_number(number)

    def put_tag(self, offset, attribute):
        """Write the text of a type tag, or of an attribute that is not one of BTF's."""
        strings = self.strings
        if attribute:
            self.put(b" __attribute__((")
            how = self.attributed
            open_ = 0
            quoted = False
            at = offset
            while strings[at] and open_ >= 0:
                if strings[at] == 34:
                    quoted = not quoted
                elif not quoted:
                    open_ += (strings[at] == 40) - (strings[at] == 41)
                at += 1
            if (open_ or quoted) and not self.literal:  # unbalanced parentheses or quotes
                how = self.shown
            self.put_spelled(offset, how)
            self.put(b"))")
            return
        self.put(b' __attribute__((btf_type_tag("')
        c = strings[offset]
        while c:
            if self.at + 4 > len(self.out):
                self.grow(4)
            if self.literal or (32 <= c < 127 and c != 34 and c != 92):
                self.out[self.at] = c
                self.at += 1
            else:
                self.out[self.at] = 92
                self.out[self.at + 1] = 48 + (c >> 6)
                self.out[self.at + 2] = 48 + ((c >> 3) & 7)
                self.out[self.at + 3] = 48 + (c & 7)
                self.at += 4
            offset += 1
            c = strings[offset]
        self.put(b'")))')

    def spells(self, offset, text):
        """Whether the string at `offset` is `text`."""
        for c in text:
            if self.strings[offset] != c:
                return False
            offset += 1
        return self.strings[offset] == 0

    def put_padding(self, offset, end, align, in_bitfield, level):
        """Write unnamed bitfields, so that the next member begins at bit `end`."""
        if align == 0:
            align = 1
        bits = 8
        start = offset
        pad = 0
        while pad < 4:
            bits = 64 >> pad if pad else self.long_bits
            start = (offset + bits - 1) // bits * bits
            if start <= end:
                break
            pad += 1
        if offset < start <= end:
            natural = (offset + 8 * align - 1) // (8 * align) * (8 * align)
            if in_bitfield or (start == end and natural != start) or (start != end and end - start <= start - offset):
                self.put_unnamed(pad, start - offset if in_bitfield else 0, level)
            offset = start
        while offset != end:
            rest = end - offset
            if rest >= bits:
                rest = bits
            else:
                pad = 3
                while 64 >> pad < rest:
                    pad -= 1
            self.put_unnamed(pad, rest, level)
            offset += rest

    def put_unnamed(self, pad, bits, level):
        """Write one unnamed bitfield of type long (0), int, short or char (3)."""
        self.put_line(level)
        self.put(b"long: " if pad == 0 else b"int: " if pad == 1 else b"short: " if pad == 2 else b"char: ")
        self.put_number(bits)
        self.put(b";")

    def put_filler(self, size, align, level):
        """Write a struct of unnamed bitfields with `size` bits, of types with at most `align` bits."""
        pad = 0 if self.long_bits == 64 else 1
        while pad < 3 and 64 >> pad > align:
            pad += 1
        bits = 64 >> pad
        self.put_line(level)
        self.put(b"struct {")
        while size > 0:
            self.put_unnamed(pad, size if size < bits else bits, level + 1)
            size -= bits
        self.put_line(level)
        self.put(b"};")
