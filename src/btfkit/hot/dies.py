# cython: initializedcheck=False
"""One pass over the DIEs of a unit: types, functions and variables, as local records of an `Interner`.

A type inside an open structure, enumeration or prototype is put off until that is complete; all other DIEs are decoded once, in
order.  Source: DWARF 5 (and 2 to 4); which DIE becomes what: docs/encode.md.
"""

from btfkit.hot import codes, kinds
from btfkit.hot.abbreviations import Abbreviations  # noqa: F401
from btfkit.hot.attributes import Attributes
from btfkit.hot.interning import Interner  # noqa: F401
from btfkit.hot.locations import Locations  # noqa: F401

LONG = 0xFFFFFFFFFFFFFFFF
WORD = 0xFFFFFFFF
FLAG = 0x80000000
SYNTHETIC = 0x80000000
DEEPEST = 256
ALIAS = 127
MOST_ELEMENTS = 0xFFFF

# What is open: parents from OPEN_STRUCT on take no type between their parts.
OPEN_OTHER = 0
OPEN_UNIT = 1
OPEN_FUNCTION = 2
OPEN_SKIPPED = 3
OPEN_STRUCT = 4
OPEN_ENUM = 5
OPEN_PROTO = 6
OPEN_ARRAY = 7
OPEN_REFERENCE = 8
OPEN_MEMBER = 9
OPEN_PARAMETER = 10
OPEN_VARIABLE = 11

ATE_COMPLEX = 3
ATE_BOOLEAN = 2
ATE_FLOAT = 4
ATE_SIGNED = 5
ATE_SIGNED_CHAR = 6
ATE_IMAGINARY = 9


