"""Values as valid JSON, on one line: what libbpf's and bpftool's texts cannot be.

Numbers of any size are numbers, pointers are strings ("0x1000"), enums their names (a number without a name is a number),
`char` arrays are strings, bools true and false (another byte is the number that it is), and what JSON has no numbers for is
"NaN", "Infinity", "-Infinity".  A float that cannot be read is the string of its bytes in hexadecimal.
"""

from __future__ import annotations

from array import array
from json.encoder import encode_basestring_ascii as quoted
from math import isfinite

from btfkit.hot import value_codes as codes
from btfkit.hot.json_values import Writer, lines
from btfkit.values.shape import (
    NOWHERE,
    Address,
    Array,
    Composite,
    Enum,
    EnumValue,
    Float,
    Int,
    Pointer,
    Scalar,
    bits_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfkit.values.shape import Data, Field, Shape

ALL = (1 << 64) - 1
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


class JsonLines:
    """Writes records of one shape as JSON, a line each: as `json_of`, by a compiled loop (`hot/json_values.py`)."""

    __slots__ = ("_shape", "_writer")

    CHUNK = 1 << 20  # bytes of records for one piece of text

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        program = _Program(shape)
        is_big = shape.order == "big"
        self._writer = Writer(program.rows, bytes(program.names), program.enums, program.others, _escaped, is_big)

    def lines(self, data: Data, at: int, size: int, count: int) -> Iterator[bytes]:
        """The lines of `count` records of `size` bytes, which exist, from `at` on, in pieces; what is more than the type's
        size belongs to the flexible array at the end."""
        has_rest = size > self._shape.size
        step = max(1, self.CHUNK // max(size, 1))
        while count > 0:
            some = min(count, step)
            lines(self._writer, data, at, size, some, has_rest)
            yield self._writer.take()
            at += some * size
            count -= some


def _escaped(text: bytes) -> bytes:
    return quoted(text.decode("utf-8", "surrogateescape")).encode()


class _Program:
    """The rows of a shape (`hot/value_codes.py`); structs and elements that come again have one set of rows."""

    __slots__ = ("_known", "enums", "names", "others", "rows")

    def __init__(self, shape: Shape) -> None:
        self.rows = array("q")
        self.names = bytearray()
        self.enums = array("Q")
        self.others: list[Callable[[Data, int, int, int], bytes]] = []
        self._known: dict[tuple[str, int], int] = {}
        self._set(self._room(1), shape, last=True)

    def _room(self, count: int) -> int:
        """The number of the first of `count` new rows."""
        first = len(self.rows) // codes.COLUMNS
        self.rows.extend([0] * codes.COLUMNS * count)
        return first

    def _text(self, text: str) -> tuple[int, int]:
        """The place and size of a new text."""
        raw = text.encode()
        self.names += raw
        return len(self.names) - len(raw), len(raw)

    def _set(self, row: int, shape: Shape, field: Field | None = None, name: str = "", *, last: bool = False) -> None:
        bits = field.bits if field is not None else 0
        at = (field.bit_offset if bits else field.offset) if field is not None else 0
        name_at, name_size = self._text(f"{quoted(name)}:") if field is not None else (0, 0)
        op, size, first, count = self._what(shape, bits)
        columns = (op, at, size, bits, first, count, int(last), name_at, name_size)
        self.rows[row * codes.COLUMNS : (row + 1) * codes.COLUMNS] = array("q", columns)

    def _what(self, shape: Shape, bits: int) -> tuple[int, int, int, int]:
        """The columns OP, SIZE, FIRST and COUNT."""
        if isinstance(shape, Composite):
            return codes.STRUCT, shape.size, self._members(shape), len(shape.fields)
        if isinstance(shape, Array):
            if shape.is_text:
                return codes.TEXT, 1, 0, shape.length
            return codes.ARRAY, shape.element.size, self._element(shape.element), shape.length
        if shape.size <= 8 and bits <= 64 and not isinstance(shape, Float):
            if isinstance(shape, Enum):
                first = self._enumerators(shape)
                return codes.SIGNED_ENUM if shape.signed else codes.ENUM, shape.size, first, len(shape.names)
            if isinstance(shape, Address):
                return codes.POINTER, shape.size, 0, 0
            if isinstance(shape, Int) and (bits or not shape.is_part) and not (shape.is_bool and shape.signed):
                op = codes.BOOL if shape.is_bool else codes.SIGNED if shape.signed else codes.UNSIGNED
                return op, shape.size, 0, 0
        self.others.append(_Other(shape))
        return codes.OTHER, shape.size, len(self.others) - 1, 0

    def _members(self, shape: Composite) -> int:
        key = "members", id(shape.members)
        if key not in self._known:
            first = self._known[key] = self._room(len(shape.fields))
            for number, (name, field) in enumerate(shape.fields.items()):
                self._set(first + number, field.shape, field, name, last=field.last)
        return self._known[key]

    def _element(self, shape: Shape) -> int:
        key = "element", id(shape)
        if key not in self._known:
            row = self._known[key] = self._room(1)
            self._set(row, shape)
        return self._known[key]

    def _enumerators(self, shape: Enum) -> int:
        key = "enum", id(shape.names)
        if key not in self._known:
            self._known[key] = len(self.enums) // codes.ENUM_COLUMNS
            for number, name in sorted((number & ALL, name) for number, name in shape.names.items()):
                self.enums.extend((number, *self._text(quoted(name) if name else str(number))))
        return self._known[key]


class _Other:
    """The JSON of a scalar that the compiled loop does not write."""

    __slots__ = ("shape",)

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def __call__(self, data: Data, at: int, bits: int, end: int) -> bytes:
        shape = self.shape
        if not bits:
            return json_of(shape, data, at).encode()
        assert isinstance(shape, Scalar)
        return json_of_scalar(shape.number(bits_of(data, at, bits, shape.order, shape.signed))).encode()
