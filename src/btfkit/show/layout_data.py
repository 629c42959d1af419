"""Layouts as JSON documents and as data for the script of a page (schema 1)."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.members import MAX_DEPTH, MAX_MEMBERS
from btfkit.btf.spelling import Spelling
from btfkit.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.hot.measures import Field
    from btfkit.show.layout import Layout, Layouts

SCHEMA = 1


class LayoutData:
    """Makes the document of each type, with the members of its anonymous members; `expand` includes those of all members.

    All offsets count from the start of the outermost type.  They are in bytes, except where the name has "bit" in it.
    """

    def __init__(self, layouts: Layouts, *, expand: bool = False) -> None:
        self.layouts = layouts
        self.names = Spelling(layouts.btf)
        self.expand = expand
        self._members_left = 0

    def of(self, type_id: int) -> dict[str, object]:
        """The document of one struct or union; raises FormatError if its types are damaged or nested too deep."""
        self._members_left = MAX_MEMBERS
        return self._composite(self.layouts[type_id], 0, 0)

    def _composite(self, found: Layout, base: int, depth: int) -> dict[str, object]:
        if depth > MAX_DEPTH:
            raise FormatError(f"structs nested more than {MAX_DEPTH} deep", section="types", type_id=found.type_id)
        self._members_left -= len(found.members)
        if self._members_left < 0:
            raise FormatError(f"more than {MAX_MEMBERS:,} members", section="types", type_id=found.type_id)
        document: dict[str, object] = {
            "id": found.type_id,
            "kind": found.keyword,
            "name": found.name,
            "size": found.size,
            "cachelines": found.cachelines,
            "last_cacheline": found.last_cacheline,
            "alignment": found.alignment or None,
            "natural_alignment": found.natural_alignment,
            "packed": found.packed,
        }
        if not found.is_union:
            document |= {
                "sum_members": found.sum_members,
                "sum_bitfield_bits": found.sum_bits,
                "holes": found.holes,
                "sum_holes": found.sum_holes,
                "bit_holes": found.bit_holes,
                "sum_bit_holes": found.sum_bit_holes,
                "first_hole": found.pre_hole,
                "first_bit_hole": found.pre_bit_hole,
                "padding": found.padding,
                "bit_padding": found.bit_padding,
                "unaccounted_bits": found.unaccounted,
            }
        return document | {"members": [self._member(found, field, base, depth) for field in found.members]}

    def _member(self, outer: Layout, field: Field, base: int, depth: int) -> dict[str, object]:
        offset = base + field.offset
        member: dict[str, object] = {
            "name": field.name,
            "type": self.names[field.type_id],
            "type_id": field.type_id,
            "offset": offset,
            "size": field.size,
            "bit_offset": 8 * base + field.bit_offset,
        }
        if field.bits:
            member |= {"bits": field.bits, "first_bit": field.first_bit}
        if field.alignment:
            member["alignment"] = field.alignment
        if not outer.is_union:
            member |= {"hole": max(field.hole, 0), "bit_hole": field.bit_hole}
        kind, target, target_kind, *_ = self.layouts.facts(field.type_id)
        if target_kind in spec.COMPOSITES and (
            self.expand or (kind in spec.COMPOSITES and not self.layouts[target].name)
        ):
            member["members_of"] = self._composite(self.layouts[target], offset, depth + 1)
        return member
