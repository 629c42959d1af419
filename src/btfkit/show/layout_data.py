"""Layouts as plain data, for JSON and for the script of a page (schema 1)."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.members import MAX_DEPTH, MAX_MEMBERS
from btfkit.btf.spelling import Spelling
from btfkit.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    from btfkit.show.layout import Field, Layout, Layouts

    class Body(TypedDict, total=False):
        """A struct or union, in bytes unless a name says bits; `alias` is what a page calls one without a name."""

        id: int
        kind: str
        name: str
        size: int
        cachelines: int
        last_cacheline: int
        alignment: int | None
        natural_alignment: int
        packed: bool
        sum_members: int
        sum_bitfield_bits: int
        holes: int
        sum_holes: int
        bit_holes: int
        sum_bit_holes: int
        first_hole: int
        first_bit_hole: int
        padding: int
        bit_padding: int
        unaccounted_bits: int
        members: list[MemberObject]
        alias: str

    class MemberObject(TypedDict, total=False):
        """A member; `members_of` is its type where that is opened."""

        name: str
        type: str
        type_id: int
        offset: int
        size: int
        bit_offset: int
        bits: int
        first_bit: int
        alignment: int
        hole: int
        bit_hole: int
        members_of: Body


SCHEMA = 1


class LayoutData:
    """Makes one object a type; `expand` gives the members of every member that is a struct or union, else only of nameless ones.

    All offsets count from the start of the outermost type, in bytes unless their name ends in `_bits` or begins with `bit`.
    """

    def __init__(self, layouts: Layouts, *, expand: bool = False) -> None:
        self.layouts = layouts
        self.names = Spelling(layouts.btf)
        self.expand = expand
        self._budget = 0

    def of(self, type_id: int) -> Body:
        """The object of one struct or union; raises FormatError where its types are damaged or nested without end."""
        self._budget = MAX_MEMBERS
        found = self.layouts[type_id]
        return self._body(found, 0, 0)

    def _body(self, found: Layout, base: int, depth: int) -> Body:
        if depth > MAX_DEPTH:
            raise FormatError(f"structs nested more than {MAX_DEPTH} deep", section="types", type_id=found.type_id)
        self._budget -= len(found.members)
        if self._budget < 0:
            raise FormatError(f"more than {MAX_MEMBERS:,} members", section="types", type_id=found.type_id)
        body: Body = {
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
            body |= {
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
        body["members"] = [self._member(found, field, base, depth) for field in found.members]
        return body

    def _member(self, outer: Layout, field: Field, base: int, depth: int) -> MemberObject:
        offset = base + field.offset
        member: MemberObject = {
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
            member["members_of"] = self._body(self.layouts[target], offset, depth + 1)
        return member
