"""Declarations of members as pahole spells them, as text in a buffer: a type in its column, a name, the lengths of an array.

The source of the wording is pahole 1.32, dwarves_fprintf.c.  `pictures.py` writes structs and unions with it.
"""

from btfkit.hot import kinds
from btfkit.hot.c_buffer import Buffer

MOST_TEXT = 1 << 20  # bytes of one declaration


class Spelled(Buffer):
    """The text being written, of types of a chain (`btf.flat.Flat`).

    `shown(offset)` returns the string at `offset` as bytes of UTF-8 that are safe to show; it is called for strings of more than
    `longest` characters, and those that are not printable ASCII.  At most `levels` modifiers or arrays in a row and `deepest`
    types in each other are followed; more, and declarations of more than MOST_TEXT bytes, raise ValueError(message, type_id).
    """

    def __init__(self, words, positions, strings, shown, longest, levels, deepest, most):
        Buffer.__init__(self, strings, b"", b"", True, most)
        self.words = words
        self.positions = positions
        self.show = shown
        self.longest = longest
        self.levels = levels
        self.deepest = deepest
        self.unusual = {}  # strings that are not shown as they are, by offset
        self.excess = 0  # bytes written that are no character of their own
        self.declaration = 0  # where the current one began

    def kind(self, type_id):
        """The kind of a type; 0 for void."""
        if type_id == 0:
            return 0
        return (self.words[self.positions[type_id - 1] + 1] >> 24) & 127

    def target(self, type_id):
        """The type that a pointer, modifier or typedef refers to."""
        return self.words[self.positions[type_id - 1] + 2]

    def is_named(self, type_id):
        """Whether a type has a name."""
        return self.strings[self.words[self.positions[type_id - 1]]] != 0

    def too_deep(self, type_id):
        """The error for types that are nested too deep."""
        return ValueError("types nested more than " + str(self.deepest) + " deep", type_id)

    # ---- characters ---------------------------------------------------------------------------------------------------

    def columns(self, start, excess):
        """The number of characters since the text was `start` long."""
        return self.at - start - (self.excess - excess)

    def put_spaces(self, count):
        """Write `count` spaces; none if it is negative."""
        if count <= 0:
            return
        if self.at + count > len(self.out):
            self.grow(count)
        for _ in range(count):
            self.out[self.at] = 32
            self.at += 1

    def put_tabs(self, count):
        """Write `count` tabs."""
        if self.at + count > len(self.out):
            self.grow(count)
        for _ in range(count):
            self.out[self.at] = 9
            self.at += 1

    def put_signed(self, value):
        """Write a number."""
        if value < 0:
            self.put(b"-")
            value = -value
        self.put_number(value)

    def put_shown(self, offset):
        """Write the string at `offset`, escaped where that is necessary."""
        strings = self.strings
        end = offset
        while 32 <= strings[end] < 127:
            end += 1
        if strings[end] or end - offset > self.longest:
            text = self.unusual.get(offset)
            if text is None:
                text = self.show(offset)
                self.unusual[offset] = text
            self.put(text)
            for c in text:
                if c & 0xC0 == 0x80:
                    self.excess += 1
            return
        if self.at + end - offset > len(self.out):
            self.grow(end - offset)
        out = self.out
        at = self.at
        while offset < end:
            out[at] = strings[offset]
            at += 1
            offset += 1
        self.at = at

    def put_type_name(self, type_id):
        """Write the name of a type."""
        self.put_shown(self.words[self.positions[type_id - 1]])

    # ---- types --------------------------------------------------------------------------------------------------------

    def put_type(self, type_id, depth):
        """Write a type without braces: "struct file *", "const char  *"."""
        if depth > self.deepest:
            raise self.too_deep(type_id)
        kind = self.kind(type_id)
        if kind == 0:
            self.put(b"void")
        elif kind == kinds.PTR:
            target = self.target(type_id)
            constant = self.kind(target) == kinds.CONST and self.kind(self.target(target)) == kinds.PTR
            self.put_type(self.target(target) if constant else target, depth + 1)
            self.put(b" const *" if constant else b" *")
        elif kind == kinds.CONST or kind == kinds.VOLATILE:
            self.put(b"const " if kind == kinds.CONST else b"volatile ")
            self.put_type(self.target(type_id), depth + 1)
            self.put(b" ")
        elif kind == kinds.RESTRICT:
            self.put_type(self.target(type_id), depth + 1)
            self.put(b" restrict ")
        elif kind == kinds.TYPE_TAG or kind == kinds.DECL_TAG:
            self.put_type(self.target(type_id), depth + 1)
        elif kind == kinds.ARRAY:
            self.put_type(self.words[self.positions[type_id - 1] + 3], depth + 1)
        elif kind == kinds.FUNC_PROTO:
            self.put_type(self.target(type_id), depth + 1)
            self.put(b" ()")
            self.put_parameters(type_id, depth + 1)
        elif kind == kinds.FWD:
            self.put(b"union " if self.words[self.positions[type_id - 1] + 1] >> 31 else b"struct ")
            self.put_type_name(type_id)
        elif (kind == kinds.INT or kind == kinds.FLOAT) and not self.is_named(type_id):
            self.put(b"nameless base type!")
        else:
            self.put_kind(kind)
            self.put_type_name(type_id)
        if self.at > self.declaration + MOST_TEXT:
            raise ValueError("declaration of more than " + f"{MOST_TEXT:,}" + " characters", type_id)

    def put_kind(self, kind):
        """Write "struct ", "union " or "enum " for these kinds."""
        if kind == kinds.STRUCT:
            self.put(b"struct ")
        elif kind == kinds.UNION:
            self.put(b"union ")
        elif kind == kinds.ENUM or kind == kinds.ENUM64:
            self.put(b"enum ")

    def put_parameters(self, type_id, depth):
        """Write the parameters of a prototype, in parentheses."""
        if depth > self.deepest:
            raise self.too_deep(type_id)
        words = self.words
        at = self.positions[type_id - 1]
        end = at + 3 + 2 * (words[at + 1] & 0xFFFFFF)
        at += 3
        variadic = False
        shown = False
        while at < end:
            name = words[at]
            param = words[at + 1]
            at += 2
            if param == 0:
                variadic = True
                continue
            self.put(b", " if shown else b"(")
            shown = True
            target = self.target(param) if self.kind(param) == kinds.PTR else 0
            if self.kind(target) == kinds.FUNC_PROTO:
                self.put_type(self.target(target), depth + 1)
                self.put(b" (*")
                self.put_shown(name)
                self.put(b")")
                self.put_parameters(target, depth + 1)
            else:
                self.put_type(param, depth + 1)
                if self.strings[name]:
                    self.put(b" ")
                    self.put_shown(name)
        if not shown:
            self.put(b"(void)")
        else:
            self.put(b", ...)" if variadic else b")")

    # ---- declarations -------------------------------------------------------------------------------------------------

    def put_constants(self, type_id):
        """Write every "const " at the start of a declaration; returns the type after them and type tags."""
        for _ in range(self.levels):
            kind = self.kind(type_id)
            target = 0
            if kind == kinds.CONST or kind == kinds.TYPE_TAG:
                target = self.target(type_id)
            if kind != kinds.TYPE_TAG and target == 0:
                return type_id
            if kind == kinds.CONST:
                self.put(b"const ")
            type_id = target
        raise ValueError("a cycle of types", type_id)

    def element(self, type_id):
        """The type of the elements of an array of arrays."""
        count = 0
        last = 0
        while self.kind(type_id) == kinds.ARRAY:
            at = self.positions[type_id - 1]
            last = self.words[at + 5]
            type_id = self.words[at + 3]
            count += 1
            if count > self.levels:
                raise ValueError("arrays nested more than " + str(self.levels) + " deep", type_id)
        if count == 1 and last == 0 and self.kind(type_id) == kinds.CONST:
            return self.target(type_id)
        return type_id

    def untagged(self, type_id):
        """The type after type tags."""
        for _ in range(self.levels):
            if self.kind(type_id) != kinds.TYPE_TAG:
                return type_id
            type_id = self.target(type_id)
        raise ValueError("a cycle of types", type_id)

    def has_braces(self, type_id):
        """Whether a declaration has braces, because it needs a struct, union or enum without a name."""
        for _ in range(self.levels):
            kind = self.kind(type_id)
            if kind == kinds.ARRAY:
                type_id = self.element(type_id)
            elif kind == kinds.TYPE_TAG or (kind == kinds.CONST and self.target(type_id)):
                type_id = self.target(type_id)
            else:
                if kind == kinds.PTR:
                    type_id = self.untagged(self.target(type_id))
                    kind = self.kind(type_id)
                return kinds.is_braced(kind) and not self.is_named(type_id)
        raise ValueError("a cycle of types", type_id)

    def put_plain(self, type_id, name, spacing, at_end):
        """Write a declaration without braces: its type in a column of `spacing` characters, and the name at offset `name`."""
        start = self.at
        excess = self.excess
        outer = type_id
        for _ in range(self.levels):
            type_id = self.put_constants(type_id)
            if self.kind(type_id) != kinds.ARRAY:
                break
            type_id = self.element(type_id)
        kind = self.kind(type_id)
        if kinds.is_braced(kind):
            self.put_kind(kind)
        spacing -= self.columns(start, excess)
        start = self.at
        excess = self.excess
        proto = 0
        pointer = False
        if kinds.is_braced(kind):
            self.put_type_name(type_id)
        else:
            if kind == kinds.FUNC_PROTO:
                proto = type_id
            elif kind == kinds.PTR:
                proto = self.untagged(self.target(type_id))
                pointer = self.kind(proto) == kinds.FUNC_PROTO
                if not pointer:
                    proto = 0
            self.put_type(self.target(proto) if proto else type_id, 1)
        if spacing < 0:
            spacing = -spacing
        self.put_spaces(spacing - self.columns(start, excess))
        self.put(b" ")
        if proto:
            self.put(b"(*" if pointer else b"(")
        self.put_shown(name)
        if proto:
            self.put(b")")
            self.put_parameters(proto, 1)
        self.put_all_lengths(outer, at_end)

    def put_all_lengths(self, type_id, at_end):
        """Write the lengths of all arrays at the start of a declaration."""
        for _ in range(self.levels):
            kind = self.kind(type_id)
            if kind == kinds.ARRAY:
                self.put_lengths(type_id, at_end)
                type_id = self.element(type_id)
            elif kind == kinds.TYPE_TAG or (kind == kinds.CONST and self.target(type_id)):
                type_id = self.target(type_id)
            else:
                return

    def put_lengths(self, type_id, at_end):
        """Write the lengths of an array of arrays; a flexible array at the end of a struct has none."""
        while self.kind(type_id) == kinds.ARRAY:
            at = self.positions[type_id - 1]
            length = self.words[at + 5]
            if length == 0 and at_end:
                self.put(b"[]")
            else:
                self.put(b"[")
                self.put_number(length)
                self.put(b"]")
            type_id = self.words[at + 3]
