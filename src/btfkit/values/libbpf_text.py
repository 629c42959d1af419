"""Values as text in the style of libbpf's `btf_dump__dump_type_data`: C initializers with casts.

    (struct in){
            .a = (int)1,
            .c = (char)65,
    }

Byte for byte as libbpf 1.8-dev where that shows the value; where it loses one (docs/differences.md), the value is here,
unless `compat` asks for the same text as libbpf's.
"""

from __future__ import annotations

from math import copysign, isfinite, isnan

from btfkit.errors import printable
from btfkit.values.shape import (
    NOWHERE,
    Address,
    Array,
    Composite,
    Enum,
    Float,
    Int,
    Scalar,
    bits_of,
    exact_float,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fractions import Fraction

    from btfkit.values.shape import Data, Field, Shape


class LibbpfText:
    """Writes values with libbpf's options.

    `indent` stands at the beginning of a line for each level, `level` is that of the outermost; `compact` writes one line,
    `skip_names` neither names nor casts, `zeroes` also members that are zero, `strings` arrays of `char` as "text".
    `compat` also reproduces libbpf's defects, for data that lie at a multiple of 8 bytes.
    """

    __slots__ = ("_array_ended", "_depth", "_in_array", "_in_chars", "_out", "_start", "compact", "compat", "indent",
                 "level", "skip_names", "strings", "zeroes")  # fmt: skip

    def __init__(
        self,
        *,
        indent: str = "\t",
        level: int = 0,
        compact: bool = False,
        skip_names: bool = False,
        zeroes: bool = False,
        strings: bool = False,
        compat: bool = False,
    ) -> None:
        self.indent = indent
        self.level = level
        self.compact = compact
        self.skip_names = skip_names
        self.zeroes = zeroes
        self.strings = strings
        self.compat = compat

    def text(self, shape: Shape, data: Data, at: int = 0, end: int = NOWHERE) -> str:
        """The text of the bytes at `at`, which exist, without a line feed at its end; a flexible array extends to `end`."""
        self._begin(at)
        if isinstance(shape, Composite) and shape.is_section:
            self._put(f'{self._margin()}SEC("{printable(shape.name)}") ')
            for field in shape.members:
                self._variable(field, data, at)
                self._put(";")
        else:
            self._value(shape, data, at, end)
        return "".join(self._out)

    def variable(self, field: Field, data: Data, at: int = 0) -> str:
        """The declaration of a variable with its value: "static int x = (int)9"; `field` is a member of a section."""
        self._begin(at)
        self._variable(field, data, at)
        return "".join(self._out)

    def _begin(self, at: int) -> None:
        self._out: list[str] = []
        self._start = at
        self._depth = 0
        self._in_array = self._in_chars = self._array_ended = False

    def _put(self, text: str) -> None:
        self._out.append(text)

    def _margin(self) -> str:
        return "" if self.compact else self.indent * (self.level + self._depth)

    @property
    def _break(self) -> str:
        return "" if self.compact or not self._depth else "\n"

    def _end(self, text: str) -> None:
        """Write a value and what follows it."""
        self._put(f"{text}{',' if self._depth else ''}{self._break}")

    def _variable(self, field: Field, data: Data, at: int) -> None:
        self._put(f"{self._margin()}{field.prefix}{field.shape.cast} {printable(field.name)} = ")
        self._value(field.shape, data, at + field.offset, NOWHERE)

    def _value(self, shape: Shape, data: Data, at: int, end: int, field: Field | None = None, start: int = 0) -> None:
        """A value at `at`; as a member, `field` of the composite at `start`."""
        bits = field.bits if field is not None else 0
        if self._is_hidden(shape, data, at, end, field, start):
            return
        self._put(self._margin())
        if not self.skip_names:
            if field is not None and field.name:
                self._put(f".{printable(field.name)} = ")
            if not self._in_array:
                self._put(f"({shape.cast})")
        if isinstance(shape, Composite):
            self._members(shape, data, at, end)
        elif isinstance(shape, Array):
            self._items(shape, data, at, end)
        elif isinstance(shape, Enum):
            self._end_enum(shape, self._enum_number(shape, data, at, field, start))
        elif bits:
            assert field is not None
            self._end(f"{bits_of(data, 8 * start + field.bit_offset, bits, shape.order, False):#x}")
        elif isinstance(shape, Float):
            self._end(float_text(shape, data, at))
        elif isinstance(shape, Address):
            number = shape.integer(data, at)
            is_native = shape.size == 8 and (at - self._start) % 8 == 0
            self._end(f"{number:#x}" if number or not is_native else "(nil)")
        elif isinstance(shape, Int):
            self._int(shape, data, at)
        else:
            self._end("<unsupported kind>")

    def _int(self, shape: Int, data: Data, at: int) -> None:
        number = int(shape.read(data, at))  # type: ignore[call-overload]
        if self.compat and shape.is_part:
            number = shape.integer(data, at)
        if shape.size == 1 and self._in_chars:
            if self.compat and self._array_ended:
                return
            if not number:
                self._end("'\\0'")
                self._array_ended = True
                return
            if 0x20 <= number <= 0x7E:
                self._end(f"'{chr(number)}'")
                return
        if shape.size == 16:
            self._end(f"{number & (1 << 128) - 1:#x}")
        else:
            self._end(str(number))

    def _enum_number(self, shape: Enum, data: Data, at: int, field: Field | None, start: int) -> int:
        if field is not None and field.bits:
            signed = shape.signed and not self.compat
            return bits_of(data, 8 * start + field.bit_offset, field.bits, shape.order, signed)
        return 0 if self.compat and self._is_astray(shape, at) else shape.integer(data, at)

    def _is_astray(self, shape: Enum, at: int) -> bool:
        """Whether an enum is at an address that is not aligned: then libbpf reads it as 0."""
        return (at - self._start) % shape.size != 0

    def _end_enum(self, shape: Enum, number: int) -> None:
        name = shape.names.get(number)
        if name is not None and not (self.compat and not shape.wide and number > 0x7FFFFFFF):
            self._end(printable(name))
            return
        suffix = ("LL" if shape.signed else "ULL") if shape.wide else ""
        if self.compat and shape.signed:
            self._put(f"{number}{suffix}")
        else:
            self._end(f"{number}{suffix}")

    def _members(self, shape: Composite, data: Data, at: int, end: int) -> None:
        self._depth += 1
        self._put("{" + self._break)
        for field in shape.members:
            self._value(field.shape, data, at + field.offset, end if field.last else NOWHERE, field, at)
        self._depth -= 1
        self._put(self._margin())
        self._end("}")

    def _items(self, shape: Array, data: Data, at: int, end: int) -> None:
        element = shape.element
        is_bytes = isinstance(element, Int) and element.size == 1
        if is_bytes and self.strings and (text := self._string(shape, data, at, end)) is not None:
            if self.compat:
                self._put(self._margin() + text)
            else:
                self._end(text)
            return
        before = self._in_array, self._in_chars, self._array_ended
        self._in_chars = is_bytes or (self.compat and self._in_chars)
        self._depth += 1
        self._put("[" + self._break)
        self._in_array, self._array_ended = True, False
        for number in range(self._shown_length(shape, data, at, end)):
            if self.compat and self._array_ended:
                break
            self._value(element, data, at + number * element.size, NOWHERE)
        self._in_array, in_chars, self._array_ended = before
        if not self.compat:
            self._in_chars = in_chars
        self._depth -= 1
        self._put(self._margin())
        self._end("]")

    def _shown_length(self, shape: Array, data: Data, at: int, end: int) -> int:
        """How many elements are shown: of bytes those before the NULs at the end, with `zeroes` also the first of these."""
        length = shape.length_at(at, end)
        if not self._in_chars or self.compat or shape.element.size != 1:
            return length
        shown = self._text_length(shape, data, at, length)
        return min(shown + self.zeroes, length)

    def _text_length(self, shape: Array, data: Data, at: int, length: int) -> int:
        """The bytes before the NULs at the end, or of `char` before the first NUL."""
        raw = bytes(data[at : at + length])
        return len(raw.partition(b"\0")[0] if shape.is_text else raw.rstrip(b"\0"))

    def _string(self, shape: Array, data: Data, at: int, end: int) -> str | None:
        """The array as text, None if it has to be a list."""
        raw = bytes(data[at : at + shape.length_at(at, end)])
        text, nul, rest = raw.partition(b"\0")
        if not nul or (not (shape.is_text or self.compat) and rest.strip(b"\0")):
            return None
        return '"' + "".join(self._char(byte) for byte in text) + '"'

    def _char(self, byte: int) -> str:
        if byte in b'"\\' and not self.compat:
            return "\\" + chr(byte)
        return chr(byte) if 0x20 <= byte <= 0x7E else f"\\x{byte:02x}"

    # ---- what is zero ----------------------------------------------------------------------------------------------

    def _is_hidden(
        self, shape: Shape, data: Data, at: int, end: int, field: Field | None = None, start: int = 0
    ) -> bool:
        """Whether a value is left out because it is zero."""
        if self.zeroes or not self._depth or (self._in_array and (not self._in_chars or not self.compat)):
            return False
        if isinstance(shape, Composite):
            if self.compat:  # the first member decides
                return not shape.members or self._is_hidden_member(shape.members[0], data, at, end)
            return all(self._is_hidden_member(member, data, at, end) for member in shape.members)
        if isinstance(shape, Array):
            return self._is_hidden_array(shape, data, at, end)
        if isinstance(shape, Enum) and self.compat:
            return self._is_astray(shape, at) or not any(data[at : at + shape.size])
        if field is not None and field.bits:
            return not bits_of(data, 8 * start + field.bit_offset, field.bits, shape.order, False)
        return isinstance(shape, Scalar) and not any(data[at : at + shape.size])

    def _is_hidden_member(self, field: Field, data: Data, at: int, end: int) -> bool:
        return self._is_hidden(field.shape, data, at + field.offset, end if field.last else NOWHERE, field, at)

    def _is_hidden_array(self, shape: Array, data: Data, at: int, end: int) -> bool:
        element, length = shape.element, shape.length_at(at, end)
        if isinstance(element, Int) and element.size == 1:
            if self.compat:
                return not length or not data[at] or not any(data[at : at + length])
            return not self._text_length(shape, data, at, length)
        return all(self._is_hidden(element, data, at + number * element.size, NOWHERE) for number in range(length))


def float_text(shape: Float, data: Data, at: int) -> str:
    """A floating-point number as C's "%f" writes it; the bytes of one of no known format in hexadecimal."""
    raw = int.from_bytes(data[at : at + shape.size], shape.order)
    if shape.format in ("x87", "quad"):
        exact = exact_float(raw, shape.format)
        if not isinstance(exact, float):
            return _fixed(exact)
        value = exact
        if isnan(value):
            return "-nan" if raw >> (79 if shape.format == "x87" else 127) & 1 else "nan"
    else:
        found = shape.read(data, at)
        if not isinstance(found, float):
            return f"0x{raw:0{2 * shape.size}x}"
        value = found
    if not isfinite(value):
        sign = "-" if copysign(1.0, value) < 0 else ""
        return sign + ("nan" if isnan(value) else "inf")
    return f"{value:.6f}"


def _fixed(exact: Fraction) -> str:
    from decimal import Decimal  # which, unlike int, writes any number of digits

    digits = round(abs(exact) * 1_000_000)  # half to even
    return f"{'-' if exact < 0 else ''}{Decimal(digits // 1_000_000)}.{digits % 1_000_000:06}"
