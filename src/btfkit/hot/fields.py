"""CO-RE's relocation records, and the ways of those of fields through types, in the usual case: by the rules of libbpf, in a BTF
without a base.

These rules are those of `co_re/access.py`, `co_re/match.py` and `co_re/values.py`, a second time, because such ways are gone a
thousand times.  Whatever is not usual (a member of another type, an error, a flavor of a member's type) gives None; then those
files, which have all the rules, go the way again.  `tests/unit/test_fields.py` compares the two.
"""

from btfkit.hot import kinds

NONE = 0xFFFFFFFF  # in place of a type id or a size
TOO_LONG = 200  # modifiers and arrays in a row; fewer than any limit of the rules
MOST_STEPS = 64  # BPF_CORE_SPEC_MAX_LEN
MOST_LEVELS = 32  # composites in which cilium/ebpf searches one member
MOST_NUMBER = 0x7FFFFFFF
LOW_32 = 0xFFFFFFFF
MOST_BITS = 0x10000000000  # of one step; larger ones are left to Python's numbers
BYTE_OFFSET = 0  # kinds of relocations
BYTE_SIZE = 1
FIELD_EXISTS = 2
SIGNED = 3
LSHIFT = 4
RSHIFT = 5
ABSENT = 0  # results of a search
FOUND = 1
UNUSUAL = 2


def groups(data, at, end, record_size, is_little, found):
    """Append (string offset of the section's name, first byte, end) of each group of a table of `.BTF.ext`, `data[at:end]`, to
    the list `found`; returns the byte of a group that does not fit, or `end`."""
    while at + 8 <= end:
        count = word(data, at + 4, is_little)
        if count == 0 or count > (end - at - 8) // record_size:
            break
        stop = at + 8 + count * record_size
        found.append((word(data, at, is_little), at + 8, stop))
        at = stop
    return at


def relocations(data, places, record_size, is_little, strings, blob, text_at, found):
    """Append (name of the section, offset of the instruction, type id, access string, kind) of each record of the groups `places`
    to the list `found`.  `blob` (bytes) has the `strings` at `text_at`.

    Returns -1, or the larger of the string offsets of a record, if that is not within the strings.
    """
    size = len(strings)
    for section, at, stop in places:
        name = text_of(strings, blob, text_at, section) if section < size else b""
        while at + 16 <= stop:
            access = word(data, at + 8, is_little)
            if section >= size or access >= size:
                return max(section, access)
            number = word(data, at + 4, is_little)
            way = text_of(strings, blob, text_at, access)
            found.append((name, word(data, at, is_little), number, way, word(data, at + 12, is_little)))
            at += record_size
    return -1


def word(data, at, is_little):
    """The 32 bits of `data` (bytes) at a byte."""
    number = data[at + 3 if is_little else at]
    number = number << 8 | data[at + 2 if is_little else at + 1]
    number = number << 8 | data[at + 1 if is_little else at + 2]
    return number << 8 | data[at if is_little else at + 3]


def text_of(strings, blob, text_at, offset):
    """The string at an offset (bytes)."""
    end = offset
    while strings[end]:
        end += 1
    return blob[text_at + offset : text_at + end]


