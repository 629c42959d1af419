"""Python: types as a module of `ctypes` classes, for Python 3.11 and later on machines of either byte order.

The classes are laid out as those that `btfkit.values.c_types` makes at run time: every byte is spelled out, pointers are
integers, and bit-fields are properties, because ctypes lays them out differently from compilers before Python 3.14.
"""

from __future__ import annotations

import builtins
import keyword

from btfkit.btf import spec
from btfkit.btf.shapes import shape_of
from btfkit.show.source import Names, Source, commented, identifier, member_name
from btfkit.values.parts import Part, packing, parts_of
from btfkit.values.scalars import Scalars
from btfkit.values.shape import Array, Composite, Enum, Int

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfkit.btf.btf import Btf
    from btfkit.values.shape import Shape

_SIZES = frozenset((1, 2, 4, 8))
_NAMES = Scalars(
    {"single": "_f32", "double": "_f64"},
    "ctypes.c_bool",
    {size: f"_i{8 * size}" for size in _SIZES},
    {size: f"_u{8 * size}" for size in _SIZES},
)
_SCALARS = {f"_{sign}{8 * size}": f"c_{'u' * (sign == 'u')}int{8 * size}" for sign in "iu" for size in sorted(_SIZES)}
_RESERVED = frozenset((*keyword.kwlist, *dir(builtins), "ctypes", "annotations", *_SCALARS, *_NAMES.floats.values()))

HEAD = '''\
"""Types of BTF of a {order}-endian machine with {bits}-bit pointers, made by btfkit.

Each class is as large as the type and has its members in their places. Make one of bytes with CLASS.from_buffer_copy(data).
"""

import ctypes

{scalars}


def _bits(first, width, signed, truth):
    """A property that reads and writes bit-field `first` to `first + width` of a record."""
    begin, end = first // 8, (first + width + 7) // 8
    below = {below}
    mask = (1 << width) - 1

    def get(record):
        raw = bytes((ctypes.c_ubyte * ctypes.sizeof(record)).from_buffer(record)[begin:end])
        number = int.from_bytes(raw, "{order}") >> below & mask
        if signed and number >> (width - 1):
            number -= 1 << width
        return bool(number) if truth else number

    def put(record, value):
        raw = (ctypes.c_ubyte * ctypes.sizeof(record)).from_buffer(record)
        number = int.from_bytes(bytes(raw[begin:end]), "{order}") & ~(mask << below)
        raw[begin:end] = (number | (int(value) & mask) << below).to_bytes(end - begin, "{order}")

    return property(get, put, doc=f"{{width}} bits from bit {{first}} on")


def _placed(kind, size, offsets):
    """Raise ImportError if ctypes has put something elsewhere."""
    wrong = [name for name, offset in offsets.items() if getattr(kind, name).offset != offset]
    if wrong or ctypes.sizeof(kind) != size:
        raise ImportError(f"{{kind.__name__}}: ctypes puts {{wrong or 'the end'}} elsewhere")
'''


def ctypes_text(btf: Btf, ids: Iterable[int] | None = None, *, unsorted: bool = False) -> Iterator[bytes]:
    """The types of the whole chain of `btf` as a module of Python, in chunks; or those of `ids` with what they need by value.

    Raises as `btfkit.show.rust.rust_text`.
    """
    return _Ctypes(btf, ids, unsorted=unsorted).chunks()


