"""Light views of types, made on demand: a view holds its BTF, its id and where its record lies, and reads the words
when asked.  For people, tests and small loops; a loop over all types belongs into `hot/`.

Offsets whose name ends in `_bits` or `bit_offset` count bits, sizes count bytes.  Field meanings: the kernel's
Documentation/bpf/btf.rst.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.btf.btf import Btf


class Type:
    """One type of a BTF: what every kind has.

    `layer` is the BTF of the chain that holds the record, `btf` the one that was asked; ids are valid in `btf`.
    """

    __slots__ = ("at", "btf", "id", "layer")

    def __init__(self, btf: Btf, type_id: int, layer: Btf, at: int) -> None:
        self.btf = btf
        self.id = type_id
        self.layer = layer
        self.at = at

    @property
    def kind(self) -> int:
        """The kind's number (`btfkit.btf.spec`)."""
        return self.layer.words[self.at + 1] >> 24 & spec.MAX_KIND

    @property
    def kind_name(self) -> str:
        """The kind in capitals: "STRUCT", "FUNC_PROTO"."""
        return spec.kind_name(self.kind)

    @property
    def name(self) -> str:
        """The name, "" for an anonymous type."""
        return text(self.btf.string(self.layer.words[self.at]))

    @property
    def kind_flag(self) -> bool:
        """Bit 31 of info; what it means depends on the kind (`spec.KINDS[kind].flag`)."""
        return bool(self.layer.words[self.at + 1] >> 31)

    @property
    def vlen(self) -> int:
        """The number of elements; for a FUNC its linkage."""
        return self.layer.words[self.at + 1] & spec.MAX_VLEN

    @property
    def words(self) -> memoryview[int]:
        """The whole record."""
        row = self.kind * spec.ROW
        tail, elem = self.layer.table[row + spec.COL_TAIL], self.layer.table[row + spec.COL_ELEM]
        return self.layer.words[self.at : self.at + 3 + tail + (elem and elem * self.vlen)]

    def _third(self) -> int:
        return self.layer.words[self.at + 2]

    def _tail(self, slot: int) -> int:
        return self.layer.words[self.at + 3 + slot]

    def _elements(self, width: int) -> range:
        start = self.at + 3
        return range(start, start + width * self.vlen, width)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Type) and self.id == other.id and self.layer is other.layer

    def __hash__(self) -> int:
        return hash((id(self.layer), self.id))

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.id and self.name else ""
        return f"<{self.id}: {self.kind_name}{name}>"


class Void(Type):
    """Type 0, which has no record."""

    __slots__ = ()

    def __init__(self, btf: Btf) -> None:
        super().__init__(btf, 0, btf.chain[0], -1)

    kind = property(lambda self: 0)
    kind_name = property(lambda self: "void")
    name = property(lambda self: "")
    kind_flag = property(lambda self: False)
    vlen = property(lambda self: 0)


class Sized(Type):
    """A type with a size of its own."""

    __slots__ = ()

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self._third()


class Reference(Type):
    """A type that refers to one other."""

    __slots__ = ()

    @property
    def type_id(self) -> int:
        """The id of the type referred to, 0 for void."""
        return self._third()

    @property
    def type(self) -> Type:
        """The type referred to."""
        return self.btf[self._third()]


class Int(Sized):
    """INT."""

    __slots__ = ()

    @property
    def encoding(self) -> int:
        """Bits: 1 signed, 2 char, 4 bool (the kernel allows one of them, libbpf any combination)."""
        return self._tail(0) >> 24 & 0xFF

    @property
    def signed(self) -> bool:
        """Whether the SIGNED bit is set."""
        return bool(self.encoding & spec.INT_SIGNED)

    @property
    def bit_offset(self) -> int:
        """Where the value begins within its bytes, in bits (legacy bitfields; else 0)."""
        return self._tail(0) >> 16 & 0xFF

    @property
    def bits(self) -> int:
        """How many bits the value has."""
        return self._tail(0) & 0xFF


class Float(Sized):
    """FLOAT."""

    __slots__ = ()


class Ptr(Reference):
    """PTR."""

    __slots__ = ()


class Array(Type):
    """ARRAY."""

    __slots__ = ()

    @property
    def type_id(self) -> int:
        """The id of the element type."""
        return self._tail(0)

    @property
    def type(self) -> Type:
        """The element type."""
        return self.btf[self._tail(0)]

    @property
    def index_type_id(self) -> int:
        """The id of the index type."""
        return self._tail(1)

    @property
    def length(self) -> int:
        """The number of elements; 0 for a flexible or zero-length array."""
        return self._tail(2)


class Member:
    """One member of a struct or union."""

    __slots__ = ("at", "index", "parent")

    def __init__(self, parent: Composite, index: int, at: int) -> None:
        self.parent = parent
        self.index = index
        self.at = at

    @property
    def name(self) -> str:
        """The name, "" for an anonymous member."""
        return text(self.parent.btf.string(self.parent.layer.words[self.at]))

    @property
    def type_id(self) -> int:
        """The id of the member's type."""
        return self.parent.layer.words[self.at + 1]

    @property
    def type(self) -> Type:
        """The member's type."""
        return self.parent.btf[self.type_id]

    @property
    def bit_offset(self) -> int:
        """Where it begins, in bits from the start of the composite."""
        word = self.parent.layer.words[self.at + 2]
        return word & 0xFFFFFF if self.parent.kind_flag else word

    @property
    def bitfield_size(self) -> int:
        """Its width in bits where kind_flag says so, 0 for an ordinary member."""
        return self.parent.layer.words[self.at + 2] >> 24 if self.parent.kind_flag else 0

    def __repr__(self) -> str:
        return f"<member {self.index}: {self.name!r} at bit {self.bit_offset}>"


