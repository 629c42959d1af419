# cython: initializedcheck=False
"""Attributes of DIEs: their values, names, references and addresses."""

from btfkit.hot import codes
from btfkit.hot.abbreviations import Abbreviations  # noqa: F401
from btfkit.hot.interning import Interner  # noqa: F401
from btfkit.hot.leb128 import Leb128
from btfkit.hot.locations import Locations
from btfkit.hot.strings import StringTable  # noqa: F401

LONG = 0xFFFFFFFFFFFFFFFF
WORD = 0xFFFFFFFF
HASH = 0x9E3779B1
ALL_BUT_3 = 0xFFFFFFFFFFFFFFFC
SHORT = 4096  # short names that are kept


class Attributes(Leb128):
    """Decodes one DIE at a time of the unit that `unit` sets, in sections that `sections` sets.

    Names become numbers in the names of `types`.  After `decode`, slot n of `codes` has its value if bit n of `have` is set.
    `data` is `.debug_info`, from `alt_base` on that of a supplementary file: `reached` are the places there that something
    refers to, `seen` has a bit for each place.  `split` are units of a .dwo file, which have lists of their own form.
    `known` has a name of every four places of `strings`, times 4 plus which of them it is; `memo` has all others, and those of
    other sections, `short_text` and `short_name` those that stand in `data`.  So names are below 2**30.
    Units have most names from the same headers: `following` has for each name (there is room for one of every four places, twice)
    where in `strings` the name was that was asked for after it, and that name.
    """

    def __init__(self, types, big):
        Leb128.__init__(self)
        self.types = types
        self.big = big
        self.strings = memoryview(b"")
        self.line_strings = memoryview(b"")
        self.alt_strings = memoryview(b"")
        self.string_offsets = memoryview(b"")
        self.addresses = memoryview(b"")
        self.lists = memoryview(b"")
        self.old_lists = memoryview(b"")
        self.split = False
        self.placeless = False
        self.info_base = 0
        self.alt_base = 0
        self.reached = []
        self.seen = bytearray(0)
        self.signatures = {}
        self.start = 0
        self.end = 0
        self.version = 5
        self.offset_size = 4
        self.address_size = 8
        self.string_base = 0
        self.address_base = 0
        self.list_base = 0
        self.list_start = 0
        self.locations = Locations(8, 4, big)
        self.budget = 0
        self.place = 0
        self.values = memoryview(bytearray(8 * codes.SLOTS)).cast("Q")
        self.classes = bytearray(codes.SLOTS)
        self.lengths = memoryview(bytearray(8 * codes.SLOTS)).cast("Q")
        self.have = 0
        self.known = memoryview(bytearray(0)).cast("I")
        self.following = memoryview(bytearray(16384)).cast("I")
        self.last_name = 0
        self.short_text = memoryview(bytearray(8 * SHORT)).cast("Q")
        self.short_name = memoryview(bytearray(4 * SHORT)).cast("I")
        self.memo = memoryview(bytearray(8 * 4096)).cast("Q")
        self.memo_name = memoryview(bytearray(4 * 4096)).cast("I")
        self.memos = 0

    def sections(self, info, strings, line_strings, alt_strings, string_offsets, addresses, lists, old_lists):
        """Set the sections that following units use; `lists` are those of DWARF 5, `old_lists` those of earlier versions."""
        if self.memos:
            self.memo = memoryview(bytearray(8 * 4096)).cast("Q")
            self.memo_name = memoryview(bytearray(4 * 4096)).cast("I")
            self.memos = 0
        for at in range(0, len(self.following), 2):
            self.following[at] = 0
        self.data = info
        self.strings = strings
        self.known = memoryview(bytearray((len(strings) & ALL_BUT_3) + 4)).cast("I")
        self.line_strings = line_strings
        self.alt_strings = alt_strings
        self.string_offsets = string_offsets
        self.addresses = addresses
        self.lists = lists
        self.old_lists = old_lists
        self.budget = 16 * (len(lists) + len(old_lists)) + 4 * len(info) + 1048576

    def unit(self, start, end, version, offset_size, address_size):
        """Set the extent and the sizes of the unit that follows."""
        self.start = start
        self.end = end
        self.version = version
        self.offset_size = offset_size
        self.address_size = address_size
        self.string_base = 0
        self.address_base = 0
        self.list_base = 0
        self.list_start = 0
        self.locations = Locations(address_size, offset_size, self.big)

    def bases(self, strings, addresses, lists, list_start):
        """Set the positions in their sections that indexes of the unit count from, and where its location lists begin."""
        self.string_base = strings
        self.address_base = addresses
        self.list_base = lists
        self.list_start = list_start

    def root(self, at, table):
        """Decode the unit's own DIE, for `number`, `string` and `has`; returns whether it has children."""
        self.at = at
        code = self.uleb()
        if code >= len(table.first) or table.first[code] == 0:
            raise ValueError("no abbreviation " + str(code))
        self.decode(table, table.first[code])
        return table.parents[code]

    def has(self, slot):
        """Whether the last DIE has an attribute."""
        return (self.have >> slot) & 1

    def number(self, slot):
        """The value of an attribute of the last DIE, 0 if it has none."""
        return self.values[slot] if (self.have >> slot) & 1 else 0

    def text(self, slot):
        """The text of an attribute of the last DIE."""
        name = self.name_of(slot)
        data = self.types.names.data
        return bytes(data[name : data.index(0, name)])

    def decode(self, table, step):
        """Decode the attributes of a DIE from `at` on, by the steps from `step` on."""
        data = self.data
        at = self.at
        steps = table.steps
        big = self.big
        have = 0
        while True:
            word = steps[step]
            op = word & 255
            if op == codes.SKIP:
                at += table.given[step]
                step += 1
                continue
            if op == codes.END:
                break
            slot = (word >> 8) & 255
            kind = word >> 16
            value = 0
            if op == codes.INDIRECT:
                self.at = at
                row = table.row_of(self.uleb())
                at = self.at
                op = table.forms[row]
                kind = table.forms[codes.FORMS + row]
                if op == codes.INDIRECT or row == 0x21:
                    raise ValueError("an indirect form that is indirect again")
            if op == codes.U4:
                if big:
                    value = data[at]
                    value = value << 8 | data[at + 1]
                    value = value << 8 | data[at + 2]
                    value = value << 8 | data[at + 3]
                else:
                    value = data[at + 3]
                    value = value << 8 | data[at + 2]
                    value = value << 8 | data[at + 1]
                    value = value << 8 | data[at]
                at += 4
            elif op == codes.U1:
                value = data[at]
                at += 1
            elif op == codes.U2:
                if big:
                    value = data[at]
                    value = value << 8 | data[at + 1]
                else:
                    value = data[at + 1]
                    value = value << 8 | data[at]
                at += 2
            elif op == codes.GIVEN:
                value = table.given[step]
                if kind == codes.FLAG:
                    value = 1
            elif op == codes.ULEB or op == codes.SLEB:
                self.at = at
                value = self.uleb() if op == codes.ULEB else self.sleb()
                at = self.at
            elif op == codes.U8:
                for k in range(8):
                    value = value << 8 | data[at + k if big else at + 7 - k]
                at += 8
            elif op == codes.TEXT:
                value = at
                while data[at]:
                    at += 1
                at += 1
            elif op == codes.U3:
                for k in range(3):
                    value = value << 8 | data[at + k if big else at + 2 - k]
                at += 3
            elif op == codes.U16:
                value = at
                at += 16
            else:
                length = 0
                if op == codes.BLOCK:
                    self.at = at
                    length = self.uleb()
                    at = self.at
                elif op == codes.BLOCK1:
                    length = data[at]
                    at += 1
                elif op == codes.BLOCK2:
                    length = data[at] << 8 | data[at + 1] if big else data[at + 1] << 8 | data[at]
                    at += 2
                else:
                    for k in range(4):
                        length = length << 8 | data[at + k if big else at + 3 - k]
                    at += 4
                if length > len(data) - at:
                    raise IndexError("block")
                value = at
                self.lengths[slot] = length
                at += length
            step += 1
            if slot:
                self.values[slot] = value
                self.classes[slot] = kind
                one = 1
                have |= one << slot
        self.at = at
        self.have = have

    def fixed(self, data, at, size):
        """A number of `size` bytes in another section."""
        if at > len(data) or size > len(data) - at:
            raise IndexError("index beyond its section")
        value = 0
        for k in range(size):
            value = value << 8 | data[at + k if self.big else at + size - 1 - k]
        return value

    # ---- names -----------------------------------------------------------------------------------------------------

    def name_of(self, slot):
        """The number of the name in a slot; 0 if there is none."""
        if (self.have >> slot) & 1 == 0:
            return 0
        kind = self.classes[slot]
        value = self.values[slot]
        if kind == codes.INLINE:
            return self.in_place(value)
        if kind == codes.STR_INDEX:
            if value > len(self.string_offsets):
                raise IndexError("index of a string beyond its section")
            value = self.fixed(self.string_offsets, self.string_base + value * self.offset_size, self.offset_size)
            kind = codes.STR
        key = 1
        if kind == codes.STR:
            if value >= len(self.strings):
                raise IndexError("string beyond its section")
            guess = self.last_name >> 1 & ~1
            if guess >= len(self.following):
                self.more_following(guess)
            if self.following[guess] == value and value:
                self.last_name = self.following[guess + 1]
                return self.last_name
            place = value >> 2
            name = self.known[place]
            if name == 0:
                name = self.following[guess + 1]
                if name == 0 or not self.is_spelled(name, value):
                    name = self.spelled(self.strings, value)
                self.known[place] = name << 2 | (value & 3)
            elif (name ^ value) & 3 == 0:
                name >>= 2
            else:
                name = 0
            if name:
                if value <= WORD:
                    self.following[guess] = value
                    self.following[guess + 1] = name
                    self.last_name = name
                return name
        elif value >= LONG >> 4:
            raise IndexError("string beyond its section")
        else:
            key = 2 if kind == codes.LINE_STR else 3
        key |= value << 4
        mask = len(self.memo) - 1
        place = (((key ^ key >> 16) * HASH) & LONG) >> 12 & mask
        while self.memo[place]:
            if self.memo[place] == key:
                return self.memo_name[place]
            place = (place + 1) & mask
        if kind == codes.STR:
            name = self.spelled(self.strings, value)
        elif kind == codes.LINE_STR:
            name = self.spelled(self.line_strings, value)
        elif kind == codes.STR_ALT:
            name = self.spelled(self.alt_strings, value)
        else:
            raise ValueError("a name that is not a string")
        self.memo[place] = key
        self.memo_name[place] = name
        self.memos += 1
        if 2 * self.memos > len(self.memo):
            self.more_memo()
        return name

    def is_spelled(self, name, at):
        """Whether the string at a position of `strings` is that of a name."""
        pool = self.types.names.pool
        strings = self.strings
        while pool[name] == strings[at]:
            if strings[at] == 0:
                return True
            name += 1
            at += 1
        return False

    def more_following(self, need):
        """Make room for what follows names up to a place."""
        old = self.following
        self.following = memoryview(bytearray(8 * need + 16384)).cast("I")
        for at in range(len(old)):
            self.following[at] = old[at]

    def in_place(self, at):
        """The number of the name that stands at a position of `info`: compilers put short ones there, again and again."""
        data = self.data
        text = 0
        end = at
        while end - at < 8 and data[end]:
            text = text << 8 | data[end]
            end += 1
        if end - at >= 8 or end == at:
            return self.spelled(data, at)
        slot = ((text * HASH) & LONG) >> 20 & (SHORT - 1)
        if self.short_text[slot] != text:
            self.short_name[slot] = self.spelled(data, at)
            self.short_text[slot] = text
        return self.short_name[slot]

    def spelled(self, strings, at):
        """The number of the name that stands at a position."""
        if at >= len(strings):
            raise IndexError("string beyond its section")
        names = self.types.names
        if strings[at] == 0:
            return 0
        end = names.measure(strings, at)
        return names.add(strings, at, end, names.h)

    def more_memo(self):
        """Double the table of known names."""
        old = self.memo
        old_name = self.memo_name
        self.memo = memoryview(bytearray(16 * len(old))).cast("Q")
        self.memo_name = memoryview(bytearray(8 * len(old))).cast("I")
        mask = len(self.memo) - 1
        for at in range(len(old)):
            if old[at]:
                slot = (((old[at] ^ old[at] >> 16) * HASH) & LONG) >> 12 & mask
                while self.memo[slot]:
                    slot = (slot + 1) & mask
                self.memo[slot] = old[at]
                self.memo_name[slot] = old_name[at]

    # ---- references ------------------------------------------------------------------------------------------------

    def reference(self, slot):
        """The place of the DIE that an attribute refers to, in `info`; 0 if there is none."""
        if (self.have >> slot) & 1 == 0:
            return 0
        kind = self.classes[slot]
        value = self.values[slot]
        if kind == codes.REF:
            if value >= self.end - self.start:
                raise ValueError("a reference beyond the unit")
            return self.start + value
        if kind == codes.REF_ADDR or kind == codes.OFFSET or kind == codes.NUMBER:
            value += self.info_base
        elif kind == codes.REF_SIG:
            return self.by_signature(value)
        elif kind == codes.REF_ALT:
            if self.alt_base == 0:
                raise ValueError("a reference to a supplementary file, which is not there")
            value += self.alt_base
        else:
            raise ValueError("a reference of an unexpected form")
        if value >= len(self.data):
            raise ValueError("a reference beyond the section")
        if self.alt_base and value >= self.alt_base:
            self.reach(value)
        return value

    def reach(self, place):
        """Note that something refers to a DIE of a supplementary file, once."""
        at = (place - self.alt_base) >> 3
        bit = 1 << (place & 7)
        if self.seen[at] & bit == 0:
            self.seen[at] |= bit
            self.reached.append(place)

    def by_signature(self, signature):
        """The type of a type unit."""
        found = self.signatures.get(signature)
        if found is None:
            raise ValueError("a type unit " + hex(signature) + " that is not there")
        return found

    def address(self, slot):
        """The address in a slot."""
        value = self.values[slot]
        if self.classes[slot] == codes.ADDRESS_INDEX:
            return self.indexed_address(value)
        return value

    def indexed_address(self, index):
        """An address in the unit's part of `.debug_addr`; 0 in a split file alone, which has none (`placeless`)."""
        if self.placeless:
            return 0
        if index > len(self.addresses):
            raise IndexError("index of an address beyond its section")
        return self.fixed(self.addresses, self.address_base + index * self.address_size, self.address_size)

    def member_offset(self):
        """The offset of a member in bits, by DW_AT_data_member_location."""
        slot = codes.MEMBER_LOCATION
        value = self.values[slot]
        if self.classes[slot] == codes.BYTES:
            start = self.at
            self.at = value
            op = self.data[self.at]
            self.at += 1
            value = 0
            if op == 0x23 or op == 0x10:
                value = self.uleb()
            elif op == 0x11:
                value = self.sleb()
            elif 0x30 <= op <= 0x4F:
                value = op - 0x30
            elif op == 0x08:
                value = self.data[self.at]
            self.at = start
        if value >= LONG >> 8:
            raise ValueError("a member at an offset of more than 2**32 bits")
        return value * 8
