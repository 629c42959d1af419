"""What a layout's picture is put together from: the pen (where it is), notes between members, counts, declarations in parts.

Source of words and columns: pahole 1.32, dwarves_fprintf.c, as for `layout_text`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.show.layout import Layout


class Parts:
    """A declaration in parts: "const struct ", "file", "(*" and ")(int)"; `dimensions` are those of an array."""

    __slots__ = ("before", "core", "dimensions", "lead", "right")

    def __init__(self, lead: str, core: str, before: str, right: str, dimensions: tuple[int, ...] = ()) -> None:
        self.lead = lead
        self.core = core
        self.before = before
        self.right = right
        self.dimensions = dimensions

    def made(self, lead: str, dimensions: list[int]) -> Parts:
        """An array of it."""
        return Parts(lead + self.lead, self.core, self.before, self.right, (*dimensions, *self.dimensions))

    def columns(self, pen: Pen) -> tuple[str, str, tuple[int, ...]]:
        """What stands left and right of the name, in the columns of `pen`, and the dimensions of an array."""
        core = self.core.ljust(abs(pen.spacing - len(self.lead)))
        return f"{self.lead}{core} {self.before}", self.right, self.dimensions

    def join(self, name: str, pen: Pen) -> str:
        """The declaration of `name` in the columns of `pen`."""
        left, right, dimensions = self.columns(pen)
        return left + name + right + (brackets(dimensions, pen) if dimensions else "")


def brackets(dimensions: list[int] | tuple[int, ...], pen: Pen) -> str:
    """The lengths of an array; a flexible one, last of several members, has none."""
    flexible = pen.last and not pen.first and not pen.union_member
    return "".join("[]" if not length and flexible else f"[{length}]" for length in dimensions)


class Pen:
    """Where the picture is: indentation, columns, the offset of what is around, the cache line reached (shared: a list of one).

    `base` None: offsets count from the start of the innermost type (behind a pointer).
    """

    __slots__ = ("base", "first", "last", "line", "spacing", "tabs", "union_member", "wide")

    def __init__(self, depth: int, spacing: int, wide: int, base: int | None, line: list[int]) -> None:
        self.tabs = "\t" * depth
        self.spacing = spacing
        self.wide = wide
        self.base = base
        self.line = line
        self.union_member = self.first = self.last = False

    def _copy(self) -> Pen:
        other = Pen.__new__(Pen)
        other.tabs, other.spacing, other.wide, other.base, other.line = (
            self.tabs, self.spacing, self.wide, self.base, self.line,
        )  # fmt: skip
        other.union_member, other.first, other.last = self.union_member, self.first, self.last
        return other

    def within(self, *, union_member: bool = False) -> Pen:
        """One level deeper."""
        other = self._copy()
        other.tabs += "\t"
        other.union_member |= union_member
        return other

    def at(self, base: int | None) -> Pen:
        """With what follows counted from `base`."""
        if base == self.base:
            return self
        other = self._copy()
        other.base = base
        return other

    def narrower(self, columns: int) -> Pen:
        """With a narrower column for types."""
        other = self._copy()
        other.spacing -= columns
        return other

    def relative(self) -> Pen:
        """Behind a pointer."""
        return self.at(None)


class Notes:
    """Comments between members: an empty line before the first of them, and one behind the last."""

    __slots__ = ("out", "pending", "tabs")

    def __init__(self, out: list[str], tabs: str) -> None:
        self.out = out
        self.tabs = tabs
        self.pending = False

    def before(self, note: str) -> None:
        """A comment before a member."""
        self.out.append(f"{'' if self.pending else chr(10)}{self.tabs}/* {note} */\n")
        self.pending = True

    def after(self, note: str) -> None:
        """A comment behind a member, whose line has not ended yet."""
        self.out.append(f"{'' if self.pending else chr(10)}\n{self.tabs}/* {note} */")
        self.pending = True

    def blank(self) -> None:
        """An empty line, if there was a comment."""
        if self.pending:
            self.out.append("\n")
            self.pending = False


class Note:
    """What there is to say of the holes in a struct that is a member, and its `text`, "" for nothing."""

    __slots__ = ("found", "holds_flexible", "is_flexible", "text")

    def __init__(self, found: Layout, is_flexible: bool, holds_flexible: bool) -> None:
        self.found = found
        self.is_flexible = is_flexible
        self.holds_flexible = holds_flexible
        parts = ["a flexible array"] if is_flexible else []
        if holds_flexible:
            parts.append("embedded flexible array(s)")
        if found.padding:
            parts.append(f"{counted(found.padding, 'byte')} of padding")
        if found.bit_padding:
            parts.append(f"{counted(found.bit_padding, 'bit')} of padding")
        if found.holes:
            parts.append(counted(found.holes, "hole"))
        if found.bit_holes:
            parts.append(counted(found.bit_holes, "bit hole"))
        self.text = "XXX last struct has " + ", ".join(parts) if parts else ""


class MemberKinds:
    """What the structs within a struct have of holes and padding."""

    any = False
    paddings = sum_paddings = bit_paddings = sum_bit_paddings = 0
    with_holes = sum_holes = with_bit_holes = sum_bit_holes = 0
    flexible = embedded_flexible = 0

    def add(self, note: Note) -> None:
        """Count one member."""
        found = note.found
        self.any = True
        self.flexible += note.is_flexible
        self.embedded_flexible += note.holds_flexible
        self.paddings += found.padding != 0
        self.sum_paddings += found.padding
        self.bit_paddings += found.bit_padding != 0
        self.sum_bit_paddings += found.bit_padding
        self.with_holes += found.holes != 0
        self.sum_holes += found.holes
        self.with_bit_holes += found.bit_holes != 0
        self.sum_bit_holes += found.bit_holes

    def lines_of_holes(self) -> list[str]:
        """Lines of statistics."""
        parts = []
        if self.with_holes:
            parts.append(f"holes: {self.with_holes}, total: {self.sum_holes}")
        if self.with_bit_holes:
            parts.append(f"bit holes: {self.with_bit_holes}, total: {self.sum_bit_holes}")
        if self.bit_paddings:
            parts.append(f"bit paddings: {self.bit_paddings}, total: {counted(self.sum_bit_paddings, 'bit')}")
        lines = ["member types with " + ", ".join(parts)] if parts else []
        if self.paddings:
            lines.append(f"paddings: {self.paddings}, sum paddings: {self.sum_paddings}")
        return lines

    def lines_of_flexible(self) -> list[str]:
        """One more."""
        parts = [f"end: {self.flexible}"] if self.flexible else []
        if self.embedded_flexible:
            parts.append(f"middle: {self.embedded_flexible}")
        return ["flexible array members: " + ", ".join(parts)] if parts else []


def forced_line(found: Layout) -> list[str]:
    """The line about alignment that was asked for."""
    count = holes = total = 0
    before = found.pre_hole
    for field in found.members:
        if field.alignment:
            count += 1
            holes += before != 0
            total += before
        before = field.hole
    if not count:
        return []
    return [f"forced alignments: {count}" + (f", forced holes: {holes}, sum forced holes: {total}" if holes else "")]


def counted(number: int, word: str) -> str:
    """ "1 hole", "2 holes"."""
    return f"{number} {word}{'' if number == 1 else 's'}"
