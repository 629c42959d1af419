"""Shapes: what the bytes of a type mean, without its qualifiers and typedefs.

A shape is a plain description: it refers to other shapes and to names, never to a BTF, and is shared by all types that have it.
`size` is in bytes, offsets of fields are in bits from the start of what contains them, `order` is the byte order of the machine
that wrote the bytes.  In big-endian data, bits count from the most significant bit of the first byte.
"""

from __future__ import annotations

from struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction
    from typing import Literal, Self

    Order = Literal["little", "big"]
    Data = bytes | bytearray | memoryview

NOWHERE = -1  # in place of the end of the data, if no flexible array may extend to it
MARKS = {"little": "<", "big": ">"}
_CODES = {1: "b", 2: "h", 4: "i", 8: "q"}  # of `struct`, for signed numbers


class Pointer(int):
    """An address; its text is hexadecimal."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{int(self):#x}"

    __str__ = __repr__


class EnumValue(int):
    """The number of an enum with its enumerator's `name`, "" if it has none; the text is the name, or the number."""

    name: str

    def __new__(cls, number: int, name: str = "") -> Self:
        self = super().__new__(cls, number)
        self.name = name
        return self

    def __str__(self) -> str:
        return self.name or int.__repr__(self)

    def __repr__(self) -> str:
        return f"<{self.name}: {int(self)}>" if self.name else int.__repr__(self)

    def __reduce__(self) -> tuple[type[EnumValue], tuple[int, str]]:
        return EnumValue, (int(self), self.name)


class Shape:
    """The shape of a type of `size` bytes.

    `cast` is the type in C as libbpf writes it in casts: without qualifiers, "u8[4]".  `leaves` counts the scalars that its
    value has, `depth` how many arrays, structs and unions are within each other.
    """

    __slots__ = ("cast", "depth", "leaves", "order", "size")

    def __init__(self, size: int, order: Order, cast: str = "", leaves: int = 1, depth: int = 0) -> None:
        self.size = size
        self.order = order
        self.cast = cast
        self.leaves = leaves
        self.depth = depth

    def with_cast(self, cast: str) -> Self:
        """The same shape with another `cast`."""
        if cast == self.cast:
            return self
        other = object.__new__(type(self))
        for cls in type(self).__mro__:
            for name in getattr(cls, "__slots__", ()):
                setattr(other, name, getattr(self, name))
        other.cast = cast
        return other

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.cast!r}: {self.size} bytes>"


class Scalar(Shape):
    """A value without parts: `read` makes it of bytes, `number` of an integer that a bit-field holds."""

    __slots__ = ("_unpack",)

    def __init__(self, size: int, order: Order, signed: bool) -> None:
        super().__init__(size, order)
        code = _CODES.get(size)
        if code is not None and not signed:
            code = code.upper()
        self._unpack = Struct(MARKS[order] + code).unpack_from if code is not None else None

    @property
    def signed(self) -> bool:
        """Whether the most significant bit is a sign."""
        return False

    def integer(self, data: Data, at: int) -> int:
        """The bytes at `at` as a number, signed or not."""
        if self._unpack is not None:
            found: int = self._unpack(data, at)[0]
            return found
        return int.from_bytes(data[at : at + self.size], self.order, signed=self.signed)

    def read(self, data: Data, at: int) -> object:
        """The value of the bytes at `at`, all of which exist."""
        return self.number(self.integer(data, at))

    def number(self, number: int) -> object:
        """The value of a number."""
        return number


class Int(Scalar):
    """An integer of `bits` bits, from bit `shift` of its bytes on (old BTF of bit-fields; else all of them).

    `encoding` has the bits of BTF: 1 signed, 2 char, 4 bool.  `is_char`: C's plain `char`.
    """

    __slots__ = ("bits", "encoding", "is_char", "name", "shift")

    def __init__(
        self, size: int, order: Order, *, name: str = "", encoding: int = 0, bits: int | None = None, shift: int = 0
    ) -> None:
        self.name = name
        self.encoding = encoding
        self.bits = 8 * size if bits is None else bits
        self.shift = shift
        self.is_char = size == 1 and (name == "char" or encoding & 2 != 0)
        super().__init__(size, order, encoding & 1 != 0)

    @property
    def signed(self) -> bool:
        return self.encoding & 1 != 0

    @property
    def is_bool(self) -> bool:
        """Whether it holds a truth value."""
        return self.encoding & 4 != 0

    @property
    def is_part(self) -> bool:
        """Whether it has some of the bits of its bytes only."""
        return self.shift != 0 or self.bits != 8 * self.size

    def read(self, data: Data, at: int) -> object:
        if self.is_part:
            return self.number(bits_of(data, 8 * at + self.shift, self.bits, self.order, self.signed))
        return self.number(self.integer(data, at))

    def number(self, number: int) -> object:
        """A bool of 0 or 1 is True or False; any other is the number that it is."""
        return number == 1 if self.encoding & 4 and 0 <= number <= 1 else number


