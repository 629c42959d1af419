"""Rust: types as `#[repr(C)]` definitions that need nothing but `core`, with their layout asserted when they are compiled.

Every byte is spelled out: gaps are members, bit-fields are bytes with a getter and a setter.  What only fits with smaller
alignments is `packed(N)` with the largest possible N.  BTF does not state alignments: a type has that of its members, never more.
An enum is a struct of one number with its enumerators as constants, because a number without a name in a Rust enum would be
undefined behaviour.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.shapes import shape_of
from btfkit.show.source import Names, Source, commented, identifier, member_name
from btfkit.values.parts import Part, bits_alignment, packing, parts_of
from btfkit.values.scalars import Scalars
from btfkit.values.shape import Address, Array, Composite, Enum, Int

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfkit.btf.btf import Btf
    from btfkit.values.shape import Shape

_UNSIGNED = {1: "u8", 2: "u16", 4: "u32", 8: "u64", 16: "u128"}
_SIGNED = {1: "i8", 2: "i16", 4: "i32", 8: "i64", 16: "i128"}
_SCALARS = Scalars({"single": "f32", "double": "f64"}, "bool", _SIGNED, _UNSIGNED)
_OTHERS = "bool char str isize usize f16 f128"
_PRIMITIVES = frozenset((*_OTHERS.split(), *_UNSIGNED.values(), *_SIGNED.values(), *_SCALARS.floats.values()))
_NOT_RAW = frozenset(("self", "Self", "super", "crate", "_"))  # keywords that `r#` cannot make names
_WORDS = """abstract as async await become box break const continue do dyn else enum extern false final fn for gen if impl in let
    loop macro match mod move mut override priv pub ref return static struct trait true try type typeof unsafe unsized use virtual
    where while yield"""
_KEYWORDS = frozenset(_WORDS.split())
_VOID = "::core::ffi::c_void"

HEAD = """\
// Types of BTF, made by btfkit.
#![allow(dead_code, improper_ctypes, improper_ctypes_definitions, non_camel_case_types, non_snake_case, non_upper_case_globals)]
#![allow(unused_macros, clippy::all)]

#[cfg(not(target_endian = "{order}"))]
compile_error!("these are the types of a {order}-endian machine: only their layout is right here");
const _: () = assert!(
    ::core::mem::size_of::<*const ()>() == {pointer},
    "these are the types of a machine with {bits}-bit pointers"
);

/// The number in `width` bits of `bytes`, from bit `first` on.
#[inline]
const fn __bits_of(bytes: &[u8], first: usize, width: usize) -> u64 {{
    let mut number = 0;
    let mut index = 0;
    while index < width {{
        let bit = first + {bit};
        number |= ((bytes[bit / 8] >> ({shift}) & 1) as u64) << index;
        index += 1;
    }}
    number
}}

#[inline]
fn __set_bits(bytes: &mut [u8], first: usize, width: usize, number: u64) {{
    let mut index = 0;
    while index < width {{
        let bit = first + {bit};
        let mask = 1 << ({shift});
        bytes[bit / 8] = bytes[bit / 8] & !mask | if number >> index & 1 == 1 {{ mask }} else {{ 0 }};
        index += 1;
    }}
}}

