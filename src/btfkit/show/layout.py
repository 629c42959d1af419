"""The layout of structs and unions in memory: offsets, holes, padding, bitfields and forced alignment, with pahole's numbers.

`Layouts` computes and caches; `layout_text`, `layout_data` and `layout_page` render.  BTF has the name and offset of each
member.  The rest is inferred by the rules of pahole 1.32: holes and padding (class__find_holes), alignment that an attribute
must have requested (class__infer_alignment) and packing (class__infer_packed_attributes).  Unlike pahole's, the results do not
depend on earlier output (docs/differences.md).
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import demand_btf
from btfkit.btf.spec import DEFAULT_POINTER_SIZE, MAX_CHAIN, text
from btfkit.errors import BtfError, FormatError, NotFoundError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.btf.btf import Btf

    _Facts = tuple[int, int, int, int, int, int]

CACHELINE = 64  # bytes
_SIZED = (spec.INT, spec.FLOAT, spec.ENUM, spec.ENUM64, spec.STRUCT, spec.UNION)
_BIT_TYPES = (spec.INT, spec.ENUM, spec.ENUM64)  # the types that a bitfield can have


class Field:
    """One member of a layout.

    `offset` and `size` are in bytes; for a bitfield they describe its storage unit, in which it has `bits` bits (0: not a
    bitfield) from bit `first_bit` on.  `bit_offset` counts bits from the start of the composite.  `hole` (bytes) and `bit_hole`
    (bits) are unused between it and the next member.  `alignment` (bytes) is the alignment that an attribute must have
    requested (0: none), `kind` the kind of its type.
    """

    __slots__ = (
        "alignment",
        "bit_hole",
        "bit_offset",
        "bits",
        "first_bit",
        "hole",
        "kind",
        "name",
        "offset",
        "size",
        "type_id",
    )

    def __init__(self, name: str, type_id: int, kind: int, size: int, bit_offset: int) -> None:
        self.name = name
        self.type_id = type_id
        self.kind = kind
        self.size = size
        self.bit_offset = bit_offset
        self.offset = bit_offset >> 3
        self.bits = self.first_bit = self.alignment = self.hole = self.bit_hole = 0

    def __repr__(self) -> str:
        bits = f", {self.bits} bits from bit {self.first_bit}" if self.bits else ""
        return f"<field {self.name!r} at {self.offset}, {self.size} bytes{bits}>"


class Layout:
    """A struct or union: `size` (bytes), `members` in order, and the gaps between them.

    `pre_hole` and `pre_bit_hole` come before the first member, `padding` (bytes) and `bit_padding` (bits) after the last;
    `holes` and `bit_holes` count the gaps, `forced` the members with an alignment of their own.  `alignment` (bytes) is
    the one that an attribute requested (0: none), `natural_alignment` that of the widest member.  `packed`: compilers use this
    layout only with a packed attribute.  `sum_members` and `sum_holes` are bytes, `sum_bits` (of bitfields) and
    `sum_bit_holes` bits.  A union has neither holes nor sums.
    """

    __slots__ = (
        "alignment",
        "bit_holes",
        "bit_padding",
        "btf",
        "cacheline",
        "forced",
        "holes",
        "is_union",
        "members",
        "name",
        "natural_alignment",
        "packed",
        "padding",
        "pre_bit_hole",
        "pre_hole",
        "size",
        "sum_bit_holes",
        "sum_bits",
        "sum_holes",
        "sum_members",
        "type_id",
    )

    def __init__(self, btf: Btf, type_id: int, name: str, size: int, is_union: bool, cacheline: int) -> None:
        self.btf = btf
        self.type_id = type_id
        self.name = name
        self.size = size
        self.is_union = is_union
        self.cacheline = cacheline
        self.members: list[Field] = []
        self.alignment = self.natural_alignment = 0
        self.pre_hole = self.pre_bit_hole = self.holes = self.bit_holes = self.padding = self.bit_padding = 0
        self.sum_members = self.sum_bits = self.sum_holes = self.sum_bit_holes = 0
        self.forced = 0
        self.packed = False

    @property
    def keyword(self) -> str:
        """ "struct" or "union"."""
        return "union" if self.is_union else "struct"

    @property
    def cachelines(self) -> int:
        """The number of cache lines that it occupies if it starts at the beginning of one."""
        return -(-self.size // self.cacheline)

    @property
    def last_cacheline(self) -> int:
        """The number of bytes that it occupies in the last cache line, 0 if it fills that."""
        return self.size % self.cacheline

    @property
    def unaccounted(self) -> int:
        """Bits of a struct that are neither member nor hole nor padding; not 0 if members overlap or extend past the end."""
        if self.is_union or not self.members:
            return 0
        whole = 8 * (self.sum_members + self.sum_holes + self.padding)
        return 8 * self.size - whole - self.sum_bits - self.sum_bit_holes - self.bit_padding

    def __repr__(self) -> str:
        return f"<layout of {self.keyword} {self.name or '{…}'}: {self.size} bytes, {len(self.members)} members>"


def layout(btf: Btf, name: str | int, *, cacheline: int = CACHELINE) -> Layout:
    """The layout of one struct or union: by id, or by name as in `Layouts.find`.

    `cacheline` is in bytes.  Raises NotFoundError, and FormatError if the type is damaged.
    """
    layouts = Layouts(btf, cacheline)
    return layouts[layouts.find(name)[0] if isinstance(name, str) else name]


class Layouts:
    """The layouts of one BTF, each computed once: `layouts[type_id]`; `cacheline` in bytes.

    Raises FormatError if a type is damaged: a cycle of typedefs, or nesting too deep.
    """

    __slots__ = ("_facts", "_layouts", "_names", "btf", "cacheline", "pointer_size")

    def __init__(self, btf: Btf, cacheline: int = CACHELINE) -> None:
        demand_btf("btf", btf)
        self.btf = btf
        self.cacheline = cacheline
        self.pointer_size = btf.pointer_size or DEFAULT_POINTER_SIZE
        self._layouts: dict[int, Layout] = {}
        self._facts: dict[int, _Facts] = {}
        self._names: dict[int, str] = {}

    def __getitem__(self, type_id: int) -> Layout:
        """The layout of a struct or union; raises NotFoundError for an id of any other kind."""
        found = self._layouts.get(type_id)
        if found is None:
            try:
                found = self._layouts[type_id] = self._compute(type_id)
            except BtfError as error:
                raise error.at(self.btf.source) if self.btf.source is not None else error  # noqa: B904
        return found

    def find(self, name: str) -> list[int]:
        """The ids of the structs and unions called `name`, ascending; "struct x" and "union x" select one of the two kinds.

        The name can also be that of a typedef of an anonymous one.  Raises NotFoundError if there is none.
        """
        btf = self.btf
        ids = [type_id for type_id in btf.find_ids(name) if btf.kind(type_id) in spec.COMPOSITES]
        if not ids:
            targets = dict.fromkeys(btf.strip(type_id) for type_id in btf.find_ids(name, spec.TYPEDEF))
            ids = [target for target in targets if btf.kind(target) in spec.COMPOSITES]
        if not ids:
            from btfkit.btf.suggest import did_you_mean_type

            hint = did_you_mean_type(btf, name, spec.COMPOSITES)
            raise NotFoundError(f"no struct or union called {printable(name)!r}{hint}", source=btf.source)
        return ids

    def all(self) -> Iterator[int]:
        """The ids of the own structs and unions that have a name, in order."""
        btf = self.btf
        words, start = btf.words, btf.start_id
        for index, at in enumerate(btf.positions):
            if words[at] and words[at + 1] >> 24 & spec.MAX_KIND in spec.COMPOSITES:
                yield start + index

    def facts(self, type_id: int, depth: int = 0) -> _Facts:
        """What members need of a type: its kind, the id and kind without typedefs and qualifiers, the size in bytes (0: none),
        the natural alignment in bytes (1: none), and for an INT that is itself a bitfield its bit offset << 8 | bits, else 0.

        The natural alignment of a composite is that of its widest member.  Rule: pahole 1.32, tag__natural_alignment.
        """
        found = self._facts.get(type_id)
        if found is None:
            btf = self.btf
            target = btf.strip(type_id)
            kind = btf.kind(target)
            size = self._size_of(target, kind)
            align = self._alignment_of(target, kind, size, depth)
            legacy = self._legacy_bitfield(target, size) if kind == spec.INT else 0
            found = btf.kind(type_id), target, kind, size, align, legacy
            self._facts[type_id] = found
        return found

    def _size_of(self, type_id: int, kind: int) -> int:
        if kind == spec.PTR:
            return self.pointer_size
        if kind in _SIZED:
            return self.btf.word(type_id, 2)
        return self.btf.sizeof(type_id) or 0

    def _alignment_of(self, type_id: int, kind: int, size: int, depth: int) -> int:
        if depth > MAX_CHAIN:
            raise FormatError(f"structs nested more than {MAX_CHAIN} deep", section="types", type_id=type_id)
        if kind == spec.ARRAY:
            return self.facts(self.btf.word(type_id, 3), depth + 1)[4]
        if kind in spec.COMPOSITES:
            return self._alignment_of_members(type_id, depth)
        return size or 1 if kind == spec.PTR or kind in _SIZED else 1

    def _alignment_of_members(self, type_id: int, depth: int) -> int:
        layer, at = self.btf.locate(type_id)
        words = layer.words
        widest = 1
        for m in range(at + 4, at + 4 + 3 * (words[at + 1] & spec.MAX_VLEN), 3):
            align = self.facts(words[m], depth + 1)[4]
            if align > widest:
                widest = align
        return widest

    # ---- one composite -----------------------------------------------------------------------------------------

    def _compute(self, type_id: int) -> Layout:
        btf = self.btf
        kind = btf.kind(type_id)
        if kind not in spec.COMPOSITES:
            raise NotFoundError(f"a {spec.kind_name(kind)} has no layout", type_id=type_id)
        layer, at = btf.locate(type_id)
        words = layer.words
        found = Layout(btf, type_id, btf.name(type_id), words[at + 2], kind == spec.UNION, self.cacheline)
        flag = words[at + 1] >> 31
        end = 0  # where the last member with a size ends, in bytes
        facts, names, members = self._facts, self._names, found.members
        for m in range(at + 3, at + 3 + 3 * (words[at + 1] & spec.MAX_VLEN), 3):
            type_id, where = words[m + 1], words[m + 2]
            name = names.get(words[m])
            if name is None:
                name = names[words[m]] = text(btf.string(words[m]))
            kind, _, target_kind, size, natural, legacy = facts.get(type_id) or self.facts(type_id)
            field = Field(name, type_id, kind, size, where)
            if flag or legacy:
                self._as_bitfield(field, where if flag else 0, target_kind, legacy)
            offset = field.offset
            if offset > end:
                field.alignment = self._forced(offset, natural, end)
                found.forced += field.alignment != 0
            if size:
                end = offset + ((field.first_bit + field.bits + 7) >> 3 if field.bits else size)
            members.append(field)
        found.natural_alignment = self.facts(found.type_id)[4]
        found.alignment = self._forced(found.size, found.natural_alignment, end)
        if not found.is_union:
            _find_holes(found)
            found.packed = self._is_packed(found)
        return found

    def _as_bitfield(self, field: Field, where: int, kind: int, legacy: int) -> None:
        """Set the place and width of a member whose struct has bitfields (`where`), or whose INT is one (`legacy`)."""
        if where:
            field.bit_offset, field.bits = where & 0xFFFFFF, where >> 24
            field.offset = field.bit_offset >> 3
        if legacy and not field.bits:
            field.bits = legacy & 0xFF
            field.bit_offset += legacy >> 8
        if field.bits and field.size and kind in _BIT_TYPES:
            field.offset = field.bit_offset // (8 * field.size) * field.size
            field.first_bit = field.bit_offset - 8 * field.offset

    def _legacy_bitfield(self, type_id: int, size: int) -> int:
        """A bitfield in the form used before kind_flag: an INT with fewer bits than its bytes hold."""
        word = self.btf.word(type_id, 3)
        bits = word & 0xFF
        if not 0 < bits < 8 * size or (word >> 24 & spec.INT_BOOL and bits == 1):
            return 0
        return (word >> 16 & 0xFF) << 8 | bits

    def _forced(self, offset: int, natural: int, end: int) -> int:
        """The alignment that an attribute must have requested for something at `offset` that would fit at `end`; 0 for none.

        Rule: pahole 1.32, class__infer_alignment.
        """
        gap = offset - end
        if gap <= 0 or offset & 1:
            return 0
        alignment = 1 << gap.bit_length()
        if alignment <= natural:
            return 0
        if alignment < self.cacheline and self.cacheline % alignment == 0 and offset % self.cacheline == 0:
            return self.cacheline
        return alignment

    def _is_packed(self, found: Layout) -> bool:
        """Rule: pahole 1.32, class__infer_packed_attributes."""
        if found.padding or found.holes:
            return False
        widest = 1
        for field in found.members:
            natural = self._facts[field.type_id][4]
            if field.offset % natural:
                return True
            if natural > widest:
                widest = natural
        return found.size % widest != 0

    def packs(self, outer: Layout, field: Field) -> bool:
        """Whether the place of a member shows that its type, a struct, is packed: an unpacked one could not be there.

        Rule: pahole 1.32, type__check_structs_at_unnatural_alignments and union__infer_packed_attributes.
        """
        _, _, kind, _, natural, _ = self.facts(field.type_id)
        if kind != spec.STRUCT:
            return False
        if outer.is_union:
            return outer.size % natural != 0
        return bool(outer.padding or outer.holes) and field.offset % natural != 0


def _find_holes(found: Layout) -> None:
    """Rule: pahole 1.32, class__find_holes.  Positions in bits."""
    seen = 0  # where the last member ended
    members = total_bits = holes = bit_holes = 0
    in_bits = False
    unit_end, unit_bits = 8 * found.size, 0  # the current storage unit of bitfields
    last: Field | None = None
    for field in found.members:
        start = field.bit_offset
        bits = field.bits
        end = start + (bits or 8 * field.size)
        hole = bit_hole = 0
        if in_bits:  # unused bits at the end of a unit
            limit = min(start, unit_end)
            bit_hole = limit - seen
            seen = limit
        if bits:
            total_bits += bits
            unit = 8 * field.offset
            if seen < unit <= start:
                hole = field.offset - (seen >> 3)
                seen = unit
            bit_hole += start - seen
            in_bits = True
            if end > unit_end or 8 * field.size > unit_bits:
                unit_bits = 8 * field.size
                unit_end = unit + unit_bits
                if end > unit_end:
                    unit_end += unit_bits
        else:
            members += field.size
            hole = (start >> 3) - (seen >> 3)
            in_bits = False
            unit_bits = 0
            unit_end = end
        seen = end
        if last is None:
            found.pre_hole, found.pre_bit_hole = hole, bit_hole
        else:
            last.hole, last.bit_hole = hole, bit_hole
        if hole:
            found.holes += 1
            holes += max(hole, 0)
        if bit_hole:
            found.bit_holes += 1
            bit_holes += bit_hole
        last = field
    if in_bits:
        limit = min(8 * found.size, unit_end)
        found.bit_padding = limit - seen
        seen = limit
    found.padding = found.size - (seen >> 3)
    found.sum_members, found.sum_bits, found.sum_holes, found.sum_bit_holes = members, total_bits, holes, bit_holes
