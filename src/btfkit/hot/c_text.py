"""Types as C: forward declarations, definitions and declarators, as text in a buffer.

The form of the text follows libbpf 1.8 (btf_dump_emit_struct_def, btf_dump_emit_type_chain, btf_dump_emit_bit_padding and the
functions that they call), with explicit stacks in place of recursion.  `c_order.py` plans the declarations, `c_layout.py`
computes sizes.
"""

from btfkit.hot import kinds
from btfkit.hot.c_buffer import Buffer, NameCounts

FORWARD = 1  # in a step of a plan, beside 2 * id
TYPE_NAME = 0x80000000  # in the number of a name that a chain declares: it is that of a type

# frames of `run`: the parts of a declaration that are still to be written
CHAIN = 1  # (kind, where its part of `chain` begins, name, number, level, whether the last word was a *)
MEMBERS = 2  # (kind, type, next member, offset in bits, whether the last was a bitfield, level)
DIMENSION = 3  # (kind, count, whether a parenthesis is open)
PARAMETERS = 4  # (kind, type, next parameter, whether a parenthesis is open, level)
FRAME = 8

UNSIGNED = {b"__Poly8_t": b"char", b"__Poly16_t": b"short", b"__Poly64_t": b"long long", b"__Poly128_t": b"__int128"}
WORD = 0xFFFFFFFF  # named, because literals of that size are Python objects in compiled code
ABOVE = 1 << 32


def write(writer, plan, first, enough):
    """Write the steps `plan[first:]` until there are `enough` bytes; returns the step to continue with."""
    count = len(plan)
    while first < count and writer.at < enough:
        writer.emit(plan[first])
        first += 1
    return first


def prototype(writer, proto, name):
    """Write the declaration of a function: the id of its prototype, and the offset of its name."""
    writer.declare(proto, name, 0, 0)


