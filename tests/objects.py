"""BPF objects and kernels without a compiler: objects made by hand, and random kernels with programs that fit them a little.

`Program` is a BPF object in the making: a `Builder` for its types and its CO-RE records; `build` reads it as btfkit does,
`elf` makes a file that libbpf loads.  `scene(choose)` draws a kernel, modules and programs whose types are the kernel's with
some members dropped, renamed, of another type, so that relocations match, or nearly.
"""

from __future__ import annotations

import copy
import struct

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.co_re import kinds as k
from btfkit.co_re.program import BpfObject, read_object
from btfkit.errors import BtfError

SECTION = "socket"


class Program:
    """A BPF object in the making: write types with `types` (a Builder), then `relo` for each relocation."""

    def __init__(self, order="little", types=None):
        self.types = types or Builder(order=order)
        self.order = order
        self.records = []
        self.sections = []
        self.starts = []
        self.begin(SECTION)

    def relo(self, kind, type_id, access="0"):
        """Add a relocation; returns its number."""
        self.records.append((type_id, self.types.name(access), kind))
        return len(self.records) - 1

    def begin(self, section):
        """What follows belongs to a program in another section."""
        self.types.name(section)
        self.sections.append(section)
        self.starts.append(len(self.records))

    def parts(self):
        """(section, its records) of each program."""
        ends = [*self.starts[1:], len(self.records)]
        return [
            (section, self.records[start:end])
            for section, start, end in zip(self.sections, self.starts, ends, strict=True)
        ]

    def ext(self, record_size=16):
        """`.BTF.ext`: each relocation belongs to a 64-bit load of its own."""
        mark = "<" if self.order == "little" else ">"
        body = b""
        for section, records in self.parts():
            if not records:
                continue
            body += b"" if body else struct.pack(mark + "I", record_size)
            body += struct.pack(mark + "II", self.types.name(section), len(records))
            for number, (type_id, access, kind) in enumerate(records):
                body += struct.pack(mark + "IIII", 16 * number, type_id, access, kind) + bytes(record_size - 16)
        head = struct.pack(mark + "HBBI6I", 0xEB9F, 1, 0, 32, 0, 0, 0, 0, 0, len(body))
        return head + body

    def build(self, name="made.bpf.o", **options) -> BpfObject:
        return read_object(name, self.types.to_bytes(), self.ext(**options))

    def elf(self, *, load: bool = False) -> bytes:
        """A file for libbpf: for each section a program, which loads 64 bits per relocation (the value by its own types) and
        returns; with `load` it reads 4 bytes at that offset of its context instead."""
        mark = "<" if self.order == "little" else ">"
        obj = self.build()
        sections, names, symbols, done = [], b"\0", bytes(24), 0
        for number, (section, records) in enumerate(self.parts()):
            code = b""
            for relocation in obj.relocations[done : done + len(records)]:
                value = local_value(obj, relocation)
                if load:
                    code += struct.pack(mark + "BBhi", 0x61, 0x10 if mark == "<" else 0x01, value, 0)
                    code += struct.pack(mark + "BBhi", 0xB7, 0, 0, 0)
                    continue
                code += struct.pack(mark + "BBhIBBhI", 0x18, *(0, 0, value & 0xFFFFFFFF, 0, 0, 0, value >> 32))
            code += struct.pack(mark + "BBhI", 0xB7, 0, 0, 0) + struct.pack(mark + "BBhI", 0x95, 0, 0, 0)
            symbols += struct.pack(mark + "IBBHQQ", len(names), 0x12, 0, number + 1, 0, len(code))
            names += f"prog{number or ''}".encode() + b"\0"
            sections.append((section, 1, 6, code, 0, 0, 0))
            done += len(records)
        sections += [
            (".strtab", 3, 0, names, 0, 0, 0),
            (".symtab", 2, 0, symbols, len(sections) + 1, 1, 24),
            (".BTF", 1, 0, self.types.to_bytes(), 0, 0, 0),
            (".BTF.ext", 1, 0, self.ext(), 0, 0, 0),
        ]
        return _elf(mark, sections)


def _elf(mark, sections):
    names = b"\0"
    offsets = []
    for name, *_ in (*sections, (".shstrtab",)):
        offsets.append(len(names))
        names += name.encode() + b"\0"
    body, table = b"", bytes(64)
    for (_, kind, flags, data, link, info, entry), name in zip(
        [*sections, (".shstrtab", 3, 0, names, 0, 0, 0)], offsets, strict=True
    ):
        body += bytes(-len(body) % 8)
        table += struct.pack(mark + "IIQQQQIIQQ", name, kind, flags, 0, 64 + len(body), len(data), link, info, 8, entry)
        body += data
    body += bytes(-len(body) % 8)
    ident = b"\x7fELF\x02" + (b"\1" if mark == "<" else b"\2") + b"\1" + bytes(9)
    count = len(sections) + 2
    head = ident + struct.pack(
        mark + "HHIQQQIHHHHHH", 1, 247, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64, count, count - 1
    )
    return head + body + table


