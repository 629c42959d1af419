"""ELF files with DWARF 5 without a compiler: units are written DIE by DIE."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

COMPILE_UNIT, TYPE_UNIT, PARTIAL_UNIT = 0x11, 0x41, 0x3C
BASE, POINTER, CONST, TYPEDEF, STRUCT, UNION, ENUM, ARRAY, PROTO = 0x24, 0x0F, 0x26, 0x16, 0x13, 0x17, 0x04, 0x01, 0x15
MEMBER, ENUMERATOR, SUBRANGE, PARAMETER, SUBPROGRAM, VARIABLE, INLINED, BLOCK, IMPORT, LABEL = (
    *(0x0D, 0x28, 0x21, 0x05, 0x2E, 0x34, 0x1D, 0x0B, 0x3D, 0x0A),
)
LOCATION, NAME, BYTE_SIZE, LOW_PC, HIGH_PC, LANGUAGE, IMPORTED, CONST_VALUE, INLINE, PRODUCER, UPPER = (
    *(0x02, 0x03, 0x0B, 0x11, 0x12, 0x13, 0x18, 0x1C, 0x20, 0x25, 0x2F),
)
ORIGIN, OFFSET, DECLARATION, ENCODING, EXTERNAL, SPECIFICATION, TYPE, RANGES = (
    *(0x31, 0x38, 0x3C, 0x3E, 0x3F, 0x47, 0x49, 0x55),
)
F_ADDR, F_DATA1, F_DATA4, F_STRP, F_UDATA, F_REF_ADDR, F_REF4, F_SEC, F_EXPR, F_FLAG, F_SIG = (
    *(0x01, 0x0B, 0x06, 0x0E, 0x0F, 0x10, 0x13, 0x17, 0x18, 0x19, 0x20),
)
TEXT, PERCPU = 0x1000, 0x40000000  # addresses of .text and .data..percpu


class Die:
    """An entry: `tag`, `attributes` as (attribute, form, value), `children`; its `offset` in .debug_info once it is laid out."""

    __slots__ = ("attributes", "children", "code", "offset", "tag")

    def __init__(self, tag: int, *attributes: tuple[int, int, Any]) -> None:
        self.tag = tag
        self.attributes = list(attributes)
        self.children: list[Die] = []
        self.code = self.offset = 0

    def add(self, tag: int, *attributes: tuple[int, int, Any]) -> Die:
        """Add a child."""
        self.children.append(Die(tag, *attributes))
        return self.children[-1]


class Abbreviations:
    """A table that units may share: `more` entries that nothing uses come first."""

    def __init__(self, more: int = 0) -> None:
        self.codes: dict[object, int] = {("unused", number): number for number in range(1, more + 1)}
        self.data = bytearray()
        for number in range(1, more + 1):
            self.data += uleb(number) + bytes((LABEL, 0)) + uleb(NAME) + uleb(F_STRP) + b"\0\0"
        self.offset = 0

    def code(self, die: Die) -> int:
        key = die.tag, bool(die.children), tuple((at, form) for at, form, _ in die.attributes)
        if key not in self.codes:
            number = self.codes[key] = len(self.codes) + 1
            self.data += uleb(number) + uleb(die.tag) + bytes((bool(die.children),))
            for at, form, _ in die.attributes:
                self.data += uleb(at) + uleb(form)
            self.data += b"\0\0"
        return self.codes[key]


class Unit:
    """A unit: its own DIE `root`, its table, and the signature and the type DIE of a type unit."""

    def __init__(self, table: Abbreviations, kind: int = COMPILE_UNIT) -> None:
        self.table = table
        self.root = Die(kind, (NAME, F_STRP, "a.c"), (PRODUCER, F_STRP, "GNU C11 13"), (LANGUAGE, F_DATA1, 0x0C))
        self.signature = 0
        self.type: Die | None = None
        self.start = 0
        self.int = self.base("int", 4, 5)

    def base(self, name: str, size: int, encoding: int) -> Die:
        return self.root.add(BASE, (NAME, F_STRP, name), (BYTE_SIZE, F_DATA1, size), (ENCODING, F_DATA1, encoding))

    def pointer(self, to: Die | None, tag: int = POINTER) -> Die:
        return self.root.add(tag, *(() if to is None else ((TYPE, F_REF4, to),)))

    def typedef(self, name: str, to: Die) -> Die:
        return self.root.add(TYPEDEF, (NAME, F_STRP, name), (TYPE, F_REF4, to))

    def struct(self, name: str, size: int, *members: tuple[str, Die], tag: int = STRUCT) -> Die:
        die = self.root.add(tag, (NAME, F_STRP, name), (BYTE_SIZE, F_UDATA, size))
        for number, (member, type_) in enumerate(members):
            die.add(MEMBER, (NAME, F_STRP, member), (TYPE, F_REF4, type_), (OFFSET, F_UDATA, 8 * number))
        return die

    def declared(self, name: str) -> Die:
        return self.root.add(STRUCT, (NAME, F_STRP, name), (DECLARATION, F_FLAG, True))

    def function(self, name: str, address: int, *parameters: tuple[str, Die], location: Any = None) -> Die:
        die = self.root.add(SUBPROGRAM, (NAME, F_STRP, name), (EXTERNAL, F_FLAG, True), (LOW_PC, F_ADDR, address))
        for number, (parameter, type_) in enumerate(parameters):
            place = (LOCATION, F_EXPR, bytes((0x50 + (5, 4, 1, 2, 8, 9)[number % 6],)))
            die.add(PARAMETER, (NAME, F_STRP, parameter), (TYPE, F_REF4, type_), location or place)
        return die


class File:
    """A file in the making: `units`, `symbols` as (name, address, kind), further sections."""

    def __init__(self, unused: int = 0) -> None:
        self.table = Abbreviations(unused)
        self.units: list[Unit] = []
        self.symbols: list[tuple[str, int, int]] = []
        self.sections: dict[str, bytes] = {}
        self.percpu = 0  # bytes of .data..percpu, at PERCPU
        self._strings: dict[str, int] = {}
        self._pool = bytearray()

    def unit(self, table: Abbreviations | None = None, kind: int = COMPILE_UNIT) -> Unit:
        self.units.append(Unit(table or self.table, kind))
        return self.units[-1]

    def function(self, unit: Unit, name: str, *parameters: tuple[str, Die], location: Any = None) -> Die:
        """A function with its symbol."""
        address = TEXT + 16 * len(self.symbols)
        self.symbols.append((name, address, 2))
        return unit.function(name, address, *parameters, location=location)

    def string(self, text: str) -> int:
        if text not in self._strings:
            self._strings[text] = len(self._pool)
            self._pool += text.encode() + b"\0"
        return self._strings[text]

    def to_bytes(self) -> bytes:
        at = 0
        for unit in self.units:
            unit.start = at
            header = 24 if unit.root.tag == TYPE_UNIT else 12
            at = self._place(unit, at + header)
        tables = list({id(unit.table): unit.table for unit in self.units}.values())
        abbreviations = bytearray()
        for table in tables:
            table.offset = len(abbreviations)
            abbreviations += table.data + b"\0"
        info = bytearray()
        for unit in self.units:
            body = bytearray()
            self._write(unit, body)
            kind = {COMPILE_UNIT: 1, TYPE_UNIT: 2, PARTIAL_UNIT: 3}[unit.root.tag]
            head = struct.pack("<HBBI", 5, kind, 8, unit.table.offset)
            if unit.type is not None:
                head += struct.pack("<QI", unit.signature, unit.type.offset - unit.start)
            info += struct.pack("<I", len(head) + len(body)) + head + body
        return self._elf(info, abbreviations)

    def _place(self, unit: Unit, at: int) -> int:
        for die in _walk(unit.root):
            if die is None:
                at += 1
                continue
            die.offset = at
            die.code = unit.table.code(die)
            at += len(uleb(die.code)) + sum(_size(form, value) for _, form, value in die.attributes)
        return at

    def _write(self, unit: Unit, out: bytearray) -> None:
        for die in _walk(unit.root):
            if die is None:
                out.append(0)
                continue
            out += uleb(die.code)
            for _, form, value in die.attributes:
                out += self._value(unit, form, value)

    def _value(self, unit: Unit, form: int, value: Any) -> bytes:
        match form:
            case 0x0E:
                return struct.pack("<I", self.string(value))
            case 0x0F:
                return uleb(value)
            case 0x13:
                return struct.pack("<I", value.offset - unit.start)
            case 0x10:
                return struct.pack("<I", value.offset)
            case 0x18:
                return uleb(len(value)) + bytes(value)
            case 0x19:
                return b""
        return struct.pack({F_ADDR: "<Q", F_SIG: "<Q", F_DATA1: "<B"}.get(form, "<I"), value)

    def _elf(self, info: bytes, abbreviations: bytes) -> bytes:
        strings, rows = bytearray(1), bytearray(24)
        for name, address, kind in self.symbols:
            rows += struct.pack("<IBBHQQ", len(strings), 0x10 | kind, 0, 1 if kind == 2 else 2, address, 8)
            strings += name.encode() + b"\0"
        size = 16 * len(self.symbols) + 16
        found = [
            (".text", 8, 6, b"", TEXT, size, 0, 0),
            (".data..percpu", 8, 3, b"", PERCPU, self.percpu, 0, 0),
            (".debug_info", 1, 0, info, 0, 0, 0, 0),
            (".debug_abbrev", 1, 0, abbreviations, 0, 0, 0, 0),
            (".debug_str", 1, 0, self._pool, 0, 0, 0, 0),
            *((name, 1, 0, data, 0, 0, 0, 0) for name, data in self.sections.items()),
        ]
        found.append((".strtab", 3, 0, strings, 0, 0, 0, 0))
        found.append((".symtab", 2, 0, rows, 0, 0, len(found), 24))
        names = bytearray(1)
        body, table = bytearray(), bytearray(64)
        found.append((".shstrtab", 3, 0, names, 0, 0, 0, 0))
        offsets = []
        for name, *_ in found:
            offsets.append(len(names))
            names += name.encode() + b"\0"
        for name_at, (_, kind, flags, data, address, size, link, entry) in zip(offsets, found, strict=True):
            body += bytes(-len(body) % 8)
            row = (
                name_at,
                kind,
                flags,
                address,
                64 + len(body),
                size or len(data),
                link,
                1 if kind == 2 else 0,
                8,
                entry,
            )
            table += struct.pack("<IIQQQQIIQQ", *row)
            body += data
        body += bytes(-len(body) % 8)
        count = len(found) + 1
        ident = b"\x7fELF\x02\x01\x01" + bytes(9)
        head = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, 64 + len(body), 0, 64, 56, 0, 64, count, count - 1)
        return ident + head + bytes(body) + bytes(table)


def _walk(root: Die) -> Iterator[Die | None]:
    """All DIEs in their order, None for the end of the children of one."""
    stack: list[Die | None] = [root]
    while stack:
        die = stack.pop()
        yield die
        if die is not None and die.children:
            stack.append(None)
            stack += reversed(die.children)


def _size(form: int, value: Any) -> int:
    if form == F_UDATA:
        return len(uleb(value))
    if form == F_EXPR:
        return len(uleb(len(value))) + len(value)
    return {F_ADDR: 8, F_SIG: 8, F_DATA1: 1, F_FLAG: 0}.get(form, 4)


def uleb(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
