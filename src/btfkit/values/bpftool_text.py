"""Values as text in the style of `bpftool map dump`: like JSON, but bit-fields are bare hexadecimal numbers.

Byte for byte as bpftool 7.8 where that shows the value; where it loses one (docs/differences.md), the value is here.
"""

from __future__ import annotations

from btfkit.values.json_text import json_of_scalar
from btfkit.values.shape import NOWHERE, Address, Array, Composite, Enum, Float, Int, Scalar, bits_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.values.shape import Data, Field, Shape

_ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}


class BpftoolText:
    """Writes values, `depth` levels below the outermost; four spaces a level.

    `compat`: enums are signed numbers, and every bool that is not 0 is true, as bpftool has it.
    """

    __slots__ = ("_depth", "_out", "_separator", "compat")

    def __init__(self, depth: int = 1, *, compat: bool = False) -> None:
        self.compat = compat
        self._depth = depth
        self._separator = ""
        self._out: list[str] = []

    def text(self, shape: Shape, data: Data, at: int = 0, end: int = NOWHERE) -> str:
        """The text of the bytes at `at`, which exist; a flexible array extends to `end`."""
        self._out = []
        self._separator = ""
        self._value(shape, data, at, end)
        return "".join(self._out)

    def entry(
        self, key: tuple[Shape, Data] | None, value: Shape, values: Sequence[Data], *, percpu: bool = False
    ) -> str:
        """An entry of a map: its key (None: not shown) and its value, or with `percpu` the value for each CPU."""
        self._out = []
        self._separator = ""
        self._open("{")
        if key is not None:
            self._name("key")
            self._value(*key, 0, NOWHERE)
        self._name("values" if percpu else "value")
        if percpu:
            self._open("[")
        for cpu, data in enumerate(values):
            if percpu:
                self._open("{")
                self._name("cpu")
                self._scalar(str(cpu))
                self._name("value")
            self._value(value, data, 0, NOWHERE)
            if percpu:
                self._close("}")
        if percpu:
            self._close("]")
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
            self._scalar(_text_of(shape, data, at, self.compat))
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


def _text_of(shape: Scalar, data: Data, at: int, compat: bool) -> str:
    if isinstance(shape, Address):
        number = shape.integer(data, at)
        return f'"{number:#x}"' if number else '"(nil)"'
    if isinstance(shape, Enum):
        number = shape.integer(data, at)
        name = shape.names.get(number)
        if compat and not shape.signed and number >> (8 * shape.size - 1):
            number -= 1 << 8 * shape.size
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
    return json_of_scalar(bool(value) if compat and shape.is_bool else value)


def quoted(text: bytes) -> str:
    """A JSON string of bytes that need not be UTF-8."""
    return '"' + "".join(_ESCAPES.get(byte) or _shown(byte) for byte in text) + '"'


def _shown(byte: int) -> str:
    return chr(byte) if 0x20 <= byte <= 0x7E else f"\\u{byte:04x}"