class Reader(Attributes):
    """Reads units into `types`.

    `ranges` are pairs of addresses (from, below) of the variables that are wanted; `variables` has (name, type token, flags,
    address, group, DIE, the DIE it completes).
    """

    def __init__(self, types, big):
        Attributes.__init__(self, types, big)
        self.want_floats = True
        self.want_enum64 = True
        self.want_type_tags = True
        self.want_decl_tags = True
        self.clang = False
        self.force = False
        self.ranges = memoryview(bytearray(0)).cast("Q")
        self.variables = []
        self.located_at = 0
        self.warnings = {}
        self.dies = 0
        self.open = bytearray(DEEPEST + 1)
        self.opened = memoryview(bytearray(4 * (DEEPEST + 1))).cast("I")
        self.part = memoryview(bytearray(4 * (DEEPEST + 1))).cast("I")
        self.later = memoryview(bytearray(4096)).cast("I")
        self.put_off = 0
        self.unit_variables = []

    # ---- the walk --------------------------------------------------------------------------------------------------

    def walk(self, at, table):
        """Read all DIEs of the unit, whose own is at `at`."""
        types = self.types
        first = table.first
        data = self.data
        end = self.end
        depth = 0
        inside = 0
        pending = 0
        begun = False
        self.put_off = 0
        self.at = at
        while True:
            if (depth == 0 and begun) or self.at >= end:
                if depth:
                    depth = 0
                inside = 0
                if pending >= self.put_off:
                    break
                self.at = self.later[pending]
                pending += 1
            begun = True
            place = self.at
            self.place = place
            self.dies += 1
            code = data[place]
            self.at = place + 1
            if code >= 128:
                self.at = place
                code = self.uleb()
            if code == 0:
                if depth:
                    depth -= 1
                    if depth < inside:
                        inside = 0
                continue
            if code >= len(first) or first[code] == 0:
                raise ValueError("no abbreviation " + str(code))
            self.decode(table, first[code])
            tag = table.classes[code]
            parents = table.parents[code]
            parent = self.open[depth - 1] if depth else OPEN_OTHER
            opens = OPEN_OTHER
            subject = 0
            part = 0
            kind = tag & 31
            if kind == codes.OTHER or parent == OPEN_SKIPPED:
                if parent == OPEN_SKIPPED:
                    opens = OPEN_SKIPPED
            elif kind == codes.MEMBER:
                if parent == OPEN_STRUCT:
                    part = self.member(self.opened[depth - 1])
                    subject = self.opened[depth - 1]
                    opens = OPEN_MEMBER if part != WORD else OPEN_OTHER
            elif kind == codes.PARAMETER or kind == codes.VARIADIC:
                if parent == OPEN_FUNCTION:
                    opens = OPEN_PARAMETER
                    subject = self.opened[depth - 1]
                    part = types.functions[subject + 5]
                    if kind == codes.VARIADIC:
                        types.functions[subject + 4] |= codes.VARARGS
                        opens = OPEN_OTHER
                    else:
                        self.parameter(subject)
                elif parent == OPEN_PROTO:
                    self.count_part(self.opened[depth - 1])
                    types.append(
                        self.opened[depth - 1],
                        self.name_of(codes.NAME) if kind == codes.PARAMETER else 0,
                        self.reference(codes.TYPE) if kind == codes.PARAMETER else 0,
                    )
            elif kind == codes.ENUMERATOR:
                if parent == OPEN_ENUM:
                    self.enumerator(self.opened[depth - 1])
            elif kind == codes.SUBRANGE and parent == OPEN_ARRAY:
                self.dimension(depth - 1)
            elif kind == codes.SUBPROGRAM:
                if parent >= OPEN_STRUCT or inside:
                    self.postpone(place)
                    opens = OPEN_SKIPPED
                else:
                    subject = self.subprogram(place)
                    opens = (
                        OPEN_OTHER if self.has(codes.DECLARATION) and self.values[codes.DECLARATION] else OPEN_FUNCTION
                    )
                    inside = depth + 1
            elif kind == codes.VARIABLE:
                if parent == OPEN_UNIT:
                    subject = self.variable(place)
                    opens = OPEN_VARIABLE
            elif kind == codes.NOTE:
                if parent >= OPEN_STRUCT or parent == OPEN_FUNCTION:
                    self.note(parent, self.opened[depth - 1], self.part[depth - 1])
            elif kind == codes.NOTE_DIE:
                self.note_die(place)
            elif kind == codes.IMPORT:
                self.reference(codes.IMPORTED)
            elif kind == codes.UNIT:
                opens = OPEN_UNIT if depth == 0 else OPEN_OTHER
            elif parent >= OPEN_STRUCT:
                self.postpone(place)
                opens = OPEN_SKIPPED
            else:
                subject = self.type(place, kind, tag >> 5)
                if kind == codes.COMPOSITE:
                    opens = OPEN_STRUCT
                elif kind == codes.ENUMERATION:
                    opens = OPEN_ENUM
                elif kind == codes.SUBROUTINE:
                    opens = OPEN_PROTO
                elif kind == codes.ARRAY_TYPE:
                    opens = OPEN_ARRAY
                    part = 0
                elif kind == codes.REFERENCE:
                    opens = OPEN_REFERENCE
                what = (types.words[types.at[subject] + 1] >> 24) & 127 if subject else 0
                if subject == 0 or what == kinds.FWD or what == ALIAS:
                    opens = OPEN_OTHER
            if parents:
                if depth >= DEEPEST:
                    raise ValueError("DIEs nested more than 256 deep")
                self.open[depth] = opens
                self.opened[depth] = subject
                self.part[depth] = part
                depth += 1

    def postpone(self, place):
        """Read the DIE at `place` when the rest of the unit is read."""
        if self.put_off >= len(self.later):
            later = memoryview(bytearray(8 * len(self.later))).cast("I")
            for k in range(self.put_off):
                later[k] = self.later[k]
            self.later = later
        self.later[self.put_off] = place
        self.put_off += 1

    # ---- types -----------------------------------------------------------------------------------------------------

    def type(self, place, kind, variant):
        """Add the type at `place`; returns its number, 0 if it has no parts that matter."""
        types = self.types
        if kind == codes.REFERENCE:
            number = types.add(place, 0, 0, self.reference(codes.TYPE))
            what = kinds.PTR
            if variant == 4:
                what = kinds.TYPEDEF
                types.words[types.at[number]] = self.name_of(codes.NAME)
            elif variant:
                what = kinds.CONST if variant == 1 else kinds.VOLATILE if variant == 2 else kinds.RESTRICT
            types.words[types.at[number] + 1] = what << 24
            if (self.have >> codes.ANNOTATION) & 1:
                if variant == 0 and self.want_type_tags:
                    types.noted.append((1, number, 0, self.reference(codes.ANNOTATION)))
                elif variant == 4 and self.want_decl_tags:
                    types.noted.append((0, number, WORD, self.reference(codes.ANNOTATION)))
        elif kind == codes.COMPOSITE:
            number = self.composite(place, variant)
        elif kind == codes.BASE:
            number = self.base(place)
        elif kind == codes.ARRAY_TYPE:
            number = types.add(place, 0, kinds.ARRAY << 24, 0)
            types.append(number, self.reference(codes.TYPE), 0)
            types.append_word(number, 0, 0)
            types.words[types.used - 1] = 0
        elif kind == codes.SUBROUTINE:
            number = types.add(place, 0, kinds.FUNC_PROTO << 24, self.reference(codes.TYPE))
        elif kind == codes.ENUMERATION:
            number = self.enumeration(place)
        elif kind == codes.UNSPECIFIED:
            number = 0
        elif kind == codes.ATOMIC or kind == codes.SUBRANGE:
            if kind == codes.ATOMIC:
                self.warn("atomic")
            number = types.add(place, 0, ALIAS << 24, self.reference(codes.TYPE))
        else:
            if not self.force:
                raise ValueError("a type that BTF cannot express")
            self.warn("unsupported")
            if variant == 1:
                number = types.add(place, 0, kinds.PTR << 24, self.reference(codes.TYPE))
            else:
                number = types.add(place, 0, kinds.STRUCT << 24, self.number(codes.BYTE_SIZE) & WORD)
        types.put(place, number)
        return number

    def warn(self, what):
        """Count something that is done otherwise than DWARF says."""
        self.warnings[what] = self.warnings.get(what, 0) + 1

    def base(self, place):
        """Add a base type."""
        types = self.types
        size = self.number(codes.BYTE_SIZE)
        encoding = self.number(codes.ENCODING)
        name = self.name_of(codes.NAME)
        if self.want_floats:
            if encoding == ATE_FLOAT and (size == 2 or size == 4 or size == 8 or size == 12 or size == 16):
                return types.add(place, name, kinds.FLOAT << 24, size)
            if encoding in (ATE_COMPLEX, ATE_IMAGINARY, ATE_FLOAT):
                self.warn("complex")
                return types.add(place, name, kinds.STRUCT << 24, size & WORD)
        if size > 16:
            if size > WORD:
                raise ValueError("a base type of more than 4 GiB")
            self.warn("wide")
            return types.add(place, name, kinds.STRUCT << 24, size & WORD)
        flags = 0
        if encoding in (ATE_SIGNED, ATE_SIGNED_CHAR):
            flags = 1
        elif encoding == ATE_BOOLEAN:
            flags = 4
        if size == 0 or size & (size - 1):
            fake = b"__SANITIZED_FAKE_INT__\0"
            name = self.spelled(memoryview(fake), 0)
            size = 4
        number = types.add(place, name, kinds.INT << 24, size)
        types.append_word(number, flags << 24 | size * 8, 0)
        return number

    def composite(self, place, union):
        """Add a struct or union, or a declaration of one."""
        types = self.types
        if (self.have >> codes.SIGNATURE) & 1:
            return types.add(place, 0, ALIAS << 24, self.reference(codes.SIGNATURE))
        name = self.name_of(codes.NAME)
        what = kinds.UNION if union else kinds.STRUCT
        size = self.number(codes.BYTE_SIZE)
        if self.number(codes.DECLARATION):
            if name:
                return types.add(place, name, kinds.FWD << 24 | (FLAG if union else 0), 0)
            size = 0
        if size > WORD:
            raise ValueError("a structure of more than 4 GiB")
        number = types.add(place, name, what << 24, size)
        if name == 0 and (self.have >> codes.SPECIFICATION) & 1:
            types.named_elsewhere.append((number, self.reference(codes.SPECIFICATION)))
        if (self.have >> codes.ANNOTATION) & 1 and self.want_decl_tags:
            types.noted.append((0, number, WORD, self.reference(codes.ANNOTATION)))
        return number

    def count_part(self, number):
        """Count another member, enumerator or parameter of a type."""
        types = self.types
        at = types.at[number] + 1
        if types.words[at] & 0xFFFFFF >= MOST_ELEMENTS:
            raise ValueError("a type of more than 65535 members")
        types.words[at] += 1

    def member(self, number):
        """Add a member to a struct or union; returns its number, WORD if it is none (a static one)."""
        types = self.types
        at = types.at[number] + 1
        have = self.have
        union = (types.words[at] >> 24) & 127 == kinds.UNION
        offset = 0
        bits = self.number(codes.BIT_SIZE)
        if (have >> codes.DATA_BIT_OFFSET) & 1:
            offset = self.values[codes.DATA_BIT_OFFSET]
        elif (have >> codes.MEMBER_LOCATION) & 1:
            offset = self.member_offset()
        elif not union and (
            types.words[at] & 0xFFFFFF or self.number(codes.EXTERNAL) or self.number(codes.DECLARATION)
        ):
            return WORD
        reference = self.reference(codes.TYPE)
        if bits and (have >> codes.DATA_BIT_OFFSET) & 1 == 0 and (have >> codes.BIT_OFFSET) & 1:
            offset = (offset + self.old_bit_offset(bits, reference)) & WORD
        if offset > LONG >> 32:
            raise ValueError("a member at an offset of more than 2**32 bits")
        if bits > 255:
            raise ValueError("a bit-field of more than 255 bits")
        self.count_part(number)
        if bits:
            types.words[types.at[number] + 1] |= FLAG
        types.append(number, self.name_of(codes.NAME), reference)
        types.append_word(number, offset, bits)
        part = (types.words[types.at[number] + 1] & 0xFFFFFF) - 1
        if (have >> codes.ANNOTATION) & 1 and self.want_decl_tags:
            types.noted.append((0, number, part, self.reference(codes.ANNOTATION)))
        return part

    def old_bit_offset(self, bits, reference):
        """What DW_AT_bit_offset (DWARF 2 and 3) adds to the offset of a member; its storage is that of the member or its type."""
        offset = self.values[codes.BIT_OFFSET]
        if self.big:
            return offset
        storage = self.number(codes.BYTE_SIZE)
        if storage == 0:
            self.types.storage.append((self.types.used + 2, reference))
            return (0 - offset - bits) & WORD
        return (storage * 8 - offset - bits) & WORD

    def enumeration(self, place):
        """Add an enumeration."""
        types = self.types
        if (self.have >> codes.SIGNATURE) & 1:
            return types.add(place, 0, ALIAS << 24, self.reference(codes.SIGNATURE))
        size = self.number(codes.BYTE_SIZE)
        if size == 0:
            size = 4
        if size > 8:
            raise ValueError("an enumeration of more than 8 bytes")
        what = kinds.ENUM64 if size > 4 and self.want_enum64 else kinds.ENUM
        number = types.add(place, self.name_of(codes.NAME), what << 24, size)
        if what == kinds.ENUM64 and (self.have >> codes.TYPE) & 1:
            types.signs.append((number, self.reference(codes.TYPE)))
        return number

    def enumerator(self, number):
        """Add an enumerator."""
        types = self.types
        value = self.number(codes.CONST_VALUE)
        kind = self.classes[codes.CONST_VALUE]
        info = types.at[number] + 1
        if kind == codes.BYTES and (self.have >> codes.CONST_VALUE) & 1:
            value = self.fixed(self.data, value, min(8, self.lengths[codes.CONST_VALUE]))
        self.count_part(number)
        large = (types.words[info] >> 24) & 127 == kinds.ENUM64
        if value >> 63 and (kind == codes.SIGNED or not large):
            types.words[info] |= FLAG
        types.append(number, self.name_of(codes.NAME), value & WORD)
        if large:
            types.append_word(number, value >> 32, 0)

    def dimension(self, level):
        """Add a dimension to the array that is open at a level of the walk."""
        types = self.types
        length = 0
        if (self.have >> codes.COUNT) & 1:
            if self.classes[codes.COUNT] <= codes.SIGNED:
                length = self.values[codes.COUNT] & WORD
        elif (self.have >> codes.UPPER_BOUND) & 1 and self.classes[codes.UPPER_BOUND] <= codes.SIGNED:
            length = (self.values[codes.UPPER_BOUND] + 1) & WORD
        number = self.opened[level]
        if self.part[level] == 0:
            types.words[types.at[number] + 5] = length
        else:
            if types.used != types.at[number + 1] or number != types.count:
                raise ValueError("a dimension apart from its array")
            element = types.words[types.at[number] + 3]
            made = types.add(0, 0, kinds.ARRAY << 24, 0)
            types.die[made] = types.die[number]
            types.append(made, element, 0)
            types.append_word(made, length, 0)
            types.words[types.at[number] + 3] = SYNTHETIC | made
            self.opened[level] = made
        self.part[level] = 1

    # ---- annotations -----------------------------------------------------------------------------------------------

    def note(self, parent, subject, part):
        """A btf_type_tag or btf_decl_tag of clang, a child of what it is about."""
        types = self.types
        name = self.text(codes.NAME)
        text = self.name_of(codes.CONST_VALUE)
        if name == b"btf_type_tag" and parent == OPEN_REFERENCE:
            at = types.at[subject]
            if self.want_type_tags and (types.words[at + 1] >> 24) & 127 == kinds.PTR:
                made = types.add(0, text, kinds.TYPE_TAG << 24, types.words[at + 2])
                types.die[made] = types.die[subject]
                types.words[types.at[subject] + 2] = SYNTHETIC | made
        elif name == b"btf_decl_tag" and self.want_decl_tags:
            if parent in (OPEN_STRUCT, OPEN_REFERENCE):
                types.tags.append((subject, WORD, text))
            elif parent == OPEN_MEMBER:
                types.tags.append((subject, part, text))
            elif parent == OPEN_FUNCTION:
                types.function_tags.append((subject, WORD, text))
            elif parent == OPEN_PARAMETER:
                types.function_tags.append((subject, part, text))
            elif parent == OPEN_VARIABLE:
                types.variable_tags.append((types.group, subject, text))

    def note_die(self, place):
        """An annotation of gcc, which others refer to."""
        name = self.text(codes.NAME)
        kind = 1 if name == b"btf_type_tag" else 2 if name == b"btf_decl_tag" else 0
        self.types.notes[place] = (kind, self.name_of(codes.CONST_VALUE), self.reference(codes.ANNOTATION))

    # ---- functions and variables -----------------------------------------------------------------------------------

    def subprogram(self, place):
        """Add a function; returns its position."""
        types = self.types
        at = types.add_function(place)
        flags = codes.CLANG if self.clang else 0
        if self.number(codes.DECLARATION):
            flags |= codes.DECLARED
        if self.number(codes.EXTERNAL):
            flags |= codes.IS_EXTERNAL
        inlined = self.number(codes.INLINED)
        if inlined == 1 or inlined == 3:
            flags |= codes.INLINE_FUNCTION
        if self.number(codes.CONVENTION) == 3:
            flags |= codes.NOCALL
        name = self.name_of(codes.NAME)
        result = self.reference(codes.TYPE)
        origin = self.reference(codes.ORIGIN)
        specification = self.reference(codes.SPECIFICATION)
        functions = types.functions
        functions[at + 1] = name
        functions[at + 2] = result
        functions[at + 3] = origin
        functions[at + 9] = specification
        if (self.have >> codes.LOW_PC) & 1:
            flags |= codes.HAS_ADDRESS
            address = self.address(codes.LOW_PC)
            functions[at + 6] = address & WORD
            functions[at + 7] = address >> 32
        functions[at + 4] = flags
        if (self.have >> codes.ANNOTATION) & 1 and self.want_decl_tags:
            types.noted.append((2, at, WORD, self.reference(codes.ANNOTATION)))
        return at

    def parameter(self, function):
        """Add a parameter to the last function."""
        types = self.types
        at = types.add_parameter(function, self.place)
        name = self.name_of(codes.NAME)
        reference = self.reference(codes.TYPE)
        origin = self.reference(codes.ORIGIN)
        flags = 0
        registers = 0
        if (self.have >> codes.CONST_VALUE) & 1:
            flags |= codes.CONSTANT
        if (self.have >> codes.LOCATION) & 1:
            flags |= codes.LOCATED
            registers = self.registers()
        functions = types.functions
        functions[at] = name
        functions[at + 1] = reference
        functions[at + 2] = origin
        functions[at + 3] = flags
        functions[at + 5] = registers
        if (self.have >> codes.ANNOTATION) & 1 and self.want_decl_tags:
            types.noted.append((2, function, types.functions[function + 5] - 1, self.reference(codes.ANNOTATION)))

    def registers(self):
        """Where a parameter is when its function is called, as `Locations.packed` has it."""
        locations = self.locations
        locations.reset()
        value = self.values[codes.LOCATION]
        kind = self.classes[codes.LOCATION]
        if kind == codes.BYTES:
            locations.expression(self.data, value, self.lengths[codes.LOCATION], 0)
            return locations.packed()
        lists = self.lists if self.version >= 5 else self.old_lists
        if kind == codes.LOCLIST_INDEX:
            if value > len(lists):
                raise IndexError("index of a location list beyond its section")
            value = self.list_base + self.fixed(lists, self.list_base + value * self.offset_size, self.offset_size)
        else:
            value += self.list_start
        if value > len(lists):
            raise IndexError("a location list beyond its section")
        locations.entries(lists, value, self.version >= 5, self.split)
        self.budget -= locations.at - value
        if self.budget < 0:
            raise ValueError("location lists that are used over and over")
        return locations.packed()

    def variable(self, place):
        """Note a variable of the unit; returns its place."""
        reference = self.reference(codes.SPECIFICATION) or self.reference(codes.ORIGIN)
        flags = 0
        if self.number(codes.EXTERNAL):
            flags |= codes.IS_EXTERNAL
        if self.number(codes.DECLARATION):
            flags |= codes.DECLARED
        if self.number(codes.ARTIFICIAL):
            flags |= codes.IS_ARTIFICIAL
        wanted = False
        address = 0
        if (self.have >> codes.LOCATION) & 1 and self.classes[codes.LOCATION] == codes.BYTES and self.located():
            address = self.located_at
            for k in range(0, len(self.ranges), 2):
                if self.ranges[k] <= address < self.ranges[k + 1]:
                    wanted = True
        if wanted or flags & codes.DECLARED:
            self.unit_variables.append(
                (place, self.name_of(codes.NAME), self.reference(codes.TYPE), flags, address, reference, wanted)
            )
            if (self.have >> codes.ANNOTATION) & 1 and self.want_decl_tags:
                self.types.noted.append((3, place, WORD, self.reference(codes.ANNOTATION)))
        return place

    def located(self):
        """Whether a variable is at a fixed address, which becomes `located_at`."""
        end = self.values[codes.LOCATION] + self.lengths[codes.LOCATION]
        data = self.data
        at = self.values[codes.LOCATION]
        back = self.at
        if at >= end:
            return False
        op = data[at]
        if op == 0x03:
            if at + 1 + self.address_size > end:
                return False
            self.located_at = self.fixed(data, at + 1, self.address_size)
            self.at = at + 1 + self.address_size
        elif op == 0xA1 or op == 0xFB:
            self.at = at + 1
            self.located_at = self.indexed_address(self.uleb())
        else:
            return False
        if self.at < end and data[self.at] == 0x23:
            self.at += 1
            self.located_at += self.uleb()
        found = self.at == end
        self.at = back
        return found

    def settle(self):
        """End the group: turn its types into records, and its variables into those that are wanted."""
        types = self.types
        types.settle()
        known = {one[0]: one for one in self.unit_variables}
        for place, name, reference, flags, address, origin, wanted in self.unit_variables:
            if not wanted or flags & codes.IS_ARTIFICIAL or (flags & codes.DECLARED and not origin):
                continue
            other = known.get(origin)
            if other is not None:
                name = name or other[1]
                reference = reference or other[2]
                flags |= other[3] & codes.IS_EXTERNAL
            self.variables.append((name, types.token_of(reference), flags, address, types.group, place, origin))
        self.unit_variables.clear()
