"""Read the sections and symbols of ELF files of both classes and byte orders (`elf_write` writes sections).

A run opens a BPF object thousands of times, so nothing is copied and little is read: section headers are unpacked in one
call, and names are compared without decoding them.  Every extent is checked before its bytes are returned.  Format: System V
gABI, chapter 4.  Rule for BTF sections: libbpf 1.8-dev, btf_find_elf_sections (the last one of a name, SHT_PROGBITS).
"""

from __future__ import annotations

from os.path import basename, splitext
from struct import calcsize, iter_unpack, unpack_from

from btfkit.errors import FormatError, NotFoundError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from mmap import mmap
    from typing import Literal

    from btfkit.files.large_file import LargeFile, Part

    Data = bytes | bytearray | memoryview | mmap
    Row = tuple[int, int, int, int, int, int, int, int, int, int]

MAGIC = b"\x7fELF"
EM_BPF = 247
ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
SHT_NULL, SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_RELA = 0, 1, 2, 3, 4
SHT_NOBITS, SHT_REL, SHT_DYNSYM, SHT_SYMTAB_SHNDX = 8, 9, 11, 18
SHF_ALLOC, SHF_EXECINSTR, SHF_COMPRESSED = 0x2, 0x4, 0x800
SHN_UNDEF, SHN_LORESERVE, SHN_XINDEX = 0, 0xFF00, 0xFFFF
STT_OBJECT, STT_FUNC, STT_SECTION = 1, 2, 3
STB_LOCAL, STB_GLOBAL, STB_WEAK = 0, 1, 2
BTF_SECTIONS = (".BTF", ".BTF.ext", ".BTF.base")

MAX_SECTIONS = 1 << 18  # in a file; a header has 40 bytes in the file and some 400 in memory
MAX_NAME = 1 << 14  # bytes of one section's or symbol's name

# Section headers have the same order of fields in both classes; other records do not.
SHDR = {32: "IIIIIIIIII", 64: "IIQQQQIIQQ"}
_EHDR = {32: "HHIIIIIHHHHHH", 64: "HHIQQQIHHHHHH"}  # from byte 16
_SYM = {32: "IIIBBH", 64: "IBBHQQ"}
_CHDR = {32: "III", 64: "IIQQ"}
EHDR_SIZE = {32: 52, 64: 64}
SHDR_SIZE = {32: 40, 64: 64}
PHDR_SIZE = {32: 32, 64: 56}
SHOFF_AT = {32: (32, "I"), 64: (40, "Q")}
SHNUM_AT = {32: 48, 64: 60}  # e_shnum, then e_shstrndx

SH_NAME, SH_TYPE, SH_FLAGS, SH_ADDR, SH_OFFSET, SH_SIZE, SH_LINK, SH_INFO, SH_ALIGN, SH_ENTSIZE = range(10)

_SUFFIXES = (".o", ".elf", ".exe", ".so", ".debug", ".bin", ".bpf", ".elf-with-skeleton")


class Section:
    """A section header: sizes, offsets and alignment in bytes; `link` and `info` are section indexes for most types."""

    __slots__ = ("addr", "align", "entsize", "flags", "index", "info", "link", "name", "offset", "size", "type")

    def __init__(self, index: int, name: str, row: Row) -> None:
        self.index = index
        self.name = name
        _, self.type, self.flags, self.addr, self.offset, self.size = row[:6]
        self.link, self.info, self.align, self.entsize = row[6:]

    def __repr__(self) -> str:
        return f"<Section {self.index} {self.name!r}: type {self.type}, {self.size} bytes at {self.offset:#x}>"


class Symbol:
    """A symbol: `section` is a section's index (SHN_XINDEX resolved), or a reserved number from 0xff00 on."""

    __slots__ = ("bind", "name", "section", "size", "type", "value", "visibility")

    def __init__(self, name: str, value: int, size: int, info: int, other: int, section: int) -> None:
        self.name = name
        self.value = value
        self.size = size
        self.type = info & 15
        self.bind = info >> 4
        self.visibility = other & 3
        self.section = section

    def __repr__(self) -> str:
        return f"<Symbol {self.name!r}: {self.size} bytes at {self.value:#x} of section {self.section}>"