class Composite(Sized):
    """STRUCT or UNION."""

    __slots__ = ()

    @property
    def members(self) -> Iterator[Member]:
        """The members in order."""
        return (Member(self, index, at) for index, at in enumerate(self._elements(3)))

    def member(self, index: int) -> Member:
        """Member number `index` (from 0)."""
        return Member(self, index, self._elements(3)[index])


class Struct(Composite):
    """STRUCT."""

    __slots__ = ()


class Union(Composite):
    """UNION."""

    __slots__ = ()


class AnyEnum(Sized):
    """ENUM or ENUM64."""

    __slots__ = ()

    @property
    def signed(self) -> bool:
        """Whether its values are signed (kind_flag)."""
        return self.kind_flag

    @property
    def values(self) -> Iterator[tuple[str, int]]:
        """(name, value) of each enumerator; values follow `signed`."""
        raise NotImplementedError


def _signed(value: int, bits: int, signed: bool) -> int:
    return value - (1 << bits) if signed and value >> (bits - 1) else value


class Enum(AnyEnum):
    """ENUM: values of 32 bits."""

    __slots__ = ()

    @property
    def values(self) -> Iterator[tuple[str, int]]:
        words, signed = self.layer.words, self.kind_flag
        return ((text(self.btf.string(words[at])), _signed(words[at + 1], 32, signed)) for at in self._elements(2))


class Enum64(AnyEnum):
    """ENUM64: values of 64 bits."""

    __slots__ = ()

    @property
    def values(self) -> Iterator[tuple[str, int]]:
        words, signed = self.layer.words, self.kind_flag
        return (
            (text(self.btf.string(words[at])), _signed(words[at + 1] | words[at + 2] << 32, 64, signed))
            for at in self._elements(3)
        )


class Fwd(Type):
    """FWD."""

    __slots__ = ()

    @property
    def flavor(self) -> str:
        """What is declared: "struct" or "union"."""
        return "union" if self.kind_flag else "struct"


class Typedef(Reference):
    """TYPEDEF."""

    __slots__ = ()


class Volatile(Reference):
    """VOLATILE."""

    __slots__ = ()


class Const(Reference):
    """CONST."""

    __slots__ = ()


class Restrict(Reference):
    """RESTRICT."""

    __slots__ = ()


class Func(Reference):
    """FUNC; `type` is its FUNC_PROTO."""

    __slots__ = ()

    @property
    def linkage(self) -> str:
        """ "static", "global", "extern", or "(unknown)"."""
        return spec.LINKAGES[self.vlen] if self.vlen < len(spec.LINKAGES) else "(unknown)"


class FuncProto(Reference):
    """FUNC_PROTO; `type` is what it returns."""

    __slots__ = ()

    @property
    def params(self) -> Iterator[tuple[str, int]]:
        """(name, type id) of each parameter; the last is ("", 0) where further ones may follow."""
        words = self.layer.words
        return ((text(self.btf.string(words[at])), words[at + 1]) for at in self._elements(2))


class Var(Reference):
    """VAR."""

    __slots__ = ()

    @property
    def linkage(self) -> str:
        """ "static", "global", "extern", or "(unknown)"."""
        linkage = self._tail(0)
        return spec.LINKAGES[linkage] if linkage < len(spec.LINKAGES) else "(unknown)"


class Datasec(Sized):
    """DATASEC."""

    __slots__ = ()

    @property
    def variables(self) -> Iterator[tuple[int, int, int]]:
        """(type id of the VAR or FUNC, offset in bytes, size in bytes) of each entry."""
        words = self.layer.words
        return ((words[at], words[at + 1], words[at + 2]) for at in self._elements(3))


class DeclTag(Reference):
    """DECL_TAG; its name is the text."""

    __slots__ = ()

    @property
    def component(self) -> int:
        """The number of the member or parameter that is tagged, -1 for the declaration itself."""
        return _signed(self._tail(0), 32, True)


class TypeTag(Reference):
    """TYPE_TAG; its name is the text."""

    __slots__ = ()


class Unknown(Type):
    """A kind that has no row in the table; a layout section told its size."""

    __slots__ = ()


VIEWS: tuple[type[Type], ...] = (
    Unknown,
    Int,
    Ptr,
    Array,
    Struct,
    Union,
    Enum,
    Fwd,
    Typedef,
    Volatile,
    Const,
    Restrict,
    Func,
    FuncProto,
    Var,
    Datasec,
    Float,
    DeclTag,
    TypeTag,
    Enum64,
)


def view(btf: Btf, type_id: int) -> Type:
    """The view of a type whose id is known to be there."""
    if type_id == 0:
        return Void(btf)
    layer, at = btf.locate(type_id)
    kind = layer.words[at + 1] >> 24 & spec.MAX_KIND
    return (VIEWS[kind] if kind < len(VIEWS) else Unknown)(btf, type_id, layer, at)
