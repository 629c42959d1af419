"""Layouts as text: pahole's picture of a struct or union, with its wording and columns.

Source: pahole 1.32, dwarves_fprintf.c.  This text differs where pahole's depends on earlier output, is cut at the end of a
buffer or reverses array dimensions (docs/differences.md).
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.members import MAX_DEPTH, MAX_MEMBERS
from btfkit.btf.spec import MAX_CHAIN, text
from btfkit.btf.spelling import keyword
from btfkit.errors import LONGEST_NAME, FormatError, printable
from btfkit.hot.measures import Field
from btfkit.show.layout import Layout, Layouts
from btfkit.show.layout_marks import (
    Note,
    Notes,
    Parts,
    Pen,
    brackets,
    counted,
    forced_line,
    lines_about_flexible_arrays,
    lines_about_holes,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

TYPE_SPACING = 26
NAME_SPACING, UNION_SPACING, EXPANDED_SPACING = 23, 21, 55
MAX_TEXT = 1 << 20  # characters of one declaration
_QUALIFIERS = {kind: f"{spec.word(kind)} " for kind in (spec.CONST, spec.VOLATILE)}
_TAGS = {kind: f"{spec.word(kind)} " for kind in (spec.STRUCT, spec.UNION, spec.ENUM, spec.ENUM64)}
_BRACED = frozenset(_TAGS)
_TYPE_TAG = frozenset((spec.TYPE_TAG,))


class LayoutText:
    """Writes pictures; `expand` shows the members of members (`pahole -E`).

    Raises FormatError if a type is damaged, or if the picture would have more than MAX_MEMBERS members.
    """

    __slots__ = (
        "_columns",
        "_flexible",
        "_members_left",
        "_names",
        "_notes",
        "_parameter_lists",
        "_parts",
        "_spelled",
        "btf",
        "expand",
        "layouts",
    )

    def __init__(self, layouts: Layouts, *, expand: bool = False) -> None:
        self.layouts = layouts
        self.btf = layouts.btf
        self.expand = expand
        self._spelled: dict[int, str] = {}
        self._parameter_lists: dict[int, str] = {}
        self._notes: dict[int, Note | None] = {}
        self._flexible: dict[int, bool] = {}
        self._parts: dict[int, Parts | None] = {}
        self._columns: dict[int, tuple[str, str, tuple[int, ...]] | None] = {}  # by type id and width
        self._names: dict[int, str] = {}
        self._members_left = MAX_MEMBERS

    def picture(self, type_id: int, alias: str = "") -> str:
        """The picture of a struct or union, newline included; `alias` is the typedef to show for an anonymous one."""
        found = self.layouts[type_id]
        self._members_left = MAX_MEMBERS
        alias = "" if found.name else printable(alias)
        width = UNION_SPACING if found.is_union and not alias else NAME_SPACING
        pen = Pen("", TYPE_SPACING - (8 if alias else 0), EXPANDED_SPACING if self.expand else width, 0, [0])
        if found.is_union:
            body = self._union(found, pen, alias)
        else:
            body = self._struct(found, pen, found.packed, alias, statistics=True)
        return f"{'typedef ' if alias else ''}{body};\n"

    # ---- composites --------------------------------------------------------------------------------------------

    def _union(self, found: Layout, pen: Pen, suffix: str) -> str:
        out = [f"union {printable(found.name)} {{\n" if found.name else "union {\n"]
        inner = pen.within(union=True)
        line = pen.line[0]
        for field in found.members:
            out.append(inner.tabs)
            out.append(self._member(found, field, inner))
            out.append("\n")
            pen.line[0] = line  # every member starts where the union does
        out.append(f"{pen.tabs}}}{' ' + suffix if suffix else ''}")
        return "".join(out)

    def _struct(self, found: Layout, pen: Pen, packed: bool, suffix: str, *, statistics: bool = False) -> str:
        inner = pen.within()
        out = [f"struct {printable(found.name)} {{\n" if found.name else "struct {\n"]
        comments = Notes(out, inner.tabs)
        if found.pre_bit_hole > 0:
            comments.before(f"XXX {counted(found.pre_bit_hole, 'bit')} hole, try to pack")
        if found.pre_hole > 0:
            comments.before(f"XXX {counted(found.pre_hole, 'byte')} hole, try to pack")
        notes: list[Note] = []
        last: Field | None = None
        last_size = 0
        count = len(found.members)
        plain = self._plain(inner)
        for number, field in enumerate(found.members, 1):
            if last_size and last is not None:
                step = field.offset - last.offset
                if step < last_size or (last.bit_hole and field.bits):
                    self._between(last, last_size, field, inner, comments)
            if comments.pending:
                comments.blank()
            row = plain(field)
            if row is None:
                inner.at_end = number == count > 1 and not inner.in_union
                row = inner.tabs + self._member(found, field, inner)
            out.append(row)
            if field.kind == spec.STRUCT and (note := self._note(field.type_id)):
                notes.append(note)
                comments.after(note.text)
            if field.bit_hole:
                comments.after(f"XXX {counted(field.bit_hole, 'bit')} hole, try to pack")
            if field.hole > 0:
                comments.after(f"XXX {counted(field.hole, 'byte')} hole, try to pack")
            out.append("\n")
            if last is None or not last_size or last.offset != field.offset or (field.bits and not last.bits):
                last_size = field.size
            last = field
        if statistics:
            self._statistics(found, notes, inner, out)
        out.append(f"{pen.tabs}}}")
        if packed:
            out.append(" __attribute__((__packed__))")
        if suffix:
            out.append(" " + suffix)
        if found.alignment and not packed:
            out.append(f" __attribute__((__aligned__({found.alignment})))")
        return "".join(out)

    def _plain(self, pen: Pen) -> Callable[[Field], str | None]:
        """A function that writes the line of a simple member within the current cache line; None for any other member."""
        columns, width, tabs, line = self._columns, pen.spacing + pen.wide, pen.tabs, pen.line
        base, spacing, cacheline = pen.base, pen.spacing & 0xFF, self.layouts.cacheline

        def plain(field: Field) -> str | None:
            parts = columns.get(field.type_id << 8 | spacing)
            if parts is None or field.bits or field.alignment or parts[2]:
                return None
            name = field.name
            offset = field.offset if base is None else field.offset + base
            if offset >= (line[0] + 1) * cacheline or not name.isprintable() or len(name) > LONGEST_NAME:
                return None
            declared = f"{tabs}{parts[0]}{name}{parts[1]};"
            room = width - len(declared) + len(tabs)
            return f"{declared}{' ' * room if room > 0 else ' '}/* {offset:5} {field.size:5} */"

        return plain

    def _between(self, last: Field, last_size: int, field: Field, pen: Pen, comments: Notes) -> None:
        """The comments, and the unnamed bitfields, that explain the place of the second of two members."""
        if last.bit_hole and field.bits:
            width = last.bit_hole
            if last.offset != field.offset:
                comments.out.append(f"\n{pen.tabs}/* Force alignment to the next boundary: */\n")
                width = 0
            comments.out.append(f"{pen.tabs}{self._declaration(field.type_id, '', pen)}:{width};\n")
        step = field.offset - last.offset
        if step < 0 or (step == 0 and not last.bits and field.bits):
            comments.before("Bitfield combined with previous fields")
        elif 0 < step < last_size:
            comments.before("Bitfield combined with next fields")

    def _note(self, type_id: int) -> Note | None:
        """The note about the holes within a member that is a struct."""
        if type_id not in self._notes:
            found = self.layouts[type_id]
            note = Note(found, self._is_flexible(found), self._holds_flexible(found, 0))
            self._notes[type_id] = note if note.text else None
        return self._notes[type_id]

    def _is_flexible(self, found: Layout) -> bool:
        """Whether the last member is a flexible array."""
        if not found.members:
            return False
        type_id = found.members[-1].type_id
        return self.btf.kind(type_id) == spec.ARRAY and self.btf.word(type_id, 5) == 0

    def _holds_flexible(self, found: Layout, depth: int) -> bool:
        """Whether a struct within it ends in a flexible array."""
        holds = self._flexible.get(found.type_id)
        if holds is not None:
            return holds
        if depth > MAX_CHAIN:
            raise FormatError(f"structs nested more than {MAX_CHAIN} deep", section="types", type_id=found.type_id)
        holds = False
        for field in found.members:
            _, target, kind, *_ = self.layouts.facts(field.type_id)
            if kind == spec.STRUCT:
                inner = self.layouts[target]
                if self._is_flexible(inner) or self._holds_flexible(inner, depth + 1):
                    holds = True
                    break
        self._flexible[found.type_id] = holds
        return holds

    def _statistics(self, found: Layout, notes: list[Note], pen: Pen, out: list[str]) -> None:
        """The lines at the end."""
        lines = [f"size: {found.size}, cachelines: {found.cachelines}, members: {len(found.members)}"]
        holes, bit_holes = found.sum_holes, found.sum_bit_holes
        members, bits = found.sum_members, found.sum_bits
        if (holes or bit_holes) and members:
            lines.append(f"sum members: {members}" + (f", holes: {found.holes}, sum holes: {holes}" if holes else ""))
        if (holes or bit_holes) and bits:
            more = f", bit holes: {found.bit_holes}, sum bit holes: {bit_holes} bits"
            lines.append(f"sum bitfield members: {bits} bits{more if bit_holes else f' ({bits // 8} bytes)'}")
        if found.padding > 0:
            lines.append(f"padding: {found.padding}")
        lines += lines_about_holes(notes)
        if found.bit_padding > 0:
            lines.append(f"bit_padding: {found.bit_padding} bits")
        lines += forced_line(found) + lines_about_flexible_arrays(notes)
        if last := ((pen.base or 0) + found.size) % found.cacheline:
            lines.append(f"last cacheline: {last} bytes")
        out.append("\n")
        out += [f"{pen.tabs}/* {line} */\n" for line in lines]
        if found.unaccounted:
            out.append(
                f"\n{pen.tabs}/* members overlap or lie outside: {found.size} bytes != {members} (members) + {bits} bits "
                f"+ {holes} (holes) + {bit_holes} bits (holes) + padding, {found.unaccounted:+d} bits */\n"
            )

    # ---- members -----------------------------------------------------------------------------------------------

    def _member(self, outer: Layout, field: Field, pen: Pen) -> str:
        self._members_left -= 1
        if self._members_left < 0:
            raise FormatError(
                f"more than {MAX_MEMBERS:,} members once expanded", section="types", type_id=outer.type_id
            )
        offset = field.offset
        base = pen.base
        if base is not None:
            offset += base
            if not outer.is_union:
                base = offset
        boundary = self._boundary(offset, pen) if offset >= (pen.line[0] + 1) * self.layouts.cacheline else ""
        name = printable(field.name)
        parts = None
        if not self.expand:
            key = field.type_id << 8 | (pen.spacing & 0xFF)
            parts = self._columns.get(key)
            if parts is None and key not in self._columns:
                simple = self._simple(field.type_id)
                parts = self._columns[key] = None if simple is None else simple.columns(pen)
        anonymous = packed = False
        if parts is not None:
            left, right, dimensions = parts
            declared = left + name + right
            if dimensions:
                declared += brackets(dimensions, pen)
        else:
            kind, target, target_kind, *_ = self.layouts.facts(field.type_id)
            packed = target_kind == spec.STRUCT and (self.layouts[target].packed or self.layouts.packs(outer, field))
            if kind in _BRACED:
                anonymous = not self._name(field.type_id)
                declared = self._declaration(field.type_id, "", pen.at(base), packed=packed)
                if name:
                    declared += f" {name}" if anonymous or self.expand else name
            else:
                declared = self._declaration(field.type_id, name, pen.at(base), packed=packed)
        if field.bits:
            declared += f":{field.bits}"
        forced = f" __attribute__((__aligned__({field.alignment})))" if field.alignment else ""
        declared += forced + ";"
        if anonymous:  # the braces end on a line of their own
            width = pen.spacing + pen.wide - 3 - len(forced) - (len(name) if name else -1)
            width = abs(width - 28 if packed else width)
        else:
            width = pen.spacing + pen.wide - len(declared)
        space = " " * width if width > 0 else " "
        if field.bits:
            return f"{boundary}{declared}{space}/* {offset:5}:{field.first_bit:2} {field.size:2} */"
        return f"{boundary}{declared}{space}/* {offset:5} {field.size:5} */"

    def _boundary(self, offset: int, pen: Pen) -> str:
        """The line that marks the start of a cache line, here or within the previous member."""
        number, into = divmod(offset, self.layouts.cacheline)
        pen.line[0] = number
        ago = f" was {counted(into, 'byte')} ago" if into else ""
        return f"/* --- cacheline {number} boundary ({offset - into} bytes){ago} --- */\n{pen.tabs}"

    def _declaration(self, type_id: int, name: str, pen: Pen, *, packed: bool = False) -> str:
        """A member's declaration without bit size, attributes and semicolon."""
        if not self.expand:
            parts = self._simple(type_id)
            if parts is not None:
                return parts.join(name, pen)
        lead = ""
        if self.expand and self.btf.kind(type_id) == spec.TYPEDEF:
            through: list[str] = []
            while self.btf.kind(type_id) == spec.TYPEDEF and len(through) <= MAX_CHAIN:
                through.append(self._name(type_id))
                type_id = self.btf.word(type_id, 2)
            lead = f"/* typedef {' -> '.join(through)} */ "
        return lead + self._nested(type_id, name, pen, packed)

    def _nested(self, type_id: int, name: str, pen: Pen, packed: bool) -> str:
        """A declaration that has, or may have, braces in it."""
        btf = self.btf
        lead, type_id, kind = self._leading_const(type_id)
        if lead:
            pen = pen.narrower(len(lead))
        if kind == spec.PTR:
            target = btf.strip(btf.word(type_id, 2), _TYPE_TAG)
            if btf.kind(target) in _BRACED and not self._name(target):
                return lead + self._braces(target, f"* {name}", pen.at(None).narrower(8), packed)
        elif kind == spec.ARRAY:
            dimensions, element = self._dimensions(type_id)
            return lead + self._declaration(element, name, pen, packed=packed) + brackets(dimensions, pen)
        elif kind in _BRACED and (self.expand or not self._name(type_id)):
            return lead + self._braces(type_id, name, pen, packed, statistics=bool(lead))
        parts = self._simple(type_id)
        if parts is None:
            raise FormatError(f"types nested more than {MAX_CHAIN} deep", section="types", type_id=type_id)
        return lead + parts.join(name, pen)

    def _braces(self, type_id: int, name: str, pen: Pen, packed: bool, *, statistics: bool = False) -> str:
        kind = self.btf.kind(type_id)
        if kind in spec.ENUMS:
            return self._enum(type_id, name, pen)
        if len(pen.tabs) > MAX_DEPTH:
            raise FormatError(f"structs nested more than {MAX_DEPTH} deep", section="types", type_id=type_id)
        found = self.layouts[type_id]
        if kind == spec.UNION:
            return self._union(found, pen.narrower(8), name)
        return self._struct(found, pen.narrower(8), packed or found.packed, name, statistics=statistics)

    def _dimensions(self, type_id: int) -> tuple[list[int], int]:
        """The lengths of an array of arrays, the outermost first, and the type of the elements."""
        btf = self.btf
        found: list[int] = []
        while btf.kind(type_id) == spec.ARRAY:
            found.append(btf.word(type_id, 5))
            type_id = btf.word(type_id, 3)
            if len(found) > MAX_CHAIN:
                raise FormatError(f"arrays nested more than {MAX_CHAIN} deep", section="types", type_id=type_id)
        if found[-1] == 0 and btf.kind(type_id) == spec.CONST and len(found) == 1:
            type_id = btf.word(type_id, 2)
        return found, type_id

    def _enum(self, type_id: int, name: str, pen: Pen) -> str:
        view: Any = self.btf[type_id]
        shown = self._name(type_id)
        lead = f"enum {shown}" if shown else "enum"
        values = [(printable(each.name), each.value) for each in view.enumerators]
        if not values:
            return lead
        width = max(len(label) for label, _ in values)
        rows = "".join(f"{pen.tabs}\t{label:{width}} = {value},\n" for label, value in values)
        small = "" if self.btf.word(type_id, 2) == 4 else " __attribute__((__packed__))"
        return f"{lead} {{\n{rows}{pen.tabs}}}{small}{' ' + name if name else ''}"

    # ---- types without braces ----------------------------------------------------------------------------------

    def _name(self, type_id: int) -> str:
        """The name of a type, safe to show."""
        found = self._names.get(type_id)
        if found is None:
            found = self._names[type_id] = printable(self.btf.name(type_id))
        return found

    def _leading_const(self, type_id: int) -> tuple[str, int, int]:
        """Every "const " at the start of a declaration, and the id and kind of the type after them and type tags."""
        lead = ""
        for _ in range(MAX_CHAIN):
            kind = self.btf.kind(type_id)
            target = self.btf.word(type_id, 2) if kind in (spec.CONST, spec.TYPE_TAG) else 0
            if kind != spec.TYPE_TAG and not target:
                return lead, type_id, kind
            lead += "const " if kind == spec.CONST else ""
            type_id = target
        raise FormatError("a cycle of types", section="types", type_id=type_id)

    def _simple(self, type_id: int) -> Parts | None:
        """The parts of a declaration without braces; None if it has braces."""
        if type_id not in self._parts:
            self._parts[type_id] = self._make_parts(type_id)
        return self._parts[type_id]

    def _make_parts(self, type_id: int) -> Parts | None:
        btf = self.btf
        lead, type_id, kind = self._leading_const(type_id)
        if kind == spec.ARRAY:
            dimensions, element = self._dimensions(type_id)
            parts = self._simple(element)
            return None if parts is None else parts.array(lead, dimensions)
        if kind in _TAGS:
            name = self._name(type_id)
            return Parts(lead + _TAGS[kind], name, "", "") if name else None
        if kind == spec.FUNC_PROTO:
            return Parts(lead, self._type(btf.word(type_id, 2)), "(", f"){self._parameters(type_id, 0)}")
        if kind == spec.PTR:
            target = btf.strip(btf.word(type_id, 2), _TYPE_TAG)
            target_kind = btf.kind(target)
            if target_kind == spec.FUNC_PROTO:
                return Parts(lead, self._type(btf.word(target, 2)), "(*", f"){self._parameters(target, 0)}")
            if target_kind in _BRACED and not self._name(target):
                return None
        return Parts(lead, self._type(type_id), "", "")

    def _type(self, type_id: int, depth: int = 0) -> str:
        """A type as pahole writes it without braces: "struct file *", "const char  *"."""
        return self._cached(self._spelled, self._make_type, type_id, depth + 1)

    def _cached(self, cache: dict[int, str], make: Callable[[int, int], str], type_id: int, depth: int) -> str:
        """The result of `make`, made once; raises FormatError if it is nested too deep or too long."""
        found = cache.get(type_id)
        if found is None:
            if depth > MAX_DEPTH:
                raise FormatError(f"types nested more than {MAX_DEPTH} deep", section="types", type_id=type_id)
            found = cache[type_id] = make(type_id, depth)
            if len(found) > MAX_TEXT:
                raise FormatError(f"declaration of more than {MAX_TEXT:,} characters", section="types", type_id=type_id)
        return found

    def _make_type(self, type_id: int, depth: int) -> str:
        btf = self.btf
        kind = btf.kind(type_id)
        if kind == 0:
            return "void"
        if kind == spec.PTR:
            target = btf.word(type_id, 2)
            qualifier = ""
            if btf.kind(target) == spec.CONST and btf.kind(btf.word(target, 2)) == spec.PTR:
                qualifier = "const "
                target = btf.word(target, 2)
            return f"{self._type(target, depth)} {qualifier}*"
        if kind in _QUALIFIERS:
            return f"{_QUALIFIERS[kind]}{self._type(btf.word(type_id, 2), depth)} "
        if kind == spec.RESTRICT:
            return f"{self._type(btf.word(type_id, 2), depth)} restrict "
        if kind in (spec.TYPE_TAG, spec.DECL_TAG):
            return self._type(btf.word(type_id, 2), depth)
        if kind == spec.ARRAY:
            return self._type(btf.word(type_id, 3), depth)
        if kind == spec.FUNC_PROTO:
            return f"{self._type(btf.word(type_id, 2), depth)} (){self._parameters(type_id, depth)}"
        name = self._name(type_id)
        if kind == spec.FWD:
            return f"{keyword(btf, type_id)} {name}"
        if kind in (spec.INT, spec.FLOAT):
            return name or "nameless base type!"
        return _TAGS.get(kind, "") + name

    def _parameters(self, type_id: int, depth: int) -> str:
        """The parameters of a prototype, in parentheses."""
        return self._cached(self._parameter_lists, self._make_parameters, type_id, depth + 1)

    def _make_parameters(self, type_id: int, depth: int) -> str:
        btf = self.btf
        layer, at = btf.locate(type_id)
        words = layer.words
        shown: list[str] = []
        variadic = ""
        for p in range(at + 3, at + 3 + 2 * (words[at + 1] & spec.MAX_VLEN), 2):
            name = printable(text(btf.string(words[p])))
            param = words[p + 1]
            if param == 0:
                variadic = ", ..."
                continue
            target = btf.word(param, 2) if btf.kind(param) == spec.PTR else 0
            if btf.kind(target) == spec.FUNC_PROTO:
                shown.append(f"{self._type(btf.word(target, 2), depth)} (*{name}){self._parameters(target, depth)}")
            else:
                shown.append(f"{self._type(param, depth)}{' ' + name if name else ''}")
        return f"({', '.join(shown)}{variadic})" if shown else "(void)"


_COLOURS = (
    ("/* XXX ", "\x1b[1;31m"),
    ("/* --- cacheline ", "\x1b[36m"),
    ("/* padding: ", "\x1b[31m"),
    ("/* bit_padding: ", "\x1b[31m"),
)


def coloured(picture: str) -> str:
    """A picture for a terminal: holes and padding red, cache lines cyan, statistics dim."""
    lines = picture.split("\n")
    for number, line in enumerate(lines):
        bare = line.lstrip("\t")
        if bare.startswith("/* "):
            colour = next((colour for start, colour in _COLOURS if bare.startswith(start)), "\x1b[2m")
            lines[number] = f"{line[: len(line) - len(bare)]}{colour}{bare}\x1b[0m"
    return "\n".join(lines)
