"""Classes of `ctypes` for shapes: a Structure or Union with every member at its offset, on any machine and in either byte
order.

ctypes lays out bit-fields differently from compilers before Python 3.14, so a bit-field is a property of the class that
reads and writes its bits.  Padding is explicit (`_pad_8`), pointers are integers, integers of 16 bytes and floats that
ctypes does not have are arrays of bytes.
"""

from __future__ import annotations

import ctypes
from itertools import count

from btfkit.errors import UnsupportedError, printable
from btfkit.values.parts import parts_of
from btfkit.values.scalars import Scalars
from btfkit.values.shape import Array, Composite, Scalar, bits_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.values.shape import Field, Shape

_SCALARS: Scalars[Any] = Scalars(
    {"single": ctypes.c_float, "double": ctypes.c_double},
    ctypes.c_bool,
    {1: ctypes.c_int8, 2: ctypes.c_int16, 4: ctypes.c_int32, 8: ctypes.c_int64},
    {1: ctypes.c_uint8, 2: ctypes.c_uint16, 4: ctypes.c_uint32, 8: ctypes.c_uint64},
)


def ctypes_of(shape: Shape) -> Any:
    """The class for a shape; raises UnsupportedError if ctypes has none: members of a struct lie on each other."""
    try:
        return _class(shape, count())
    except (OverflowError, ValueError, MemoryError) as error:
        raise UnsupportedError(f"{shape.cast}: ctypes has no such class: {error}") from None


def _class(shape: Shape, numbers: Iterator[int]) -> Any:
    """`numbers` are for names of anonymous members: ctypes confuses equal ones that lie within each other."""
    if isinstance(shape, Composite):
        return _union(shape, numbers) if shape.is_union else _structure(shape, numbers)
    if isinstance(shape, Array):
        element = ctypes.c_char if shape.is_text else _class(shape.element, numbers)
        return element * shape.length
    plain = _SCALARS.of(shape) or ctypes.c_ubyte * shape.size
    return getattr(plain, "__ctype_le__" if shape.order == "little" else "__ctype_be__", plain)


def _structure(shape: Composite, numbers: Iterator[int]) -> Any:
    fields: list[tuple[str, Any]] = []
    places: dict[str, int] = {}
    anonymous: list[str] = []
    is_natural, widest = True, 1
    parts, lost = parts_of(shape)
    for number in lost:
        if not shape.members[number].bits:
            name = printable(shape.members[number].name)
            raise UnsupportedError(f"{shape.cast}: member {name!r} lies on another one: ctypes has no such structs")
    for part in parts:
        if part.index < 0:
            fields.append((f"_pad_{part.offset}", ctypes.c_ubyte * part.size))
            continue
        member = shape.members[part.index]
        kind = _class(member.shape, numbers)
        name = _name(member, next(numbers), anonymous)
        fields.append((name, kind))
        places[name] = part.offset
        widest = max(widest, ctypes.alignment(kind))
        is_natural = is_natural and part.offset % ctypes.alignment(kind) == 0
    layout = {} if is_natural and not shape.size % widest else {"_pack_": 1, "_layout_": "ms"}
    return _checked(shape, _made(shape, ctypes.Structure, fields, anonymous, layout), places)


def _union(shape: Composite, numbers: Iterator[int]) -> Any:
    anonymous: list[str] = []
    fields: list[tuple[str, Any]] = []
    for member in shape.members:
        if not member.bits:
            fields.append((_name(member, next(numbers), anonymous), _class(member.shape, numbers)))
    widest = max((ctypes.alignment(kind) for _, kind in fields), default=1)
    fields.append(("_bytes", ctypes.c_ubyte * shape.size))
    layout = {} if not shape.size % widest else {"_pack_": 1, "_layout_": "ms"}
    return _checked(shape, _made(shape, ctypes.Union, fields, anonymous, layout), {})


def _name(member: Field, number: int, anonymous: list[str]) -> str:
    if member.name:
        return member.name
    name = f"_anonymous_{number}"
    if isinstance(member.shape, Composite):
        anonymous.append(name)
    return name


def _made(
    shape: Composite, base: Any, fields: list[tuple[str, Any]], anonymous: list[str], layout: dict[str, Any]
) -> Any:
    body: dict[str, Any] = {"__slots__": (), **layout}
    if anonymous:
        body["_anonymous_"] = anonymous
    body["_fields_"] = fields
    for member in shape.members:
        if member.bits and member.name:
            body[member.name] = _bitfield(member)
    return type(printable(shape.name) or "anonymous", (base,), body)


def _bitfield(field: Field) -> property:
    """A property that reads and writes the bits of a bit-field."""
    shape, offset, bits = field.shape, field.bit_offset, field.bits
    assert isinstance(shape, Scalar)
    order = shape.order
    first, end = offset // 8, (offset + bits + 7) // 8
    below = offset % 8 if order == "little" else 8 * end - offset - bits
    mask = (1 << bits) - 1

    def bytes_of(record: Any) -> Any:
        return (ctypes.c_ubyte * ctypes.sizeof(record)).from_buffer(record)

    def get(record: Any) -> Any:
        return shape.number(bits_of(bytes(bytes_of(record)), offset, bits, order, shape.signed))

    def put(record: Any, value: int) -> None:
        raw = bytes_of(record)
        number = int.from_bytes(bytes(raw[first:end]), order) & ~(mask << below)
        raw[first:end] = (number | (int(value) & mask) << below).to_bytes(end - first, order)

    return property(get, put, doc=f"{bits} bits from bit {offset} on")


def _checked(shape: Composite, made: Any, places: dict[str, int]) -> Any:
    """The class, if ctypes has put everything where it has to be."""
    wrong = [name for name, offset in places.items() if getattr(made, name).offset != offset]
    if wrong or ctypes.sizeof(made) != shape.size:
        where = f"member {printable(wrong[0])!r}" if wrong else "the end"
        raise UnsupportedError(f"{shape.cast}: ctypes puts {where} at another place")
    return made