class Enum(Scalar):
    """An enum: the first name of each number in `names`, the number of each name in `numbers`; `wide`: one of BTF's ENUM64."""

    __slots__ = ("is_signed", "names", "numbers", "wide")

    def __init__(
        self, size: int, order: Order, enumerators: Sequence[tuple[str, int]], *, signed: bool, wide: bool = False
    ) -> None:
        self.is_signed = signed
        self.wide = wide
        self.numbers: dict[str, int] = {}
        self.names: dict[int, str] = {}
        for name, number in enumerators:
            self.numbers.setdefault(name, number)
            self.names.setdefault(number, name)
        super().__init__(size, order, signed)

    @property
    def signed(self) -> bool:
        return self.is_signed

    def number(self, number: int) -> EnumValue:
        return EnumValue(number, self.names.get(number, ""))


class Address(Scalar):
    """A pointer."""

    __slots__ = ()

    def __init__(self, size: int, order: Order) -> None:
        super().__init__(size, order, False)

    def number(self, number: int) -> Pointer:
        return Pointer(number)


class Float(Scalar):
    """A floating-point number in one of the `FORMATS`, or ""; then its value is its bytes."""

    __slots__ = ("format",)

    FORMATS = ("half", "bfloat", "single", "double", "x87", "quad")

    def __init__(self, size: int, order: Order, format: str) -> None:
        self.format = format
        super().__init__(size, order, False)
        code = {"half": "e", "single": "f", "double": "d"}.get(format)
        self._unpack = Struct(MARKS[order] + code).unpack_from if code is not None else None

    def read(self, data: Data, at: int) -> object:
        if self._unpack is not None:
            return self._unpack(data, at)[0]
        raw = bytes(data[at : at + self.size])
        return _wide_float(int.from_bytes(raw, self.order), self.format) if self.format else raw


def _wide_float(raw: int, format: str) -> float:
    """The bits of a number as the nearest double."""
    from fractions import Fraction

    if format == "bfloat":
        found: float = Struct(">f").unpack((raw << 16 & 0xFFFFFFFF).to_bytes(4, "big"))[0]
        return found
    exact = exact_float(raw, format)
    if not isinstance(exact, Fraction):
        return exact
    try:
        value = float(exact)
    except OverflowError:
        return float("-inf") if exact < 0 else float("inf")
    return value


def exact_float(raw: int, format: str) -> Fraction | float:
    """The bits of an "x87" or "quad" number as a fraction; a double for what has none: nan, an infinity, -0.0."""
    from fractions import Fraction

    if format == "x87":  # 64 bits of significand, the first of them explicit; 15 of exponent
        significand, exponent, negative = raw & (1 << 64) - 1, raw >> 64 & 0x7FFF, raw >> 79 & 1
        fraction_bits, special = 63, significand & (1 << 63) - 1
        if exponent and not significand >> 63:  # no number since the 80387
            return float("nan")
    else:  # IEEE 754 binary128
        fraction, exponent, negative = raw & (1 << 112) - 1, raw >> 112 & 0x7FFF, raw >> 127 & 1
        significand, fraction_bits, special = fraction | (exponent > 0) << 112, 112, fraction
    if exponent == 0x7FFF:
        return float("nan") if special else float("-inf") if negative else float("inf")
    if not significand:
        return -0.0 if negative else 0.0
    power = max(exponent, 1) - 16383 - fraction_bits
    value = Fraction(significand) * Fraction(2) ** power
    return -value if negative else value


def wide_bits(value: float, format: str) -> int:
    """The bits of a double as an "x87" or "quad" number, which holds every double exactly."""
    from math import copysign, frexp, isinf, isnan

    negative = copysign(1.0, value) < 0
    width = 64 if format == "x87" else 112  # of the significand's field; a quad's leading 1 is implied
    leading = width - 1 if format == "x87" else width
    if isnan(value) or isinf(value):
        exponent, significand = 0x7FFF, (1 << leading) | (isnan(value) << (leading - 1))
    elif not value:
        exponent = significand = 0
    else:
        fraction, power = frexp(abs(value))  # 0.5 <= fraction < 1
        exponent, significand = power + 16382, int(fraction * (1 << 53)) << (leading + 1 - 53)
    return (negative << 15 | exponent) << width | significand & ((1 << width) - 1)


