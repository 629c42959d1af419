"""The layout of structs and unions in numbers: where members lie, and the gaps between them (`show/layout.py` defines each).

Rules: pahole 1.32, tag__natural_alignment, class__find_holes, class__infer_alignment, class__infer_packed_attributes.
"""

from btfkit.hot import kinds
from btfkit.hot import member_rows as part

LONGEST = 1 << 56  # bytes of a type
ROOM = 64  # types with consecutive ids whose facts have room together


def forced_alignment(offset, natural, end, cacheline):
    """The alignment that an attribute must have requested for something at `offset` that would fit at `end`; 0 for none."""
    gap = offset - end
    if gap <= 0 or offset & 1:
        return 0
    alignment = 1
    while gap:
        alignment += alignment
        gap >>= 1
    if alignment <= natural:
        return 0
    if alignment < cacheline and cacheline % alignment == 0 and offset % cacheline == 0:
        return cacheline
    return alignment


def named_composites(words, positions, first_id):
    """The ids of the structs and unions with a name, in order; that of the first record is `first_id`."""
    found = []
    for index in range(len(positions)):
        at = positions[index]
        if words[at]:
            kind = (words[at + 1] >> 24) & 127
            if kind == kinds.STRUCT or kind == kinds.UNION:
                found.append(first_id + index)
    return found


class Field:
    """One member of a layout.

    `offset` and `size` are in bytes; for a bitfield they describe its storage unit, in which it has `bits` bits (0: not a
    bitfield) from bit `first_bit` on.  `bit_offset` counts bits from the start of the composite.  `hole` (bytes) and `bit_hole`
    (bits) are unused between it and the next member.  `alignment` (bytes) is the alignment that an attribute must have
    requested (0: none), `kind` the kind of its type.
    """

    def __init__(self, name, type_id, kind):
        self.name = name
        self.type_id = type_id
        self.kind = kind
        self.offset = 0
        self.size = 0
        self.bit_offset = 0
        self.bits = 0
        self.first_bit = 0
        self.alignment = 0
        self.hole = 0
        self.bit_hole = 0

    def __repr__(self):
        bits = f", {self.bits} bits from bit {self.first_bit}" if self.bits else ""
        return f"<field {self.name!r} at {self.offset}, {self.size} bytes{bits}>"