class _Ctypes(Source):
    """Makes the source code of one module."""

    language = "ctypes"
    reserved = _RESERVED

    def __init__(self, btf: Btf, ids: Iterable[int] | None, *, unsorted: bool) -> None:
        self._aligns: dict[int, int] = {}
        self._defined: set[int] = set()
        self._anonymous = 0
        super().__init__(btf, ids, unsorted=unsorted)

    def styled(self, raw: bytes) -> str:
        name = identifier(raw) or "_"
        return f"{name}_" if name in _RESERVED or (name.startswith("_") and name.endswith("_")) else name

    def styled_member(self, raw: bytes) -> str:
        name = identifier(raw)
        return f"{name}_" if keyword.iskeyword(name) or (name.startswith("_") and name.endswith("_")) else name

    def head(self) -> str:
        order = self.btf.byte_order
        suffix = "le" if order == "little" else "be"
        rows = [
            f"{name} = ctypes.{kind}.__ctype_{suffix}__" for name, kind in _SCALARS.items() if not name.endswith("8")
        ]
        rows += [f"{name} = ctypes.{kind}" for name, kind in _SCALARS.items() if name.endswith("8")]
        rows += [f"_f32 = ctypes.c_float.__ctype_{suffix}__", f"_f64 = ctypes.c_double.__ctype_{suffix}__"]
        below = "first % 8" if order == "little" else "8 * end - first - width"
        return HEAD.format(order=order, bits=8 * self.pointer_size, scalars="\n".join(rows), below=below)

    # ---- types in their places -----------------------------------------------------------------------------------------

    def type_form(self, type_id: int, within: str) -> str:
        """A type without its typedefs: a class, or a scalar of ctypes."""
        stripped = self._stripped(type_id)
        if self.btf.kind(stripped) in spec.COMPOSITES:
            return self.name(stripped, within)
        shape = shape_of(self.btf, stripped)
        if isinstance(shape, Array):
            element = "ctypes.c_char" if shape.is_text else self.type_text(self.btf.word(stripped, 3), within)
            return f"{element} * {shape.length}" if " " not in element else f"({element}) * {shape.length}"
        return _NAMES.of(shape) or f"ctypes.c_ubyte * {shape.size}"

    def _stripped(self, type_id: int) -> int:
        return self.btf.strip(type_id, spec.MODS_AND_TYPEDEFS | {spec.VAR, spec.DECL_TAG})

    def _align(self, type_id: int, shape: Shape) -> int:
        if isinstance(shape, Array):
            return 1 if shape.is_text else self._align(self.btf.word(self._stripped(type_id), 3), shape.element)
        if isinstance(shape, Composite):
            stripped = self._stripped(type_id)
            if stripped not in self._aligns:
                self._aligns[stripped] = self._layout(stripped, shape)[0]
            return self._aligns[stripped]
        return shape.size if _NAMES.of(shape) else 1

    def _layout(self, type_id: int, shape: Composite) -> tuple[int, bool, list[Part], list[int]]:
        """(alignment, whether it is packed, parts, members that lie on others)."""
        parts, lost = parts_of(shape)
        ids = [member_id for _, member_id in self.members(type_id)]
        places = [
            (part.offset, self._align(ids[part.index], shape.members[part.index].shape) if part.index >= 0 else 1)
            for part in parts
        ]
        if packing(places, shape.size):
            return 1, True, parts, lost
        return max((align for _, align in places), default=1), False, parts, lost

    # ---- definitions -------------------------------------------------------------------------------------------------------

    def definition(self, type_id: int) -> str:
        """The class of a type, after those that it needs."""
        out: list[str] = []
        self._define(type_id, out)
        return "".join(out)

    def _define(self, type_id: int, out: list[str]) -> None:
        if type_id in self._defined:
            return
        self._defined.add(type_id)
        kind = self.btf.kind(type_id)
        if kind in spec.ENUMS:
            out.append(self._enum(type_id))
        elif kind in spec.COMPOSITES:
            first = len(self.pending)
            text = self._composite(type_id)
            self._define_needed([member_id for _, member_id in self.members(type_id)], out)
            del self.pending[first:]
            out.append(text)
        else:
            name, target = self.names[type_id], self.btf.word(type_id, 2)
            form = self.type_text(target, name)
            self._define_needed([target], out)
            if self._is_void(target):
                form = "None"
            out.append(f"\n{self._doc(type_id)}{name} = {form}\n")

    def _is_void(self, type_id: int) -> bool:
        return self.btf.kind(self._stripped(type_id)) in (0, spec.FUNC_PROTO, spec.FWD)

    def _define_needed(self, ids: Iterable[int], out: list[str]) -> None:
        for type_id in ids:
            needed = self._stripped(type_id)
            while self.btf.kind(needed) == spec.ARRAY:
                needed = self._stripped(self.btf.word(needed, 3))
            if self.btf.kind(needed) in spec.COMPOSITES:
                self._define(needed, out)

    def opaque_definition(self, type_id: int) -> str:
        return ""  # pointers are numbers

    def _doc(self, type_id: int) -> str:
        note = self.note(type_id)
        return f"# BTF: {note}\n" if note else ""

    def _enum(self, type_id: int) -> str:
        names = Names() if self.names.get(type_id) else self.free
        style = self.styled_member if self.names.get(type_id) else self.styled
        rows = [(names.new(style(raw)), value) for raw, value in self.enumerators(type_id)]
        name = self.names.get(type_id)
        if not name:
            return "\n" + "".join(f"{one} = {value}\n" for one, value in rows)
        inner = "".join(f'    "{one}": {value},\n' for one, value in rows)
        return f'\n{self._doc(type_id)}{name} = type("{name}", (), {{\n{inner}}})\n'

    def _composite(self, type_id: int) -> str:
        shape, name, members = self.composite(type_id), self.names[type_id], self.members(type_id)
        _, is_packed, parts, lost = self._layout(type_id, shape)
        names = Names()
        shown = [names.new(self.styled_member(raw)) if raw else "" for raw, _ in members]
        fields: list[str] = []
        anonymous: list[str] = []
        offsets: list[str] = []
        bits: list[str] = []
        for part in parts:
            for index in part.bits:
                if shown[index]:
                    bits.append(self._property(name, shown[index], shape, index))
            if part.index < 0:
                if not shape.is_union or part.is_padding:
                    fields.append(f'("{names.new(f"_pad_{part.offset}")}", ctypes.c_ubyte * {part.size})')
                continue
            field, member_id = shown[part.index], members[part.index][1]
            if not field:
                self._anonymous += 1
                field = f"_anonymous_{self._anonymous}"
                if self.btf.kind(self._stripped(member_id)) in spec.COMPOSITES:
                    anonymous.append(f'"{field}"')
            fields.append(f'("{field}", {self.type_text(member_id, name)})')
            offsets.append(f'"{field}": {part.offset}')
        base = "Union" if shape.is_union else "Structure"
        lines = [f"\n\n{self._doc(type_id)}class {name}(ctypes.{base}):\n"]
        lines += [
            f"    # {commented(member_name(members[index][0]))}: at byte {shape.members[index].offset}, on other members\n"
            for index in lost
        ]
        lines.append("    __slots__ = ()\n")
        if is_packed:
            lines.append('    _pack_ = 1\n    _layout_ = "ms"\n')
        if anonymous:
            lines.append(f"    _anonymous_ = ({', '.join(anonymous)},)\n")
        rows = "".join(f"    {field},\n" for field in fields)
        lines.append(
            f"\n\n{name}._fields_ = [\n{rows}]\n"
        )  # outside of the class, where names with two underscores change
        lines += bits
        lines.append(f"_placed({name}, {shape.size}, {{{', '.join(offsets)}}})\n")
        return "".join(lines)

    def _property(self, name: str, field: str, shape: Composite, index: int) -> str:
        member = shape.members[index]
        inner = member.shape
        is_signed = isinstance(inner, Int | Enum) and inner.signed
        is_bool = isinstance(inner, Int) and inner.is_bool and member.bits == 1
        return f'setattr({name}, "{field}", _bits({member.bit_offset}, {member.bits}, {is_signed}, {is_bool}))\n'
