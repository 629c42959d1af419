"""The parts of a layout's picture: the pen (the current place), notes between members, statistics, declarations in pieces.

The source of the wording and the columns is pahole 1.32, dwarves_fprintf.c, as for `layout_text`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.show.layout import Layout


class Parts:
    """A declaration in pieces: "const struct ", "file", "(*" and ")(int)"; `dimensions` are those of an array."""

    __slots__ = ("before", "core", "dimensions", "lead", "right")

    def __init__(self, lead: str, core: str, before: str, right: str, dimensions: tuple[int, ...] = ()) -> None:
        self.lead = lead
        self.core = core
        self.before = before
        self.right = right
        self.dimensions = dimensions

    def array(self, lead: str, dimensions: list[int]) -> Parts:
        """The parts of an array of it."""
        return Parts(lead + self.lead, self.core, self.before, self.right, (*dimensions, *self.dimensions))

    def columns(self, pen: Pen) -> tuple[str, str, tuple[int, ...]]:
        """The text before and after the name, in the columns of `pen`, and the dimensions of an array."""
        core = self.core.ljust(abs(pen.spacing - len(self.lead)))
        return f"{self.lead}{core} {self.before}", self.right, self.dimensions

    def join(self, name: str, pen: Pen) -> str:
        """The declaration of `name` in the columns of `pen`."""
        left, right, dimensions = self.columns(pen)
        return left + name + right + (brackets(dimensions, pen) if dimensions else "")


def brackets(dimensions: list[int] | tuple[int, ...], pen: Pen) -> str:
    """The lengths of an array; a flexible array at the end of a struct has none."""
    return "".join("[]" if not length and pen.at_end else f"[{length}]" for length in dimensions)


class Pen:
    """The current place in the picture: indentation and columns, the offset of the enclosing type, the cache line reached.

    `line` is that cache line, as a list of one that all pens share.  `base` None: offsets count from the start of the
    innermost type (after a pointer).  `in_union`: some enclosing type is a
    union; `at_end`: the member is the last of several in a struct.
    """

    __slots__ = ("at_end", "base", "in_union", "line", "spacing", "tabs", "wide")

    def __init__(self, tabs: str, spacing: int, wide: int, base: int | None, line: list[int]) -> None:
        self.tabs = tabs
        self.spacing = spacing
        self.wide = wide
        self.base = base
        self.line = line
        self.in_union = self.at_end = False

    def _copy(self) -> Pen:
        other = Pen(self.tabs, self.spacing, self.wide, self.base, self.line)
        other.in_union, other.at_end = self.in_union, self.at_end
        return other

    def within(self, *, union: bool = False) -> Pen:
        """One level deeper, in a struct or union."""
        other = self._copy()
        other.tabs += "\t"
        other.in_union |= union
        other.at_end = False
        return other

    def at(self, base: int | None) -> Pen:
        """With offsets counted from `base`."""
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


class Notes:
    """Comments between members, with an empty line before the first and one after the last."""

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
        """A comment after a member, whose line has not ended yet."""
        self.out.append(f"{'' if self.pending else chr(10)}\n{self.tabs}/* {note} */")
        self.pending = True

    def blank(self) -> None:
        """An empty line, if there was a comment."""
        if self.pending:
            self.out.append("\n")
            self.pending = False


class Note:
    """The note about holes in a struct that is a member, and its `text`, "" for none."""

    __slots__ = ("found", "holds_flexible", "is_flexible", "text")

    def __init__(self, found: Layout, is_flexible: bool, holds_flexible: bool) -> None:
        self.found = found
        self.is_flexible = is_flexible
        self.holds_flexible = holds_flexible
        parts = ["a flexible array"] if is_flexible else []
        if holds_flexible:
            parts.append("embedded flexible array(s)")
        paddings = ((found.padding, "byte"), (found.bit_padding, "bit"))
        parts += [f"{counted(number, unit)} of padding" for number, unit in paddings if number]
        holes = ((found.holes, "hole"), (found.bit_holes, "bit hole"))
        parts += [counted(number, noun) for number, noun in holes if number]
        self.text = "XXX last struct has " + ", ".join(parts) if parts else ""


def lines_about_holes(notes: list[Note]) -> list[str]:
    """The lines of the statistics about holes and padding within members."""

    def totals(name: str) -> tuple[int, int]:
        values = [getattr(note.found, name) for note in notes]
        return sum(value != 0 for value in values), sum(values)

    parts = []
    for words, name in (("holes", "holes"), ("bit holes", "bit_holes"), ("bit paddings", "bit_padding")):
        count, total = totals(name)
        if count:
            parts.append(f"{words}: {count}, total: {counted(total, 'bit') if name == 'bit_padding' else total}")
    lines = ["member types with " + ", ".join(parts)] if parts else []
    count, total = totals("padding")
    return [*lines, f"paddings: {count}, sum paddings: {total}"] if count else lines


def lines_about_flexible_arrays(notes: list[Note]) -> list[str]:
    """The line of the statistics about flexible arrays within members."""
    counts = {"end": sum(note.is_flexible for note in notes), "middle": sum(note.holds_flexible for note in notes)}
    parts = [f"{place}: {count}" for place, count in counts.items() if count]
    return ["flexible array members: " + ", ".join(parts)] if parts else []


def forced_line(found: Layout) -> list[str]:
    """The line about alignment that an attribute requested."""
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
    """ "1 hole", "2 holes", as pahole writes them: without a separator of thousands."""
    return f"{number} {word}{'' if number == 1 else 's'}"