def local_value(obj, relocation):
    """What a relocation yields by the program's own types: what libbpf expects in the instruction.  0 where nothing does.

    Written anew, from FORMAT.md 3.2 and 3.8, not to judge the engine by the engine.
    """
    btf, kind, root = obj.btf, relocation.kind, relocation.type_id
    try:
        numbers = [int(part) for part in relocation.access.split(b":")]
        if kind <= 5:
            return _local_field(btf, root, kind, numbers) & 0xFFFFFFFF
        if kind == k.ENUMVAL_VALUE:
            value = btf[btf.strip(root)].enumerators[numbers[0]].value
            narrow = btf.kind(btf.strip(root)) == spec.ENUM and value >> 31 & 1
            return (value | (-1 << 32) if narrow else value) & 0xFFFFFFFFFFFFFFFF
        if kind == k.TYPE_SIZE:
            return btf.sizeof(root) or 0
    except (BtfError, ValueError, IndexError, AttributeError, TypeError, ZeroDivisionError):
        return 0
    return root if kind in (k.TYPE_ID_LOCAL, k.TYPE_ID_TARGET) else 1


def _local_field(btf, root, kind, numbers):
    if kind == k.FIELD_EXISTS:
        return 1
    current = btf[btf.strip(root)]
    bit, bits = numbers[0] * 8 * btf.sizeof(root), 0
    last = current
    for number in numbers[1:]:
        if current.kind == spec.ARRAY:
            current = last = btf[btf.strip(current.type_id)]
            bit, bits = bit + 8 * number * btf.sizeof(current.id), 0
        else:
            member = current.members[number]
            bit += member.bit_offset
            current = btf[btf.strip(member.type_id)]
            if member.name:
                bits, last = member.bitfield_size, current
    size = btf.sizeof(last.id)
    at = bit // 8
    if bits:
        at = at // size * size
        while bit + bits > 8 * (at + size):
            size *= 2
            at = bit // 8 // size * size
            if size > 8:
                return 0
    signed = getattr(last, "signed", False)
    shift = 64 - (bit + (bits or 8 * size) - 8 * at)
    return (at, size, 1, int(signed), shift, 64 - (bits or 8 * size))[kind]


# ---- random kernels ----------------------------------------------------------------------------------------------

TYPE_NAMES = ("a", "b", "c", "d", "e", "a___x", "u32")
MEMBER_NAMES = ("x", "y", "z", "w", "")
INT_NAMES = ("int", "char", "long", "unsigned long", "u8")
VALUE_NAMES = ("A", "B", "C", "B___old", "D")


class Choose:
    """Choices from a random.Random; `drawn` makes them with Hypothesis."""

    def __init__(self, random):
        self.number = random.randint

    @classmethod
    def drawn(cls, draw):
        from hypothesis import strategies as st

        self = cls.__new__(cls)
        self.number = lambda low, high: draw(st.integers(low, high))
        return self

    def one(self, options):
        return options[self.number(0, len(options) - 1)]

    def chance(self, one_in):
        return self.number(1, one_in) == 1


class Node:
    """One type: `kind`, `name`, `size` or `ref` (the third word), `items` (members, enumerators, parameters), `extra`."""

    def __init__(self, kind, name="", third=0, items=(), extra=0):
        self.kind, self.name, self.third, self.items, self.extra = kind, name, third, list(items), extra

    def write(self, b):
        if self.kind in spec.COMPOSITES:
            items = [item if self.extra else item[:3] for item in self.items]
            return b.struct(self.name, self.third, items, union=self.kind == spec.UNION)
        if self.kind == spec.ENUM:
            return b.enum(self.name, self.items, size=self.third, signed=bool(self.extra))
        if self.kind == spec.ENUM64:
            return b.enum64(self.name, self.items, size=self.third, signed=bool(self.extra))
        if self.kind == spec.FUNC_PROTO:
            return b.func_proto(self.third, self.items)
        if self.kind == spec.INT:
            return b.record(self.kind, self.name, self.third, (self.extra,))
        if self.kind == spec.ARRAY:
            return b.array(self.third, self.items[0], self.extra)
        return b.record(self.kind, self.name, self.third, flag=bool(self.extra))