class Opaque(Shape):
    """What has no bytes: void, a function, a declaration; its value is None."""

    __slots__ = ()


class Array(Shape):
    """`length` elements; 0 for a flexible array, which at the end has as many as there are data for.

    `is_text`: of C's `char`, whatever typedefs it has.  `plain_char`: of `char` itself (bpftool's rule for strings).
    """

    __slots__ = ("element", "is_text", "length", "plain_char")

    def __init__(self, element: Shape, length: int, order: Order, *, plain_char: bool = False) -> None:
        super().__init__(element.size * length, order, leaves=1 + element.leaves * length, depth=element.depth + 1)
        self.element = element
        self.length = length
        self.is_text = isinstance(element, Int) and element.is_char
        self.plain_char = plain_char

    def length_at(self, at: int, end: int) -> int:
        """The number of elements of an array that begins at `at`, in data that ends at `end`, or NOWHERE."""
        if self.length or end == NOWHERE or not self.element.size:
            return self.length
        return max(0, end - at) // self.element.size

    def text(self, data: Data, at: int, end: int) -> str:
        """The characters before the first NUL, or all; bytes that are not UTF-8 become surrogates."""
        raw = bytes(data[at : at + self.length_at(at, end)])
        return raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")


class Field:
    """A member of a struct or union, or a variable of a section.

    It begins at `bit_offset` and has `bits` bits if it is a bit-field (0: an ordinary member).  `last`: nothing of the
    containing struct follows it, so that a flexible array has the rest of the data.  `prefix` is what stands before the type
    of a variable ("static ").
    """

    __slots__ = ("bit_offset", "bits", "last", "name", "prefix", "shape")

    def __init__(
        self, name: str, shape: Shape, bit_offset: int, bits: int = 0, *, last: bool = False, prefix: str = ""
    ) -> None:
        self.name = name
        self.shape = shape
        self.bit_offset = bit_offset
        self.bits = bits
        self.last = last
        self.prefix = prefix

    @property
    def offset(self) -> int:
        """Where it begins, in bytes; for a bit-field the byte of its first bit."""
        return self.bit_offset // 8

    def __repr__(self) -> str:
        return f"<Field {self.name!r} at bit {self.bit_offset}: {self.shape!r}>"


class Composite(Shape):
    """A struct or `union`, or a section (`is_section`) with its variables.

    `members` are those of the type itself; `fields` has those of anonymous members in their place, by name, as in C.  A name
    that comes again gets a number ("pad#2").
    """

    __slots__ = ("fields", "is_section", "is_union", "members", "name")

    fields: Mapping[str, Field]

    def __init__(
        self,
        name: str,
        size: int,
        order: Order,
        members: Sequence[Field],
        *,
        is_union: bool = False,
        is_section: bool = False,
    ) -> None:
        leaves = sum((member.shape.leaves for member in members), 1)
        super().__init__(size, order, "", leaves, max((member.shape.depth for member in members), default=0) + 1)
        self.name = name
        self.members = tuple(members)
        self.is_union = is_union
        self.is_section = is_section
        self.fields = _flattened(members)


def _flattened(members: Sequence[Field]) -> dict[str, Field]:
    """The members by name, those of anonymous ones in their place."""
    found: dict[str, Field] = {}
    numbers: dict[str, int] = {}
    for member in members:
        if member.name or not isinstance(member.shape, Composite):
            found[_new_name(member.name, found, numbers)] = member
            continue
        for name, inner in member.shape.fields.items():
            found[_new_name(name, found, numbers)] = Field(
                inner.name,
                inner.shape,
                member.bit_offset + inner.bit_offset,
                inner.bits,
                last=member.last and inner.last,
            )
    return found


def _new_name(name: str, taken: Mapping[str, Field], numbers: dict[str, int]) -> str:
    """The name, with the lowest number that is free if it is taken; `numbers` has the last one of each name."""
    new = name
    while new in taken:
        number = numbers[name] = numbers.get(name, 1) + 1
        new = f"{name}#{number}"
    return new


def bits_of(data: Data, bit_offset: int, bits: int, order: Order, signed: bool) -> int:
    """The number in `bits` bits of `data`, from `bit_offset` on.  Rule: libbpf 1.8-dev, btf_dump_get_bitfield_value."""
    first, end = bit_offset // 8, (bit_offset + bits + 7) // 8
    number = int.from_bytes(data[first:end], order)
    number >>= bit_offset % 8 if order == "little" else 8 * end - bit_offset - bits
    number &= (1 << bits) - 1
    return number - (1 << bits) if signed and bits and number >> (bits - 1) else number
