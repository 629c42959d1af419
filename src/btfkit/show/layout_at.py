"""What lies at an offset of a struct or union: members, in nested ones and arrays too, or a gap."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.members import MAX_DEPTH
from btfkit.btf.spelling import Spelling
from btfkit.errors import FormatError, NotFoundError, printable
from btfkit.show.layout_choice import ends_in_flexible
from btfkit.show.offset import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.show.layout import Layouts

MAX_SEEN = 200_000  # members that are looked at


def members_at(layouts: Layouts, type_id: int, offset: int, root: str = "") -> list[Place]:
    """The innermost members that have a part of byte `offset`, as `offset` would find them by their path; of a union, all.

    `root` is the name that paths begin with for a type without one.  An empty list: the byte is in a gap (`gap_at`).  Raises
    NotFoundError if the byte is beyond the end, FormatError for a damaged type.
    """
    found = layouts[type_id]
    name = found.name or root or found.keyword
    if not 0 <= offset < found.size and not (offset >= 0 and ends_in_flexible(layouts.btf, type_id)):
        from btfkit.errors import counted

        end = f"{printable(name)} has {counted(found.size, 'byte')}"
        raise NotFoundError(f"{end}, the last is {found.size - 1}" if found.size else end, source=layouts.btf.source)
    search = _Search(layouts, type_id, offset)
    places = list(search.within(type_id, 0, name, 0))
    names = Spelling(layouts.btf)
    for place in places:
        place.size = layouts.btf.sizeof(place.type_id)
        place.text = names[place.type_id]
    return places


def gap_at(layouts: Layouts, type_id: int, offset: int) -> str:
    """Which gap of a struct has byte `offset`: "in a hole of 4 bytes after flags"; "" if a member has it."""
    from btfkit.errors import counted

    last = None
    base = 0
    found = layouts[type_id]
    while True:
        inside = [field for field in found.members if base + field.offset <= offset < base + field.offset + field.size]
        inner = [field for field in inside if not field.bits and layouts.facts(field.type_id)[2] in spec.COMPOSITES]
        if not inner or found.is_union:
            break
        base += inner[0].offset
        found = layouts[layouts.facts(inner[0].type_id)[1]]
    for field in found.members:
        if base + field.offset <= offset:
            last = field
    after = f" after {printable(last.name)}" if last is not None and last.name else ""
    where = f" of {found.keyword} {printable(found.name)}" if found.name and found.type_id != type_id else ""
    if last is None:
        return f"in a hole of {counted(found.pre_hole, 'byte')} before the first member{where}"
    if last.hole > 0 and not found.is_union:
        return f"in a hole of {counted(last.hole, 'byte')}{after}{where}"
    if last.bits:
        return f"in unused bits{after}{where}"
    return f"in the padding at the end{after}{where}"


class _Search:
    """A search for the members at one byte."""

    def __init__(self, layouts: Layouts, root_id: int, offset: int) -> None:
        self.layouts = layouts
        self.btf = layouts.btf
        self.root_id = root_id
        self.offset = offset
        self.left = MAX_SEEN

    def within(self, type_id: int, base: int, path: str, depth: int) -> Iterator[Place]:
        """The places in a composite that begins at byte `base` of the root."""
        if depth > MAX_DEPTH:
            raise FormatError(f"structs nested more than {MAX_DEPTH} deep", section="types", type_id=type_id)
        found = self.layouts[type_id]
        self.left -= 1 + len(found.members)
        if self.left < 0:
            raise FormatError(
                f"more than {MAX_SEEN:,} members within each other", section="types", type_id=self.root_id
            )
        last = len(found.members) - 1
        for number, field in enumerate(found.members):
            start = base + field.offset
            if field.bits:
                first = 8 * base + field.bit_offset
                if first // 8 <= self.offset <= (first + field.bits - 1) // 8:
                    yield self._place(f"{path}.{field.name}", field.type_id, first, field.bits)
                continue
            flexible = field.size == 0 and number == last and self.offset >= start
            if start <= self.offset < start + field.size or flexible:
                yield from self._in_member(field.type_id, start, f"{path}.{field.name}" if field.name else path, depth)

    def _in_member(self, type_id: int, start: int, path: str, depth: int) -> Iterator[Place]:
        """The places in a member, which may be an array."""
        btf = self.btf
        for _ in range(spec.MAX_CHAIN):
            target = btf.strip(type_id)
            if btf.kind(target) != spec.ARRAY:
                break
            element = btf.word(target, 3)
            size = btf.sizeof(element) or 0
            if not size:
                break
            index = (self.offset - start) // size
            path, start, type_id = f"{path}[{index}]", start + index * size, element
        if btf.kind(target) in spec.COMPOSITES:
            yield from self.within(target, start, path, depth + 1)
        else:
            yield self._place(path, type_id, 8 * start, 0)

    def _place(self, path: str, type_id: int, bit_offset: int, bits: int) -> Place:
        return Place(path, self.root_id, type_id, bit_offset, bits)