class Writer(Buffer):
    """The text being written, and the declarations so far.

    `positions[i]` is the record of type `i + 1`; `aligns` and `sizes` come from `c_layout.natural`.  `spaced` has 256 bytes,
    the form in which each byte of an INT's name is written.  With `inline` an unnamed member is spelled out even if its type
    has a name, which is not standard C.  `guards` (bytes, by id) marks the types that only compilers before C23 read, between
    `guard` and `#endif`.  `steps` is the largest number of types to visit; more raise OverflowError.  `Buffer`
    documents the other arguments.
    """

    def __init__(
        self,
        words,
        positions,
        strings,
        aligns,
        sizes,
        pointer_size,
        shown,
        spaced,
        attributed,
        literal,
        inline,
        marks,
        guards,
        guard,
        prefix,
        suffix,
        steps,
        most,
    ):
        Buffer.__init__(self, strings, shown, attributed, literal, most, 8 * pointer_size, marks, prefix, suffix)
        self.guards = guards
        self.guard = guard
        self.words = words
        self.positions = positions
        self.aligns = aligns
        self.sizes = sizes
        self.spaced = spaced
        self.inline = inline
        self.steps = steps
        # the number of each type among those of its name, 0 until it is asked for
        self.numbers = memoryview(bytearray(4 * (len(positions) + 1))).cast("I")
        self.tags = NameCounts()
        self.idents = NameCounts()
        self.frames = memoryview(bytearray(8 * FRAME * 32)).cast("q")
        self.depth = 0  # of frames
        self.chain = memoryview(bytearray(4 * 64)).cast("I")
        self.top = 0  # of chain

    # ---- names --------------------------------------------------------------------------------------------------------

    def number(self, type_id, idents):
        """The number of a type among those of its name, counted at its first use."""
        number = self.numbers[type_id]
        if number:
            return number
        number = 1
        at = self.positions[type_id - 1]
        offset = self.words[at]
        info = self.words[at + 1]
        kind = (info >> 24) & 127
        if offset and kind != kinds.FWD and not (kind == kinds.ENUM and info & 0xFFFFFF == 0):
            names = self.idents if idents else self.tags
            number = names.count(self.strings, self.shown, offset)
        self.numbers[type_id] = number
        return number

    def put_type_name(self, type_id, idents):
        """Write the name of a type, with its number."""
        name = self.words[self.positions[type_id - 1]]
        number = self.number(type_id, idents)
        if number < 2 and self.guards[type_id]:
            self.put_spelled(name, self.shown)
        else:
            self.put_affixed(name, number)

    def claim(self, type_id):
        """Count the names of a type that is declared elsewhere, and has them there without a number."""
        words = self.words
        at = self.positions[type_id - 1]
        kind = (words[at + 1] >> 24) & 127
        self.number(type_id, kind == kinds.TYPEDEF)
        self.numbers[type_id] = 1
        if kind == kinds.ENUM or kind == kinds.ENUM64:
            step = 2 if kind == kinds.ENUM else 3
            for index in range(words[at + 1] & 0xFFFFFF):
                self.idents.count(self.strings, self.shown, words[at + 3 + step * index])

    # ---- declarations of their own ------------------------------------------------------------------------------------

    def emit(self, step):
        """Write one step of a plan (`c_order.plan`): the definition of a type or, with FORWARD, its forward declaration."""
        type_id = step >> 1
        kind = (self.words[self.positions[type_id - 1] + 1] >> 24) & 127
        if self.guards[type_id] and not self.plain and self.number(type_id, kind == kinds.TYPEDEF) < 2:
            self.put(self.guard)
            self.plain = True
            self.emit(step)
            self.plain = False
            self.at -= 1  # the empty line
            self.put(b"#endif\n\n")
            return
        if kind == kinds.TYPEDEF:
            self.put_typedef(type_id)
            return
        if kind == kinds.INT:
            self.put_alias(type_id)
            return
        if kind == kinds.FWD or step & FORWARD:
            self.put_reference(type_id)
        elif kind == kinds.STRUCT or kind == kinds.UNION:
            self.open_composite(type_id, 0)
            self.run()
        else:
            at = self.positions[type_id - 1]
            if not self.literal and self.words[at] == 0 and self.words[at + 1] & 0xFFFFFF == 0:
                return  # an enum without a name and values declares nothing
            self.put_enum(type_id, 0)
        self.put(b";\n\n")

    def put_reference(self, type_id):
        """Write a tag with its name: `struct file`."""
        at = self.positions[type_id - 1]
        info = self.words[at + 1]
        kind = (info >> 24) & 127
        if kind == kinds.FWD:
            self.put(b"union " if info >> 31 else b"struct ")
        elif kind == kinds.STRUCT:
            self.put(b"struct " if self.words[at] else b"struct")
        elif kind == kinds.UNION:
            self.put(b"union " if self.words[at] else b"union")
        else:
            self.put(b"enum ")
        self.put_type_name(type_id, False)

    def put_typedef(self, type_id):
        """Write a typedef, except the one that compilers provide."""
        at = self.positions[type_id - 1]
        name = self.words[at]
        if name and self.spells(name, b"__builtin_va_list"):
            return
        number = self.number(type_id, True)
        if self.words[at + 2] == 0 and number < 2 and name and self.spells(name, b"__gnuc_va_list"):
            self.put(b"typedef __builtin_va_list __gnuc_va_list;\n\n")
            return
        self.put(b"typedef ")
        self.declare(self.words[at + 2], name, number | TYPE_NAME, 0)
        self.put(b";\n\n")

    def put_alias(self, type_id):
        """Write a typedef in place of an INT that only one compiler has."""
        name = self.words[self.positions[type_id - 1]]
        number = self.number(type_id, False)
        if number < 2 and name and self.strings[name] == 95 and self.strings[name + 1] == 95:
            for poly, base in UNSIGNED.items():
                if self.spells(name, poly):
                    self.put(b"typedef unsigned ")
                    self.put(base)
                    self.put(b" ")
                    self.put(poly)
                    self.put(b";\n\n")

    def put_enum(self, type_id, level):
        """Write an enum with its enumerators."""
        words = self.words
        at = self.positions[type_id - 1]
        info = words[at + 1]
        kind = (info >> 24) & 127
        vlen = info & 0xFFFFFF
        self.put(b"enum " if words[at] else b"enum")
        self.put_type_name(type_id, False)
        if vlen == 0:
            return
        self.put(b" {")
        step = 2 if kind == kinds.ENUM else 3
        wide = False
        here = at + 3
        for _ in range(vlen):
            self.put_line(level + 1)
            number = self.idents.count(self.strings, self.shown, words[here])
            if self.affixed:
                self.put_affixed(words[here], number)
            elif self.marks[words[here]] and number < 2:
                self.put_name(words[here], number)
            else:
                self.put_spelled(words[here], self.shown)
            if number > 1 and not self.affixed:
                self.put(b"___")
                self.put_number(number)
            self.put(b" = ")
            value = words[here + 1]
            if step == 3:
                high = words[here + 2]
                if high:
                    wide = True
                if info >> 31 and high >> 31:
                    self.put(b"-")
                    high = WORD - high
                    value = ABOVE - value
                value += high << 32
                self.put_number(value)
                self.put(b"LL," if info >> 31 else b"ULL,")
            else:
                if info >> 31 and value >> 31:
                    self.put(b"-")
                    value = ABOVE - value
                self.put_number(value)
                self.put(b",")
            here += step
        self.put_line(level)
        self.put(b"}")
        if words[at + 2] == 1:
            self.put(b" __attribute__((mode(byte)))")
        elif words[at + 2] == 8 and self.long_bits == 64 and not wide:
            self.put(b" __attribute__((mode(word)))")

    # ---- definitions and declarators --------------------------------------------------------------------------------

    def declare(self, type_id, name, number, level):
        """Write the declaration of `name` (an offset, 0 for none) as something of a type."""
        self.open_chain(type_id, name, number, level)
        self.run()

    def push(self, kind):
        """Add a frame, zeroed except for its kind; returns where it begins."""
        here = FRAME * self.depth
        if here == len(self.frames):
            larger = memoryview(bytearray(2 * 8 * here)).cast("q")
            larger[:here] = self.frames
            self.frames = larger
        self.depth += 1
        self.frames[here] = kind
        for slot in range(1, FRAME):
            self.frames[here + slot] = 0
        return here

    def open_composite(self, type_id, level):
        """Write the head of a composite; `run` continues with its members."""
        self.put_reference(type_id)
        self.open_members(type_id, level)

    def open_unnamed(self, type_id, level):
        """Write the head of the composite that an unnamed member holds, if the composite has a name; otherwise nothing."""
        words = self.words
        while type_id:
            at = self.positions[type_id - 1]
            kind = (words[at + 1] >> 24) & 127
            if kinds.is_alias(kind):
                type_id = words[at + 2]
                continue
            if (kind == kinds.STRUCT or kind == kinds.UNION) and words[at]:
                self.put(b"struct" if kind == kinds.STRUCT else b"union")
                self.open_members(type_id, level)
                return True
            return False
        return False

    def open_members(self, type_id, level):
        """Begin the members of a composite."""
        self.put(b" {")
        here = self.push(MEMBERS)
        self.frames[here + 1] = type_id
        self.frames[here + 5] = level

    def open_chain(self, type_id, name, number, level):
        """Collect the chain from a type to the one that a declaration begins with; `run` continues from there."""
        words = self.words
        here = self.push(CHAIN)
        self.frames[here + 1] = self.top
        self.frames[here + 2] = name
        self.frames[here + 3] = number
        self.frames[here + 4] = level
        self.frames[here + 5] = 1
        while True:
            self.steps -= 1
            if self.steps < 0:
                raise OverflowError("steps")
            if self.top == len(self.chain):
                larger = memoryview(bytearray(2 * 4 * self.top)).cast("I")
                larger[: self.top] = self.chain
                self.chain = larger
            self.chain[self.top] = type_id
            self.top += 1
            if type_id == 0:
                return
            at = self.positions[type_id - 1]
            kind = (words[at + 1] >> 24) & 127
            if kind == kinds.ARRAY:
                type_id = words[at + 3]
            elif kind == kinds.PTR or kind == kinds.FUNC_PROTO or kinds.is_modifier(kind):
                type_id = words[at + 2]
            else:
                return

    def run(self):
        """Write the contents of the frames, until none is left."""
        while self.depth:
            here = FRAME * (self.depth - 1)
            kind = self.frames[here]
            if kind == CHAIN:
                self.run_chain(here)
            elif kind == MEMBERS:
                self.run_members(here)
            elif kind == PARAMETERS:
                self.run_parameters(here)
            else:
                if self.frames[here + 2]:
                    self.put(b")")
                self.put(b"[")
                self.put_number(self.frames[here + 1])
                self.put(b"]")
                self.depth -= 1

    def run_chain(self, here):
        """Write a declaration from its type outwards, until an inner part has to be written first."""
        words = self.words
        frames = self.frames
        start = frames[here + 1]
        level = frames[here + 4]
        pointer = frames[here + 5]
        while self.top > start:
            self.top -= 1
            type_id = self.chain[self.top]
            if type_id == 0:
                self.put_qualifiers(start)
                self.put(b"void")
                pointer = 0
                continue
            at = self.positions[type_id - 1]
            info = words[at + 1]
            kind = (info >> 24) & 127
            if kind == kinds.PTR:
                self.put(b"*" if pointer else b" *")
                pointer = 1
                continue
            if kind == kinds.INT or kind == kinds.FLOAT:
                self.put_qualifiers(start)
                self.put_spelled(words[at], self.spaced)
            elif kind == kinds.TYPEDEF:
                self.put_qualifiers(start)
                self.put_type_name(type_id, True)
            elif kinds.STRUCT <= kind <= kinds.FWD or kind == kinds.ENUM64:
                self.put_qualifiers(start)
                if words[at] or kind == kinds.FWD:
                    self.put_reference(type_id)
                elif kind == kinds.ENUM or kind == kinds.ENUM64:
                    self.put_enum(type_id, level)
                else:
                    frames[here + 5] = 0
                    self.open_composite(type_id, level)
                    return
            elif kind == kinds.TYPE_TAG:
                self.put_qualifiers(start)
                self.put_tag(words[at], info >> 31)
            elif kind == kinds.VOLATILE:
                self.put(b" volatile")
            elif kind == kinds.CONST:
                self.put(b" const")
            elif kind == kinds.RESTRICT:
                self.put(b" restrict")
            elif kind == kinds.ARRAY:
                self.drop_qualifiers(start)
                if self.top == start:
                    self.put_own_name(here, pointer)
                    self.put(b"[")
                    self.put_number(words[at + 5])
                    self.put(b"]")
                    self.depth -= 1
                    return
                type_id = self.chain[self.top - 1]
                kind = (words[self.positions[type_id - 1] + 1] >> 24) & 127 if type_id else 0
                if not pointer and frames[here + 2] and self.strings[frames[here + 2]]:
                    self.put(b" ")
                if kind != kinds.ARRAY:
                    self.put(b"(")
                self.within(here)
                self.frames[here] = DIMENSION
                self.frames[here + 1] = words[at + 5]
                self.frames[here + 2] = kind != kinds.ARRAY
                return
            elif kind == kinds.FUNC_PROTO:
                self.drop_qualifiers(start)
                if self.top > start:
                    self.put(b" (")
                    self.within(here)
                else:
                    self.put_own_name(here, pointer)
                    self.put(b"(")
                frames = self.frames
                frames[here] = PARAMETERS
                frames[here + 1] = type_id
                frames[here + 2] = 0
                frames[here + 3] = self.depth > here // FRAME + 1
                frames[here + 4] = level
                return
            else:  # a function, a variable or a section, which cannot be the type of a declaration
                self.top = start
                self.depth -= 1
                return
            pointer = 0
        self.put_own_name(here, pointer)
        self.depth -= 1

    def within(self, here):
        """Write the rest of a frame's chain in a new frame above it."""
        inner = self.push(CHAIN)
        frames = self.frames
        for slot in range(1, 5):
            frames[inner + slot] = frames[here + slot]
        frames[inner + 5] = 1

    def put_own_name(self, here, pointer):
        """Write the name that a chain declares."""
        name = self.frames[here + 2]
        if name and self.strings[name]:
            if not pointer:
                self.put(b" ")
            number = self.frames[here + 3]
            if number & TYPE_NAME:
                self.put_affixed(name, number & ~TYPE_NAME)
            else:
                self.put_name(name, number)

    def put_qualifiers(self, start):
        """Write the qualifiers that come next, before the type that they qualify."""
        while self.top > start:
            type_id = self.chain[self.top - 1]
            kind = (self.words[self.positions[type_id - 1] + 1] >> 24) & 127 if type_id else 0
            if kind == kinds.CONST:
                self.put(b"const ")
            elif kind == kinds.VOLATILE:
                self.put(b"volatile ")
            elif kind == kinds.RESTRICT:
                self.put(b"restrict ")
            else:
                return
            self.top -= 1

    def drop_qualifiers(self, start):
        """Skip the qualifiers and tags that come next."""
        while self.top > start:
            type_id = self.chain[self.top - 1]
            kind = (self.words[self.positions[type_id - 1] + 1] >> 24) & 127 if type_id else 0
            if not kinds.is_modifier(kind):
                return
            self.top -= 1

    def run_parameters(self, here):
        """Write the next parameter of a prototype, or its end."""
        words = self.words
        frames = self.frames
        at = self.positions[frames[here + 1] - 1]
        vlen = words[at + 1] & 0xFFFFFF
        index = frames[here + 2]
        if index == 0:
            if frames[here + 3]:
                self.put(b")(")
            if vlen == 0 or (vlen == 1 and words[at + 4] == 0):
                self.put(b"void)")
                self.depth -= 1
                return
        if index == vlen:
            self.put(b")")
            self.depth -= 1
            return
        if index:
            self.put(b", ")
        frames[here + 2] = index + 1
        name = words[at + 3 + 2 * index]
        type_id = words[at + 4 + 2 * index]
        if index == vlen - 1 and type_id == 0:
            self.put(b"...")
        else:
            self.open_chain(type_id, name, 0, frames[here + 4])

    def put_union_end(self, type_id, size, level):
        """Write a member without a name of `size` bits, if the members of a union are smaller than it is."""
        words = self.words
        at = self.positions[type_id - 1]
        info = words[at + 1]
        align = self.aligns[type_id] & 63
        if align == 0:
            align = 1
        largest = 0
        for index in range(info & 0xFFFFFF):
            bits = words[at + 5 + 3 * index] >> 24 if info >> 31 else 0
            if bits == 0:
                bits = self.sizes[words[at + 4 + 3 * index]]
                bits *= 8
            if bits > largest:
                largest = bits
        align *= 8
        largest += align - 1
        largest -= largest % align
        if (info >> 24) & 127 != kinds.UNION or largest >= size:
            return
        self.put_filler(size, align, level)

    def run_members(self, here):
        """Write the end of a member and the next member up to its declaration, or the end of the composite."""
        words = self.words
        frames = self.frames
        type_id = frames[here + 1]
        at = self.positions[type_id - 1]
        info = words[at + 1]
        vlen = info & 0xFFFFFF
        index = frames[here + 2]
        level = frames[here + 5]
        packed = self.aligns[type_id] >> 7
        if index:
            if info >> 31:
                bits = words[at + 2 + 3 * index] >> 24
                if bits:
                    self.put(b": ")
                    self.put_number(bits)
            self.put(b";")
        if index < vlen:
            member = words[at + 4 + 3 * index]
            offset = words[at + 5 + 3 * index]
            bits = 0
            if info >> 31:
                bits = offset >> 24
                offset &= 0xFFFFFF
            align = 1 if packed else self.aligns[member] & 63
            if frames[here + 3] < offset:
                self.put_padding(frames[here + 3], offset, align, frames[here + 4] != 0 and bits != 0, level + 1)
            frames[here + 2] = index + 1
            size = bits
            if bits == 0:
                size = self.sizes[member]
                size *= 8
            frames[here + 3] = offset + size
            frames[here + 4] = bits != 0
            self.put_line(level + 1)
            if not (self.inline and words[at + 3 + 3 * index] == 0 and self.open_unnamed(member, level + 1)):
                self.open_chain(member, words[at + 3 + 3 * index], 0, level + 1)
            return
        size = words[at + 2]
        size *= 8
        if (info >> 24) & 127 == kinds.STRUCT and frames[here + 3] < size:
            self.put_padding(frames[here + 3], size, self.aligns[type_id] & 63, False, level + 1)
        elif self.inline and size:
            self.put_union_end(type_id, size, level + 1)
        if vlen or size:
            self.put_line(level)
        self.put(b"}")
        if packed:
            align = self.aligns[type_id] & 63
            if align > 1:
                self.put(b" __attribute__((packed, aligned(")
                self.put_number(align)
                self.put(b")))")
            else:
                self.put(b" __attribute__((packed))")
        self.depth -= 1
