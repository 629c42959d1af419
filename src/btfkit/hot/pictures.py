"""Structs and unions as pahole draws them, as text in a buffer: members with offsets and sizes, holes, cache lines, totals.

The source of the wording and the columns is pahole 1.32, dwarves_fprintf.c; `measures.py` finds the numbers.  This text differs
where pahole's depends on earlier output, is cut at the end of a buffer or reverses array dimensions (docs/differences.md).
"""

from btfkit.hot import kinds
from btfkit.hot import member_rows as part
from btfkit.hot.picture_comments import Comments, Gaps, Totals

TYPE_COLUMN = 26  # characters, of types; within braces 8 less
STRUCT_REST = 23  # characters from a name to the comment
UNION_REST = 21
EXPANDED_REST = 55
NO_BASE = -1  # offsets count from the start of the innermost type, because a pointer leads there
MOST_BYTES = 1 << 28  # of one picture

# what follows the closing brace
NOTHING = 0
NAME = 1
POINTER = 2
ALIAS = 3


class Pictures(Comments):
    """The text being written.

    `measures` knows the same types.  With `expand`, the members of members are shown, with `hexadecimal` their offsets and sizes
    in that base.  `most_members` limits the members of one picture.  `Spelled` documents the other arguments, and the errors.
    """

    def __init__(
        self,
        measures,
        words,
        positions,
        strings,
        shown,
        longest,
        cacheline,
        levels,
        deepest,
        most_members,
        expand,
        hexadecimal,
    ):
        Comments.__init__(
            self, words, positions, strings, shown, longest, levels, deepest, MOST_BYTES, cacheline, hexadecimal
        )
        self.measures = measures
        self.most_members = most_members
        self.expand = expand
        self.known = {}  # Gaps by type id
        self.flexible = {}  # whether a type holds a flexible array
        self.top = 0  # of rows
        self.rest = 0
        self.left = 0  # members that may still be written
        self.alias = b""

    # ---- numbers ------------------------------------------------------------------------------------------------------

    def is_flexible(self, type_id):
        """Whether the last member of a composite is a flexible array."""
        at = self.positions[type_id - 1]
        count = self.words[at + 1] & 0xFFFFFF
        if count == 0:
            return False
        last = self.words[at + 1 + 3 * count]
        return self.kind(last) == kinds.ARRAY and self.words[self.positions[last - 1] + 5] == 0

    def holds_flexible(self, type_id, depth):
        """Whether a struct within a composite ends in a flexible array."""
        known = self.flexible.get(type_id)
        if known is not None:
            return known
        if depth > self.levels:
            raise ValueError("structs nested more than " + str(self.levels) + " deep", type_id)
        holds = False
        at = self.positions[type_id - 1]
        end = at + 3 + 3 * (self.words[at + 1] & 0xFFFFFF)
        at += 3
        while at < end and not holds:
            member = self.words[at + 1]
            target = self.measures.target_of(member)
            if self.kind(target) == kinds.STRUCT:
                holds = self.is_flexible(target) or self.holds_flexible(target, depth + 1)
            at += 3
        self.flexible[type_id] = holds
        return holds

    def gaps(self, type_id):
        """The numbers of a composite; overwrites the rows of `measures` unless they are known."""
        known = self.known.get(type_id)
        if known is None:
            holds = self.holds_flexible(type_id, 0)
            self.measures.measure(type_id)
            count = self.words[self.positions[type_id - 1] + 1] & 0xFFFFFF
            known = Gaps(self.measures, count, self.is_flexible(type_id), holds)
            self.known[type_id] = known
        return known

    def open(self, type_id):
        """Put the rows of a composite on the stack; returns where they are."""
        self.measures.measure(type_id)
        size = part.ROW * (self.words[self.positions[type_id - 1] + 1] & 0xFFFFFF)
        start = self.top
        if start + size > len(self.rows):
            larger = memoryview(bytearray(8 * 2 * (start + size))).cast("q")
            larger[:start] = self.rows[:start]
            self.rows = larger
        rows = self.rows
        measured = self.measures.rows
        for at in range(size):
            rows[start + at] = measured[at]
        self.top = start + size
        return start

    def packs(self, outer, is_union, offset, target):
        """Whether the place of a member shows that its type, a struct, is packed: an unpacked one could not be there.

        Rule: pahole 1.32, type__check_structs_at_unnatural_alignments and union__infer_packed_attributes.
        """
        natural = self.measures.alignment_of(target, 0)
        if is_union:
            return outer.size % natural != 0
        return (outer.padding != 0 or outer.holes != 0) and offset % natural != 0

    # ---- whole pictures -----------------------------------------------------------------------------------------------

    def draw(self, type_id, alias):
        """Write the picture of a struct or union; `alias` is the typedef to show for one without a name."""
        self.most = self.at + MOST_BYTES
        self.left = self.most_members
        self.top = 0
        self.line = 0
        self.alias = alias
        is_union = self.kind(type_id) == kinds.UNION
        suffix = ALIAS if alias else NOTHING
        spacing = TYPE_COLUMN
        self.rest = UNION_REST if is_union and not alias else STRUCT_REST
        if self.expand:
            self.rest = EXPANDED_REST
        if alias:
            spacing -= 8
            self.put(b"typedef ")
        if is_union:
            self.put_union(type_id, 0, spacing, 0, suffix, 0)
        else:
            self.put_struct(type_id, 0, spacing, 0, False, self.gaps(type_id).packed, suffix, 0, True)
        self.put(b";\n")

    def draw_enum(self, type_id, alias):
        """Write the definition of an enum; `alias` is the typedef to show for one without a name."""
        self.most = self.at + MOST_BYTES
        self.alias = alias
        if alias:
            self.put(b"typedef ")
        self.put_enum(type_id, ALIAS if alias else NOTHING, 0, 0)
        self.put(b";\n")

    def put_numbers(self, type_id, alias):
        """Write a line: the name (`alias` if there is none), the size and the number of holes, separated by tabs."""
        if self.is_named(type_id):
            self.put_type_name(type_id)
        else:
            self.put(alias)
        self.measures.measure(type_id)
        self.put(b"\t")
        self.put_number(self.measures.size)
        self.put(b"\t")
        self.put_signed(self.measures.holes)
        self.put(b"\n")

    def put_suffix(self, suffix, name):
        """Write what follows the closing brace, after a space."""
        if suffix == NOTHING or (suffix == NAME and self.strings[name] == 0):
            return
        self.put(b" ")
        if suffix == ALIAS:
            self.put(self.alias)
            return
        if suffix == POINTER:
            self.put(b"* ")
        self.put_shown(name)

    def put_head(self, word, type_id):
        """Write the line with the opening brace."""
        self.put(word)
        if self.is_named(type_id):
            self.put(b" ")
            self.put_type_name(type_id)
        self.put(b" {\n")

    # ---- composites ---------------------------------------------------------------------------------------------------

    def put_union(self, type_id, tabs, spacing, base, suffix, name):
        """Write a union up to its semicolon, with offsets from `base`."""
        outer = self.gaps(type_id)
        rows = self.open(type_id)
        self.put_head(b"union", type_id)
        line = self.line
        at = self.positions[type_id - 1] + 3
        for number in range(outer.count):
            self.put_tabs(tabs + 1)
            self.put_member(outer, True, at, rows + part.ROW * number, tabs + 1, spacing, base, True, False)
            self.put(b"\n")
            self.line = line  # every member starts where the union does
            at += 3
        self.top = rows
        self.put_tabs(tabs)
        self.put(b"}")
        self.put_suffix(suffix, name)

    def put_struct(self, type_id, tabs, spacing, base, in_union, packed, suffix, name, statistics):
        """Write a struct up to its semicolon, with offsets from `base`; `in_union`: something around it is a union."""
        outer = self.gaps(type_id)
        rows = self.open(type_id)
        count = outer.count
        totals = Totals()
        self.put_head(b"struct", type_id)
        tabs += 1
        commented = False
        if outer.pre_bit_hole > 0:
            self.put(b"\n")
            self.put_hole(outer.pre_bit_hole, b" bit", tabs)
            self.put(b"\n")
            commented = True
        if outer.pre_hole > 0:
            self.put(b"" if commented else b"\n")
            self.put_hole(outer.pre_hole, b" byte", tabs)
            self.put(b"\n")
            commented = True
        at = self.positions[type_id - 1] + 3
        last = -1  # the row of the last member
        last_size = 0
        for number in range(count):
            row = rows + part.ROW * number
            if last_size:
                step = self.rows[row + part.OFFSET] - self.rows[last + part.OFFSET]
                if step < last_size or (self.rows[last + part.BIT_HOLE] and self.rows[row + part.BITS]):
                    commented = self.put_between(last, last_size, row, self.words[at + 1], tabs, spacing, commented)
            if commented:
                self.put(b"\n")
                commented = False
            self.put_tabs(tabs)
            at_end = number == count - 1 and count > 1 and not in_union
            self.put_member(outer, False, at, row, tabs, spacing, base, in_union, at_end)
            member = self.words[at + 1]
            if self.kind(member) == kinds.STRUCT and self.put_note(self.gaps(member), tabs):
                totals.add(self.gaps(member))
                commented = True
            if self.rows[row + part.BIT_HOLE]:
                self.put(b"\n" if commented else b"\n\n")
                self.put_hole(self.rows[row + part.BIT_HOLE], b" bit", tabs)
                commented = True
            if self.rows[row + part.HOLE] > 0:
                self.put(b"\n" if commented else b"\n\n")
                self.put_hole(self.rows[row + part.HOLE], b" byte", tabs)
                commented = True
            self.put(b"\n")
            if (
                not last_size
                or self.rows[last + part.OFFSET] != self.rows[row + part.OFFSET]
                or (self.rows[row + part.BITS] and not self.rows[last + part.BITS])
            ):
                last_size = self.rows[row + part.SIZE]
            last = row
            at += 3
        if statistics:
            self.put_statistics(outer, totals, rows, tabs, base)
        self.top = rows
        self.put_tabs(tabs - 1)
        self.put(b"}")
        if packed:
            self.put(b" __attribute__((__packed__))")
        self.put_suffix(suffix, name)
        if outer.alignment and not packed:
            self.put_alignment(outer.alignment)

    def put_between(self, last, last_size, row, member, tabs, spacing, commented):
        """Write what explains the place of the second of two members (`row`); returns whether it ends in a comment."""
        step = self.rows[row + part.OFFSET] - self.rows[last + part.OFFSET]
        if self.rows[last + part.BIT_HOLE] and self.rows[row + part.BITS]:
            width = self.rows[last + part.BIT_HOLE]
            if step:
                self.put(b"\n")
                self.put_tabs(tabs)
                self.put(b"/* Force alignment to the next boundary: */\n")
                width = 0
            self.put_tabs(tabs)
            self.declaration = self.at
            self.put_declaration(member, 0, tabs, spacing, NO_BASE, False, False, False)
            self.put(b":")
            self.put_signed(width)
            self.put(b";\n")
        if step < 0 or (step == 0 and not self.rows[last + part.BITS] and self.rows[row + part.BITS]):
            self.put(b"" if commented else b"\n")
            self.put_tabs(tabs)
            self.put(b"/* Bitfield combined with previous fields */\n")
            return True
        if 0 < step < last_size:
            self.put(b"" if commented else b"\n")
            self.put_tabs(tabs)
            self.put(b"/* Bitfield combined with next fields */\n")
            return True
        return commented

    # ---- members ------------------------------------------------------------------------------------------------------

    def put_member(self, outer, is_union, at, row, tabs, spacing, base, in_union, at_end):
        """Write the line of the member at `at` in the words; its numbers are at `row`."""
        self.left -= 1
        if self.left < 0:
            raise ValueError("more than " + f"{self.most_members:,}" + " members once expanded", 0)
        name = self.words[at]
        type_id = self.words[at + 1]
        offset = self.rows[row + part.OFFSET]
        bits = self.rows[row + part.BITS]
        inner = base
        if base >= 0:
            offset += base
            if not is_union:
                inner = offset
        if offset >= (self.line + 1) * self.cacheline:
            self.put_boundary(offset, tabs)
        start = self.at
        excess = self.excess
        self.declaration = start
        anonymous = False
        packed = False
        if not self.expand and not self.has_braces(type_id):
            self.put_plain(type_id, name, spacing, at_end)
        else:
            target = self.measures.target_of(type_id)
            if self.kind(target) == kinds.STRUCT:
                packed = self.gaps(target).packed or self.packs(outer, is_union, self.rows[row + part.OFFSET], target)
            if kinds.is_braced(self.kind(type_id)):
                anonymous = not self.is_named(type_id)
                self.put_declaration(type_id, 0, tabs, spacing, inner, in_union, at_end, packed)
                if self.strings[name]:
                    self.put(b" ")
                    self.put_shown(name)
            else:
                self.put_declaration(type_id, name, tabs, spacing, inner, in_union, at_end, packed)
        if bits:
            self.put(b":")
            self.put_number(bits)
        width = 0
        if self.rows[row + part.ALIGNMENT]:
            width = self.at
            self.put_alignment(self.rows[row + part.ALIGNMENT])
            width = self.at - width
        self.put(b";")
        if anonymous:  # the braces end on a line of their own
            width = spacing + self.rest - 3 - width + 1
            if self.strings[name]:
                start = self.at
                excess = self.excess
                self.put_shown(name)  # to count its characters
                width -= 1 + self.columns(start, excess)
                self.at = start
                self.excess = excess
            if packed:
                width -= 28
            if width < 0:
                width = -width
        else:
            width = spacing + self.rest - self.columns(start, excess)
        self.put_spaces(width if width > 0 else 1)
        self.put_place(offset, row)

    def put_place(self, offset, row):
        """Write the offset and the size of a member."""
        self.put(b"/* ")
        self.put_column(offset, 5)
        if self.rows[row + part.BITS]:
            self.put(b":")
            self.put_column(self.rows[row + part.FIRST_BIT], 2)
            self.put(b" ")
            self.put_column(self.rows[row + part.SIZE], 2)
        else:
            self.put(b" ")
            self.put_column(self.rows[row + part.SIZE], 5)
        self.put(b" */")

    def put_declaration(self, type_id, name, tabs, spacing, base, in_union, at_end, packed):
        """Write a declaration without bit size, attributes and semicolon; `name` is an offset of a string, 0 for none."""
        if not self.expand:
            if not self.has_braces(type_id):
                self.put_plain(type_id, name, spacing, at_end)
                return
        elif self.kind(type_id) == kinds.TYPEDEF:
            self.put(b"/* typedef ")
            count = 0
            while self.kind(type_id) == kinds.TYPEDEF and count <= self.levels:
                if count:
                    self.put(b" -> ")
                self.put_type_name(type_id)
                type_id = self.target(type_id)
                count += 1
            self.put(b" */ ")
        start = self.at
        type_id = self.put_constants(type_id)
        leads = self.at > start
        spacing -= self.at - start
        kind = self.kind(type_id)
        if kind == kinds.PTR:
            target = self.untagged(self.target(type_id))
            if kinds.is_braced(self.kind(target)) and not self.is_named(target):
                self.put_braces(target, POINTER, name, tabs, spacing - 8, NO_BASE, in_union, packed, False)
                return
        elif kind == kinds.ARRAY:
            element = self.element(type_id)
            self.put_declaration(element, name, tabs, spacing, base, in_union, at_end, packed)
            self.put_lengths(type_id, at_end)
            return
        elif kinds.is_braced(kind) and (self.expand or not self.is_named(type_id)):
            self.put_braces(type_id, NAME, name, tabs, spacing, base, in_union, packed, leads)
            return
        if self.has_braces(type_id):
            raise ValueError("types nested more than " + str(self.levels) + " deep", type_id)
        self.put_plain(type_id, name, spacing, at_end)

    def put_braces(self, type_id, suffix, name, tabs, spacing, base, in_union, packed, statistics):
        """Write a definition within a declaration."""
        kind = self.kind(type_id)
        if kind == kinds.ENUM or kind == kinds.ENUM64:
            self.put_enum(type_id, suffix, name, tabs)
            return
        if tabs > self.deepest:
            raise ValueError("structs nested more than " + str(self.deepest) + " deep", type_id)
        if kind == kinds.UNION:
            self.put_union(type_id, tabs, spacing - 8, base, suffix, name)
            return
        packed = packed or self.gaps(type_id).packed
        self.put_struct(type_id, tabs, spacing - 8, base, in_union, packed, suffix, name, statistics)

    def put_enum(self, type_id, suffix, name, tabs):
        """Write the definition of an enum."""
        words = self.words
        at = self.positions[type_id - 1]
        info = words[at + 1]
        count = info & 0xFFFFFF
        step = 3 if (info >> 24) & 127 == kinds.ENUM64 else 2
        self.put(b"enum")
        if self.is_named(type_id):
            self.put(b" ")
            self.put_type_name(type_id)
        if count == 0:
            return
        self.put(b" {\n")
        widest = 0
        mark = self.at
        excess = self.excess
        for number in range(count):  # to count the characters
            start = self.at
            before = self.excess
            self.put_shown(words[at + 3 + step * number])
            if self.columns(start, before) > widest:
                widest = self.columns(start, before)
            self.at = mark
            self.excess = excess
        for number in range(count):
            here = at + 3 + step * number
            self.put_tabs(tabs + 1)
            start = self.at
            before = self.excess
            self.put_shown(words[here])
            self.put_spaces(widest - self.columns(start, before))
            self.put(b" = ")
            value = words[here + 1]
            width = 32
            if step == 3:
                high = words[here + 2]
                value += high << 32
                width = 64
            if info >> 31 and value >> (width - 1):
                value -= 1 << width
            if self.hexadecimal and value:  # of 64 bits, as in pahole
                self.put(hex(value % (1 << 64)).encode())
            else:
                self.put(str(value).encode())
            self.put(b",\n")
        self.put_tabs(tabs)
        self.put(b"}")
        if words[at + 2] != 4:
            self.put(b" __attribute__((__packed__))")
        self.put_suffix(suffix, name)