class Kernel:
    """A graph in the making: `nodes` of the base with ids from 1, or of a module with ids from the base's end."""

    def __init__(self, choose, pointer_size, base=None):
        self.choose = choose
        self.pointer_size = pointer_size
        self.base = base.nodes if base else []
        self.nodes = []
        self.sizes = dict(base.sizes) if base else {}
        self.pointable = list(base.pointable) if base else [0]

    @property
    def all(self):
        return self.base + self.nodes

    def add(self, node, size=None):
        self.nodes.append(node)
        type_id = len(self.base) + len(self.nodes)
        if size is not None:
            self.sizes[type_id] = size
        self.pointable.append(type_id)
        return type_id

    def grow(self, count):
        c = self.choose
        makers = (self.int, self.ptr, self.ptr, self.composite, self.composite, self.composite, self.array, self.enum)
        makers += (self.modifier, self.modifier, self.fwd, self.proto, self.float)
        if not any(node.kind == spec.INT for node in self.all):
            self.int()
        for _ in range(count):
            c.one(makers)()
        for node in self.nodes:  # pointers lead forwards, too: recursive structs
            if node.kind == spec.PTR and c.chance(3):
                node.third = c.one(self.pointable)
        return self

    def value(self):
        return self.choose.one([type_id for type_id, size in self.sizes.items() if size <= 256])

    def int(self):
        c = self.choose
        name = c.one(INT_NAMES)
        size = self.pointer_size if "long" in name else c.one((1, 2, 4, 8))
        offset = 4 if c.chance(12) and size > 1 else 0
        self.add(Node(spec.INT, name, size, extra=c.one((0, 1, 2, 4)) << 24 | offset << 16 | (8 * size - offset)), size)

    def float(self):
        size = self.choose.one((4, 8))
        self.add(Node(spec.FLOAT, self.choose.one(TYPE_NAMES), size), size)

    def ptr(self):
        self.add(Node(spec.PTR, third=self.choose.one(self.pointable)), self.pointer_size)

    def array(self):
        element, length = self.value(), self.choose.one((0, 0, 1, 2, 3))
        index = next(i for i, node in enumerate(self.all, 1) if node.kind == spec.INT)
        self.add(Node(spec.ARRAY, third=element, items=[index], extra=length), self.sizes[element] * length)

    def fwd(self):
        self.add(Node(spec.FWD, self.choose.one(TYPE_NAMES), extra=self.choose.number(0, 1)))

    def enum(self):
        c = self.choose
        kind = c.one((spec.ENUM, spec.ENUM, spec.ENUM64))
        size = c.one((4, 4, 1)) if kind == spec.ENUM else 8
        limit = 1 << (8 * size - 1)
        signed = c.number(0, 1)
        low, high = (-limit, limit - 1) if signed else (0, 2 * limit - 1)
        values = [(c.one(VALUE_NAMES), c.one((0, 1, 2, 3, low, high))) for _ in range(c.number(0, 4))]
        self.add(Node(kind, c.one(("", *TYPE_NAMES)), size, values, signed), size)

    def modifier(self):
        c = self.choose
        kind = c.one((spec.TYPEDEF, spec.TYPEDEF, spec.CONST, spec.VOLATILE, spec.TYPE_TAG))
        name = {spec.TYPEDEF: c.one(TYPE_NAMES), spec.TYPE_TAG: "rcu"}.get(kind, "")
        target = c.one(self.pointable)
        self.add(Node(kind, name, target), self.sizes.get(target))

    def proto(self):
        c = self.choose
        params = [("p", self.value()) for _ in range(c.number(0, 2))]
        self.add(Node(spec.FUNC_PROTO, "", c.one(self.pointable), params))

    def composite(self):
        c = self.choose
        union, flagged = c.chance(4), c.chance(3)
        end = 0
        members = []
        for _ in range(c.number(0, 5)):
            type_id = self.value()
            start = 0 if union else end + -end % 8
            bits = 0
            if flagged and self.stripped(type_id).kind in (spec.INT, spec.ENUM) and c.chance(2):
                bits = c.number(1, 8 * self.sizes[type_id])
                start = 0 if union else end
            members.append((c.one(MEMBER_NAMES), type_id, start, bits))
            end = max(end, start + (bits or 8 * self.sizes[type_id]))
        size = (end + 7) // 8
        self.add(Node(spec.UNION if union else spec.STRUCT, c.one(("", *TYPE_NAMES)), size, members, flagged), size)

    def stripped(self, type_id):
        node = self.all[type_id - 1]
        while node.kind in spec.MODS_AND_TYPEDEFS and node.third:
            node = self.all[node.third - 1]
        return node

    def build(self, order, base=None):
        b = Builder(base, order)
        for node in self.nodes:
            node.write(b)
        return b.build()


