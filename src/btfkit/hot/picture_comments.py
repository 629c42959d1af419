"""The comments in pahole's pictures: gaps between members and within them, cache lines, totals, as text in a buffer.

The source of the wording is pahole 1.32, dwarves_fprintf.c.  `pictures.py` writes them among the members.
"""

from btfkit.hot import member_rows as part
from btfkit.hot.spelled import Spelled

DIGITS = tuple(bytes([digit]) for digit in b"0123456789abcdef")


class Gaps:
    """The numbers of a struct or union (`show/layout.py` defines each), and whether it has or holds a flexible array."""

    def __init__(self, measures, count, is_flexible, holds_flexible):
        self.size = measures.size
        self.count = count
        self.alignment = measures.alignment
        self.packed = measures.packed
        self.pre_hole = measures.pre_hole
        self.pre_bit_hole = measures.pre_bit_hole
        self.holes = measures.holes
        self.bit_holes = measures.bit_holes
        self.padding = measures.padding
        self.bit_padding = measures.bit_padding
        self.sum_members = measures.sum_members
        self.sum_bits = measures.sum_bits
        self.sum_holes = measures.sum_holes
        self.sum_bit_holes = measures.sum_bit_holes
        self.is_flexible = is_flexible
        self.holds_flexible = holds_flexible


class Totals:
    """How many of a struct's members are structs with gaps, and the sums of these."""

    def __init__(self):
        self.holes = 0
        self.sum_holes = 0
        self.bit_holes = 0
        self.sum_bit_holes = 0
        self.bit_paddings = 0
        self.sum_bit_paddings = 0
        self.paddings = 0
        self.sum_paddings = 0
        self.flexible = 0
        self.holding = 0

    def add(self, inner):
        """Count one member."""
        self.holes += inner.holes != 0
        self.sum_holes += inner.holes
        self.bit_holes += inner.bit_holes != 0
        self.sum_bit_holes += inner.bit_holes
        self.bit_paddings += inner.bit_padding != 0
        self.sum_bit_paddings += inner.bit_padding
        self.paddings += inner.padding != 0
        self.sum_paddings += inner.padding
        self.flexible += inner.is_flexible
        self.holding += inner.holds_flexible