class Elf:
    """An ELF file in `data`, which is not copied.

    `bits` is 32 or 64, `order` "little" or "big", `machine` and `type` are the header's numbers (EM_BPF, ET_REL...), `view` is
    the whole file.  Raises FormatError if the ELF header is not valid; everything else is read on demand, and may raise it too.
    """

    __slots__ = (
        "_large",
        "_names",
        "_rows",
        "_sections",
        "_shnum",
        "_view",
        "bits",
        "machine",
        "mark",
        "order",
        "phnum",
        "phoff",
        "shoff",
        "shstrndx",
        "source",
        "type",
    )

    def __init__(self, data: Data, source: str = "ELF file") -> None:
        view = memoryview(data)
        if view.format != "B" or view.ndim != 1:
            view = view.cast("B")
        self._view = view
        self._large: LargeFile | None = data if hasattr(data, "fetch") else None  # type: ignore[assignment]
        self._need(0, EHDR_SIZE[64])
        self.source = source
        if view[:4] != MAGIC:
            start = bytes(view[:4]).hex(" ") or "nothing"
            raise FormatError(f"not an ELF file: begins with {start}, not 7f 45 4c 46", source=source, offset=0)
        if len(view) < 6 or view[4] not in (1, 2) or view[5] not in (1, 2):
            raise self._bad(f"class and byte order {bytes(view[4:6]).hex(' ')}: each must be 01 or 02", 4)
        self.bits: Literal[32, 64] = 64 if view[4] == 2 else 32
        self.order: Literal["little", "big"] = "little" if view[5] == 1 else "big"
        self.mark = "<" if view[5] == 1 else ">"
        if len(view) < EHDR_SIZE[self.bits]:
            raise self._bad(f"truncated ELF header: {len(view)} bytes, need {EHDR_SIZE[self.bits]}", len(view))
        header = unpack_from(self.mark + _EHDR[self.bits], view, 16)
        self.type: int = header[0]
        self.machine: int = header[1]
        self.phoff: int = header[4]
        self.shoff: int = header[5]
        self.phnum: int = header[9]
        self._shnum: int = header[11]
        self.shstrndx: int = header[12]
        self._rows: list[Row] | None = None
        self._names: bytes | None = None
        self._sections: tuple[Section, ...] | None = None
        if self.shoff and header[10] != SHDR_SIZE[self.bits]:
            raise self._bad(f"section headers of {header[10]} bytes, expected {SHDR_SIZE[self.bits]}", 16)

    def __repr__(self) -> str:
        return f"<Elf {self.source}: {self.bits} bits, {self.order} endian, machine {self.machine}, type {self.type}>"

    @property
    def view(self) -> memoryview:
        """The whole file, not copied."""
        self._need(0, len(self._view))
        return self._view

    def searchable(self) -> Data:
        """The whole file, to be searched: of a large one, parts are read as they are needed."""
        return self._view if self._large is None else self._large

    def _need(self, start: int, end: int) -> None:
        if self._large is not None:
            self._large.fetch(start, end)

    @property
    def sections(self) -> tuple[Section, ...]:
        """All sections in the order of the file, including the empty section 0; raises FormatError."""
        if self._sections is None:
            rows = self.headers()
            self._sections = tuple(Section(i, self._name(row[SH_NAME]), row) for i, row in enumerate(rows))
        return self._sections

    def section(self, name: str) -> Section | None:
        """The last section called `name`, or None; raises FormatError."""
        index = self.index_of(name)
        return None if index is None else Section(index, name, self.headers()[index])

    def data(self, section: Section | str) -> memoryview:
        """The content of `section` (a section of this file, or its name), decompressed if SHF_COMPRESSED.

        Raises NotFoundError if no section has that name, FormatError if the content is outside the file or damaged.
        """
        if isinstance(section, str):
            found = self.section(section)
            if found is None:
                raise NotFoundError(f"no section {section}", source=self.source)
            section = found
        data = self.raw(section)
        return self._unpacked(section, data) if section.flags & SHF_COMPRESSED and data else data

    def raw(self, section: Section) -> memoryview:
        """The content of `section` as it is in the file, not copied; empty for SHT_NOBITS.

        Raises FormatError if it is outside the file.
        """
        data = self.unread(section)
        self._need(section.offset, section.offset + len(data))
        return data

    def unread(self, section: Section) -> memoryview:
        """As `raw`, but of a large file, what is used of the content must be read before, by `part`."""
        if section.type == SHT_NOBITS:
            return memoryview(b"")
        if section.offset + section.size > len(self._view):
            raise FormatError(
                f"{section.size} bytes at {section.offset:#x} extend beyond the end of the file at {len(self._view):#x}:"
                " truncated file, or wrong section headers",
                source=self.source,
                section=section.name or f"section {section.index}",
            )
        return self._view[section.offset : section.offset + section.size]

    def apart(self, section: Section) -> memoryview | Part:
        """As `data`, for content of which slices are used once: of a large file, they are read when they are taken."""
        self.unread(section)
        part = None if section.flags & SHF_COMPRESSED or section.type == SHT_NOBITS else self.part(section)
        return self.data(section) if part is None else part

    def part(self, section: Section) -> Part | None:
        """How parts of the content of a section are read; None if all of it is in memory."""
        if self._large is None:
            return None
        from btfkit.files.large_file import Part

        return Part(self._large, section.offset, section.size)

    def _unpacked(self, section: Section, data: memoryview) -> memoryview:
        from btfkit.files.compression import ENVIRONMENT, unpack, unpack_limit

        form = self.mark + _CHDR[self.bits]
        if len(data) < calcsize(form):
            raise FormatError("truncated compression header", source=self.source, section=section.name)
        fields = unpack_from(form, data)
        kind, size = fields[0], fields[-2]
        limit = unpack_limit()
        if kind not in (1, 2) or size > limit:
            raise UnsupportedError(
                f"compression method {kind}, {size} bytes; supported are 1 (zlib) and 2 (zstd), up to {limit} bytes"
                f" (set {ENVIRONMENT} to raise it)",
                source=self.source,
                section=section.name,
            )
        source = f"{self.source}({section.name})"
        unpacked = unpack(data[calcsize(form) :], source, limit=size, kind=("zlib", "zstd")[kind - 1])
        if len(unpacked) != size:
            raise FormatError(
                f"decompresses to {len(unpacked)} bytes instead of {size}", source=self.source, section=section.name
            )
        return memoryview(unpacked)

    def btf_section(self, name: str) -> memoryview | None:
        """The content of `.BTF`, `.BTF.ext` or `.BTF.base`, or None.

        Raises FormatError if the section is not SHT_PROGBITS (rule: libbpf 1.8-dev, btf_find_elf_sections).
        """
        section = self.section(name)
        if section is None:
            return None
        if section.type != SHT_PROGBITS:
            guess = ": this file has debug information only, the content is in the stripped file"
            raise FormatError(
                f"section type is {section.type}, expected {SHT_PROGBITS} (PROGBITS)"
                + (guess if section.type == SHT_NOBITS else ""),
                source=self.source,
                section=name,
            )
        return self.data(section)

    def symbols(self) -> Iterator[Symbol]:
        """The symbols of `.symtab`, if any, in the order of the file, including number 0; raises FormatError."""
        strings = b""
        for name, value, size, info, other, section in self.symbol_rows():
            strings = strings or self.symbol_strings()
            yield Symbol(_text(strings, name, self.source), value, size, info, other, section)

    def symbols_in(self, *indexes: int) -> Iterator[Symbol]:
        """Those of `symbols` that are in the sections with these numbers; the others cost little."""
        strings = b""
        wanted = frozenset(indexes)
        for name, value, size, info, other, section in self.symbol_rows():
            if section in wanted:
                strings = strings or self.symbol_strings()
                yield Symbol(_text(strings, name, self.source), value, size, info, other, section)

    def functions(self) -> Functions:
        """The functions of the symbol table by place; see `Functions`."""
        return Functions(self)

    def headers(self) -> list[Row]:
        """The section headers as ten numbers each (gABI, Elf64_Shdr), for loops over many; raises FormatError."""
        if self._rows is None:
            self._rows = self._read_table()
        return self._rows

    @property
    def headers_end(self) -> int:
        """The byte where the table of section headers ends; 0 if there is none."""
        return self.shoff + len(self.headers()) * SHDR_SIZE[self.bits] if self.shoff else 0

    # Reading the tables; a row is the ten numbers of a section header.

    def _read_table(self) -> list[Row]:
        size = SHDR_SIZE[self.bits]
        form = self.mark + SHDR[self.bits]
        if self.shoff == 0:
            return []
        if self.shoff + size > len(self._view):
            raise self._bad(
                f"section headers at {self.shoff:#x}, after the end of the file at {len(self._view):#x}: truncated file",
                self.shoff,
            )
        self._need(self.shoff, self.shoff + size)
        first: Row = unpack_from(form, self._view, self.shoff)
        count = self._shnum or first[SH_SIZE]  # gABI: a number that does not fit is in section 0
        if count > MAX_SECTIONS:
            raise self._bad(f"{count} sections, the limit is {MAX_SECTIONS}", self.shoff)
        end = self.shoff + count * size
        if end > len(self._view):
            raise self._bad(
                f"{count} section headers end at {end:#x}, after the end of the file at {len(self._view):#x}:"
                " truncated file",
                self.shoff,
            )
        if self.shstrndx == SHN_XINDEX:
            self.shstrndx = first[SH_LINK]
        self._need(self.shoff, end)
        return list(iter_unpack(form, self._view[self.shoff : end]))

    def name_table(self) -> bytes:
        if self._names is None:
            rows = self.headers()
            if self.shstrndx >= len(rows) > 0:
                raise self._bad(f"section names are in section {self.shstrndx} of {len(rows)}", self.shoff)
            table = b""
            if rows and self.shstrndx:
                table = bytes(self.raw(Section(self.shstrndx, "the table of names", rows[self.shstrndx])))
            self._names = table + b"\0"
        return self._names

    def _name(self, name_off: int) -> str:
        return _text(self.name_table(), name_off, self.source)

    def index_of(self, name: str) -> int | None:
        wanted = name.encode("utf-8", "surrogateescape") + b"\0"
        rows = self.headers()
        names = self.name_table()
        for index in range(len(rows) - 1, 0, -1):
            if names.startswith(wanted, rows[index][SH_NAME]):
                return index
        return None

    def _symbol_table(self) -> int | None:
        return next((i for i, row in enumerate(self.headers()) if row[SH_TYPE] == SHT_SYMTAB), None)

    def symbol_strings(self) -> bytes:
        index = self._symbol_table()
        rows = self.headers()
        link = rows[index][SH_LINK] if index is not None else 0
        if link >= len(rows):
            raise self._bad(f"symbol names are in section {link} of {len(rows)}", self.shoff)
        return bytes(self.raw(Section(link, "the symbols' names", rows[link]))) + b"\0"

    def symbol_rows(self) -> Iterator[tuple[int, int, int, int, int, int]]:
        """(name offset, value, size, info, other, section) of each symbol."""
        index = self._symbol_table()
        if index is None:
            return
        rows = self.headers()
        form = self.mark + _SYM[self.bits]
        data = self.raw(Section(index, ".symtab", rows[index]))
        data = data[: len(data) - len(data) % calcsize(form)]
        far = self._far_sections(index)
        for number, row in enumerate(iter_unpack(form, data)):
            if self.bits == 64:
                name, info, other, section, value, size = row
            else:
                name, value, size, info, other, section = row
            if section == SHN_XINDEX and 4 * number + 4 <= len(far):
                section = unpack_from(self.mark + "I", far, 4 * number)[0]
            yield name, value, size, info, other, section

    def plain_symbols(self) -> memoryview | None:
        """The symbol table as it is in the file, 24 bytes each; None if it has another form: 32 bits, or sections apart."""
        index = self._symbol_table()
        if index is None or self.bits != 64 or len(self._far_sections(index)):
            return None
        data = self.raw(Section(index, ".symtab", self.headers()[index]))
        return data[: len(data) - len(data) % 24]

    def _far_sections(self, symtab: int) -> memoryview:
        """The section indexes that do not fit into 16 bits (SHT_SYMTAB_SHNDX), a u32 for each symbol."""
        for index, row in enumerate(self.headers()):
            if row[SH_TYPE] == SHT_SYMTAB_SHNDX and row[SH_LINK] == symtab:
                return self.raw(Section(index, ".symtab_shndx", row))
        return memoryview(b"")

    def _bad(self, message: str, offset: int) -> FormatError:
        return FormatError(message, source=self.source, section="ELF header", offset=offset)


