"""Which structs and unions are shown: by name or pattern, and by what their layouts have."""

from __future__ import annotations

from fnmatch import fnmatchcase

from btfkit.btf import spec
from btfkit.btf.members import MAX_DEPTH
from btfkit.errors import NotFoundError, printable
from btfkit.show.find import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.show.layout import Layouts

KINDS = ("struct", "union")


def matching(layouts: Layouts, pattern: str) -> Iterator[tuple[int, str]]:
    """The structs and unions that a pattern selects, as `Layouts.named` returns them; raises NotFoundError if there are none."""
    btf = layouts.btf
    tag = pattern.partition(" ")[0]
    any_found = False
    for found in find(btf, pattern, () if tag in KINDS else (*KINDS, "typedef")):
        type_id = btf.strip(found.type_id)
        if btf.kind(type_id) in spec.COMPOSITES and (type_id == found.type_id or not btf.name(type_id)):
            any_found = True
            yield type_id, found.name
    if not any_found:
        raise NotFoundError(f"no struct or union matches {printable(pattern)!r}", source=btf.source)


class Choice:
    """What a struct or union must have to be shown; everything that is set must hold.

    `kind` is "struct" or "union".  `flexible`: it ends in a flexible array ("end"), holds a struct that does ("within"), or one
    of the two ("any").  At least as many must be the numbers of `holes` and `bit_holes`, and the bytes of the `largest_hole`
    and of the `padding` at the end.  `contains`: the type of a member is one of these structs or unions; `holds`: it has one of
    these within it, through typedefs, arrays and other structs, too.  `prefixes` and `exclude` are patterns of names ("tcp_*").
    """

    __slots__ = (
        "_flexible",
        "_holders",
        "bit_holes",
        "contains",
        "exclude",
        "flexible",
        "holds",
        "holes",
        "kind",
        "largest_hole",
        "packed",
        "padding",
        "prefixes",
    )

    def __init__(
        self,
        *,
        kind: str = "",
        packed: bool = False,
        flexible: str = "",
        holes: int = 0,
        bit_holes: int = 0,
        largest_hole: int = 0,
        padding: int = 0,
        contains: Iterable[str] = (),
        holds: Iterable[str] = (),
        prefixes: Sequence[str] = (),
        exclude: Sequence[str] = (),
    ) -> None:
        self.kind = kind
        self.packed = packed
        self.flexible = flexible
        self.holes = holes
        self.bit_holes = bit_holes
        self.largest_hole = largest_hole
        self.padding = padding
        self.contains = tuple(contains)
        self.holds = tuple(holds)
        self.prefixes = tuple(pattern if _has_wildcard(pattern) else pattern + "*" for pattern in prefixes)
        self.exclude = tuple(pattern if _has_wildcard(pattern) else pattern + "*" for pattern in exclude)
        self._holders: dict[int, bool] = {}
        self._flexible: dict[int, bool] = {}

    def of(self, layouts: Layouts, wanted: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
        """Those of `wanted` (as `Layouts.named` returns them) that have it all.

        Raises NotFoundError for a name in `contains` or `holds` that does not exist.
        """
        direct = {type_id for name in self.contains for type_id in layouts.find(name)}
        deep = {type_id for name in self.holds for type_id in layouts.find(name)}
        self._holders = dict.fromkeys(deep, True)
        return [
            (type_id, name)
            for type_id, name in wanted
            if self._has_name(layouts, type_id, name)
            and (not self._measured or self._has_gaps(layouts, type_id))
            and (not direct or any(member in direct for member in layouts.member_types(type_id)))
            and (not deep or (type_id not in deep and self._is_holder(layouts, type_id, 0)))
        ]

    @property
    def _measured(self) -> bool:
        return bool(self.packed or self.flexible or self.holes or self.bit_holes or self.largest_hole or self.padding)

    def _has_name(self, layouts: Layouts, type_id: int, alias: str) -> bool:
        if self.kind and (layouts.btf.kind(type_id) == spec.UNION) != (self.kind == "union"):
            return False
        if not (self.prefixes or self.exclude):
            return True
        name = layouts.btf.name(type_id) or alias
        if self.prefixes and not any(fnmatchcase(name, pattern) for pattern in self.prefixes):
            return False
        return not any(fnmatchcase(name, pattern) for pattern in self.exclude)

    def _has_gaps(self, layouts: Layouts, type_id: int) -> bool:
        if self.largest_hole:
            found = layouts[type_id]
            if max([found.pre_hole, *(field.hole for field in found.members)]) < self.largest_hole:
                return False
        measures = layouts.measured(type_id)
        return (
            measures.holes >= self.holes
            and measures.bit_holes >= self.bit_holes
            and measures.padding >= self.padding
            and (measures.packed or not self.packed)
            and (not self.flexible or self._is_flexible(layouts, type_id))
        )

    def _is_flexible(self, layouts: Layouts, type_id: int) -> bool:
        ends = self.flexible != "within" and ends_in_flexible(layouts.btf, type_id)
        return ends or (self.flexible != "end" and self._holds_flexible(layouts, type_id, 0))

    def _holds_flexible(self, layouts: Layouts, type_id: int, depth: int) -> bool:
        """Whether a struct that is a member, at any depth, ends in a flexible array."""
        known = self._flexible.get(type_id)
        if known is None:
            known = False
            for member in layouts.member_types(type_id) if depth <= MAX_DEPTH else ():
                _, target, kind, _, _ = layouts.facts(member)
                if kind == spec.STRUCT:
                    known = ends_in_flexible(layouts.btf, target) or self._holds_flexible(layouts, target, depth + 1)
                if known:
                    break
            self._flexible[type_id] = known
        return known

    def _is_holder(self, layouts: Layouts, type_id: int, depth: int) -> bool:
        known = self._holders.get(type_id)
        if known is None:
            known = False
            self._holders[type_id] = False
            if depth <= MAX_DEPTH:
                known = any(self._is_holder(layouts, inner, depth + 1) for inner in layouts.inner_composites(type_id))
            self._holders[type_id] = known
        return known


def ends_in_flexible(btf: Btf, type_id: int) -> bool:
    """Whether the last member of a struct or union is a flexible array."""
    layer, at = btf.locate(type_id)
    count = layer.words[at + 1] & spec.MAX_VLEN
    last = layer.words[at + 1 + 3 * count] if count else 0
    return btf.kind(last) == spec.ARRAY and btf.word(last, 5) == 0


def _has_wildcard(pattern: str) -> bool:
    return any(letter in pattern for letter in "*?[")
