"""Values as JSON, by a program: a row for each scalar, array, struct and member, which is run for every record.

`values/json_text.py` makes the rows of a shape.  What is rare (integers of 16 bytes, floats, text that needs escapes) is a
call back into Python.  Arithmetic is that of unsigned 64-bit numbers.
"""

from btfkit.hot import value_codes as codes
from btfkit.hot.c_buffer import Buffer

ALL = 0xFFFFFFFFFFFFFFFF  # named, because literals of that size are Python objects in compiled code


def lines(writer, data, at, size, count, has_rest):
    """Write `count` records of `size` bytes from `at` on, each on a line; with `has_rest`, flexible arrays have the rest of
    each."""
    while count > 0:
        writer.value(data, 0, at, at + size if has_rest else -1)
        writer.put_char(10)
        at += size
        count -= 1


class Writer(Buffer):
    """The text being written.

    `rows` and `enums` have 64 bits, `names` is bytes; `is_big` is the byte order of the data.  `others[n](data, at, bits,
    end)` returns the JSON (bytes) of a value that is not written here, `escaped(bytes)` that of text.
    """

    def __init__(self, rows, names, enums, others, escaped, is_big):
        Buffer.__init__(self, names, b"", b"", False, 1 << 62)
        self.rows = rows
        self.enums = enums
        self.others = others
        self.escaped = escaped
        self.is_big = is_big

    def put_char(self, c):
        """Write a byte."""
        if self.at == len(self.out):
            self.grow(1)
        self.out[self.at] = c
        self.at += 1

    def put_part(self, start, size):
        """Write a part of the names."""
        if self.at + size > len(self.out):
            self.grow(size)
        at = self.at
        end = start + size
        while start < end:
            self.out[at] = self.strings[start]
            at += 1
            start += 1
        self.at = at

    def number(self, data, at, size):
        """The bytes at `at` as an unsigned number."""
        value = 0
        end = at + size
        if self.is_big:
            while at < end:
                value = value << 8 | data[at]
                at += 1
        else:
            while end > at:
                end -= 1
                value = value << 8 | data[end]
        return value

    def bit_number(self, data, bit_at, bits):
        """The number in up to 64 bits that begin at a bit."""
        at = bit_at >> 3
        skip = bit_at & 7
        if skip + bits <= 64:
            size = (skip + bits + 7) >> 3
            value = self.number(data, at, size) >> (8 * size - skip - bits if self.is_big else skip)
        elif self.is_big:  # nine bytes
            over = skip + bits - 64
            value = (self.number(data, at, 8) << over | data[at + 8] >> (8 - over)) & ALL
        else:
            value = (self.number(data, at, 8) >> skip | self.number(data, at + 8, 1) << (64 - skip)) & ALL
        return value & (ALL >> (64 - bits))

    def put_signed(self, value, bits):
        """Write a number of `bits` bits as a signed one."""
        if (value >> (bits - 1)) & 1:
            self.put_char(45)
            value = (~value + 1) & (ALL >> (64 - bits))
        self.put_number(value)

    def put_enum(self, r, value, bits, signed):
        """Write the name of a number, or the number."""
        key = value
        if signed and (value >> (bits - 1)) & 1:
            key = value | (ALL ^ (ALL >> (64 - bits)))
        low = self.rows[r + codes.FIRST]
        high = low + self.rows[r + codes.COUNT]
        while low < high:
            middle = (low + high) >> 1
            if self.enums[codes.ENUM_COLUMNS * middle] < key:
                low = middle + 1
            else:
                high = middle
        if (
            low < self.rows[r + codes.FIRST] + self.rows[r + codes.COUNT]
            and self.enums[codes.ENUM_COLUMNS * low] == key
        ):
            self.put_part(self.enums[codes.ENUM_COLUMNS * low + 1], self.enums[codes.ENUM_COLUMNS * low + 2])
        elif signed:
            self.put_signed(value, bits)
        else:
            self.put_number(value)

    def put_pointer(self, value):
        """Write an address."""
        self.put(b'"0x')
        shift = 60
        while shift > 0 and not (value >> shift) & 15:
            shift -= 4
        while shift >= 0:
            digit = (value >> shift) & 15
            self.put_char(48 + digit if digit < 10 else 87 + digit)
            shift -= 4
        self.put_char(34)

    def put_text(self, data, at, size):
        """Write the characters before the first NUL."""
        end = at
        size += at
        is_plain = True
        while end < size and data[end]:
            if data[end] < 32 or data[end] > 126 or data[end] == 34 or data[end] == 92:
                is_plain = False
            end += 1
        if not is_plain:
            self.put(self.escaped(bytes(data[at:end])))
            return
        self.put_char(34)
        if self.at + end - at > len(self.out):
            self.grow(end - at)
        to = self.at
        while at < end:
            self.out[to] = data[at]
            to += 1
            at += 1
        self.at = to
        self.put_char(34)

    def put_members(self, data, r, at, end):
        """Write a struct or union."""
        member = self.rows[r + codes.FIRST]
        last = member + self.rows[r + codes.COUNT]
        self.put_char(123)
        while member < last:
            self.put_part(
                self.rows[codes.COLUMNS * member + codes.NAME], self.rows[codes.COLUMNS * member + codes.NAME_SIZE]
            )
            self.value(data, member, at, end)
            member += 1
            if member < last:
                self.put_char(44)
        self.put_char(125)

    def put_items(self, data, r, at, count):
        """Write an array."""
        size = self.rows[r + codes.SIZE]
        element = self.rows[r + codes.FIRST]
        self.put_char(91)
        while count > 0:
            self.value(data, element, at, -1)
            at += size
            count -= 1
            if count:
                self.put_char(44)
        self.put_char(93)

    def value(self, data, row, base, end):
        """Write the value of a row in what begins at `base`; a flexible array at the end of it extends to `end` (-1: has
        nothing)."""
        r = codes.COLUMNS * row
        op = self.rows[r + codes.OP]
        bits = self.rows[r + codes.BITS]
        size = self.rows[r + codes.SIZE]
        at = base + self.rows[r + codes.AT]
        if not self.rows[r + codes.LAST]:
            end = -1
        if op == codes.STRUCT:
            self.put_members(data, r, at, end)
            return
        if op == codes.ARRAY or op == codes.TEXT:
            count = self.rows[r + codes.COUNT]
            if count == 0 and end >= at and size > 0:
                count = (end - at) // size
            if op == codes.TEXT:
                self.put_text(data, at, count)
            else:
                self.put_items(data, r, at, count)
            return
        if op == codes.OTHER:
            if bits:
                at = 8 * base + self.rows[r + codes.AT]
            self.put(self.others[self.rows[r + codes.FIRST]](data, at, bits, end))
            return
        if bits:
            value = self.bit_number(data, 8 * base + self.rows[r + codes.AT], bits)
        else:
            value = self.number(data, at, size)
            bits = 8 * size
        if op == codes.UNSIGNED:
            self.put_number(value)
        elif op == codes.SIGNED:
            self.put_signed(value, bits)
        elif op == codes.BOOL:
            if value < 2:
                self.put(b"true" if value else b"false")
            else:
                self.put_number(value)
        elif op == codes.POINTER:
            self.put_pointer(value)
        else:
            self.put_enum(r, value, bits, op == codes.SIGNED_ENUM)