def derived(choose, nodes):
    """The nodes of a program: the kernel's, somewhat changed."""
    nodes = copy.deepcopy(nodes)
    for _ in range(choose.number(0, 6)):
        type_id = choose.number(1, len(nodes))
        _change(choose, nodes[type_id - 1], type_id, len(nodes))
    return nodes


def _change(c, node, type_id, count):
    """Change one node; by value it only ever contains types that come before it, as cycles make libbpf loop for ever."""
    how = c.number(0, 5)
    if node.kind in (*spec.COMPOSITES, *spec.ENUMS) and node.items:
        at = c.number(0, len(node.items) - 1)
        if how <= 1:
            del node.items[at]
        elif how == 2:
            node.items[at] = (c.one((*MEMBER_NAMES, *VALUE_NAMES)), *node.items[at][1:])
        elif how == 3:
            node.items.insert(0, node.items.pop(at))
        elif how == 4 and node.kind in spec.COMPOSITES:
            name, _, *rest = node.items[at]
            node.items[at] = (name, c.number(1, max(type_id - 1, 1)), *rest)
        elif node.name:
            node.name = node.name.split("___")[0] + "___mine"
    elif node.kind == spec.PTR:
        node.third = c.number(0, count)
    elif node.kind in (spec.TYPEDEF, spec.CONST, spec.FUNC_PROTO):
        node.third = c.number(0, type_id - 1)
    elif node.kind == spec.ARRAY:
        node.extra = c.number(0, 3)
    elif node.kind == spec.INT:
        node.extra = 8 * node.third
    elif node.kind == spec.FWD and c.chance(2):
        node.kind, node.third = (spec.UNION if node.extra else spec.STRUCT), 8


def _relocate(c, program, nodes, btf):
    """Add one random relocation."""
    named = [i for i, node in enumerate(nodes, 1) if node.name and node.kind != spec.TYPE_TAG]
    composites = [i for i in named if nodes[i - 1].kind in (*spec.COMPOSITES, spec.TYPEDEF)]
    enums = [i for i in named if nodes[i - 1].kind in spec.ENUMS]
    group = c.number(0, 6)
    if group <= 3 and composites:
        root = c.one(composites)
        program.relo(c.number(0, 5), root, _access(c, btf, root))
    elif group == 4 and enums:
        program.relo(c.number(10, 11), c.one(enums), str(c.number(0, 3)))
    elif named:
        program.relo(c.one((6, 7, 8, 9, 12, 12, 12)), c.one(named))


def _access(c, btf, root):
    numbers = [c.one((0, 0, 0, 1))]
    current = btf[btf.strip(root)]
    while len(numbers) < 6:
        if current.kind in spec.COMPOSITES and current.vlen and not c.chance(5):
            numbers.append(c.number(0, current.vlen - 1))
            current = btf[btf.strip(current.members[numbers[-1]].type_id)]
        elif current.kind == spec.ARRAY and not c.chance(3):
            numbers.append(c.number(0, max(current.length - 1, 1)))
            current = btf[btf.strip(current.type_id)]
        else:
            break
    return ":".join(map(str, numbers))


class Scene:
    """A kernel (`vmlinux`, `modules`) and `programs` for it."""

    def __init__(self, vmlinux, modules, programs):
        self.vmlinux, self.modules, self.programs = vmlinux, modules, programs

    @property
    def objects(self):
        return [program.build(f"{number}.bpf.o") for number, program in enumerate(self.programs)]


def scene(choose, *, module_count=None, types=14, relocations=8, order=None) -> Scene:
    """A random kernel with up to two modules, and one or two programs that were made for something like it."""
    c = choose
    order = order or c.one(("little", "big"))
    kernel = Kernel(c, c.one((8, 8, 4))).grow(c.number(1, types))
    vmlinux = kernel.build(order)
    parts, modules = [kernel.all], []
    for _ in range(c.number(0, 2) if module_count is None else module_count):
        module = Kernel(c, kernel.pointer_size, kernel).grow(c.number(1, 6))
        modules.append(module.build(order, vmlinux))
        parts.append(module.all)
    programs = []
    for _ in range(c.number(1, 2)):
        nodes = derived(c, c.one(parts))
        types_of = Builder(order=order)
        for node in nodes:
            node.write(types_of)
        program = Program(order, types_of)
        btf = types_of.build()
        for _ in range(c.number(1, relocations)):
            try:
                _relocate(c, program, nodes, btf)
            except BtfError:  # a cycle of typedefs, by chance
                continue
        programs.append(program)
    return Scene(vmlinux, modules, programs)


def reread(btf: Btf, base: Btf | None = None) -> Btf:
    """The same BTF out of its bytes."""
    return Btf.from_bytes(btf.to_bytes(), base)
