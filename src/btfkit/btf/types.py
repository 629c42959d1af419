"""Light views of types: a view has its BTF, its id and the place of its record, and reads the words on demand.  A loop over
all types belongs in `hot/` instead.

All views use the same words: `name`, `type`, `type_id`, `offset` and `size` in bytes, `bit_offset` and `bits` in bits.
Members, parameters, enumerators and section entries are sequences of views, and `str(view)` is C.  Meaning of the fields: the
kernel's Documentation/bpf/btf.rst.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.elements import Elements, Enumerator, Member, Parameter, SectionEntry, signed
from btfkit.btf.members import flat_member, flat_members
from btfkit.btf.spec import text
from btfkit.errors import NotFoundError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.values.shape import Data


class Type:
    """A type of a BTF, with what every kind has.

    `layer` is the BTF of the chain that contains the record; ids are valid in `btf`, which the view was made from.
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
        """Bit 31 of info; its meaning depends on the kind (`spec.KINDS[kind].flag`)."""
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

    @property
    def size(self) -> int | None:
        """Size in bytes; None for void, declarations and functions (`Btf.sizeof`)."""
        return self.btf.sizeof(self.id)

    def unpack(self, data: Data, offset: int = 0, size: int | None = None) -> Any:
        """The value of the bytes of `data` from `offset` on (`btfkit.decode`)."""
        from btfkit.btf.shapes import sized_shape
        from btfkit.values.value import value_of

        return value_of(sized_shape(self.btf, self.id), data, offset, size)

    def pack(self, value: Any) -> bytes:
        """The bytes of a value: a number, an enumerator's name, a str for an array of `char`, a dict for a struct, a
        sequence for an array.

        What is not given is zero.  Raises TypeError and ValueError (`btfkit.values.packing.pack_value`), FormatError as
        `unpack`.
        """
        from btfkit.btf.shapes import sized_shape
        from btfkit.values.packing import pack_value

        return pack_value(sized_shape(self.btf, self.id), value)

    def dtype(self) -> Any:
        """NumPy's dtype of it: `numpy.frombuffer(data, struct.dtype())["pid"]`; bit-fields are read by `bitfield`.

        Raises UnsupportedError if NumPy is not installed, FormatError as `unpack`.
        """
        from btfkit.btf.shapes import sized_shape
        from btfkit.values.dtype import dtype_of

        return dtype_of(sized_shape(self.btf, self.id))

    def bitfield(self, records: Any, name: str) -> Any:
        """The values of a bit-field in a NumPy array of records of `dtype()` (int64 or uint64)."""
        from btfkit.btf.shapes import sized_shape
        from btfkit.values.dtype import bitfield

        return bitfield(sized_shape(self.btf, self.id), records, name)

    def ctypes(self) -> Any:
        """A class of `ctypes` with the same layout, a Structure or Union for structs and unions; bit-fields are properties.

        Raises UnsupportedError if members lie on each other, FormatError as `unpack`.
        """
        from btfkit.btf.shapes import sized_shape
        from btfkit.values.c_types import ctypes_of

        return ctypes_of(sized_shape(self.btf, self.id))

    def _third(self) -> int:
        return self.layer.words[self.at + 2]

    def _tail(self, slot: int) -> int:
        return self.layer.words[self.at + 3 + slot]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Type) and self.id == other.id and self.layer is other.layer

    def __hash__(self) -> int:
        return hash((id(self.layer), self.id))

    def __str__(self) -> str:
        """The type in C: "struct file *"; a function or variable as it is declared."""
        from btfkit.btf.spelling import spelled

        return spelled(self.btf, self.id)

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
    """A type that refers to another."""

    __slots__ = ()

    @property
    def type_id(self) -> int:
        """The id of the type referred to, 0 for void."""
        return self._third()

    @property
    def type(self) -> Type:
        """The type referred to."""
        return self.btf[self.type_id]


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
        """The width of the value in bits."""
        return self._tail(0) & 0xFF


class Float(Sized):
    """FLOAT."""

    __slots__ = ()


class Ptr(Reference):
    """PTR."""

    __slots__ = ()

    @property
    def size(self) -> int:
        """The size of a pointer in bytes, 8 if the BTF does not determine it."""
        return self.btf.sizeof(self.id) or 0


class Array(Reference):
    """ARRAY; `type` is the type of its elements."""

    __slots__ = ()

    @property
    def type_id(self) -> int:
        """The id of the element type."""
        return self._tail(0)

    @property
    def index_type_id(self) -> int:
        """The id of the index type."""
        return self._tail(1)

    @property
    def length(self) -> int:
        """The number of elements; 0 for a flexible or zero-length array."""
        return self._tail(2)

    @property
    def size(self) -> int:
        """The size of all elements in bytes."""
        return self.btf.sizeof(self.id) or 0


