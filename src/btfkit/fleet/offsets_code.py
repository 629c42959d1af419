"""A table of offsets as source code that a program includes: C, Go or Rust.

Each language gets two types and one array: a place (of a member), and a kernel with one place for each path.  Absent members
have offset -1.
"""

from __future__ import annotations

import re

from btfkit.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.fleet.offsets import Cell, OffsetTable, Question

_KEY = ("distro", "release", "arch", "uname")


def code_lines(table: OffsetTable, language: str) -> Iterator[str]:
    """The source code, in "c", "go" or "rust"."""
    return _LANGUAGES[language](table)


def identifiers(questions: Sequence[Question]) -> list[str]:
    """A name for each question: letters, digits and underscores, each once, and none of a column of the kernel."""
    taken = set(_KEY)
    found = []
    for question in questions:
        plain = "m_" + name if (name := _identifier(question.label))[0].isdigit() else name
        unique, number = plain, 2
        while unique in taken or unique in _RESERVED:
            unique = f"{plain}_{number}"
            number += 1
        taken.add(unique)
        found.append(unique)
    return found


# Keywords of the three languages that a struct could be called (a path with a dot is never one word).
_KEYWORDS = """as async auto await become box break case char const continue crate default do double dyn else enum extern false
    final float fn for go goto if impl import in inline int interface let long loop macro match mod move mut override package priv
    pub range ref register restrict return self short signed sizeof static struct super switch trait true try type typedef
    typeof union unsafe unsigned unsized use var virtual void volatile where while yield"""
_RESERVED = frozenset(_KEYWORDS.split())


def _identifier(path: str) -> str:
    word = path.removeprefix("struct ").removeprefix("union ")
    return re.sub(r"[^A-Za-z0-9_]+", "_", word.replace("].", "_").replace("]", "")) or "member"


def _quoted(text: str) -> str:
    """A string literal of all three languages."""
    safe = printable(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{safe}"' if safe.isascii() else '"' + safe.encode("ascii", "replace").decode() + '"'


def _comment(table: OffsetTable, names: Sequence[str]) -> Iterator[str]:
    """The lines of the comment at the top."""
    yield "Made by btfkit offset: places of members by kernel. Offset -1: the kernel does not have it."
    for name, question in zip(names, table.questions, strict=True):
        yield f"{name}: {_one_line(' or '.join(question.paths))}"


def _one_line(text: str) -> str:
    return printable(text).replace("\\", "/")  # at the end of a line, it would continue a comment of C


def _numbers(cell: Cell | None) -> tuple[int, ...]:
    """Offset, size, bit, bits and alternative."""
    return (cell.offset, cell.size, cell.bit, cell.bits, cell.alternative) if cell else (-1, -1, 0, 0, -1)


def _rows(table: OffsetTable) -> Iterator[tuple[list[str], list[tuple[int, ...]]]]:
    """The parts of the key as literals, and the numbers of each place, for each kernel that was read."""
    for column in table.usable:
        key = [_quoted(part) for part in table.columns[column].key.parts]
        yield key, [_numbers(row[column]) for row in table.cells]


def _list(values: Sequence[object]) -> str:
    return ", ".join(map(str, values))


def _c(table: OffsetTable) -> Iterator[str]:
    names = identifiers(table.questions)
    for line in _comment(table, names):
        yield f"// {line}"
    yield "#include <stdint.h>"
    yield ""
    yield "struct member_place {"
    yield "\tint32_t offset, size; // bytes"
    yield "\tuint8_t bit, bits; // of a bitfield: the first bit of the byte at offset, and their number"
    yield "\tint8_t alternative; // which of several paths"
    yield "};"
    yield ""
    yield "struct kernel_offsets {"
    yield f"\tconst char *{', *'.join(_KEY)};"
    yield from (f"\tstruct member_place {name};" for name in names)
    yield "};"
    yield ""
    yield f"#define KERNEL_OFFSETS {len(table.usable)}"
    yield "static const struct kernel_offsets kernel_offsets[] = {"
    for key, places in _rows(table):
        yield f"\t{{{_list(key)}, {_list(['{' + _list(place) + '}' for place in places])}}},"
    yield "};"


def _go(table: OffsetTable) -> Iterator[str]:
    names = [
        "".join(part[:1].upper() + part[1:] for part in name.split("_")) or "Member"
        for name in identifiers(table.questions)
    ]
    names = [name if names.count(name) == 1 else f"{name}_{number}" for number, name in enumerate(names)]
    for line in _comment(table, names):
        yield f"// {line}"
    yield ""
    yield "package offsets"
    yield ""
    yield "// Place is a place of a member, in bytes; Bit and Bits those of a bitfield, Alternative which of several paths."
    yield "type Place struct {"
    yield "\tOffset, Size int32"
    yield "\tBit, Bits    uint8"
    yield "\tAlternative  int8"
    yield "}"
    yield ""
    yield "// Kernel has the places of all members on one kernel."
    yield "type Kernel struct {"
    yield f"\t{', '.join(part.capitalize() for part in _KEY)} string"
    yield ""
    width = max(map(len, names), default=0)
    yield from (f"\t{name.ljust(width)} Place" for name in names)
    yield "}"
    yield ""
    yield "// Kernels are all kernels that were asked."
    yield "var Kernels = []Kernel{"
    for key, places in _rows(table):
        yield f"\t{{{_list(key)}, {_list(['Place{' + _list(place) + '}' for place in places])}}},"
    yield "}"


def _rust(table: OffsetTable) -> Iterator[str]:
    names = [re.sub("_+", "_", name.lower()) for name in identifiers(table.questions)]
    names = [name if names.count(name) == 1 else f"{name}_{number}" for number, name in enumerate(names)]
    for line in _comment(table, names):
        yield f"// {line}"
    yield ""
    yield "/// The place of a member, in bytes; `bit` and `bits` those of a bitfield, `alternative` which of several paths."
    yield "#[derive(Clone, Copy, Debug, PartialEq, Eq)]"
    yield "pub struct Place {"
    for name, kind in ("offset", "i32"), ("size", "i32"), ("bit", "u8"), ("bits", "u8"), ("alternative", "i8"):
        yield f"    pub {name}: {kind},"
    yield "}"
    yield ""
    yield "/// The places of all members on one kernel."
    yield "#[derive(Clone, Copy, Debug, PartialEq, Eq)]"
    yield "pub struct Kernel {"
    yield from (f"    pub {name}: &'static str," for name in _KEY)
    yield from (f"    pub {name}: Place," for name in names)
    yield "}"
    yield ""
    yield f"pub static KERNELS: [Kernel; {len(table.usable)}] = ["
    labels = ("offset", "size", "bit", "bits", "alternative")
    for key, places in _rows(table):
        parts = [f"{name}: {value}" for name, value in zip(_KEY, key, strict=True)]
        for name, place in zip(names, places, strict=True):
            inner = ", ".join(f"{label}: {number}" for label, number in zip(labels, place, strict=True))
            parts.append(f"{name}: Place {{ {inner} }}")
        yield f"    Kernel {{ {', '.join(parts)} }},"
    yield "];"


_LANGUAGES = {"c": _c, "go": _go, "rust": _rust}
