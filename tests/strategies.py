"""Hypothesis strategies for BTF: random type graphs that are valid for C, for btfkit and for the kernel.

`btfs(order, base)` gives a `Btf`, alone or split on `base`; `chains()` a base with a split on it.  All ids are given out
before any type is written, so pointers lead forwards and backwards and go round in circles through structs, while what
is contained by value comes earlier.
"""

from __future__ import annotations

from hypothesis import strategies as st

from btfkit.btf import spec
from btfkit.btf.build import Builder

NAMES = (
    "a",
    "b",
    "next",
    "list_head",
    "task_struct",
    "task_struct___old",
    "x__y",
    "pid",
    "u32",
    "flags",
    "state",
    ".rodata.x",
)
TEXTS = ("user", "rcu", "bpf_kfunc", "any text: %s")
KINDS = (
    *(spec.INT, spec.FLOAT, spec.ENUM, spec.ENUM64, spec.FWD),
    *(spec.PTR,) * 4,
    *(spec.STRUCT,) * 4,
    *(spec.UNION, spec.ARRAY, spec.TYPEDEF, spec.TYPEDEF, spec.CONST, spec.VOLATILE, spec.RESTRICT, spec.TYPE_TAG),
    *(spec.FUNC_PROTO, spec.FUNC, spec.VAR, spec.DATASEC, spec.DECL_TAG),
)
LARGEST = 4096  # bytes of what is contained in something else

orders = st.sampled_from(("little", "big"))


