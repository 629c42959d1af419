"""The shapes of types (`btfkit.values.shape`): what the bytes of a type mean.

Each shape is made once for a BTF.  Damaged types raise FormatError here, so that reading never does: a struct that contains
itself, members outside of it, values that would be out of proportion to their bytes.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.elements import signed
from btfkit.btf.platform import architecture
from btfkit.btf.spec import DEFAULT_POINTER_SIZE, text
from btfkit.errors import FormatError, counted, printable
from btfkit.values.shape import Address, Array, Composite, Enum, Field, Float, Int, Opaque, Scalar, Shape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf

MAX_DEPTH = 64  # arrays and composites within each other
MAX_LEAVES = 1 << 16, 64  # values of one type, and for each of its bytes
_ALIASES = spec.MODS_AND_TYPEDEFS | {spec.VAR, spec.DECL_TAG}
DECLARATIONS = ("static ", "", "extern ")  # by the linkage of a VAR


def target(btf: Btf, type_id: int) -> int:
    """The type without modifiers, typedefs, and what a variable or tag is about."""
    return btf.strip(type_id, _ALIASES)


def sized_shape(btf: Btf, type_id: int) -> Shape:
    """The shape of a type; raises FormatError if its values have no bytes (void, a function, a declaration)."""
    shape = shape_of(btf, type_id)
    if isinstance(shape, Opaque):
        from btfkit.btf.spelling import label

        raise FormatError(f"{label(btf, type_id)} has no size, so no values", source=btf.source, type_id=type_id)
    return shape


def shape_of(btf: Btf, type_id: int) -> Shape:
    """The shape of a type, made on first use and kept; raises FormatError for a damaged type."""
    return _Shapes(btf).shape(type_id)


def _kept(btf: Btf) -> dict[int, Shape]:
    return {}


class _Shapes:
    """Makes shapes; `known` has those that were made, by id."""

    __slots__ = ("btf", "known", "order", "under_way")

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self.known = btf.kept(_kept)
        self.order = btf.byte_order
        self.under_way: set[int] = set()

    def shape(self, type_id: int) -> Shape:
        found = self.known.get(type_id)
        if found is not None:
            return found
        if type_id in self.under_way or len(self.under_way) > 2 * MAX_DEPTH:
            raise self._bad(type_id, "contains itself, or is nested too deeply")
        self.under_way.add(type_id)
        stripped = target(self.btf, type_id)
        if stripped != type_id:
            shape = self.shape(stripped)
        else:
            shape = self._made(type_id)
            self._demand_proportion(type_id, shape.size, shape.leaves, shape.depth)
        self.under_way.discard(type_id)
        shape = self.known[type_id] = shape.with_cast(cast(self.btf, type_id))
        return shape

    def _made(self, type_id: int) -> Shape:
        btf, kind = self.btf, self.btf.kind(type_id)
        if kind == spec.INT:
            word, size = btf.word(type_id, 3), btf.word(type_id, 2)
            bits, shift = word & 0xFF, word >> 16 & 0xFF
            if shift + bits > 8 * size or not bits:
                raise self._bad(type_id, f"{bits} bits from bit {shift} on, in {counted(size, 'byte')}")
            return Int(size, self.order, name=btf.name(type_id), encoding=word >> 24 & 0xFF, bits=bits, shift=shift)
        if kind == spec.PTR:
            return Address(btf.pointer_size or DEFAULT_POINTER_SIZE, self.order)
        if kind == spec.FLOAT:
            return Float(btf.word(type_id, 2), self.order, _float_format(btf, type_id))
        if kind in spec.ENUMS:
            return self._enum(type_id, kind)
        if kind == spec.ARRAY:
            return self._array(type_id)
        if kind in spec.COMPOSITES:
            return self._composite(type_id)
        if kind == spec.DATASEC:
            return self._section(type_id)
        return Opaque(0, self.order)

    def _enum(self, type_id: int, kind: int) -> Enum:
        layer, at = self.btf.locate(type_id)
        words, wide = layer.words, kind == spec.ENUM64
        flag, size, width = words[at + 1] >> 31 != 0, words[at + 2], 3 if wide else 2
        if not 0 < size <= 8:
            raise self._bad(type_id, f"an enum of {size} bytes: expected 1 to 8")
        found: list[tuple[str, int]] = []
        for place in range(at + 3, at + 3 + width * (words[at + 1] & spec.MAX_VLEN), width):
            number = words[place + 1] | (words[place + 2] << 32 if wide else 0)
            found.append((text(self.btf.string(words[place])), signed(number, 64 if wide else 32, flag)))
        return Enum(size, self.order, found, signed=flag, wide=wide)

    def _array(self, type_id: int) -> Array:
        btf = self.btf
        element_id = btf.word(type_id, 3)
        element = self.shape(element_id)
        stripped = btf.strip(element_id, spec.MODIFIERS)
        is_int = btf.kind(stripped) == spec.INT and btf.word(stripped, 2) == 1
        plain_char = is_int and (btf.name(stripped) == "char" or btf.word(stripped, 3) >> 24 == spec.INT_CHAR)
        return Array(element, btf.word(type_id, 5), self.order, plain_char=plain_char)

    def _composite(self, type_id: int) -> Composite:
        layer, at = self.btf.locate(type_id)
        words = layer.words
        size, count, flag = words[at + 2], words[at + 1] & spec.MAX_VLEN, words[at + 1] >> 31
        is_union = self.btf.kind(type_id) == spec.UNION
        members = []
        leaves = 0
        for index in range(count):
            place = at + 3 + 3 * index
            name_off, member_id, where = words[place], words[place + 1], words[place + 2]
            offset, bits = (where & 0xFFFFFF, where >> 24) if flag else (where, 0)
            name = text(self.btf.string(name_off)) if name_off else ""
            last = is_union or index == count - 1
            shape = self.shape(member_id)
            leaves += shape.leaves
            self._demand_proportion(type_id, size, leaves)  # before a field is made of each
            members.append(self._member(type_id, name, shape, offset, bits, size, last))
        return Composite(self.btf.name(type_id), size, self.order, members, is_union=is_union)

    def _member(self, type_id: int, name: str, shape: Shape, offset: int, bits: int, size: int, last: bool) -> Field:
        """A member, checked."""
        if isinstance(shape, Int) and not bits and (shape.is_part or offset % 8):  # a bit-field of old BTF
            offset, bits = offset + shape.shift, shape.bits
        if bits and (not isinstance(shape, Scalar) or isinstance(shape, Float)):
            raise self._bad(type_id, f"member {printable(name)!r} is a bitfield of a type that cannot be one")
        if not bits and offset % 8:
            raise self._bad(type_id, f"member {printable(name)!r} begins within a byte")
        end = offset + (bits or 8 * shape.size)
        if end > 8 * size:
            raise self._bad(
                type_id, f"member {printable(name)!r} ends at byte {(end + 7) // 8}, after the end at {size}"
            )
        return Field(name, shape, offset, bits, last=last)

    def _section(self, type_id: int) -> Composite:
        layer, at = self.btf.locate(type_id)
        words = layer.words
        size = words[at + 2]
        members: list[Field] = []
        for place in range(at + 3, at + 3 + 3 * (words[at + 1] & spec.MAX_VLEN), 3):
            var_id, offset = words[place], words[place + 1]
            if self.btf.kind(var_id) != spec.VAR:  # a function, in .ksyms
                continue
            shape, linkage = self.shape(var_id), self.btf.word(var_id, 3)
            size = max(size, offset + shape.size)  # an object that is not linked states 0
            prefix = DECLARATIONS[linkage] if linkage < len(DECLARATIONS) else ""
            members.append(Field(self.btf.name(var_id), shape, 8 * offset, prefix=prefix))
        return Composite(self.btf.name(type_id), size, self.order, members, is_section=True)

    def _demand_proportion(self, type_id: int, size: int, leaves: int, depth: int = 0) -> None:
        most, for_each = MAX_LEAVES
        if depth > MAX_DEPTH:
            raise self._bad(type_id, f"more than {MAX_DEPTH} arrays and structs within each other")
        if leaves > most + for_each * size:
            what = f"{counted(leaves, 'value')} in {counted(size, 'byte')}"
            raise self._bad(type_id, f"{what}: members lie on each other, or have no size")

    def _bad(self, type_id: int, message: str) -> FormatError:
        from btfkit.btf.spelling import label

        return FormatError(
            f"{label(self.btf, type_id)}: {message}", source=self.btf.source, section="types", type_id=type_id
        )


def _float_format(btf: Btf, type_id: int) -> str:
    """The format of a FLOAT (`Float.FORMATS`), by its size and name and by the machine."""
    size = btf.word(type_id, 2)
    if size == 2:
        return "bfloat" if btf.name(type_id) == "__bf16" else "half"
    if size in (4, 8):
        return "single" if size == 4 else "double"
    if size not in (10, 12, 16):
        return ""
    machine = architecture(btf)
    if size < 16 or machine in ("x86_64", "i386"):
        return "x87" if btf.byte_order == "little" else ""
    if machine == "powerpc":  # a pair of doubles, or a quad: the BTF does not state which
        return ""
    if "128" in btf.name(type_id) or machine or btf.byte_order == "big":
        return "quad"
    return "x87"


# ---- types in C, as in casts -------------------------------------------------------------------------------------

MOST_PARAMETERS = 64  # in one cast
DEEPEST = 16  # prototypes within prototypes


def cast(btf: Btf, type_id: int, name: str = "", depth: int = 0) -> str:
    """A type in C as libbpf writes it in casts: without const, volatile and restrict; "struct" if it has no name.

    With a `name`, the declaration of a parameter.  Rule: libbpf 1.8-dev, btf_dump_emit_type_cast.
    """
    declarator = name
    for _ in range(spec.MAX_CHAIN):
        kind = btf.kind(type_id)
        if kind in spec.MODIFIERS or kind in (spec.VAR, spec.DECL_TAG):
            type_id = btf.word(type_id, 2)
        elif kind == spec.PTR:
            declarator = "*" + declarator
            type_id = btf.word(type_id, 2)
        elif kind == spec.ARRAY:
            inner = f"({declarator})" if declarator.startswith("*") else declarator
            declarator = f"{inner}[{btf.word(type_id, 5)}]"
            type_id = btf.word(type_id, 3)
        elif kind == spec.FUNC_PROTO:
            inner = f" ({declarator})" if declarator else ""
            declarator = f"{inner}({_parameters(btf, type_id, depth)})"
            type_id = btf.word(type_id, 2)
        else:
            space = " " if declarator[:1] == "*" or (name and declarator[:1] not in (" ", "")) else ""
            return f"{_base(btf, type_id, kind)}{space}{declarator}"
    raise btf.cycle(type_id)


def _base(btf: Btf, type_id: int, kind: int) -> str:
    from btfkit.btf.spelling import keyword

    if kind == 0:
        return "void"
    tag, name = keyword(btf, type_id), printable(btf.name(type_id))
    return f"{tag} {name}".strip() if tag else name


def _parameters(btf: Btf, type_id: int, depth: int) -> str:
    layer, at = btf.locate(type_id)
    words = layer.words
    count = words[at + 1] & spec.MAX_VLEN
    if not count or (count == 1 and not words[at + 4]):
        return "void"
    if depth >= DEEPEST or count > MOST_PARAMETERS:
        return "..."
    found = []
    for place in range(at + 3, at + 3 + 2 * count, 2):
        name = printable(text(btf.string(words[place])))
        is_last = place == at + 1 + 2 * count
        found.append("..." if is_last and not words[place + 1] else cast(btf, words[place + 1], name, depth + 1))
    return ", ".join(found)