class Comments(Spelled):
    """The text being written; `rows` has the rows of the members (`member_rows.py`), and `line` is the cache line reached."""

    def __init__(self, words, positions, strings, shown, longest, levels, deepest, most, cacheline, hexadecimal):
        Spelled.__init__(self, words, positions, strings, shown, longest, levels, deepest, most)
        self.cacheline = cacheline
        self.hexadecimal = hexadecimal
        self.rows = memoryview(bytearray(8 * part.ROW * 256)).cast("q")
        self.line = 0

    def put_counted(self, number, noun):
        """Write "1 hole" or "2 holes"; `noun` begins with the space."""
        self.put_signed(number)
        self.put(noun)
        if number != 1:
            self.put(b"s")

    def put_hole(self, size, unit, tabs):
        """Write the comment about a hole."""
        self.put_tabs(tabs)
        self.put(b"/* XXX ")
        self.put_counted(size, unit)
        self.put(b" hole, try to pack */")

    def put_note(self, inner, tabs):
        """Write the comment about the gaps in a member, if there are any; returns whether there are."""
        if not (
            inner.is_flexible
            or inner.holds_flexible
            or inner.padding
            or inner.bit_padding
            or inner.holes
            or inner.bit_holes
        ):
            return False
        self.put(b"\n\n")
        self.put_tabs(tabs)
        self.put(b"/* XXX last struct has ")
        start = self.at
        if inner.is_flexible:
            self.put(b"a flexible array")
        if inner.holds_flexible:
            self.put(b", embedded flexible array(s)" if self.at > start else b"embedded flexible array(s)")
        self.put_part(start, inner.padding, b" byte", b" of padding")
        self.put_part(start, inner.bit_padding, b" bit", b" of padding")
        self.put_part(start, inner.holes, b" hole", b"")
        self.put_part(start, inner.bit_holes, b" bit hole", b"")
        self.put(b" */")
        return True

    def put_part(self, start, number, noun, end):
        """Write a number of a note that began at `start`, unless it is 0."""
        if number:
            if self.at > start:
                self.put(b", ")
            self.put_counted(number, noun)
            self.put(end)

    def put_statistics(self, outer, totals, rows, tabs, base):
        """Write the lines at the end of a struct."""
        self.put(b"\n")
        self.put_fact(tabs, b"size: ", outer.size)
        self.put_more(b", cachelines: ", (outer.size + self.cacheline - 1) // self.cacheline)
        self.put_more(b", members: ", outer.count)
        self.put(b" */\n")
        gaps = outer.sum_holes != 0 or outer.sum_bit_holes != 0
        if gaps and outer.sum_members:
            self.put_fact(tabs, b"sum members: ", outer.sum_members)
            if outer.sum_holes:
                self.put_more(b", holes: ", outer.holes)
                self.put_more(b", sum holes: ", outer.sum_holes)
            self.put(b" */\n")
        if gaps and outer.sum_bits:
            self.put_fact(tabs, b"sum bitfield members: ", outer.sum_bits)
            if outer.sum_bit_holes:
                self.put_more(b" bits, bit holes: ", outer.bit_holes)
                self.put_more(b", sum bit holes: ", outer.sum_bit_holes)
                self.put(b" bits */\n")
            else:
                self.put_more(b" bits (", outer.sum_bits // 8)
                self.put(b" bytes) */\n")
        if outer.padding > 0:
            self.put_fact(tabs, b"padding: ", outer.padding)
            self.put(b" */\n")
        self.put_totals(totals, tabs)
        if outer.bit_padding > 0:
            self.put_fact(tabs, b"bit_padding: ", outer.bit_padding)
            self.put(b" bits */\n")
        self.put_forced(outer, rows, tabs)
        if totals.flexible or totals.holding:
            if totals.flexible:
                self.put_fact(tabs, b"flexible array members: end: ", totals.flexible)
                if totals.holding:
                    self.put_more(b", middle: ", totals.holding)
            else:
                self.put_fact(tabs, b"flexible array members: middle: ", totals.holding)
            self.put(b" */\n")
        last = ((base if base > 0 else 0) + outer.size) % self.cacheline
        if last:
            self.put_fact(tabs, b"last cacheline: ", last)
            self.put(b" bytes */\n")
        self.put_overlaps(outer, tabs)

    def put_fact(self, tabs, words, number):
        """Begin a line of the statistics."""
        self.put_tabs(tabs)
        self.put(b"/* ")
        self.put_more(words, number)

    def put_more(self, words, number):
        """Write words and a number."""
        self.put(words)
        self.put_signed(number)

    def put_totals(self, totals, tabs):
        """Write the lines of the statistics about gaps within members."""
        start = 0
        if totals.holes:
            self.put_fact(tabs, b"member types with holes: ", totals.holes)
            self.put_more(b", total: ", totals.sum_holes)
            start = 1
        if totals.bit_holes:
            if start:
                self.put_more(b", bit holes: ", totals.bit_holes)
            else:
                self.put_fact(tabs, b"member types with bit holes: ", totals.bit_holes)
            self.put_more(b", total: ", totals.sum_bit_holes)
            start = 1
        if totals.bit_paddings:
            if start:
                self.put_more(b", bit paddings: ", totals.bit_paddings)
            else:
                self.put_fact(tabs, b"member types with bit paddings: ", totals.bit_paddings)
            self.put(b", total: ")
            self.put_counted(totals.sum_bit_paddings, b" bit")
            start = 1
        if start:
            self.put(b" */\n")
        if totals.paddings:
            self.put_fact(tabs, b"paddings: ", totals.paddings)
            self.put_more(b", sum paddings: ", totals.sum_paddings)
            self.put(b" */\n")

    def put_forced(self, outer, rows, tabs):
        """Write the line about alignment that an attribute requested."""
        count = 0
        holes = 0
        total = 0
        before = outer.pre_hole
        for number in range(outer.count):
            row = rows + part.ROW * number
            if self.rows[row + part.ALIGNMENT]:
                count += 1
                holes += before != 0
                total += before
            before = self.rows[row + part.HOLE]
        if count:
            self.put_fact(tabs, b"forced alignments: ", count)
            if holes:
                self.put_more(b", forced holes: ", holes)
                self.put_more(b", sum forced holes: ", total)
            self.put(b" */\n")

    def put_overlaps(self, outer, tabs):
        """Write that the members and gaps are not as large as the struct."""
        if outer.count == 0:
            return
        whole = 8 * (outer.sum_members + outer.sum_holes + outer.padding)
        unaccounted = 8 * outer.size - whole - outer.sum_bits - outer.sum_bit_holes - outer.bit_padding
        if unaccounted == 0:
            return
        self.put(b"\n")
        self.put_fact(tabs, b"members overlap or lie outside: ", outer.size)
        self.put_more(b" bytes != ", outer.sum_members)
        self.put_more(b" (members) + ", outer.sum_bits)
        self.put_more(b" bits + ", outer.sum_holes)
        self.put_more(b" (holes) + ", outer.sum_bit_holes)
        self.put(b" bits (holes) + padding, ")
        self.put_more(b"+" if unaccounted > 0 else b"", unaccounted)
        self.put(b" bits */\n")

    def put_alignment(self, alignment):
        """Write an attribute."""
        self.put(b" __attribute__((__aligned__(")
        self.put_number(alignment)
        self.put(b")))")

    def put_boundary(self, offset, tabs):
        """Write the line that marks the start of a cache line, here or within the previous member."""
        self.line = offset // self.cacheline
        into = offset % self.cacheline
        self.put_more(b"/* --- cacheline ", self.line)
        self.put_more(b" boundary (", offset - into)
        self.put(b" bytes)")
        if into:
            self.put(b" was ")
            self.put_counted(into, b" byte")
            self.put(b" ago")
        self.put(b" --- */\n")
        self.put_tabs(tabs)

    def put_column(self, value, width):
        """Write a number, aligned to the right in a column."""
        digits = 1
        if self.hexadecimal and value:
            rest = value >> 4
            digits = 3
            while rest:
                digits += 1
                rest >>= 4
            self.put_spaces(width - digits)
            self.put(b"0x")
            for place in range(digits - 2):
                self.put(DIGITS[(value >> 4 * (digits - 3 - place)) & 15])
            return
        rest = value
        while rest > 9:
            digits += 1
            rest //= 10
        self.put_spaces(width - digits)
        self.put_number(value)