class Fields:
    """The types of a BTF without a base.

    `blob` has the string of offset 0 at `text_at`.  `pointer_size` is in bytes, `is_little` the byte order.  `visits` counts the
    members that were looked at, `saw_pointer` is whether the last way asked for the size of a pointer, `is_plain` whether it
    had no bitfield and no anonymous member, and passed none but structs and unions.
    """

    def __init__(self, words, positions, strings, blob, text_at, pointer_size, is_little):
        self.words = words
        self.positions = positions
        self.strings = strings
        self.blob = blob
        self.text_at = text_at
        self.pointer_size = pointer_size
        self.is_little = is_little
        self.visits = 0
        self.saw_pointer = False
        self.is_plain = False
        self.seen = memoryview(bytearray(8 * MOST_STEPS)).cast("I")
        self.seen_count = 0
        self.path = memoryview(bytearray(12 * (MOST_STEPS + 2))).cast("I")
        self.depth = 0
        self.numbers = memoryview(bytearray(4 * MOST_STEPS)).cast("I")

    def local(self, root, access):
        """Follow an access string (bytes) from the program's type `root`.

        Returns (first number, steps, bits, bit offset, whether it ends at an anonymous member, leaf, load), as
        `access.walk_local` does, with the kind and the name of `root`; or None.
        """
        count = self.read_numbers(access)
        current = self.strip(root)
        size = self.size(current, None) if count and current != NONE else NONE
        if size == NONE or self.numbers[0] * size > MOST_BITS:
            return None
        steps = []
        offset = self.numbers[0] * size * 8
        bits = 0
        leaf = current
        nameless = False
        after_last = False
        for place in range(1, count):
            number = self.numbers[place]
            at = self.positions[current - 1] if current else 0
            info = self.words[at + 1] if current else 0
            kind = (info >> 24) & 127
            if kind == kinds.STRUCT or kind == kinds.UNION:
                if number >= info & 0xFFFFFF:
                    return None
                at += 3 + 3 * number
                name = self.words[at]
                member = self.words[at + 1]
                moved = self.words[at + 2]
                offset += moved & 0xFFFFFF if info >> 31 else moved
                nameless = self.strings[name] == 0
                if not nameless:
                    key = self.key(member)
                    if key is None:
                        return None
                    steps.append((self.text(name), key))
                    bits = moved >> 24 if info >> 31 else 0
                    after_last = number + 1 == info & 0xFFFFFF
                    leaf = member
                current = self.strip(member)
            elif kind == kinds.ARRAY:
                length = self.words[at + 5]
                if number >= length and not (length == 0 and after_last):
                    return None
                current = leaf = self.strip(self.words[at + 3])
                size = self.size(current, None) if current != NONE else NONE
                if size == NONE or number * size > MOST_BITS:
                    return None
                steps.append(number)
                offset += number * size * 8
                after_last = nameless = False
                bits = 0
            else:
                return None
            if current == NONE:
                return None
        at = self.positions[root - 1]
        kind = (self.words[at + 1] >> 24) & 127
        load = self.load(leaf)
        return self.numbers[0], tuple(steps), bits, offset, nameless, leaf, load, kind, self.text(self.words[at])

    def read_numbers(self, access):
        """Read the numbers of an access string (bytes) into `numbers`; returns how many, 0 if it is unusual."""
        count = 0
        place = 0
        end = len(access)
        while place < end:
            number = 0
            start = place
            while place < end and 48 <= access[place] <= 57:
                number = number * 10 + access[place] - 48
                place += 1
                if place - start > 10:
                    return 0
            if place == start or number > MOST_NUMBER or count == MOST_STEPS:
                return 0
            if place < end:
                place += 1
                if access[place - 1] != 58 or place == end:
                    return 0
            self.numbers[count] = number
            count += 1
        return count

    def key(self, type_id):
        """What `access.compatibility` returns, or None."""
        depth = 0
        type_id = self.strip(type_id)
        while type_id != NONE and type_id and (self.words[self.positions[type_id - 1] + 1] >> 24) & 127 == kinds.ARRAY:
            type_id = self.strip(self.words[self.positions[type_id - 1] + 3])
            depth += 1
            if depth > TOO_LONG:
                return None
        if type_id == NONE:
            return None
        at = self.positions[type_id - 1] if type_id else 0
        kind = (self.words[at + 1] >> 24) & 127 if type_id else 0
        if kind == kinds.STRUCT or kind == kinds.UNION:
            key = (kinds.STRUCT,)
        elif kind == kinds.ENUM or kind == kinds.ENUM64 or kind == kinds.FWD:
            name = self.text(self.words[at])
            if b"___" in name:
                return None
            key = (kinds.FWD if kind == kinds.FWD else kinds.ENUM, name)
        elif kind == kinds.INT:
            key = (kinds.INT, (self.words[at + 3] >> 16) & 255 == 0)
        else:
            key = (kind,)
        return (kinds.ARRAY, depth, key) if depth else key

    def load(self, type_id):
        """(kind, encoding, size in bytes) of a load of that type, as `access.load_class` and the size of one of its innermost
        elements; None if it has no size."""
        if self.size(type_id, None) == NONE:
            return None
        type_id = self.strip(type_id)
        at = self.positions[type_id - 1]
        kind = (self.words[at + 1] >> 24) & 127
        encoding = self.words[at + 3] >> 24 if kind == kinds.INT else 0
        size = self.size(self.innermost(type_id), None)
        return (kind, encoding, size) if size != NONE else None

    def answer(self, root, index, steps, kind, types, members, pointers):
        """Follow the steps of a spec from the type `root` of a target, for a relocation of that kind.

        Returns (value, bit offset, load), as `values.field_value`; (type id, name) if that type has no such member; or None.
        What was read is appended to `types`, `members` and `pointers`, as to the lists of a `Witness`; after None, they have no
        meaning.
        """
        self.saw_pointer = False
        self.is_plain = True
        current = self.strip(root)
        if current == NONE:
            return None
        types.append(root)
        if current != root and current:
            types.append(current)
            pointers.append((root, current))
        size = self.size(current, types)
        if size == NONE:
            return None
        offset = (index * size * 8) & LOW_32
        composite = 0
        member = 0
        length = 1
        for step in steps:
            at = self.positions[current - 1] if current else 0
            if isinstance(step, int):
                if not current or (self.words[at + 1] >> 24) & 127 != kinds.ARRAY:
                    return None
                number = step
                if number >= self.words[at + 5] and not self.is_flexible(at, composite, member):
                    return None
                current = self.strip(self.words[at + 3])
                size = self.size(current, types) if current != NONE else NONE
                if size == NONE:
                    return None
                offset = (offset + number * size * 8) & LOW_32
                length += 1
                composite = 0
            else:
                self.seen_count = 0
                found = self.find(current, step[0], step[1], 0, types)
                if found == ABSENT:
                    return current, step[0]
                if found != FOUND:
                    return None
                for number in range(self.depth + 1):
                    composite = self.path[3 * number]
                    member = self.path[3 * number + 1]
                    members.append((composite, member))
                    offset = (offset + self.path[3 * number + 2]) & LOW_32
                self.is_plain = self.is_plain and self.depth == 0
                length += self.depth + 1
                at = self.positions[composite - 1]
                current = self.strip(self.words[at + 4 + 3 * member])
            if length > MOST_STEPS or current == NONE:
                return None
        return self.value(kind, current, composite, member, offset, types)

    def value(self, kind, current, composite, member, offset, types):
        """The answer at the end of the way: the type `current`, `member` of `composite` (0: of an array)."""
        if kind == FIELD_EXISTS:
            return 1, offset, (0, 0, 0)
        bits = 0
        if composite:
            at = self.positions[composite - 1]
            bits = self.words[at + 5 + 3 * member] >> 24 if self.words[at + 1] >> 31 else 0
        size = self.size(current, types)
        if size == NONE or (size == 0 and bits):
            return None
        start = offset >> 3
        if bits:  # the smallest aligned load that covers it
            start = offset // 8 // size * size
            while offset + bits > 8 * (start + size):
                if size >= 8:
                    return None
                size *= 2
                start = offset // 8 // size * size
        if kind == BYTE_SIZE:
            return size, offset, (0, 0, 0)
        at = self.positions[current - 1]
        of_kind = (self.words[at + 1] >> 24) & 127
        encoding = self.words[at + 3] >> 24 if of_kind == kinds.INT else 0
        if kind == BYTE_OFFSET and bits:
            return start, offset, (0, 0, 0)
        if kind == BYTE_OFFSET:
            size = self.size(self.innermost(current), types)
            return (start, offset, (of_kind, encoding, size)) if size != NONE else None
        if not composite:
            return None
        if kind == SIGNED:
            is_enum = of_kind == kinds.ENUM or of_kind == kinds.ENUM64
            return self.words[at + 1] >> 31 if is_enum else encoding & 1, offset, (0, 0, 0)
        shift = 64 - (bits or 8 * size)
        if kind == LSHIFT:
            shift = shift + 8 * start - offset if self.is_little else 64 - 8 * size + offset - 8 * start
        return shift & LOW_32, offset, (0, 0, 0)

    def is_flexible(self, array, composite, member):
        """Whether the array at that word has no length, and is the last member of a composite."""
        if self.words[array + 5] or not composite:
            return False
        return member + 1 == self.words[self.positions[composite - 1] + 1] & 0xFFFFFF

    def find(self, type_id, name, key, depth, types):
        """Search a composite, and its anonymous members, for the member `name` with the compatibility key `key`.

        FOUND: `path` has (type id, index, bit offset) of each member on the way, up to `depth`.
        """
        type_id = self.strip(type_id)
        if type_id == NONE or depth == MOST_STEPS or self.seen_count == MOST_STEPS:
            return UNUSUAL
        at = self.positions[type_id - 1] if type_id else 0
        info = self.words[at + 1] if type_id else 0
        kind = (info >> 24) & 127
        if kind != kinds.STRUCT and kind != kinds.UNION:
            self.is_plain = False
            return ABSENT
        for number in range(self.seen_count):
            if self.seen[number] == type_id:
                return UNUSUAL
        self.seen[self.seen_count] = type_id
        self.seen_count += 1
        at += 3
        for index in range(info & 0xFFFFFF):
            start = self.words[at + 3 * index]
            found = ABSENT
            if self.strings[start] == 0:
                found = self.find(self.words[at + 3 * index + 1], name, key, depth + 1, types)
            elif self.is_called(start, name):
                self.depth = depth
                found = FOUND if self.fits(self.words[at + 3 * index + 1], key, types) else UNUSUAL
            if found == FOUND:
                offset = self.words[at + 3 * index + 2]
                self.path[3 * depth] = type_id
                self.path[3 * depth + 1] = index
                self.path[3 * depth + 2] = offset & 0xFFFFFF if info >> 31 else offset
                self.is_plain = self.is_plain and not (info >> 31 and offset >> 24)
            if found:
                self.visits += index + 1
                return found
        self.visits += info & 0xFFFFFF
        return ABSENT

    def is_sole_way(self, members):
        """Whether no other member has the name of one of these `members`, (composite, index) on a way through types, so that a
        search level by level finds the same."""
        first = 0
        for composite, index in members:
            first = first or composite
            start = self.words[self.positions[composite - 1] + 3 + 3 * index]
            if self.strings[start]:
                if self.count(first, self.text(start)) != 1:
                    return False
                first = 0
        return True

    def count(self, type_id, name):
        """How many members of a composite, and of its anonymous members, are called `name`; UNUSUAL or more if that says nothing
        about a search level by level: an anonymous member is no composite, or there are too many or equal ones."""
        self.seen_count = 0
        return self.count_from(type_id, name)

    def count_from(self, type_id, name):
        """`count`, after the composites in `seen`."""
        type_id = self.strip(type_id)
        if type_id == 0 or type_id == NONE or self.seen_count == MOST_LEVELS:
            return UNUSUAL
        for number in range(self.seen_count):
            if self.seen[number] == type_id:
                return UNUSUAL
        self.seen[self.seen_count] = type_id
        self.seen_count += 1
        at = self.positions[type_id - 1]
        info = self.words[at + 1]
        kind = (info >> 24) & 127
        if kind != kinds.STRUCT and kind != kinds.UNION:
            return UNUSUAL
        found = 0
        for index in range(info & 0xFFFFFF):
            start = self.words[at + 3 + 3 * index]
            if self.strings[start] == 0:
                found += self.count_from(self.words[at + 4 + 3 * index], name)
            elif self.is_called(start, name):
                found += 1
            if found >= UNUSUAL:
                break
        self.visits += info & 0xFFFFFF
        return found

    def is_called(self, start, name):
        """Whether the string at that offset is `name` (bytes)."""
        length = len(name)
        if start + length >= len(self.strings) or self.strings[start + length]:
            return False
        k = 0
        while k < length and self.strings[start + k] == name[k]:
            k += 1
        return k == length

    def fits(self, type_id, key, types):
        """Whether a member's type is certain to be compatible with a key: as `match._fits`."""
        depth = 0
        if key[0] == kinds.ARRAY and len(key) == 3:
            depth = key[1]
            key = key[2]
        at = 0
        kind = kinds.ARRAY
        while kind == kinds.ARRAY:
            type_id = self.strip(type_id)
            if type_id == NONE:
                return False
            types.append(type_id)
            at = self.positions[type_id - 1] if type_id else 0
            kind = (self.words[at + 1] >> 24) & 127 if type_id else 0
            if depth == 0:
                break
            if kind == kinds.ARRAY:
                depth -= 1
                type_id = self.words[at + 3]
        wanted = key[0]
        if depth:
            return False
        if wanted == kinds.STRUCT:
            return kind == kinds.STRUCT or kind == kinds.UNION
        if wanted == kinds.ENUM:
            if kind != kinds.ENUM and kind != kinds.ENUM64:
                return False
        elif kind != wanted:
            return False
        if wanted == kinds.PTR or wanted == kinds.FLOAT:
            return True
        if wanted == kinds.INT:
            return key[1] and (self.words[at + 3] >> 16) & 255 == 0
        if wanted == kinds.ENUM or wanted == kinds.FWD:
            name = self.text(self.words[at])
            return b"___" not in name and (name == key[1] or not name or not key[1])
        return False

    def strip(self, type_id):
        """The type without modifiers and typedefs, or NONE if there are too many."""
        for _ in range(TOO_LONG):
            if type_id == 0 or type_id == NONE:
                return type_id
            at = self.positions[type_id - 1]
            if not kinds.is_alias((self.words[at + 1] >> 24) & 127):
                return type_id
            type_id = self.words[at + 2]
        return NONE

    def innermost(self, type_id):
        """The type without modifiers, typedefs and arrays; NONE or an array if there are too many."""
        for _ in range(TOO_LONG):
            type_id = self.strip(type_id)
            if type_id == 0 or type_id == NONE:
                break
            at = self.positions[type_id - 1]
            if (self.words[at + 1] >> 24) & 127 != kinds.ARRAY:
                break
            type_id = self.words[at + 3]
        return type_id

    def size(self, type_id, types):
        """The size in bytes, NONE if there is none or if it is unusual; what is read is appended to `types`, if it is a list."""
        factor = 1
        for _ in range(TOO_LONG):
            type_id = self.strip(type_id)
            if type_id == 0 or type_id == NONE:
                return NONE
            if types is not None:
                types.append(type_id)
            at = self.positions[type_id - 1]
            kind = (self.words[at + 1] >> 24) & 127
            if kind == kinds.ARRAY:
                factor *= self.words[at + 5]
                type_id = self.words[at + 3]
                if factor > LOW_32:
                    return NONE
                continue
            if kind == kinds.PTR:
                self.saw_pointer = True
                factor *= self.pointer_size
            elif kind == kinds.INT or kinds.is_braced(kind) or kind == kinds.FLOAT or kind == kinds.DATASEC:
                factor *= self.words[at + 2]
            else:
                return NONE
            return factor if factor < LOW_32 else NONE
        return NONE

    def text(self, offset):
        """The string at an offset (bytes)."""
        return text_of(self.strings, self.blob, self.text_at, offset)
