"""The layout of structs and unions in memory: offsets, holes, padding, bitfields and forced alignment, with pahole's numbers.

`Layouts` computes and caches; `layout_text`, `layout_data` and `layout_page` render.  BTF has the name and offset of each
member.  The rest is inferred by the rules of pahole 1.32: holes and padding (class__find_holes), alignment that an attribute
must have requested (class__infer_alignment) and packing (class__infer_packed_attributes).  Unlike pahole's, the results do not
depend on earlier output (docs/differences.md).
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import demand_btf
from btfkit.btf.flat import Flat
from btfkit.btf.spec import DEFAULT_POINTER_SIZE, MAX_CHAIN, text
from btfkit.errors import BtfError, FormatError, NotFoundError, printable
from btfkit.hot.measures import Field, Measures, named_composites
from btfkit.tables import Tabular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.btf.flat import FramedFlat
    from btfkit.tables import Table

    _Facts = tuple[int, int, int, int, int]

CACHELINE = 64  # bytes
MAX_CACHELINE = 1 << 20  # bytes
_MEASURED = (
    "alignment",
    "bit_holes",
    "bit_padding",
    "forced",
    "holes",
    "natural_alignment",
    "packed",
    "padding",
    "pre_bit_hole",
    "pre_hole",
    "sum_bit_holes",
    "sum_bits",
    "sum_holes",
    "sum_members",
)


class Layout(Tabular):
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

    def table(self) -> Table:
        """The members as a table (`layout_table.members_table`)."""
        from btfkit.show.layout_table import members_table

        return members_table([self])

    def _repr_html_(self) -> str:
        from btfkit.show.layout_table import html_table

        return html_table(self)

    def __rich__(self) -> Any:
        from btfkit.show.layout_table import rich_table

        return rich_table(self)

    def __repr__(self) -> str:
        return f"<layout of {self.keyword} {self.name or '{…}'}: {self.size} bytes, {len(self.members)} members>"


def layout(btf: Btf, name: str | int, *, cacheline: int = CACHELINE) -> Layout:
    """The layout of one struct or union: by id, or by name as in `Layouts.find`.

    `cacheline` is in bytes.  Raises NotFoundError, and FormatError if the type is damaged.
    """
    layouts = Layouts(btf, cacheline)
    return layouts[layouts.find(name)[0] if isinstance(name, str) else name]


class Layouts(Tabular):
    """The layouts of one BTF, each computed once: `layouts[type_id]`; `cacheline` in bytes.

    Raises FormatError if a type is damaged: a cycle of typedefs, or nesting too deep.
    """

    __slots__ = ("_layouts", "_names", "btf", "cacheline", "flat", "measures")

    def __init__(self, btf: Btf, cacheline: int = CACHELINE, flat: Flat | FramedFlat | None = None) -> None:
        """`flat` is the chain as one, if the caller has it."""
        demand_btf("btf", btf)
        self.btf = btf
        self.cacheline = cacheline
        if not 0 < cacheline <= MAX_CACHELINE:
            raise ValueError(f"a cache line of {cacheline} bytes: expected 1 to {MAX_CACHELINE:,}")
        self.flat = flat = flat or Flat(btf)
        pointer_size = btf.pointer_size or DEFAULT_POINTER_SIZE
        self.measures = Measures(flat.words, flat.positions, pointer_size, cacheline, MAX_CHAIN)
        self._layouts: dict[int, Layout] = {}
        self._names: dict[int, str] = {}

    def table(self, type_ids: Iterable[int] | None = None) -> Table:
        """The members of these structs and unions (default: of all own named ones) as a table (`layout_table.members_table`)."""
        from btfkit.show.layout_table import members_table

        return members_table(self[one] for one in (self.all() if type_ids is None else type_ids))

    def restart(self, btf: Btf, flat: Flat | FramedFlat) -> None:
        """Go on with another BTF that is split on the same base, of which what is known stays."""
        self.btf, self.flat = btf, flat
        self.measures.restart(flat.words, flat.positions, btf.start_id)
        self._layouts, self._names = {}, {}

    def __getitem__(self, type_id: int) -> Layout:
        """The layout of a struct or union; raises NotFoundError for an id of any other kind."""
        found = self._layouts.get(type_id)
        if found is None:
            found = self._layouts[type_id] = self._compute(type_id)
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

            hint = _of_member(btf, name) or did_you_mean_type(btf, name, spec.COMPOSITES)
            raise NotFoundError(f"no struct or union called {printable(name)!r}{hint}", source=btf.source)
        return ids

    def named(self, names: Sequence[str]) -> list[tuple[int, str]]:
        """(id, the name to show if it has none) of each struct and union that `names` select, once; without them, all own ones.

        A name is as in `find`, or a pattern: "tcp_*", "struct *_ops", "/^sk_/".  One that selects nothing raises NotFoundError.
        Without names, raises as `all`.
        """
        if not names:
            return [(type_id, "") for type_id in self.all()]
        chosen: dict[int, str] = {}
        for name in names:
            if any(letter in name for letter in "*?[/"):
                from btfkit.show.layout_choice import matching

                pairs: Iterable[tuple[int, str]] = matching(self, name)
            else:
                pairs = ((type_id, name) for type_id in self.find(name))
            for type_id, alias in pairs:
                chosen.setdefault(type_id, alias)
        return list(chosen.items())

    def member_types(self, type_id: int) -> list[int]:
        """The ids of the types of the members of a struct or union."""
        layer, at = self.btf.locate(type_id)
        words = layer.words
        return list(words[at + 4 : at + 3 + 3 * (words[at + 1] & spec.MAX_VLEN) : 3])

    def inner_composites(self, type_id: int) -> list[int]:
        """The structs and unions that the members are, through typedefs, qualifiers and arrays."""
        found = []
        for member in self.member_types(type_id):
            kind = spec.ARRAY
            for _ in range(spec.MAX_CHAIN):
                _, target, kind, _, _ = self.facts(member)
                if kind != spec.ARRAY:
                    break
                member = self.btf.word(target, 3)
            if kind in spec.COMPOSITES:
                found.append(target)
        return found

    def all(self) -> list[int]:
        """The ids of the own structs and unions that have a name, in order.

        Raises FormatError if their names overlap too much (`demand_few_overlaps`).
        """
        from btfkit.btf.refusal import demand_few_overlaps

        demand_few_overlaps(self.btf)
        return named_composites(self.btf.words, self.btf.positions, self.btf.start_id)

    def facts(self, type_id: int) -> _Facts:
        """What members need of a type: its kind, the id and kind without typedefs and qualifiers, the size in bytes (0: none),
        and the natural alignment in bytes (1: none): of a composite, that of its widest member.
        """
        btf, measures = self.btf, self.measures
        kind = btf.kind(type_id)
        try:
            place = measures.learn(type_id, 0)
        except ValueError as error:
            raise self._damaged(error) from None
        target = measures.targets[place]
        return kind, target, btf.kind(target), measures.sizes[place], measures.alignments[place]

    def gaps(self, type_id: int) -> tuple[int, int]:
        """The size (bytes) and the number of holes of a struct or union; errors as of `layouts[type_id]`."""
        measures = self.measured(type_id)
        return measures.size, measures.holes

    def demand_composite(self, type_id: int) -> None:
        """Raise NotFoundError unless a type is a struct or union."""
        kind = self.btf.kind(type_id)
        if kind not in spec.COMPOSITES:
            raise NotFoundError(f"a {spec.kind_name(kind)} has no layout", source=self.btf.source, type_id=type_id)

    def measured(self, type_id: int) -> Measures:
        """The numbers of a struct or union, until the next question; errors as of `layouts[type_id]`."""
        self.demand_composite(type_id)
        try:
            self.measures.measure(type_id)
        except ValueError as error:
            raise self._damaged(error) from None
        return self.measures

    def _damaged(self, error: ValueError) -> FormatError:
        message, type_id = error.args
        return FormatError(message, source=self.btf.source, section="types", type_id=type_id)

    # ---- one composite -----------------------------------------------------------------------------------------

    def _compute(self, type_id: int) -> Layout:
        btf = self.btf
        measures = self.measured(type_id)
        layer, at = btf.locate(type_id)
        words = layer.words
        is_union = words[at + 1] >> 24 & spec.MAX_KIND == spec.UNION
        found = Layout(btf, type_id, btf.name(type_id), words[at + 2], is_union, self.cacheline)
        for each in _MEASURED:
            setattr(found, each, getattr(measures, each))
        found.members = measures.fields_of(type_id, self._names, self._spell)
        return found

    def _spell(self, offset: int) -> str:
        return text(self.btf.string(offset))


def _of_member(btf: Btf, name: str) -> str:
    """The end of a message about a name that is the path of a member, or ""."""
    if "." not in name:
        return ""
    from btfkit.show.offset import offset

    try:
        return f"; that is a member of type {printable(offset(btf, name).text)}"
    except BtfError:
        return ""