def _text(table: bytes, offset: int, source: str) -> str:
    """The NUL-ended string at `offset` of a string table that ends with NUL."""
    end = table.find(b"\0", offset, offset + MAX_NAME)
    if end < 0:
        raise FormatError(
            f"name at {offset:#x} of a string table of {len(table) - 1:#x} bytes, or longer than {MAX_NAME} bytes",
            source=source,
        )
    return table[offset:end].decode("utf-8", "surrogateescape")


class Function:
    """A function of an object: `offset` and `size` in bytes, in the section called `section`."""

    __slots__ = ("bind", "name", "offset", "section", "size")

    def __init__(self, name: str, section: str, offset: int, size: int, bind: int) -> None:
        self.name = name
        self.section = section
        self.offset = offset
        self.size = size
        self.bind = bind

    def __repr__(self) -> str:
        return f"<Function {self.name!r}: {self.size} bytes at {self.offset:#x} of {self.section}>"


class Functions:
    """The functions of an object (its STT_FUNC symbols) by place, for messages that name the function of an instruction.

    Those outside `.text` are BPF programs; the name of the section shows what a program attaches to (rule: libbpf 1.8-dev,
    bpf_object__add_programs).
    """

    __slots__ = ("_elf", "_places", "_strings")

    def __init__(self, elf: Elf) -> None:
        self._elf = elf
        self._strings = b""
        self._places: dict[int, list[tuple[int, int, int, int]]] = {}  # by section: offset, size, name offset, bind
        for name, value, size, info, _, section in elf.symbol_rows():
            if info & 15 == STT_FUNC:
                self._places.setdefault(section, []).append((value, size, name, info >> 4))
        for places in self._places.values():
            places.sort()

    def at(self, section: int | str, offset: int) -> Function | None:
        """The function that contains byte `offset` of `section` (index or name), or None."""
        index = self._elf.index_of(section) if isinstance(section, str) else section
        if index is None:
            return None
        from bisect import bisect_right

        places = self._places.get(index, [])
        found = bisect_right(places, offset, key=lambda place: place[0]) - 1
        if found < 0:
            return None
        start, size, _, _ = places[found]
        return self._function(index, places[found]) if offset < start + size else None

    def __iter__(self) -> Iterator[Function]:
        for section in sorted(self._places):
            for place in self._places[section]:
                yield self._function(section, place)

    def _function(self, section: int, place: tuple[int, int, int, int]) -> Function:
        elf = self._elf
        self._strings = self._strings or elf.symbol_strings()
        rows = elf.headers()
        where = elf._name(rows[section][SH_NAME]) if section < len(rows) else ""
        return Function(_text(self._strings, place[2], elf.source), where, place[0], place[1], place[3])


def object_name(source: str) -> str:
    """A short name for the object at the path `source`: the file's name without .bpf.o and the like."""
    name = basename(source) or source
    while True:
        stem, suffix = splitext(name)
        if not stem or suffix.lower() not in _SUFFIXES:
            return name
        name = stem
