"""Write BTF by hand: a `Builder` adds types one by one, in either byte order, with or without a base.

It also writes invalid type graphs (tests need those), and rejects only what cannot be encoded; `build` reads the result back,
so that the `Btf` is checked like any other.
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.btf.btf import Btf, demand_btf
from btfkit.btf.emit import Frame, Strings
from btfkit.btf.header import NATIVE
from btfkit.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from btfkit.btf.header import ByteOrder


Number = int  # inside the class, `int` is the method that adds an INT


class Builder:
    """Collects types; each method adds one and returns its id.

    `base` makes a split BTF; `order` is "little" or "big" (default: that of the base, or of this machine); `layout` adds a layout
    section.  Ids are not checked before `build`, so a type may refer to a later one.
    """

    __slots__ = ("_frame", "_strings", "_words", "next_id")

    def __init__(self, base: Btf | None = None, order: ByteOrder | None = None, *, layout: bool = False) -> None:
        if base is not None:
            demand_btf("base", base)
        order = order or (base.byte_order if base is not None else NATIVE)
        self._frame = Frame(order, base, layout=spec.layout_section() if layout else b"")
        self._strings = Strings(base)
        self._words = array("I")
        self.next_id = len(base) if base is not None else 1

    def name(self, name: str | bytes) -> Number:
        """The string offset of a name, which is added if it is new."""
        return self._strings.add(name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape"))

    def record(
        self,
        kind: Number,
        name: str | bytes = "",
        third: Number = 0,
        rest: Iterable[Number] = (),
        *,
        vlen: Number = 0,
        flag: bool = False,
    ) -> Number:
        """Add a record word by word and return its id; `rest` are the words after the third."""
        if not 0 <= vlen <= spec.MAX_VLEN or not 0 <= kind <= spec.MAX_KIND:
            raise FormatError(
                f"vlen {vlen} or kind {kind} cannot be written: the limits are {spec.MAX_VLEN} and {spec.MAX_KIND}"
            )
        info = vlen | kind << 24 | flag << 31
        self._words.extend((self.name(name), info, third & 0xFFFFFFFF, *(word & 0xFFFFFFFF for word in rest)))
        self.next_id += 1
        return self.next_id - 1

    def int(
        self, name: str, size: Number, *, encoding: Number = 0, bits: Number | None = None, bit_offset: Number = 0
    ) -> Number:
        """Add an INT of `size` bytes and `bits` (8 * size by default) bits."""
        word = encoding << 24 | bit_offset << 16 | (8 * size if bits is None else bits)
        return self.record(spec.INT, name, size, (word,))

    def float(self, name: str, size: Number) -> Number:
        """Add a FLOAT of `size` bytes."""
        return self.record(spec.FLOAT, name, size)

    def ptr(self, type_id: Number) -> Number:
        """Add a PTR."""
        return self.record(spec.PTR, "", type_id)

    def array(self, type_id: Number, index_type_id: Number, length: Number) -> Number:
        """Add an ARRAY of `length` elements."""
        return self.record(spec.ARRAY, "", 0, (type_id, index_type_id, length))

    def struct(
        self, name: str, size: Number, members: Sequence[Sequence[Number | str]] = (), *, union: bool = False
    ) -> Number:
        """Add a STRUCT of `size` bytes; each member is (name, type id, offset in bits[, bitfield size in bits]).

        kind_flag is set if any of them has a bitfield size (which may be 0: `("a", 1, 0, 0)`).
        """
        flag = any(len(member) > 3 for member in members)
        words: list[Number] = []
        for name_, type_id, offset, *bits in members:
            words += (self.name(str(name_)), _int(type_id), _int(offset) | (_int(bits[0]) << 24 if bits else 0))
        return self.record(spec.UNION if union else spec.STRUCT, name, size, words, vlen=len(members), flag=flag)

    def union(self, name: str, size: Number, members: Sequence[Sequence[Number | str]] = ()) -> Number:
        """Add a UNION; as `struct`."""
        return self.struct(name, size, members, union=True)

    def enum(
        self, name: str, values: Sequence[tuple[str, Number]] = (), *, size: Number = 4, signed: bool | None = None
    ) -> Number:
        """Add an ENUM of (name, value) pairs; by default it is signed if a value is negative."""
        flag = any(value < 0 for _, value in values) if signed is None else signed
        words = [word for name_, value in values for word in (self.name(name_), value)]
        return self.record(spec.ENUM, name, size, words, vlen=len(values), flag=flag)

    def enum64(
        self, name: str, values: Sequence[tuple[str, Number]] = (), *, size: Number = 8, signed: bool | None = None
    ) -> Number:
        """Add an ENUM64; as `enum`."""
        flag = any(value < 0 for _, value in values) if signed is None else signed
        words = [word for name_, value in values for word in (self.name(name_), value, value >> 32)]
        return self.record(spec.ENUM64, name, size, words, vlen=len(values), flag=flag)

    def fwd(self, name: str, *, union: bool = False) -> Number:
        """Add a FWD."""
        return self.record(spec.FWD, name, flag=union)

    def typedef(self, name: str, type_id: Number) -> Number:
        """Add a TYPEDEF."""
        return self.record(spec.TYPEDEF, name, type_id)

    def volatile(self, type_id: Number) -> Number:
        """Add a VOLATILE."""
        return self.record(spec.VOLATILE, "", type_id)

    def const(self, type_id: Number) -> Number:
        """Add a CONST."""
        return self.record(spec.CONST, "", type_id)

    def restrict(self, type_id: Number) -> Number:
        """Add a RESTRICT."""
        return self.record(spec.RESTRICT, "", type_id)

    def func(self, name: str, type_id: Number, linkage: Number = 0) -> Number:
        """Add a FUNC; linkage 0 static, 1 global, 2 extern."""
        return self.record(spec.FUNC, name, type_id, vlen=linkage)

    def func_proto(self, type_id: Number, params: Sequence[tuple[str, Number]] = ()) -> Number:
        """Add a FUNC_PROTO that returns `type_id`, with (name, type id) parameters; a last ("", 0) makes it variadic."""
        words = [word for name, param in params for word in (self.name(name), param)]
        return self.record(spec.FUNC_PROTO, "", type_id, words, vlen=len(params))

    def var(self, name: str, type_id: Number, linkage: Number = 1) -> Number:
        """Add a VAR; linkage 0 static, 1 global, 2 extern."""
        return self.record(spec.VAR, name, type_id, (linkage,))

    def datasec(self, name: str, size: Number, variables: Sequence[tuple[Number, Number, Number]] = ()) -> Number:
        """Add a DATASEC of (type id, offset, size) entries."""
        return self.record(
            spec.DATASEC, name, size, (word for entry in variables for word in entry), vlen=len(variables)
        )

    def decl_tag(self, text: str, type_id: Number, component: Number = -1, *, attribute: bool = False) -> Number:
        """Add a DECL_TAG to a declaration (component -1), or to its member or parameter number `component`."""
        return self.record(spec.DECL_TAG, text, type_id, (component,), flag=attribute)

    def type_tag(self, text: str, type_id: Number, *, attribute: bool = False) -> Number:
        """Add a TYPE_TAG."""
        return self.record(spec.TYPE_TAG, text, type_id, flag=attribute)

    def to_bytes(self) -> bytes:
        """The `.BTF` blob so far, unchecked."""
        return self._frame.to_bytes(self._words, self._strings.to_bytes())

    def build(self, *, pointer_size: Number | None = None) -> Btf:
        """The finished `Btf`; raises FormatError or ChainError if a type refers to one that does not exist."""
        self._frame.pointer_size = pointer_size
        return self._frame.emit(self._words, self._strings.to_bytes())


def _int(value: int | str) -> int:
    if isinstance(value, str):
        raise TypeError(f"expected a number, got {value!r}")
    return value
