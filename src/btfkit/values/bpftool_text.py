"""Values as text in the style of `bpftool map dump`: like JSON, but bit-fields are bare hexadecimal numbers.

Byte for byte as bpftool 7.8 where that shows the value; where it loses one (docs/differences.md), the value is here.
"""

from __future__ import annotations

from btfkit.values.json_text import json_of_scalar
from btfkit.values.shape import NOWHERE, Address, Array, Composite, Enum, Float, Int, Scalar, bits_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.values.shape import Data, Field, Shape

_ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}


class BpftoolText:
    """Writes values, `depth` levels below the outermost; four spaces a level."""

    __slots__ = ("_depth", "_out", "_separator")

    def __init__(self, depth: int = 1) -> None:
        self._depth = depth
        self._separator = ""
        self._out: list[str] = []

    def text(self, shape: Shape, data: Data, at: int = 0, end: int = NOWHERE) -> str:
        """The text of the bytes at `at`, which exist; a flexible array extends to `end`."""
        self._out = []
        self._separator = ""
        self._value(shape, data, at, end)
        return "".join(self._out)

    def entry(self, **parts: tuple[Shape, Data]) -> str:
        """An entry of a map: an object with a name for each part (`key`, `value`)."""
        self._out = []
        self._separator = ""
        self._open("{")
        for name, (shape, data) in parts.items():
            self._name(name)
            self._value(shape, data, 0, NOWHERE)
        self._close("}")
        return "".join(self._out)

    def _scalar(self, text: str) -> None:
        self._out.append(self._separator + text)
        self._separator = ","

    def _open(self, bracket: str) -> None:
        self._out.append(self._separator + bracket)
        self._depth += 1
        self._separator = ""

    def _close(self, bracket: str) -> None:
        self._depth -= 1
        self._out.append(self._line() + bracket if self._separator else bracket)
        self._separator = ","

    def _line(self) -> str:
        return "\n" + "    " * self._depth

    def _name(self, name: str) -> None:
        self._out.append(f"{self._separator}{self._line()}{quoted(name.encode('utf-8', 'surrogateescape'))}: ")
        self._separator = ""

    def _value(self, shape: Shape, data: Data, at: int, end: int) -> None:
        if isinstance(shape, Composite):
            self._composite(shape, data, at, end)
        elif isinstance(shape, Array):
            self._array(shape, data, at, end)
        elif isinstance(shape, Scalar):
            self._scalar(_text_of(shape, data, at))
        else:
            self._scalar("null")

    def _composite(self, shape: Composite, data: Data, at: int, end: int) -> None:
        self._open("{")
        if shape.is_section:
            self._name(shape.name)
            self._open("[")
        for field in shape.members:
            if shape.is_section:
                self._open("{")
            self._name(field.name)
            self._field(field, data, at, end)
            if shape.is_section:
                self._close("}")
        if shape.is_section:
            self._close("]")
        self._close("}")

    def _field(self, field: Field, data: Data, at: int, end: int) -> None:
        if field.bits:
            self._scalar(f"{bits_of(data, 8 * at + field.bit_offset, field.bits, field.shape.order, False):#x}")
        else:
            self._value(field.shape, data, at + field.offset, end if field.last else NOWHERE)

    def _array(self, shape: Array, data: Data, at: int, end: int) -> None:
        length, element = shape.length_at(at, end), shape.element
        if shape.plain_char:
            text, nul, _ = bytes(data[at : at + length]).partition(b"\0")
            if nul and all(0x20 <= byte <= 0x7E for byte in text):
                self._scalar(quoted(text))
                return
        self._open("[")
        for number in range(length):
            self._value(element, data, at + number * element.size, NOWHERE)
        self._close("]")


def map_text(entries: Iterator[str]) -> Iterator[str]:
    """The whole text of a map, or of records, in parts: `entries` are texts at depth 1."""
    before = "["
    for entry in entries:
        yield before + entry
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _text_of(shape: Scalar, data: Data, at: int) -> str:
    if isinstance(shape, Address):
        number = shape.integer(data, at)
        return f'"{number:#x}"' if number else '"(nil)"'
    if isinstance(shape, Enum):
        number = shape.integer(data, at)
        name = shape.names.get(number)
        return str(number) if name is None else quoted(name.encode("utf-8", "surrogateescape"))
    if isinstance(shape, Float):
        return json_of_scalar(shape.read(data, at))
    assert isinstance(shape, Int)
    if shape.is_part or shape.size == 16:
        return f"{bits_of(data, 8 * at + shape.shift, shape.bits, shape.order, False):#x}"
    value = shape.read(data, at)
    if shape.encoding == 2:  # a character
        assert isinstance(value, int)
        return f'"{chr(value)}"' if 0x20 <= value <= 0x7E else f"{value:#x}"
    return json_of_scalar(value)


def quoted(text: bytes) -> str:
    """A JSON string of bytes that need not be UTF-8."""
    return '"' + "".join(_ESCAPES.get(byte) or _shown(byte) for byte in text) + '"'


def _shown(byte: int) -> str:
    return chr(byte) if 0x20 <= byte <= 0x7E else f"\\u{byte:04x}"
