"""Values back into bytes: the inverse of `value.py`.

A struct is a dict or a `Record`, an array a sequence (or bytes), text a str or bytes, an enum a number or its name.  What is
not given is zero.
"""

from __future__ import annotations

from struct import error as StructError
from struct import pack

from btfkit.errors import printable
from btfkit.values.shape import MARKS, Array, Composite, Enum, Float, Int, Scalar, wide_bits
from btfkit.values.value import Items, Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from btfkit.values.shape import Field, Order, Shape

_FLOATS = {"half": "e", "bfloat": "f", "single": "f", "double": "d"}


def pack_value(shape: Shape, value: Any) -> bytes:
    """The bytes of a value, as many as the type has and those of a flexible array at its end.

    Raises TypeError for a value of another kind, ValueError for one that does not fit (a number that is too large, a name
    that does not exist, members of a union that contradict each other); messages name the member.
    """
    bits = _Bits(shape.size, shape.order)
    _put(bits, shape, value, 0, cast_or(shape, "value"), last=True)
    return bytes(bits.data)


def cast_or(shape: Shape, word: str) -> str:
    """How messages name the type."""
    return shape.cast or word


class _Bits:
    """Bytes that are being written, and which of their bits were."""

    __slots__ = ("data", "order", "written")

    def __init__(self, size: int, order: Order) -> None:
        self.data = bytearray(size)
        self.written = bytearray(size)
        self.order = order

    def put(self, at: int, raw: bytes, where: str) -> None:
        """Write bytes; raises ValueError if other values are there."""
        end = at + len(raw)
        if end > len(self.data):
            self.data.extend(bytes(end - len(self.data)))
            self.written.extend(bytes(end - len(self.written)))
        if any(self.written[at:end]):
            old, mask = (int.from_bytes(part[at:end], "big") for part in (self.data, self.written))
            self._demand_same(old, int.from_bytes(raw, "big"), mask, where)
        self.data[at:end] = raw
        self.written[at:end] = b"\xff" * len(raw)

    def put_bits(self, bit_offset: int, bits: int, number: int, where: str) -> None:
        """Write the lowest bits of a number."""
        at, end = bit_offset // 8, (bit_offset + bits + 7) // 8
        shift = bit_offset % 8 if self.order == "little" else 8 * end - bit_offset - bits
        mask = ((1 << bits) - 1) << shift
        old, written = (int.from_bytes(part[at:end], self.order) for part in (self.data, self.written))
        new = number << shift & mask
        self._demand_same(old, new, written & mask, where)
        self.data[at:end] = (old & ~mask | new).to_bytes(end - at, self.order)
        self.written[at:end] = (written | mask).to_bytes(end - at, self.order)

    def _demand_same(self, old: int, new: int, mask: int, where: str) -> None:
        if (old ^ new) & mask:
            raise ValueError(f"{where}: another member of the same union has other bytes; give one of them")


def _put(bits: _Bits, shape: Shape, value: Any, at: int, where: str, *, last: bool = False) -> None:
    if isinstance(shape, Scalar):
        _put_scalar(bits, shape, value, at, where)
    elif isinstance(shape, Composite):
        _put_members(bits, shape, value, at, where, last=last)
    elif isinstance(shape, Array):
        _put_items(bits, shape, value, at, where, last=last)
    elif value is not None:
        raise TypeError(f"{where}: {cast_or(shape, 'type')} has no value, got {_kind(value)}")


def _put_members(bits: _Bits, shape: Composite, value: Any, at: int, where: str, *, last: bool) -> None:
    if isinstance(value, Record) and value.is_of(shape):
        bits.put(at, bytes(value), where)  # its padding, too
        if last:
            _put_rest(bits, shape, value, at, where)
        return
    if isinstance(value, bytes | bytearray | memoryview):
        if len(value) != shape.size:
            raise ValueError(f"{where}: expected {shape.size} bytes, got {len(value)}")
        bits.put(at, bytes(value), where)
        return
    if not isinstance(value, Record) and not hasattr(value, "keys"):
        raise TypeError(f"{where}: expected a dict, got {_kind(value)}")
    given: Mapping[str, Any] | Record = value
    for name in given:
        field = shape.fields.get(name)
        if field is None:
            from difflib import get_close_matches

            close = get_close_matches(str(name), [one for one in shape.fields if one], 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"{where} has no member {printable(str(name))!r}{hint}")
        _put_field(bits, field, given[name], at, f"{where}.{name}", last=last and field.last)


