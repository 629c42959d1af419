"""C text the slow way: recursion over plain records, one function for each thing that is printed.

`text(level, roots, sorted_roots)` is the twin of `show.c.c_text` with `compat`, without head and tail.  After libbpf 1.8
(btf_dump.c) and bpftool 7.8 (btf.c).
"""

from __future__ import annotations

from collections import Counter

from .plain import (
    ARRAY,
    CONST,
    DATASEC,
    DECL_TAG,
    ENUM,
    ENUM64,
    FLOAT,
    FUNC,
    FUNC_PROTO,
    FWD,
    INT,
    PTR,
    RESTRICT,
    STRUCT,
    TYPE_TAG,
    TYPEDEF,
    UNION,
    VAR,
    VOLATILE,
)

COMPOSITES, ENUMS = (STRUCT, UNION), (ENUM, ENUM64)
QUALIFIERS = {CONST: "const", VOLATILE: "volatile", RESTRICT: "restrict"}
MODS = (*QUALIFIERS, TYPE_TAG)
REFERENCES = (*MODS, PTR, TYPEDEF, DECL_TAG)
SIZED = (INT, FLOAT, *ENUMS, *COMPOSITES, DATASEC)
LAST = 10


class Loop(Exception):
    """A type needs itself."""


class Dump:
    def __init__(self, level, pointer_size):
        self.level = level
        self.pointer_size = pointer_size
        self.ordered, self.ordering = {0}, set()
        self.emitted, self.emitting, self.forwarded = {0}, set(), set()
        self.tags, self.idents, self.numbers = Counter(), Counter(), {}
        self.referred = set()
        for t in level.types[1:]:
            self.referred |= set(self.refers(t))
        self.out = []

    # ---- records ------------------------------------------------------------------------------------------------

    def refers(self, t):
        if t.kind == FUNC_PROTO:
            return [param[1] for param in t.elements]
        return t.all("i")

    def kind(self, i):
        return self.level.kind(i)

    def name(self, i):
        return self.level.name(i).decode("latin-1") if i and self.level.types[i].words[0] else ""

    def string(self, offset):
        return self.level.text(offset).decode("latin-1")

    def third(self, i):
        return self.level.types[i].words[2]

    def target(self, i):
        return self.level.types[i].words[3] if self.kind(i) == ARRAY else self.third(i)

    def elements(self, i):
        return self.level.types[i].elements

    def members(self, i):
        """(name offset, type, bit offset, bitfield size)."""
        flag = self.level.types[i].flag
        return [(n, t, o & 0xFFFFFF if flag else o, o >> 24 if flag else 0) for n, t, o in self.elements(i)]

    def size(self, i):
        factor = 1
        for _ in range(5000):
            kind = self.kind(i)
            if kind == PTR:
                return factor * self.pointer_size
            if kind == ARRAY:
                factor *= self.level.types[i].words[5]
            elif kind in SIZED:
                return factor * self.third(i)
            elif kind not in (*MODS, TYPEDEF, VAR, DECL_TAG):
                break
            i = self.target(i)
        return 0

    def align(self, i):
        kind = self.kind(i)
        if kind == PTR:
            return self.pointer_size
        if kind in (INT, FLOAT, *ENUMS):
            return min(self.pointer_size, self.third(i))
        if kind in (*MODS, TYPEDEF, ARRAY):
            return self.align(self.target(i))
        if kind not in COMPOSITES:
            return 0
        widest = 1
        for _, t, offset, bits in self.members(i):
            align = self.align(t)
            if align == 0:
                return 0
            widest = max(widest, align)
            if not bits and offset % (8 * align):
                return 1
        return 1 if self.third(i) % widest else widest

    def packed(self, i):
        if self.kind(i) != STRUCT:
            return False
        aligns = [(self.align(t), offset, bits) for _, t, offset, bits in self.members(i)]
        if any(align and not bits and offset % (8 * align) for align, offset, bits in aligns):
            return True
        return self.third(i) % max([1, *(align for align, _, _ in aligns)]) != 0

    # ---- order --------------------------------------------------------------------------------------------------

    def dump(self, root):
        queue = []
        self.order(root, False, queue)
        for i in queue:
            self.emit(i, 0)

    def order(self, i, pointed, queue):
        """Whether what leads here needs the definition."""
        kind = self.kind(i)
        if i in self.ordered:
            return True
        if (i, pointed) in self.ordering or (kind in COMPOSITES and {(i, False), (i, True)} & self.ordering):
            if kind in COMPOSITES and pointed and self.name(i):
                return False
            raise Loop(i)
        if kind in (INT, FLOAT, FUNC, VAR, DATASEC, DECL_TAG):
            self.ordered.add(i)
            return False
        if kind in (*ENUMS, FWD):
            if self.name(i) or i not in self.referred:
                queue.append(i)
            self.ordered.add(i)
            return True
        if kind in COMPOSITES and pointed and self.name(i):
            return False
        self.ordering.add((i, pointed))
        strong = self.order_within(i, kind, pointed, queue)
        self.ordering.discard((i, pointed))
        return strong

    def order_within(self, i, kind, pointed, queue):
        if kind == PTR:
            strong = self.order(self.target(i), True, queue)
            self.ordered.add(i)
            return strong
        if kind == ARRAY:
            return self.order(self.target(i), False, queue)
        if kind in MODS:
            return self.order(self.target(i), pointed, queue)
        if kind == FUNC_PROTO:
            strong = [self.order(t, pointed, queue) for t in (self.third(i), *(p[1] for p in self.elements(i)))]
            return any(strong)
        if kind == TYPEDEF:
            if not self.order(self.target(i), pointed, queue) and pointed:
                return False
            queue.append(i)
        else:
            for _, t, _, _ in self.members(i):
                self.order(t, False, queue)
            if self.name(i):
                queue.append(i)
        self.ordered.add(i)
        return True

    # ---- what is declared on its own ------------------------------------------------------------------------------

    def put(self, *texts):
        self.out.extend(texts)

    def emit(self, i, container):
        kind = self.kind(i)
        if i in self.emitted:
            return
        if i in self.emitting:
            if i in self.forwarded:
                return
            if kind in COMPOSITES and i != container and self.name(i):
                self.put(self.tag(i), ";\n\n")
                self.forwarded.add(i)
            elif kind == TYPEDEF:
                self.typedef(i)
                self.forwarded.add(i)
            return
        if kind == INT:
            self.alias(i)
            self.emitted.add(i)
        elif kind in ENUMS:
            if container == 0:
                self.enum(i, 0)
                self.put(";\n\n")
            self.emitted.add(i)
        elif kind == FWD:
            self.put(self.tag(i), ";\n\n")
            self.emitted.add(i)
        elif kind in (PTR, ARRAY, *MODS):
            self.emit(self.target(i), container)
        elif kind == FUNC_PROTO:
            for t in (self.third(i), *(p[1] for p in self.elements(i))):
                self.emit(t, container)
        elif kind == TYPEDEF:
            self.emitting.add(i)
            self.emit(self.target(i), i)
            if i not in self.forwarded:
                self.typedef(i)
            self.emitted.add(i)
        elif kind in COMPOSITES:
            self.emit_composite(i, container)

    def emit_composite(self, i, container):
        self.emitting.add(i)
        if container == 0 or not self.name(i):
            for _, t, _, _ in self.members(i):
                self.emit(t, i if self.name(i) else container)
        elif i not in self.forwarded and i != container:
            self.put(self.tag(i), ";\n\n")
            self.forwarded.add(i)
        self.emitting.discard(i)
        if container == 0:
            self.definition(i, 0)
            self.put(";\n\n")
            self.emitted.add(i)

    # ---- names ----------------------------------------------------------------------------------------------------

    def numbered(self, i, names):
        name = self.name(i)
        if i not in self.numbers:
            plain = not name or self.kind(i) == FWD or (self.kind(i) == ENUM and not self.elements(i))
            if not plain:
                names[name] += 1
            self.numbers[i] = 1 if plain else names[name]
        return name if self.numbers[i] < 2 else f"{name}___{self.numbers[i]}"[:255]

    def tag(self, i):
        kind = self.kind(i)
        union = kind == UNION or (kind == FWD and self.level.types[i].flag)
        word = "enum" if kind in ENUMS else "union" if union else "struct"
        name = self.numbered(i, self.tags)
        return f"{word} {name}" if name or kind == FWD else word

    def alias(self, i):
        made_of = {"8": "char", "16": "short", "64": "long long", "128": "__int128"}
        name = self.numbered(i, self.tags)
        for bits, base in made_of.items():
            if name == f"__Poly{bits}_t":
                self.put(f"typedef unsigned {base} {name};\n\n")

    def typedef(self, i):
        if self.name(i) == "__builtin_va_list":
            return
        name = self.numbered(i, self.idents)
        if self.target(i) == 0 and name == "__gnuc_va_list":
            self.put("typedef __builtin_va_list __gnuc_va_list;\n\n")
            return
        self.put("typedef ")
        self.declare(self.target(i), name, 0)
        self.put(";\n\n")

    # ---- definitions ----------------------------------------------------------------------------------------------

    def line(self, level):
        self.put("\n" + "\t" * min(level, 13))

    def enum(self, i, level):
        t = self.level.types[i]
        self.put(self.tag(i))
        if not t.elements:
            return
        self.put(" {")
        width = 32 if t.kind == ENUM else 64
        for offset, low, *high in t.elements:
            name, value = self.string(offset), low | (high[0] << 32 if high else 0)
            if t.flag and value >> (width - 1):
                value -= 1 << width
            self.idents[name] += 1
            number = f"___{self.idents[name]}" if self.idents[name] > 1 else ""
            self.line(level + 1)
            self.put(f"{name}{number} = {value}{'' if t.kind == ENUM else 'LL' if t.flag else 'ULL'},")
        self.line(level)
        self.put("}")
        if t.words[2] == 1:
            self.put(" __attribute__((mode(byte)))")
        elif t.words[2] == 8 and self.pointer_size == 8 and not any(e[2] for e in t.elements if len(e) > 2):
            self.put(" __attribute__((mode(word)))")

    def definition(self, i, level):
        packed, at, was_bits = self.packed(i), 0, 0
        self.put(self.tag(i), " {")
        for name, t, offset, bits in self.members(i):
            self.pad(at, offset, 1 if packed else self.align(t), was_bits and bits, level + 1)
            self.line(level + 1)
            self.declare(t, self.string(name), level + 1)
            self.put(f": {bits};" if bits else ";")
            at, was_bits = offset + (bits or 8 * self.size(t)), bits
        if self.kind(i) == STRUCT:
            self.pad(at, 8 * self.third(i), self.align(i), False, level + 1)
        if self.elements(i) or self.third(i):
            self.line(level)
        self.put("}")
        if packed:
            self.put(" __attribute__((packed))")

    def pad(self, at, end, align, in_bits, level):
        def up(to):
            return -(-at // to) * to

        if at >= end:
            return
        pads = [("long", 8 * self.pointer_size), ("int", 32), ("short", 16), ("char", 8)]
        word, width = next(((w, n) for w, n in pads if up(n) <= end), pads[-1])
        start = up(width)
        if at < start <= end:
            fills = start == end and up(8 * (align or 1)) != start
            if in_bits or fills or (start != end and end - start <= start - at):
                self.line(level)
                self.put(f"{word}: {start - at if in_bits else 0};")
            at = start
        while at != end:
            rest = min(end - at, width)
            if rest < width:
                word, width = next((w, n) for w, n in reversed(pads) if n >= rest)
            self.line(level)
            self.put(f"{word}: {rest};")
            at += rest

    # ---- declarators ------------------------------------------------------------------------------------------------

    def declare(self, i, name, level):
        chain = [i]
        while chain[-1] and self.kind(chain[-1]) in (PTR, ARRAY, FUNC_PROTO, *MODS):
            chain.append(self.target(chain[-1]))
        self.chain(chain, name, level)

    def chain(self, chain, name, level):
        """`chain` is used up, from its end."""
        after_pointer = True
        while chain:
            i = chain.pop()
            kind = self.kind(i)
            if kind == PTR:
                self.put("*" if after_pointer else " *")
            elif kind in QUALIFIERS:
                self.put(" " + QUALIFIERS[kind])
            elif kind == TYPE_TAG:
                self.prefixes(chain)
                tag = self.name(i)
                self.put(
                    f" __attribute__(({tag}))"
                    if self.level.types[i].flag
                    else f' __attribute__((btf_type_tag("{tag}")))'
                )
            elif kind in (ARRAY, FUNC_PROTO):
                while chain and self.kind(chain[-1]) in MODS:
                    chain.pop()
                (self.array if kind == ARRAY else self.function)(i, chain, name, level, after_pointer)
                return
            elif kind in (FUNC, VAR, DATASEC, DECL_TAG):
                chain.clear()
                return
            else:
                self.prefixes(chain)
                self.terminal(i, kind, level)
            after_pointer = kind == PTR
        self.own_name(name, after_pointer)

    def prefixes(self, chain):
        while chain and self.kind(chain[-1]) in QUALIFIERS:
            self.put(QUALIFIERS[self.kind(chain.pop())] + " ")

    def terminal(self, i, kind, level):
        if i == 0:
            self.put("void")
        elif kind in (INT, FLOAT):
            self.put(self.name(i))
        elif kind == TYPEDEF:
            self.put(self.numbered(i, self.idents))
        elif self.name(i) or kind == FWD:
            self.put(self.tag(i))
        elif kind in ENUMS:
            self.enum(i, level)
        else:
            self.definition(i, level)

    def own_name(self, name, after_pointer):
        self.put(f" {name}" if name and not after_pointer else name)

    def array(self, i, chain, name, level, after_pointer):
        if not chain:
            self.own_name(name, after_pointer)
        else:
            parenthesis = self.kind(chain[-1]) != ARRAY
            self.put(" " if name and not after_pointer else "", "(" if parenthesis else "")
            self.chain(chain, name, level)
            self.put(")" if parenthesis else "")
        self.put(f"[{self.level.types[i].words[5]}]")

    def function(self, i, chain, name, level, after_pointer):
        if chain:
            self.put(" (")
            self.chain(chain, name, level)
            self.put(")")
        else:
            self.own_name(name, after_pointer)
        params = self.elements(i)
        if not params or (len(params) == 1 and params[0][1] == 0):
            self.put("(void)")
            return
        self.put("(")
        for number, (own, t) in enumerate(params):
            if number:
                self.put(", ")
            if number == len(params) - 1 and t == 0:
                self.put("...")
            else:
                self.declare(t, self.string(own), level)
        self.put(")")


# ---- the order of roots ---------------------------------------------------------------------------------------------


class Sorting:
    def __init__(self, level):
        self.level = level

    def key(self, i):
        return self.rank(i, False), self.sort_name(i, False), self.level.name(i) if i else b"", self.hash(i, True), i

    def named(self, i):
        return bool(i) and self.level.types[i].words[0] != 0

    def target(self, i):
        words = self.level.types[i].words
        return words[3] if self.level.kind(i) == ARRAY else words[2]

    def rank(self, i, named):
        kind, named = self.level.kind(i), named or self.named(i)
        if kind in ENUMS:
            return 1 if named else 0
        if kind in (INT, FLOAT):
            return 2
        if kind in COMPOSITES:
            return 3 if named else LAST
        if kind == FUNC_PROTO:
            return 4 if named else LAST
        if kind in (ARRAY, *REFERENCES) and named:
            return self.rank(self.target(i), named)
        return LAST

    def sort_name(self, i, referred):
        kind = self.level.kind(i)
        if kind in (ARRAY, *REFERENCES):
            return self.sort_name(self.target(i), True)
        if kind in ENUMS and not referred and not self.named(i) and self.level.types[i].elements:
            return self.level.text(self.level.types[i].elements[0][0])
        return self.level.name(i) if i else b""

    def hash(self, i, whole):
        if i == 0:
            return 0
        t = self.level.types[i]
        value = self.mix_name(0, t.words[0])
        if t.kind in ENUMS:
            for offset, *_ in t.elements:
                value = self.mix_name(value, offset)
        elif t.kind in COMPOSITES and whole:
            for offset, member, _ in t.elements:
                value = mix(self.mix_name(value, offset), self.hash(member, False))
        elif t.kind == ARRAY:
            value = mix(mix(value, t.words[5]), self.hash(t.words[3], whole))
        elif t.kind in REFERENCES:
            value = mix(value, self.hash(t.words[2], whole))
        return value

    def mix_name(self, value, offset):
        if offset == 0:
            return value
        h = 0
        for c in self.level.text(offset):
            h = mix(h, c - 256 if c > 127 else c)
        return mix(value, h)


def mix(value, other):
    return (31 * value + other) & 0xFFFFFFFFFFFFFFFF


def roots(level, unsorted):
    """What bpftool goes through: all ids but 0, or all in their order but the first."""
    if unsorted:
        return list(range(1, len(level.types)))
    return sorted(range(len(level.types)), key=Sorting(level).key)[1:]


def text(level, wanted, pointer_size):
    """The declarations of `wanted` with what they need."""
    dump = Dump(level, pointer_size)
    for root in wanted:
        dump.dump(root)
    return "".join(dump.out)
