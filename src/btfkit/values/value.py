"""Values: bytes seen by a shape.  Nothing is read before it is asked for.

A struct or union is a `Record` (`record.pid`, `record["pid"]`), an array is `Items`, an array of `char` a str; numbers,
bools, enums (`EnumValue`), pointers (`Pointer`) and floats are Python's.  `as_dict` makes plain dicts and lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import unpack_from

from btfkit.errors import FormatError, NotFoundError, counted, printable
from btfkit.values.shape import MARKS, NOWHERE, Array, Composite, Int, Scalar, bits_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.values.shape import Data, Field, Shape

_CODES = {(1, True): "b", (2, True): "h", (4, True): "i", (8, True): "q"}
_CODES |= {(size, False): code.upper() for (size, _), code in _CODES.items()}


def value_of(shape: Shape, data: Data, offset: int = 0, size: int | None = None) -> Any:
    """The value of the bytes of `data` from `offset` on.

    `size` is the number of bytes that belong to it (default: all that follow): a flexible array at the end has what the type
    itself does not.  Raises FormatError if there are fewer bytes than the type has, ValueError for a negative offset.
    """
    if offset < 0:
        raise ValueError(f"offset {offset}: expected at least 0")
    view = data if isinstance(data, bytes) else memoryview(data).cast("B")
    end = len(view) if size is None else offset + size
    if end > len(view) or offset + shape.size > end:
        there = max(0, min(end, len(view)) - offset)
        need = max(shape.size, size or 0)
        raise FormatError(f"{shape.cast or 'value'}: expected {counted(need, 'byte')}, found {there}", offset=offset)
    return read(shape, view, offset, end if end > offset + shape.size else NOWHERE)


def read(shape: Shape, data: Data, at: int, end: int) -> Any:
    """As `value_of`, of bytes that exist; a flexible array extends to `end`."""
    if isinstance(shape, Scalar):
        return shape.read(data, at)
    if isinstance(shape, Composite):
        return Record(shape, data, at, end)
    if isinstance(shape, Array):
        return shape.text(data, at, end) if shape.is_text else Items(shape, data, at, end)
    return None


def read_field(field: Field, data: Data, at: int, end: int) -> Any:
    """The value of a field of what begins at `at`."""
    if field.bits:
        shape = field.shape
        assert isinstance(shape, Scalar)
        return shape.number(bits_of(data, 8 * at + field.bit_offset, field.bits, shape.order, shape.signed))
    return read(field.shape, data, at + field.bit_offset // 8, end if field.last else NOWHERE)


class Items(Sequence["Any"]):
    """The elements of an array; `bytes(items)` are its bytes."""

    __slots__ = ("_at", "_data", "_length", "_shape")

    def __init__(self, shape: Array, data: Data, at: int, end: int = NOWHERE) -> None:
        self._shape = shape
        self._data = data
        self._at = at
        self._length = shape.length_at(at, end)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        """An element, or a list of them."""
        element = self._shape.element
        if isinstance(index, slice):
            return [self[number] for number in range(self._length)[index]]
        try:
            number = range(self._length)[index]
        except IndexError:
            raise IndexError(
                f"{self._shape.cast or 'array'} has {self._length} elements, there is no number {index}"
            ) from None
        return read(element, self._data, self._at + number * element.size, NOWHERE)

    def __iter__(self) -> Iterator[Any]:
        element, at = self._shape.element, self._at
        return (read(element, self._data, at + number * element.size, NOWHERE) for number in range(self._length))

    def __bytes__(self) -> bytes:
        return bytes(self._data[self._at : self._at + self._length * self._shape.element.size])

    def __eq__(self, other: object) -> bool:
        return self.as_list() == (other.as_list() if isinstance(other, Items) else other)

    __hash__ = None  # type: ignore[assignment]  # as a list

    def as_list(self) -> list[Any]:
        """Plain lists and dicts of its elements."""
        element = self._shape.element
        code = _CODES.get((element.size, element.signed)) if isinstance(element, Scalar) else None
        if code and isinstance(element, Int) and not (element.is_bool or element.is_part):
            return list(unpack_from(f"{MARKS[element.order]}{self._length}{code}", self._data, self._at))
        return [plain(one) for one in self]

    def __repr__(self) -> str:
        return f"<{self._shape.cast or 'array'} of {self._length}>"


class Record:
    """A struct, a union or the variables of a section: members by attribute or by item, those of anonymous members included.

    An item has any name (`record["class"]`, `record["as_dict"]`); an attribute those that Python and this class do not use.
    Iterating yields the names, so that `dict(record)` has the values.  `bytes(record)` are its bytes, without those of a
    flexible array.
    """

    __slots__ = ("_at", "_data", "_end", "_shape")

    def __init__(self, shape: Composite, data: Data, at: int, end: int = NOWHERE) -> None:
        self._shape = shape
        self._data = data
        self._at = at
        self._end = end

    def __getitem__(self, name: str) -> Any:
        field = self._shape.fields.get(name)
        if field is None:
            close = _close(name, self._shape)
            raise NotFoundError(f"{self._shape.cast or 'struct'} has no member {printable(str(name))!r}{close}")
        return read_field(field, self._data, self._at, self._end)

    def __getattr__(self, name: str) -> Any:
        field = self._shape.fields.get(name)
        if field is None:
            raise AttributeError(f"{self._shape.cast or 'struct'} has no member {name!r}")
        return read_field(field, self._data, self._at, self._end)

    def keys(self) -> list[str]:
        """The names of the members."""
        return list(self._shape.fields)

    def __iter__(self) -> Iterator[str]:
        return iter(self._shape.fields)

    def __len__(self) -> int:
        return len(self._shape.fields)

    def __contains__(self, name: object) -> bool:
        return name in self._shape.fields

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._shape.fields]

    def __bytes__(self) -> bytes:
        return bytes(self._data[self._at : self._at + self._shape.size])

    def __eq__(self, other: object) -> bool:
        return self.as_dict() == (other.as_dict() if isinstance(other, Record) else other)

    __hash__ = None  # type: ignore[assignment]  # as a dict

    def as_dict(self) -> dict[str, Any]:
        """A dict of all members, with dicts and lists for what they consist of."""
        return {
            name: plain(read_field(field, self._data, self._at, self._end))
            for name, field in self._shape.fields.items()
        }

    def as_json(self) -> str:
        """The value as JSON on one line (`btfkit.values.json_text`)."""
        from btfkit.values.json_text import json_of

        return json_of(self._shape, self._data, self._at, self._end)

    def is_of(self, shape: Composite) -> bool:
        """Whether it is a value of this shape, whatever typedefs name it."""
        return self._shape.members is shape.members

    def raw(self, name: str) -> bytes:
        """The bytes of a member, those of a flexible array included; for a bit-field, the bytes that it has bits in."""
        field = self._shape.fields.get(name)
        if field is None:
            self[name]
            raise AssertionError
        start, size = self._at + field.offset, field.shape.size
        if field.bits:
            size = (field.bit_offset % 8 + field.bits + 7) // 8
        elif isinstance(field.shape, Array):
            end = self._end if field.last else NOWHERE
            size = field.shape.length_at(start, end) * field.shape.element.size
        return bytes(self._data[start : start + size])

    def __repr__(self) -> str:
        return f"<{self._shape.cast or 'struct'}: {self._shape.size} bytes>"


def plain(value: Any) -> Any:
    """A value as Python's own dicts, lists and numbers."""
    if isinstance(value, Record):
        return value.as_dict()
    return value.as_list() if isinstance(value, Items) else value


def _close(name: object, shape: Composite) -> str:
    from difflib import get_close_matches

    close = get_close_matches(str(name), [one for one in shape.fields if one], 1)
    return f"; did you mean {close[0]!r}" if close else ""