class _Graph:
    """A graph in the making: which types may stand where."""

    def __init__(self, draw, base, order):
        self.draw = draw
        self.builder = Builder(base, order)
        self.sizes = {}  # of what can be contained by value, bytes
        self.ints = {}  # whole-byte INTs: id -> bits
        self.pointable = [0]
        self.tagged = set()  # modifiers that lead to a type tag
        self.taggable = {}  # id -> number of components
        self.protos, self.vars = {}, {}
        for type_ in base if base is not None else ():
            if type_.id:
                self.learn(type_)

    def learn(self, type_):
        """Remember what the type of a base can be used for."""
        kind, btf = type_.kind, type_.btf
        size = btf.sizeof(type_.id) if kind not in (spec.VAR, spec.DECL_TAG, spec.DATASEC) else None
        if size is not None:
            self.sizes[type_.id] = size
        if kind == spec.INT:
            self.ints[type_.id] = type_.bits
        if kind not in (spec.VAR, spec.DECL_TAG, spec.DATASEC, spec.FUNC):
            self.pointable.append(type_.id)
        if kind in spec.MODS_AND_TYPEDEFS and (kind == spec.TYPE_TAG or type_.type_id in self.tagged):
            self.tagged.add(type_.id)
        if kind == spec.FUNC_PROTO:
            self.protos[type_.id] = type_.vlen
        if kind in (spec.STRUCT, spec.UNION):
            self.taggable[type_.id] = type_.vlen
        elif kind == spec.FUNC:
            self.taggable[type_.id] = type_.type.vlen
        elif kind in (spec.VAR, spec.TYPEDEF):
            self.taggable[type_.id] = 0

    def one(self, options):
        return self.draw(st.sampled_from(options))

    def number(self, low, high):
        return self.draw(st.integers(low, high))

    def name(self):
        return self.one(NAMES)

    def value(self):
        return self.one([type_id for type_id, size in self.sizes.items() if size <= LARGEST])

    def untagged(self):
        return self.one([type_id for type_id in self.pointable if type_id not in self.tagged])

    def write(self, kind, type_id, later):
        """Write one type; an INT where the kind finds nothing to refer to.  `later` are structs that are still to come."""
        writer = getattr(self, "_" + spec.KIND_NAMES[kind].lower())
        writer(type_id, later)
        assert self.builder.next_id == type_id + 1

    def _int(self, type_id, later):
        size = self.one((1, 2, 4, 8, 16))
        self.builder.int(self.one((*NAMES, "long", "int", "char")), size, encoding=self.one((0, 1, 2, 4)))
        self.sizes[type_id], self.ints[type_id] = size, 8 * size
        self.pointable.append(type_id)

    def _float(self, type_id, later):
        size = self.one((2, 4, 8, 12, 16))
        self.builder.float(self.name(), size)
        self.sized(type_id, size)

    def sized(self, type_id, size):
        self.sizes[type_id] = size
        self.pointable.append(type_id)

    def _ptr(self, type_id, later):
        self.builder.ptr(self.one(self.pointable + later))
        self.sized(type_id, 8)

    def _array(self, type_id, later):
        element = self.value()
        length = self.number(0, 3)
        self.builder.array(element, self.one(list(self.ints)), length)
        self.sized(type_id, self.sizes[element] * length)

    def _struct(self, type_id, later):
        members, end, flagged = [], 0, self.draw(st.booleans())
        for _ in range(self.number(0, 4)):
            member = self.value()
            name = self.one(("", *NAMES))
            bits = 8 * self.sizes[member]
            if flagged and member in self.ints and self.draw(st.booleans()):
                width = self.number(1, min(self.ints[member], 64))
                members.append((name, member, end, width))
                end += width
                continue
            end += -end % (8 if member in self.ints else 64)
            members.append((name, member, end, 0) if flagged else (name, member, end))
            end += bits
        self.builder.struct(self.one(("", *NAMES)), (end + 7) // 8, members)
        self.sized(type_id, (end + 7) // 8)
        self.taggable[type_id] = len(members)

    def _union(self, type_id, later):
        members = [self.value() for _ in range(self.number(0, 3))]
        size = max((self.sizes[member] for member in members), default=0)
        self.builder.union(self.one(("", *NAMES)), size, [(self.name(), member, 0) for member in members])
        self.sized(type_id, size)
        self.taggable[type_id] = len(members)

    def _enum(self, type_id, later):
        values = [(f"{self.name()}_{i}", self.number(-(1 << 31), (1 << 31) - 1)) for i in range(self.number(0, 3))]
        size = self.one((4, 8))  # the kernel takes an enum of fewer bytes for one of 32 bits in structs with bitfields
        self.builder.enum(self.one(("", *NAMES)), values, size=size)
        self.sized(type_id, size)

    def _enum64(self, type_id, later):
        values = [(f"{self.name()}_{i}", self.number(-(1 << 63), (1 << 63) - 1)) for i in range(self.number(0, 3))]
        self.builder.enum64(self.one(("", *NAMES)), values)
        self.sized(type_id, 8)

    def _fwd(self, type_id, later):
        self.builder.fwd(self.name(), union=self.draw(st.booleans()))
        self.pointable.append(type_id)

    def modifier(self, type_id, target, tag=False):
        if target in self.sizes:
            self.sizes[type_id] = self.sizes[target]
        if tag or target in self.tagged:
            self.tagged.add(type_id)
        self.pointable.append(type_id)

    def _typedef(self, type_id, later):
        target = self.untagged()
        self.builder.typedef(self.name(), target)
        self.modifier(type_id, target)
        self.taggable[type_id] = 0

    def _const(self, type_id, later):
        target = self.untagged()
        self.builder.const(target)
        self.modifier(type_id, target)

    def _volatile(self, type_id, later):
        target = self.untagged()
        self.builder.volatile(target)
        self.modifier(type_id, target)

    def _restrict(self, type_id, later):
        target = self.untagged()
        self.builder.restrict(target)
        self.modifier(type_id, target)

    def _type_tag(self, type_id, later):
        target = self.one(self.pointable)
        self.builder.type_tag(self.one(TEXTS), target, attribute=self.draw(st.booleans()))
        self.modifier(type_id, target, tag=True)

    def _func_proto(self, type_id, later):
        params = [(self.name(), self.value()) for _ in range(self.number(0, 3))]
        variadic = [("", 0)] if self.draw(st.booleans()) else []
        self.builder.func_proto(self.one((0, self.value())), params + variadic)
        self.protos[type_id] = len(params + variadic)
        self.pointable.append(type_id)

    def _func(self, type_id, later):
        if not self.protos:
            return self._int(type_id, later)
        proto = self.one(list(self.protos))
        self.builder.func(self.name(), proto, self.number(0, 1))
        self.taggable[type_id] = self.protos[proto]
        return None

    def _var(self, type_id, later):
        target = self.value()
        self.builder.var(self.name(), target, self.number(0, 1))
        self.vars[type_id] = self.sizes[target]
        self.taggable[type_id] = 0

    def _datasec(self, type_id, later):
        entries, end = [], 0
        for var, size in self.vars.items():
            entries.append((var, end, max(size, 1)))
            end += max(size, 1)
        self.vars = {}
        self.builder.datasec(self.one((".data", ".bss", "?.struct_ops")), end or 8, entries)

    def _decl_tag(self, type_id, later):
        if not self.taggable:
            return self._int(type_id, later)
        target = self.one(list(self.taggable))
        component = self.number(-1, self.taggable[target] - 1)
        self.builder.decl_tag(self.one(TEXTS), target, component, attribute=self.draw(st.booleans()))
        return None


@st.composite
def builders(draw, order=None, base=None, max_types=20):
    """A `Builder` with up to `max_types` types; the first of a BTF without a base is an INT."""
    order = order or (base.byte_order if base is not None else draw(orders))
    graph = _Graph(draw, base, order)
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=0 if base is not None else 1, max_size=max_types))
    if not graph.ints:
        kinds.insert(0, spec.INT)
    first = graph.builder.next_id
    for index, kind in enumerate(kinds):
        later = [first + i for i in range(index, len(kinds)) if kinds[i] in (spec.STRUCT, spec.UNION)]
        graph.write(kind, first + index, later)
    return graph.builder


def btfs(order=None, base=None, max_types=20):
    """A `Btf` of up to `max_types` own types: valid C, sound for `judges.structure`, accepted by `judges.kernel`."""
    return builders(order, base, max_types).map(lambda builder: builder.build())


@st.composite
def chains(draw, order=None, max_types=20, levels=2):
    """The topmost of `levels` BTFs, each split on the one before."""
    btf = None
    for _ in range(levels):
        btf = draw(btfs(order, btf, max_types))
    return btf


@st.composite
def mutations(draw, data, most=4):
    """`data` with up to `most` bytes changed, or cut short, or longer."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, most))):
        if changed:
            changed[draw(st.integers(0, len(changed) - 1))] = draw(st.integers(0, 255))
    how = draw(st.sampled_from(("", "", "", "cut", "more")))
    if how == "cut":
        del changed[draw(st.integers(0, len(changed))) :]
    elif how == "more":
        changed += draw(st.binary(max_size=8))
    return bytes(changed)