/// All types may consist of zeros.
macro_rules! __zeroed {{
    ($type:ty) => {{
        impl ::core::default::Default for $type {{
            #[inline]
            fn default() -> Self {{
                unsafe {{ ::core::mem::zeroed() }}
            }}
        }}
    }};
}}
"""


def rust_text(btf: Btf, ids: Iterable[int] | None = None, *, unsorted: bool = False) -> Iterator[bytes]:
    """The types of the whole chain of `btf` as Rust, in chunks; or those of `ids` with what they need by value.

    Types that are only pointed to are opaque.  Raises, before any text: NotFoundError for an id that does not exist,
    FormatError if a type contains itself or types are nested beyond all limits; within the text: FormatError for a damaged type.
    """
    return _Rust(btf, ids, unsorted=unsorted).chunks()


class _Rust(Source):
    """Makes the source code of one file."""

    language = "Rust"
    reserved = _PRIMITIVES | _NOT_RAW | _KEYWORDS | {"core"}

    def __init__(self, btf: Btf, ids: Iterable[int] | None, *, unsorted: bool) -> None:
        self._aligns: dict[int, int] = {}
        self._has_union: dict[int, bool] = {}
        super().__init__(btf, ids, unsorted=unsorted)

    def styled(self, raw: bytes) -> str:
        name = identifier(raw)
        return f"{name}_" if name in _PRIMITIVES or name == "core" else _escaped(name or "_")

    def styled_member(self, raw: bytes) -> str:
        return _escaped(identifier(raw))

    def inner_name(self, within: str, number: int) -> bytes:
        return super().inner_name(within.removeprefix("r#"), number)

    def builtin(self, type_id: int) -> str:
        name = self.raw_name(type_id).decode("ascii", "replace")
        if name not in _PRIMITIVES:
            return ""
        primitive = _primitive(shape_of(self.btf, type_id))
        if name in ("isize", "usize"):
            primitive = name if primitive == ("iu"[name[0] == "u"] + str(8 * self.pointer_size)) else ""
        return name if primitive == name else ""

    def head(self) -> str:
        order = self.btf.byte_order
        bit, shift = ("index", "bit % 8") if order == "little" else ("width - 1 - index", "7 - bit % 8")
        return HEAD.format(order=order, pointer=self.pointer_size, bits=8 * self.pointer_size, bit=bit, shift=shift)

    # ---- types in their places -----------------------------------------------------------------------------------------

    def type_form(self, type_id: int, within: str) -> str:
        btf = self.btf
        type_id = btf.strip(type_id, spec.MODIFIERS)
        kind = btf.kind(type_id)
        if kind in (spec.INT, spec.FLOAT):
            shape = shape_of(btf, type_id)
            return _primitive(shape) or f"[u8; {shape.size}]"
        if kind == spec.PTR:
            return self._pointer(btf.word(type_id, 2), within)
        if kind == spec.ARRAY:
            return f"[{self.type_text(btf.word(type_id, 3), within)}; {btf.word(type_id, 5)}]"
        if kind == spec.FUNC_PROTO:
            return self._prototype(type_id, within)
        if kind in (spec.VAR, spec.DECL_TAG):
            return self.type_text(btf.word(type_id, 2), within)
        return _VOID if kind in (0, spec.FUNC, spec.DATASEC) else self.name(type_id, within)

    def _pointer(self, target: int, within: str) -> str:
        btf, is_const = self.btf, False
        for _ in range(spec.MAX_CHAIN):
            kind = btf.kind(target)
            if kind not in spec.MODIFIERS:
                break
            is_const = is_const or kind == spec.CONST
            target = btf.word(target, 2)
        text = self.type_text(target, within)
        if btf.kind(btf.strip(target)) == spec.FUNC_PROTO:
            return f"::core::option::Option<{text}>"
        return f"*{'const' if is_const else 'mut'} {text}"

    def _prototype(self, type_id: int, within: str) -> str:
        found, variadic = self.parameters(type_id)
        shown = [
            f"{_escaped(identifier(name)) if name else '_'}: {self.type_text(param, within)}" for name, param in found
        ]
        result = self.btf.word(type_id, 2)
        returned = f" -> {self.type_text(result, within)}" if result else ""
        return f'unsafe extern "C" fn({", ".join(shown + ["..."] * variadic)}){returned}'

    def _align(self, type_id: int, shape: Shape) -> int:
        """The alignment that a type has in Rust, wherever it is largest."""
        if isinstance(shape, Array):
            return self._align(self.btf.word(self._stripped(type_id, spec.ARRAY), 3), shape.element)
        if isinstance(shape, Composite):
            stripped = self._stripped(type_id)
            if stripped not in self._aligns:
                self._aligns[stripped] = self._layout(stripped, shape)[0]
            return self._aligns[stripped]
        return shape.size if _primitive(shape) or isinstance(shape, Address) else 1

    def _stripped(self, type_id: int, kind: int = 0) -> int:
        return self.btf.strip(type_id, spec.MODS_AND_TYPEDEFS | {spec.VAR, spec.DECL_TAG})

    def _layout(self, type_id: int, shape: Composite) -> tuple[int, int, int, list[Part], list[int]]:
        """(alignment, limit of alignments or 0, alignment that only bit-fields give or 0, parts, members that lie on others)."""
        parts, lost = parts_of(shape)
        ids = [member_id for _, member_id in self.members(type_id)]
        places = [
            (part.offset, self._align(ids[part.index], shape.members[part.index].shape) if part.index >= 0 else 1)
            for part in parts
        ]
        limit = packing(places, shape.size)
        widest = max((align for _, align in places), default=1)
        if limit:
            return min(limit, widest), limit, 0, parts, lost
        by_bits = bits_alignment(shape)
        if by_bits <= widest or shape.size % by_bits:
            by_bits = 0
        return max(widest, by_bits), 0, by_bits, parts, lost

    def _with_union(self, shape: Shape) -> bool:
        """Whether there is a union in a type, so that Debug cannot be derived."""
        while isinstance(shape, Array):
            shape = shape.element
        if not isinstance(shape, Composite):
            return False
        found = self._has_union.get(id(shape))
        if found is None:
            found = shape.is_union or any(self._with_union(member.shape) for member in shape.members)
            self._has_union[id(shape)] = found
        return found

    # ---- definitions -------------------------------------------------------------------------------------------------------

    def definition(self, type_id: int) -> str:
        kind = self.btf.kind(type_id)
        if kind in spec.ENUMS:
            return self._enum(type_id)
        if kind in spec.COMPOSITES:
            return self._composite(type_id)
        name = self.names[type_id]
        target = self.type_text(self.btf.word(type_id, 2), name)
        return f"{self._doc(type_id)}\npub type {name} = {target};\n"

    def opaque_definition(self, type_id: int) -> str:
        name = self.names[type_id]
        return f"{self._doc(type_id)}\n#[repr(C)]\npub struct {name} {{\n    _opaque: [u8; 0],\n}}\n"

    def _doc(self, type_id: int) -> str:
        note = self.note(type_id)
        return f"\n/// BTF: {note}" if note else ""

    def _enum(self, type_id: int) -> str:
        shape = shape_of(self.btf, type_id)
        assert isinstance(shape, Enum)
        number = _primitive(shape)
        if not number:
            raise self.damaged(type_id, f"an enum of {shape.size} bytes: Rust has no such number")
        name = self.names.get(type_id)
        lowest = -(1 << 8 * shape.size - 1) if shape.signed else 0
        names = Names() if name else self.free
        lines: list[str] = []
        for raw, value in self.enumerators(type_id):
            wanted = _escaped(identifier(raw) or "_")
            if not lowest <= value < lowest + (1 << 8 * shape.size):
                lines.append(f"// {commented(member_name(raw))} = {value} is not a number of {shape.size} bytes")
            elif name:
                lines.append(f"pub const {names.new(wanted)}: Self = Self({value});")
            else:
                lines.append(f"pub const {names.new(wanted)}: {number} = {value};")
        if not name:
            return "\n" + "".join(f"{line}\n" for line in lines)
        derived = "Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash"
        inner = "".join(f"    {line}\n" for line in lines)
        consts = f"\nimpl {name} {{\n{inner}}}\n" if lines else ""
        return f"{self._doc(type_id)}\n#[repr(transparent)]\n#[derive({derived})]\npub struct {name}(pub {number});\n{consts}"

    def _composite(self, type_id: int) -> str:
        shape, name = self.composite(type_id), self.names[type_id]
        members = self.members(type_id)
        align, limit, by_bits, parts, lost = self._layout(type_id, shape)
        names = Names()
        shown = self.member_names(members, names)
        fields: list[str] = []
        asserts = [f"size_of::<{name}>() == {shape.size}"]
        if not self._is_unsure(shape):
            asserts.append(f"align_of::<{name}>() == {align}")
        accessors: list[str] = []
        methods = Names()
        if by_bits:
            fields.append(f"{names.new('_align')}: [u{8 * by_bits}; 0]")
        for part in parts:
            if part.index >= 0:
                field = shown[part.index]
                fields.append(f"pub {field}: {self.type_text(members[part.index][1], name)}")
            else:
                field = names.new(f"_{'pad' if part.is_padding else 'bitfield'}_{part.offset}")
                fields.append(f"pub {field}: [u8; {part.size}]")
                for index in part.bits:
                    if members[index][0]:
                        accessors += self._accessors(type_id, index, part, field, methods)
            if not part.is_padding:
                asserts.append(f"offset_of!({name}, {field}) == {part.offset}")
        if shape.is_union and not fields:
            fields.append("_empty: [u8; 0]")
        notes = [
            f"    // {commented(member_name(members[index][0]))}: at byte {shape.members[index].offset}, on other members\n"
            for index in lost
        ]
        packed = f", packed({limit})" if limit > 1 else ", packed" if limit else ""
        derived = "Clone, Copy" if self._with_union(shape) else "Clone, Copy, Debug"
        keyword = "union" if shape.is_union else "struct"
        lines = [
            f"{self._doc(type_id)}\n#[repr(C{packed})]\n#[derive({derived})]\npub {keyword} {name} {{\n",
            *(f"    {field},\n" for field in fields),
            *notes,
            f"}}\n__zeroed!({name});\nconst _: () = {{\n",
            *(f"    assert!(::core::mem::{fact});\n" for fact in asserts),
            "};\n",
        ]
        if accessors:
            lines += [f"\nimpl {name} {{\n", *accessors, "}\n"]
        return "".join(lines)

    def _is_unsure(self, shape: Shape) -> bool:
        """Whether the alignment of a type is not the same on all machines: of integers of 16 bytes, and of 8 bytes with 32-bit
        pointers."""
        while isinstance(shape, Array):
            shape = shape.element
        if isinstance(shape, Composite):
            return any(self._is_unsure(member.shape) for member in shape.members)
        return shape.size == 16 or (shape.size == 8 and self.pointer_size == 4)

    def _accessors(self, type_id: int, index: int, part: Part, field: str, methods: Names) -> Iterator[str]:
        """A getter and a setter of a bit-field."""
        raw, member_id = self.members(type_id)[index]
        composite = self.composite(type_id)
        member = composite.members[index]
        shape, width, first = member.shape, member.bits, member.bit_offset - 8 * part.offset
        plain = _primitive(shape)
        shown = self.type_text(member_id, self.names[type_id])
        number = _bits_expression(first, width, self.btf.byte_order)
        if isinstance(shape, Enum):
            enum = self.name(self._stripped(member_id), self.names[type_id])
            got, given = f"{enum}({_extended(number, width, plain, shape.signed)})", "value.0"
        elif isinstance(shape, Int) and shape.is_bool and width == 1:
            got, given, shown = f"{number} != 0", "value", "bool"
        else:
            if plain in ("", "bool"):  # a pointer, which no compiler allows, or more bits than a bool has
                plain = shown = _UNSIGNED.get(shape.size, "u128" if width > 64 else "u64")
            got, given = _extended(number, width, plain, isinstance(shape, Int) and shape.signed), "value"
        word = identifier(raw)
        getter, setter = methods.new(_escaped(word)), methods.new(f"set_{word}")
        reading, writing = f"&self.{field}", f"&mut self.{field}"
        if composite.is_union:
            reading, writing = f"unsafe {{ {reading} }}", f"unsafe {{ {writing} }}"
        yield "    #[inline]\n"
        yield f"    pub fn {getter}(&self) -> {shown} {{\n        let bytes = {reading};\n"
        yield f"        {got}\n    }}\n"
        yield "    #[inline]\n"
        yield f"    pub fn {setter}(&mut self, value: {shown}) {{\n        let bytes = {writing};\n"
        for at, bits, shift in _halves(first, width, self.btf.byte_order):
            shifted = f"({given} >> {shift})" if shift else given
            yield f"        __set_bits(bytes, {at}, {bits}, {shifted} as u64);\n"
        yield "    }\n"


def _primitive(shape: Shape) -> str:
    """The primitive type of a scalar; "" if Rust has none (an integer of 3 bytes), for a pointer or what is not a scalar."""
    return "" if isinstance(shape, Address) else _SCALARS.of(shape) or ""


def _escaped(name: str) -> str:
    """An identifier that is not a keyword."""
    return f"{name}_" if name in _NOT_RAW else f"r#{name}" if name in _KEYWORDS else name


def _halves(first: int, width: int, order: str) -> list[tuple[int, int, int]]:
    """(first bit, bits, shift) of the parts of a bit-field that have at most 64 bits."""
    if width <= 64:
        return [(first, width, 0)]
    if order == "little":
        return [(first, 64, 0), (first + 64, width - 64, 64)]
    return [(first + width - 64, 64, 0), (first, width - 64, 64)]


def _bits_expression(first: int, width: int, order: str) -> str:
    """The number in a bit-field of `bytes`."""
    halves = _halves(first, width, order)
    if len(halves) == 1:
        return f"__bits_of(bytes, {first}, {width})"
    return " | ".join(f"(__bits_of(bytes, {at}, {bits}) as u128) << {shift}" for at, bits, shift in halves)


def _extended(number: str, width: int, plain: str, signed: bool) -> str:
    """The number of a bit-field as one of a primitive type."""
    bits = 64 if width <= 64 else 128
    if signed and width < bits:
        return f"((({number}) << {bits - width}) as i{bits} >> {bits - width}) as {plain}"
    return f"({number}) as {plain}"