class Composite(Sized):
    """STRUCT or UNION.  `struct["comm"]` is `struct.member("comm")`, and iterating yields the members."""

    __slots__ = ()

    @property
    def members(self) -> Elements[Member]:
        """The members in order."""
        return Elements(self, Member, 3)

    def member(self, name: str) -> Member:
        """The member called `name`, including those of anonymous members, as in C.  Raises NotFoundError."""
        found = self._find(name)
        if found is None:
            from btfkit.btf.suggest import did_you_mean

            names = (member.path for member in flat_members(self.btf, self.id))
            raise NotFoundError(
                f"{self} has no member {printable(name)!r}{did_you_mean(name, names)}",
                source=self.btf.source,
                type_id=self.id,
            )
        return found

    __getitem__ = member

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._find(name) is not None

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members)

    def _find(self, name: str) -> Member | None:
        found = flat_member(self.btf, self.id, name) if name else None
        if found is None:
            return None
        owner = self if found.owner == self.id else self.btf[found.owner]
        return Member(owner, found.index, owner.at + 3 + 3 * found.index, found.start)


class Struct(Composite):
    """STRUCT."""

    __slots__ = ()


class Union(Composite):
    """UNION."""

    __slots__ = ()


class AnyEnum(Sized):
    """ENUM or ENUM64.  `enum["BPF_OK"]` is `enum.enumerators["BPF_OK"]`, and iterating yields the enumerators."""

    __slots__ = ()

    def __getitem__(self, name: str) -> Enumerator:
        return self.enumerators[name]

    def __contains__(self, name: object) -> bool:
        return name in self.enumerators

    def __iter__(self) -> Iterator[Enumerator]:
        return iter(self.enumerators)

    @property
    def signed(self) -> bool:
        """Whether its values are signed (kind_flag)."""
        return self.kind_flag

    @property
    def enumerators(self) -> Elements[Enumerator]:
        """The enumerators in order."""
        return Elements(self, Enumerator, 3 if self.kind == spec.ENUM64 else 2)

    @property
    def values(self) -> dict[str, int]:
        """The value of each enumerator by its name."""
        return {each.name: each.value for each in self.enumerators}


class Enum(AnyEnum):
    """ENUM: values of 32 bits."""

    __slots__ = ()


class Enum64(AnyEnum):
    """ENUM64: values of 64 bits."""

    __slots__ = ()


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


class FuncProto(Reference):
    """FUNC_PROTO; `type` is the return type."""

    __slots__ = ()

    @property
    def parameters(self) -> Elements[Parameter]:
        """The parameters in order; the last of a variadic function is ("", void)."""
        return Elements(self, Parameter, 2)


class Func(Reference):
    """FUNC; `type` is its FUNC_PROTO."""

    __slots__ = ()

    @property
    def type(self) -> FuncProto:
        """The prototype."""
        return FuncProto(self.btf, self.type_id, *self.btf.locate(self.type_id))

    @property
    def parameters(self) -> Elements[Parameter]:
        """The parameters in order; the last of a variadic function is ("", void)."""
        return self.type.parameters

    @property
    def linkage(self) -> str:
        """ "static", "global", "extern", or "(unknown)"."""
        return _linkage(self.vlen)


def _linkage(number: int) -> str:
    return spec.LINKAGES[number] if number < len(spec.LINKAGES) else "(unknown)"


class Var(Reference):
    """VAR."""

    __slots__ = ()

    @property
    def linkage(self) -> str:
        """ "static", "global", "extern", or "(unknown)"."""
        return _linkage(self._tail(0))


class Datasec(Sized):
    """DATASEC."""

    __slots__ = ()

    @property
    def entries(self) -> Elements[SectionEntry]:
        """Its entries in order."""
        return Elements(self, SectionEntry, 3)


class DeclTag(Reference):
    """DECL_TAG; its name is the text."""

    __slots__ = ()

    @property
    def component(self) -> int:
        """The number of the tagged member or parameter, -1 for the declaration itself."""
        return signed(self._tail(0), 32, True)


class TypeTag(Reference):
    """TYPE_TAG; its name is the text."""

    __slots__ = ()


class Unknown(Type):
    """A kind without a row in the table, whose size is in a layout section."""

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
    """The view of a type that exists."""
    if type_id == 0:
        return Void(btf)
    layer, at = btf.locate(type_id)
    kind = layer.words[at + 1] >> 24 & spec.MAX_KIND
    return (VIEWS[kind] if kind < len(VIEWS) else Unknown)(btf, type_id, layer, at)
