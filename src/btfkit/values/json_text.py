"""Values as valid JSON, on one line: what libbpf's and bpftool's texts cannot be.

Numbers of any size are numbers, pointers are strings ("0x1000"), enums their names (a number without a name is a number),
`char` arrays are strings, bools true and false (another byte is the number that it is), and what JSON has no numbers for is
"NaN", "Infinity", "-Infinity".  A float that cannot be read is the string of its bytes in hexadecimal.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted
from math import isfinite

from btfkit.values.shape import NOWHERE, Array, Composite, EnumValue, Pointer, Scalar, bits_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.values.shape import Data, Field, Shape

_NUMBERS = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}


def json_of(shape: Shape, data: Data, at: int = 0, end: int = NOWHERE) -> str:
    """The JSON of the bytes at `at`, which exist; a flexible array extends to `end`."""
    if isinstance(shape, Composite):
        members = (f"{quoted(name)}:{_field(field, data, at, end)}" for name, field in shape.fields.items())
        return "{" + ",".join(members) + "}"
    if isinstance(shape, Array):
        if shape.is_text:
            return quoted(shape.text(data, at, end))
        element = shape.element
        numbers = range(shape.length_at(at, end))
        return "[" + ",".join(json_of(element, data, at + number * element.size) for number in numbers) + "]"
    return json_of_scalar(shape.read(data, at) if isinstance(shape, Scalar) else None)


def _field(field: Field, data: Data, at: int, end: int) -> str:
    shape = field.shape
    if field.bits:
        assert isinstance(shape, Scalar)
        number = bits_of(data, 8 * at + field.bit_offset, field.bits, shape.order, shape.signed)
        return json_of_scalar(shape.number(number))
    return json_of(shape, data, at + field.offset, end if field.last else NOWHERE)


def json_of_scalar(value: object) -> str:
    """The JSON of a value without parts."""
    if isinstance(value, EnumValue) and value.name:
        return quoted(value.name)
    if isinstance(value, Pointer):
        return f'"{value}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return repr(value) if isfinite(value) else _NUMBERS[repr(value)]
    return f'"{value.hex()}"' if isinstance(value, bytes) else "null"