class Measures:
    """What is known about the types of a chain (`btf.flat.Flat`), each found once.

    `learn(type_id)` returns the place `k` of a type's facts: `targets[k]`, without typedefs and qualifiers; `sizes` and
    `alignments` (natural) in bytes, 0 and 1 for none; and of an INT that is itself a bitfield, its `fields`: bit offset << 8 |
    bits, else 0.  There is room for a type only if one with a similar id was asked for, so that a few questions touch little
    memory.  After `measure(type_id)`: the numbers of that composite, and `rows`, `member_rows.ROW` numbers for each member.

    Both raise ValueError(message, type_id) if a type is damaged: more than `levels` modifiers and arrays in a row or structs in
    each other, or more bytes than LONGEST.
    """

    def __init__(self, words, positions, pointer_size, cacheline, levels):
        self.words = words
        self.positions = positions
        self.pointer_size = pointer_size
        self.cacheline = cacheline
        self.levels = levels
        self.rooms = memoryview(bytearray(4 * (len(positions) // ROOM + 1))).cast("I")  # numbers from 1, by id // ROOM
        self.taken = 0  # rooms
        self.known = memoryview(bytearray(0))
        self.targets = memoryview(bytearray(0)).cast("I")
        self.sizes = memoryview(bytearray(0)).cast("q")
        self.alignments = memoryview(bytearray(0)).cast("q")
        self.fields = memoryview(bytearray(0)).cast("H")
        self.grow(16 * ROOM)
        self.rows = memoryview(bytearray(8 * part.ROW * 64)).cast("q")
        self.size = 0
        self.alignment = 0
        self.natural_alignment = 0
        self.forced = 0
        self.clear()

    def restart(self, words, positions, first):
        """Put other types in place of those from id `first` on; what is known of the types before them stays."""
        self.words = words
        self.positions = positions
        count = len(positions) // ROOM + 1
        if count > len(self.rooms):
            rooms = memoryview(bytearray(4 * 2 * count)).cast("I")
            rooms[: len(self.rooms)] = self.rooms
            self.rooms = rooms
        for number in range(first // ROOM, len(self.rooms)):
            if self.rooms[number]:
                for type_id in range(ROOM * number, ROOM * (number + 1)):
                    if type_id >= first:
                        self.known[ROOM * (self.rooms[number] - 1) + type_id % ROOM] = 0

    def grow(self, count):
        """Make room for the facts of `count` types."""
        had = len(self.known)
        known = memoryview(bytearray(count))
        known[:had] = self.known
        targets = memoryview(bytearray(4 * count)).cast("I")
        targets[:had] = self.targets
        sizes = memoryview(bytearray(8 * count)).cast("q")
        sizes[:had] = self.sizes
        alignments = memoryview(bytearray(8 * count)).cast("q")
        alignments[:had] = self.alignments
        fields = memoryview(bytearray(2 * count)).cast("H")
        fields[:had] = self.fields
        self.known = known
        self.targets = targets
        self.sizes = sizes
        self.alignments = alignments
        self.fields = fields

    def place(self, type_id):
        """The place of a type's facts, known or not."""
        number = type_id // ROOM
        room = self.rooms[number]
        if room == 0:
            self.taken += 1
            room = self.taken
            self.rooms[number] = room
            if ROOM * room > len(self.known):
                self.grow(2 * len(self.known))
        return ROOM * (room - 1) + type_id % ROOM

    def clear(self):
        """Forget the gaps of the composite that was measured last."""
        self.packed = False
        self.pre_hole = 0
        self.pre_bit_hole = 0
        self.holes = 0
        self.bit_holes = 0
        self.padding = 0
        self.bit_padding = 0
        self.sum_members = 0
        self.sum_bits = 0
        self.sum_holes = 0
        self.sum_bit_holes = 0

    def cycle(self, type_id):
        """The error for modifiers, typedefs or arrays without an end."""
        return ValueError(
            "more than " + str(self.levels) + " modifiers, typedefs or arrays in a row: they form a cycle", type_id
        )

    def kind(self, type_id):
        """The kind of a type; 0 for void."""
        if type_id == 0:
            return 0
        return (self.words[self.positions[type_id - 1] + 1] >> 24) & 127

    def learn(self, type_id, depth):
        """Make a type known; `depth` counts the arrays and composites around it.  Returns the place of its facts."""
        place = self.place(type_id)
        if self.known[place]:
            return place
        target = type_id
        kind = self.kind(target)
        steps = 0
        while kinds.is_alias(kind):
            target = self.words[self.positions[target - 1] + 2]
            kind = self.kind(target)
            steps += 1
            if steps >= self.levels:
                raise self.cycle(target)
        size = self.sized(target)
        if depth > self.levels:
            raise ValueError("structs nested more than " + str(self.levels) + " deep", target)
        align = 1
        field = 0
        if kind == kinds.ARRAY:
            element = self.words[self.positions[target - 1] + 3]
            align = self.alignment_of(element, depth + 1)
        elif kind == kinds.STRUCT or kind == kinds.UNION:
            align = self.widest(target, depth)
        elif (
            kind == kinds.PTR or kind == kinds.INT or kind == kinds.FLOAT or kind == kinds.ENUM or kind == kinds.ENUM64
        ):
            align = size or 1
        if kind == kinds.INT:
            word = self.words[self.positions[target - 1] + 3]
            bits = word & 255
            if 0 < bits < 8 * size and not (word & 0x4000000 and bits == 1):  # a bool has one bit anyway
                field = (word >> 8) & 0xFF00 | bits
        self.targets[place] = target
        self.sizes[place] = size
        self.alignments[place] = align
        self.fields[place] = field
        self.known[place] = 1
        return place

    def alignment_of(self, type_id, depth):
        """The alignment of a type, which is learned first: that may move all facts to more room."""
        place = self.learn(type_id, depth)
        return self.alignments[place]

    def target_of(self, type_id):
        """A type without modifiers and typedefs around it."""
        place = self.learn(type_id, 0)
        return self.targets[place]

    def sized(self, type_id):
        """The size of a type in bytes, 0 for none."""
        factor = 1
        for _ in range(self.levels):
            kind = self.kind(type_id)
            if kind == 0:
                return 0
            at = self.positions[type_id - 1]
            if kind == kinds.PTR:
                size = self.pointer_size
            elif kind == kinds.ARRAY:
                size = self.words[at + 5]
            elif (
                (kinds.INT <= kind <= kinds.ENUM)
                or kind == kinds.DATASEC
                or kind == kinds.FLOAT
                or kind == kinds.ENUM64
            ):
                size = self.words[at + 2]
            elif kinds.is_alias(kind) or kind == kinds.VAR or kind == kinds.DECL_TAG:
                type_id = self.words[at + 2]
                continue
            else:
                return 0
            if size and factor > LONGEST // size:
                raise ValueError("an array of more than 2**56 bytes", type_id)
            factor *= size
            if kind != kinds.ARRAY:
                return factor
            type_id = self.words[at + 3]
        raise self.cycle(type_id)

    def widest(self, type_id, depth):
        """The natural alignment of a composite: that of its widest member."""
        at = self.positions[type_id - 1]
        end = at + 3 + 3 * (self.words[at + 1] & 0xFFFFFF)
        widest = 1
        at += 3
        while at < end:
            align = self.alignment_of(self.words[at + 1], depth + 1)
            if align > widest:
                widest = align
            at += 3
        return widest

    def measure(self, type_id):
        """Find the numbers of a composite, and the rows of its members."""
        words = self.words
        at = self.positions[type_id - 1]
        info = words[at + 1]
        count = info & 0xFFFFFF
        if count > len(self.rows) // part.ROW:
            self.rows = memoryview(bytearray(16 * part.ROW * count)).cast("q")
        rows = self.rows
        flag = info >> 31
        self.size = words[at + 2]
        self.forced = 0
        end = 0  # where the last member with a size ends, in bytes
        at += 3
        for number in range(count):
            member = words[at + 1]
            where = words[at + 2]
            at += 3
            place = self.learn(member, 0)
            size = self.sizes[place]
            bits = 0
            bit_offset = where
            if flag:
                bit_offset = where & 0xFFFFFF
                bits = where >> 24
            offset = bit_offset >> 3
            first_bit = 0
            field = self.fields[place]
            if field and not bits:
                bits = field & 255
                bit_offset += field >> 8
            if bits and size:
                kind = self.kind(self.targets[place])
                if kind == kinds.INT or kind == kinds.ENUM or kind == kinds.ENUM64:
                    offset = bit_offset // (8 * size) * size
                    first_bit = bit_offset - 8 * offset
            alignment = 0
            if offset > end:
                alignment = forced_alignment(offset, self.alignments[place], end, self.cacheline)
                if alignment:
                    self.forced += 1
            if size:
                end = offset + (((first_bit + bits + 7) >> 3) if bits else size)
            row = part.ROW * number
            rows[row + part.OFFSET] = offset
            rows[row + part.SIZE] = size
            rows[row + part.BIT_OFFSET] = bit_offset
            rows[row + part.BITS] = bits
            rows[row + part.FIRST_BIT] = first_bit
            rows[row + part.ALIGNMENT] = alignment
            rows[row + part.HOLE] = 0
            rows[row + part.BIT_HOLE] = 0
        self.natural_alignment = self.alignment_of(type_id, 0)
        self.alignment = forced_alignment(self.size, self.natural_alignment, end, self.cacheline)
        self.clear()
        if ((info >> 24) & 127) == kinds.STRUCT:  # a union has no gaps
            self.find_holes(count)
            self.packed = self.is_packed(self.positions[type_id - 1] + 3, count)

    def fields_of(self, type_id, names, spell):
        """The members of a composite that was measured last.

        `names` holds the name at each offset of a string that came up; `spell(offset)` gives a new one.
        """
        found = []
        rows = self.rows
        at = self.positions[type_id - 1]
        count = self.words[at + 1] & 0xFFFFFF
        for number in range(count):
            place = self.words[at + 3 + 3 * number]
            name = names.get(place)
            if name is None:
                name = spell(place)
                names[place] = name
            member = self.words[at + 4 + 3 * number]
            field = Field(name, member, self.kind(member))
            row = part.ROW * number
            field.offset = rows[row + part.OFFSET]
            field.size = rows[row + part.SIZE]
            field.bit_offset = rows[row + part.BIT_OFFSET]
            field.bits = rows[row + part.BITS]
            field.first_bit = rows[row + part.FIRST_BIT]
            field.alignment = rows[row + part.ALIGNMENT]
            field.hole = rows[row + part.HOLE]
            field.bit_hole = rows[row + part.BIT_HOLE]
            found.append(field)
        return found

    def find_holes(self, count):
        """Find the gaps between the `count` members of a struct.  Positions in bits."""
        rows = self.rows
        seen = 0  # where the last member ended
        in_bits = False
        unit_end = 8 * self.size  # the current storage unit of bitfields
        unit_bits = 0
        for number in range(count):
            row = part.ROW * number
            start = rows[row + part.BIT_OFFSET]
            bits = rows[row + part.BITS]
            size = rows[row + part.SIZE]
            offset = rows[row + part.OFFSET]
            end = start + (bits or 8 * size)
            hole = 0
            bit_hole = 0
            if in_bits:  # unused bits at the end of a unit
                limit = start if start < unit_end else unit_end
                bit_hole = limit - seen
                seen = limit
            if bits:
                self.sum_bits += bits
                unit = 8 * offset
                if seen < unit <= start:
                    hole = offset - (seen >> 3)
                    seen = unit
                bit_hole += start - seen
                in_bits = True
                if end > unit_end or 8 * size > unit_bits:
                    unit_bits = 8 * size
                    unit_end = unit + unit_bits
                    if end > unit_end:
                        unit_end += unit_bits
            else:
                self.sum_members += size
                hole = (start >> 3) - (seen >> 3)
                in_bits = False
                unit_bits = 0
                unit_end = end
            seen = end
            if number == 0:
                self.pre_hole = hole
                self.pre_bit_hole = bit_hole
            else:
                rows[row - part.ROW + part.HOLE] = hole
                rows[row - part.ROW + part.BIT_HOLE] = bit_hole
            if hole:
                self.holes += 1
                if hole > 0:
                    self.sum_holes += hole
            if bit_hole:
                self.bit_holes += 1
                self.sum_bit_holes += bit_hole
        if in_bits:
            limit = 8 * self.size
            if unit_end < limit:
                limit = unit_end
            self.bit_padding = limit - seen
            seen = limit
        self.padding = self.size - (seen >> 3)

    def is_packed(self, at, count):
        """Whether compilers use this layout only with a packed attribute; the first member is at `at` in the words."""
        if self.padding or self.holes:
            return False
        widest = 1
        for number in range(count):
            natural = self.alignment_of(self.words[at + 1 + 3 * number], 0)
            if self.rows[part.ROW * number + part.OFFSET] % natural:
                return True
            if natural > widest:
                widest = natural
        return self.size % widest != 0
