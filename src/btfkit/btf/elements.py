"""Views of the elements of types: members, enumerators, parameters, section entries, each a sequence in its type."""

from __future__ import annotations

from collections.abc import Sequence

from btfkit.btf import spec
from btfkit.btf.spec import text
from btfkit.errors import NotFoundError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar, overload

    from btfkit.btf.types import Type

    Item = TypeVar("Item", bound="Element")


class Element:
    """A member, parameter, enumerator or section entry: element number `index` of the type `parent`."""

    __slots__ = ("at", "index", "parent")

    def __init__(self, parent: Type, index: int, at: int) -> None:
        self.parent = parent
        self.index = index
        self.at = at

    def _word(self, slot: int) -> int:
        return self.parent.layer.words[self.at + slot]

    @property
    def name(self) -> str:
        """The name, "" for an anonymous one."""
        return text(self.parent.btf.string(self._word(0)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Element) and self.at == other.at and self.parent == other.parent

    def __hash__(self) -> int:
        return hash((self.parent, self.at))


class Typed(Element):
    """An element with a type."""

    __slots__ = ()

    @property
    def type_id(self) -> int:
        """The id of its type."""
        return self._word(1)

    @property
    def type(self) -> Type:
        """Its type."""
        return self.parent.btf[self.type_id]

    @property
    def size(self) -> int:
        """The size of its type in bytes, 0 if it has none."""
        return self.parent.btf.sizeof(self.type_id) or 0

    def __str__(self) -> str:
        from btfkit.btf.spelling import Spelling

        return Spelling(self.parent.btf).declare(self.type_id, printable(self.name))


class Elements(Sequence["Item"]):
    """The elements of a type in order, by number or by name: a sequence of views, made on demand."""

    __slots__ = ("_owner", "_places", "_view")

    def __init__(self, owner: Type, view: Callable[[Type, int, int], Item], width: int) -> None:
        start = owner.at + 3
        self._owner = owner
        self._view = view
        self._places = range(start, start + width * owner.vlen, width)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: int | str) -> Item: ...

        @overload
        def __getitem__(self, index: slice) -> tuple[Item, ...]: ...

    def __getitem__(self, index: int | str | slice) -> Item | tuple[Item, ...]:
        if isinstance(index, str):
            return self._named(index)
        try:
            numbers = range(len(self))[index]
        except IndexError:
            raise IndexError(f"{self._owner} has {len(self)} elements, there is no number {index}") from None
        if isinstance(numbers, int):
            return self._view(self._owner, numbers, self._places[numbers])
        return tuple(self._view(self._owner, number, self._places[number]) for number in numbers)

    def __contains__(self, item: object) -> bool:
        return any(item in (each.name, each) for each in self)

    def _named(self, name: str) -> Item:
        for each in self:
            if each.name == name:
                return each
        from btfkit.btf.suggest import did_you_mean

        close = did_you_mean(name, (each.name for each in self))
        owner = self._owner
        raise NotFoundError(f"{owner} has no {printable(name)!r}{close}", source=owner.btf.source, type_id=owner.id)

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Item]:
        owner, view = self._owner, self._view
        return (view(owner, number, at) for number, at in enumerate(self._places))

    def __repr__(self) -> str:
        return f"<{len(self)} elements of {self._owner!r}>"


def signed(value: int, bits: int, is_signed: bool) -> int:
    """A value of `bits` bits, as signed or not."""
    return value - (1 << bits) if is_signed and value >> (bits - 1) else value


class Member(Typed):
    """A member of a struct or union.

    `parent` contains it.  If `Composite.member` found it in an anonymous struct or union, that is the `parent`, which begins
    `base_bits` bits into the type that was searched; offsets are from the start of the type that was searched.
    """

    __slots__ = ("base_bits",)

    def __init__(self, parent: Type, index: int, at: int, base_bits: int = 0) -> None:
        super().__init__(parent, index, at)
        self.base_bits = base_bits

    @property
    def bit_offset(self) -> int:
        """Where it begins, in bits."""
        word = self._word(2)
        return self.base_bits + (word & 0xFFFFFF if self.parent.kind_flag else word)

    @property
    def offset(self) -> int:
        """Where it begins, in bytes; for a bitfield, the byte of its first bit."""
        return self.bit_offset // 8

    @property
    def bitfield_size(self) -> int:
        """Its width in bits according to kind_flag, 0 for an ordinary member."""
        return self._word(2) >> 24 if self.parent.kind_flag else 0

    @property
    def bits(self) -> int:
        """Its width in bits: that of a bitfield (in old BTF the bits of the INT), else 8 * size."""
        if self.bitfield_size:
            return self.bitfield_size
        btf = self.parent.btf
        target = btf.strip(self.type_id)
        return btf.word(target, 3) & 0xFF if btf.kind(target) == spec.INT else 8 * self.size

    def __str__(self) -> str:
        return super().__str__() + (f":{self.bitfield_size}" if self.bitfield_size else "")

    def __repr__(self) -> str:
        return f"<member {self.index}: {self.name!r} at bit {self.bit_offset}>"


class Enumerator(Element):
    """A name of an enum and its value, signed as the enum is."""

    __slots__ = ()

    @property
    def value(self) -> int:
        """The value."""
        if self.parent.kind == spec.ENUM64:
            return signed(self._word(1) | self._word(2) << 32, 64, self.parent.kind_flag)
        return signed(self._word(1), 32, self.parent.kind_flag)

    def __repr__(self) -> str:
        return f"<enumerator {self.name!r} = {self.value}>"


class Parameter(Typed):
    """A parameter of a prototype; the last of a variadic function has no name and type 0."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<parameter {self.index}: {self.name!r}>"


class SectionEntry(Typed):
    """The place of a variable (or function) in a section; `name` is the variable's, `type` is the VAR or FUNC."""

    __slots__ = ()

    @property
    def type_id(self) -> int:
        """The id of the VAR or FUNC."""
        return self._word(0)

    @property
    def name(self) -> str:
        """The name of the variable."""
        return self.type.name

    @property
    def offset(self) -> int:
        """Offset in the section, in bytes."""
        return self._word(1)

    @property
    def size(self) -> int:
        """Size in bytes, according to the section."""
        return self._word(2)

    def __str__(self) -> str:
        return str(self.type)

    def __repr__(self) -> str:
        return f"<entry {self.index}: {self.name!r} at {self.offset}, {self.size} bytes>"