def _put_rest(bits: _Bits, shape: Composite, value: Record, at: int, where: str) -> None:
    """Write the flexible arrays at the end of a record."""
    for name, field in shape.fields.items():
        if field.last and isinstance(field.shape, Array) and not field.shape.length:
            bits.put(at + field.offset, value.raw(name), where)
        elif field.last and isinstance(field.shape, Composite):
            _put_rest(bits, field.shape, value[name], at + field.offset, where)


def _put_field(bits: _Bits, field: Field, value: Any, at: int, where: str, *, last: bool) -> None:
    if field.bits:
        shape = field.shape
        assert isinstance(shape, Scalar)
        number = _integer(shape, value, where)
        _demand_fit(number, field.bits, shape.signed, where)
        bits.put_bits(8 * at + field.bit_offset, field.bits, number, where)
    else:
        _put(bits, field.shape, value, at + field.offset, where, last=last)


def _put_items(bits: _Bits, shape: Array, value: Any, at: int, where: str, *, last: bool) -> None:
    element, length = shape.element, shape.length
    if isinstance(value, str):
        if not shape.is_text:
            raise TypeError(f"{where}: expected a sequence, got a str; an array of char takes text")
        value = value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes | bytearray | memoryview) and element.size:
        raw = bytes(value)
        if len(raw) > shape.size and not (last and not length):
            raise ValueError(f"{where}: expected at most {shape.size} bytes, got {len(raw)}")
        if len(raw) % element.size:
            raise ValueError(f"{where}: expected a multiple of {element.size} bytes, got {len(raw)}")
        bits.put(at, raw.ljust(shape.size, b"\0"), where)
        return
    if not isinstance(value, Items) and not (hasattr(value, "__len__") and hasattr(value, "__getitem__")):
        raise TypeError(f"{where}: expected a sequence, got {_kind(value)}")
    items: Sequence[Any] = value
    if len(items) > length and not (last and not length):
        raise ValueError(f"{where}: expected at most {length} elements, got {len(items)}")
    for number, item in enumerate(items):
        _put(bits, element, item, at + number * element.size, f"{where}[{number}]")
    if len(items) < length:  # so that a union has all of its bytes
        bits.put(at + len(items) * element.size, bytes((length - len(items)) * element.size), where)


def _put_scalar(bits: _Bits, shape: Scalar, value: Any, at: int, where: str) -> None:
    if isinstance(shape, Float):
        bits.put(at, _float_bytes(shape, value, where), where)
        return
    number = _integer(shape, value, where)
    if isinstance(shape, Int) and shape.is_part:
        _demand_fit(number, shape.bits, shape.signed, where)
        bits.put_bits(8 * at + shape.shift, shape.bits, number, where)
        return
    _demand_fit(number, 8 * shape.size, shape.signed, where)
    bits.put(at, number.to_bytes(shape.size, shape.order, signed=shape.signed), where)


def _integer(shape: Scalar, value: Any, where: str) -> int:
    if isinstance(shape, Enum) and isinstance(value, str):
        if value not in shape.numbers:
            raise ValueError(f"{where}: {cast_or(shape, 'enum')} has no enumerator {printable(value)!r}")
        return shape.numbers[value]
    if not hasattr(value, "__index__"):
        raise TypeError(f"{where}: expected a number, got {_kind(value)}")
    return int(value.__index__())


def _demand_fit(number: int, bits: int, signed: bool, where: str) -> None:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if not low <= number <= high:
        raise ValueError(f"{where}: {number} does not fit: expected {low} to {high}")


def _float_bytes(shape: Float, value: Any, where: str) -> bytes:
    if isinstance(value, bytes) and len(value) == shape.size:
        return value
    if not hasattr(value, "__float__"):
        raise TypeError(f"{where}: expected a number, got {_kind(value)}")
    if shape.format in ("x87", "quad"):
        return wide_bits(float(value), shape.format).to_bytes(shape.size, shape.order)
    code = _FLOATS.get(shape.format)
    if code is None:
        raise TypeError(
            f"{where}: {cast_or(shape, 'this float')} cannot be made of a number; give its {shape.size} bytes"
        )
    try:
        raw = pack(MARKS[shape.order] + code, float(value))
    except (OverflowError, StructError):
        raise ValueError(f"{where}: {value!r} does not fit in {shape.size} bytes") from None
    if shape.format != "bfloat":
        return raw
    bits = int.from_bytes(raw, shape.order)  # of a single; the upper half, rounded to even
    return (bits + 0x7FFF + (bits >> 16 & 1) >> 16 & 0xFFFF).to_bytes(2, shape.order)


def _kind(value: object) -> str:
    return "nothing (None)" if value is None else f"{type(value).__name__} {value!r:.40}"
