"""ELF, as much of it as BTF needs: sections, symbols, and putting sections in, in place or at the end of the file.

A BPF object is opened thousands of times in a run, so nothing is copied and little is looked at: the section headers
are unpacked in one call, and a name is searched among them without decoding any.  Every extent is checked before its
bytes are handed out.  Both classes, both byte orders.  Format: System V gABI, chapter 4; which section counts and what
it must be: libbpf 1.8-dev, btf_find_elf_sections (the last one of a name wins, and it has to be SHT_PROGBITS).
"""

from __future__ import annotations

from os.path import basename, splitext
from struct import calcsize, iter_unpack, pack, pack_into, unpack_from

from btfkit.errors import FormatError, NotFoundError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from mmap import mmap
    from typing import Literal

    Data = bytes | bytearray | memoryview | mmap
    Row = tuple[int, int, int, int, int, int, int, int, int, int]

MAGIC = b"\x7fELF"
EM_BPF = 247
ET_REL, ET_EXEC, ET_DYN = 1, 2, 3
SHT_NULL, SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_RELA = 0, 1, 2, 3, 4
SHT_NOBITS, SHT_REL, SHT_DYNSYM, SHT_SYMTAB_SHNDX = 8, 9, 11, 18
SHF_ALLOC, SHF_EXECINSTR, SHF_COMPRESSED = 0x2, 0x4, 0x800
SHN_UNDEF, SHN_LORESERVE, SHN_XINDEX = 0, 0xFF00, 0xFFFF
STT_OBJECT, STT_FUNC, STT_SECTION = 1, 2, 3
STB_LOCAL, STB_GLOBAL, STB_WEAK = 0, 1, 2
BTF_SECTIONS = (".BTF", ".BTF.ext", ".BTF.base")

MAX_SECTIONS = 1 << 18  # of one file; a header is 40 bytes of file and some 400 of memory
MAX_NAME = 1 << 14  # bytes of one section's or symbol's name

# The fields of a section header stand in the same order in both classes; those of the others do not.
_SHDR = {32: "IIIIIIIIII", 64: "IIQQQQIIQQ"}
_EHDR = {32: "HHIIIIIHHHHHH", 64: "HHIQQQIHHHHHH"}  # from byte 16
_SYM = {32: "IIIBBH", 64: "IBBHQQ"}
_CHDR = {32: "III", 64: "IIQQ"}
_EHDR_SIZE = {32: 52, 64: 64}
_SHDR_SIZE = {32: 40, 64: 64}
_PHDR_SIZE = {32: 32, 64: 56}
_SHOFF_AT = {32: (32, "I"), 64: (40, "Q")}
_SHNUM_AT = {32: 48, 64: 60}  # e_shnum, then e_shstrndx

_NAME, _TYPE, _FLAGS, _ADDR, _OFFSET, _SIZE, _LINK, _INFO, _ALIGN, _ENTSIZE = range(10)

_SIGNATURE_MAGIC = b"~Module signature appended~\n"
_SIGNATURE_INFO = 12  # bytes of struct module_signature


_SUFFIXES = (".o", ".elf", ".exe", ".so", ".debug", ".bin", ".bpf", ".elf-with-skeleton")


class Section:
    """One section header: sizes, offsets and alignment in bytes; `link` and `info` are mostly section indexes."""

    __slots__ = ("addr", "align", "entsize", "flags", "index", "info", "link", "name", "offset", "size", "type")

    def __init__(self, index: int, name: str, row: Row) -> None:
        self.index = index
        self.name = name
        _, self.type, self.flags, self.addr, self.offset, self.size = row[:6]
        self.link, self.info, self.align, self.entsize = row[6:]

    def __repr__(self) -> str:
        return f"<Section {self.index} {self.name!r}: type {self.type}, {self.size} bytes at {self.offset:#x}>"


class Symbol:
    """One symbol: `section` is a section's index (SHN_XINDEX resolved), or one of the reserved numbers from 0xff00."""

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
    """An ELF file over `data`, of which nothing is copied.

    `bits` is 32 or 64, `order` "little" or "big", `machine` and `type` the header's numbers (EM_BPF, ET_REL...), `view`
    the whole file as a memoryview.  Raises FormatError where `data` does not begin with a whole ELF header; what lies
    behind the header is looked at, and may raise FormatError, when it is asked for.
    """

    __slots__ = (
        "_names",
        "_rows",
        "_sections",
        "_shnum",
        "_shoff",
        "_shstrndx",
        "bits",
        "machine",
        "mark",
        "order",
        "phnum",
        "phoff",
        "source",
        "type",
        "view",
    )

    def __init__(self, data: Data, source: str = "ELF file") -> None:
        view = memoryview(data)
        if view.format != "B" or view.ndim != 1:
            view = view.cast("B")
        self.view = view
        self.source = source
        if view[:4] != MAGIC:
            raise FormatError(
                f"no ELF file: it begins with {bytes(view[:4]).hex(' ') or 'nothing'}, not with 7f 45 4c 46",
                source=source,
                offset=0,
            )
        if len(view) < 6 or view[4] not in (1, 2) or view[5] not in (1, 2):
            raise self._bad(f"class and byte order {bytes(view[4:6]).hex(' ')}, each must be 01 or 02", 4)
        self.bits: Literal[32, 64] = 64 if view[4] == 2 else 32
        self.order: Literal["little", "big"] = "little" if view[5] == 1 else "big"
        self.mark = "<" if view[5] == 1 else ">"
        if len(view) < _EHDR_SIZE[self.bits]:
            raise self._bad(f"{len(view)} bytes are no whole ELF header: the file is cut short", len(view))
        header = unpack_from(self.mark + _EHDR[self.bits], view, 16)
        self.type: int = header[0]
        self.machine: int = header[1]
        self.phoff: int = header[4]
        self._shoff: int = header[5]
        self.phnum: int = header[9]
        self._shnum: int = header[11]
        self._shstrndx: int = header[12]
        self._rows: list[Row] | None = None
        self._names: bytes | None = None
        self._sections: tuple[Section, ...] | None = None
        if self._shoff and header[10] != _SHDR_SIZE[self.bits]:
            raise self._bad(f"section headers of {header[10]} bytes, they have {_SHDR_SIZE[self.bits]}", 16)

    def __repr__(self) -> str:
        return f"<Elf {self.source}: {self.bits} bits, {self.order} endian, machine {self.machine}, type {self.type}>"

    @property
    def sections(self) -> tuple[Section, ...]:
        """All sections in the order of the file, the empty section 0 included; raises FormatError."""
        if self._sections is None:
            rows = self._table()
            self._sections = tuple(Section(i, self._name(row[_NAME]), row) for i, row in enumerate(rows))
        return self._sections

    def section(self, name: str) -> Section | None:
        """The last section called `name`, or None; raises FormatError where the table of sections is broken."""
        index = self._index(name)
        return None if index is None else Section(index, name, self._table()[index])

    def data(self, section: Section | str) -> memoryview:
        """The content of `section` (a section of this file, or the name of one): bytes, unpacked if SHF_COMPRESSED.

        Raises NotFoundError where no section has that name, FormatError where the content reaches out of the file or
        does not unpack to the size that it says.
        """
        if isinstance(section, str):
            found = self.section(section)
            if found is None:
                raise NotFoundError(f"no section {section}", source=self.source)
            section = found
        data = self.raw(section)
        return self._unpacked(section, data) if section.flags & SHF_COMPRESSED and data else data

    def raw(self, section: Section) -> memoryview:
        """The content of `section` as it lies in the file (bytes, not copied); empty for SHT_NOBITS.

        Raises FormatError where it reaches out of the file.
        """
        if section.type == SHT_NOBITS:
            return memoryview(b"")
        if section.offset + section.size > len(self.view):
            raise FormatError(
                f"{section.size} bytes at {section.offset:#x} reach behind the file's end at {len(self.view):#x}:"
                " the file is cut short, or its section headers are wrong",
                source=self.source,
                section=section.name or f"section {section.index}",
            )
        return self.view[section.offset : section.offset + section.size]

    def _unpacked(self, section: Section, data: memoryview) -> memoryview:
        from btfkit.files.compression import LIMIT, unpack

        form = self.mark + _CHDR[self.bits]
        if len(data) < calcsize(form):
            raise FormatError("no room for a compression header", source=self.source, section=section.name)
        fields = unpack_from(form, data)
        kind, size = fields[0], fields[-2]
        if kind not in (1, 2) or size > LIMIT:
            raise UnsupportedError(
                f"compressed by method {kind} to {size} bytes; 1 (zlib) and 2 (zstd) up to {LIMIT} bytes can be read",
                source=self.source,
                section=section.name,
            )
        source = f"{self.source}({section.name})"
        unpacked = unpack(data[calcsize(form) :], source, limit=size, kind=("zlib", "zstd")[kind - 1])
        if len(unpacked) != size:
            raise FormatError(
                f"unpacks to {len(unpacked)} bytes instead of {size}", source=self.source, section=section.name
            )
        return memoryview(unpacked)

    def btf_section(self, name: str) -> memoryview | None:
        """The content of `.BTF`, `.BTF.ext` or `.BTF.base`, or None where there is none.

        Raises FormatError where that section is not SHT_PROGBITS (rule: libbpf 1.8-dev, btf_find_elf_sections).
        """
        section = self.section(name)
        if section is None:
            return None
        if section.type != SHT_PROGBITS:
            guess = ": this is a file of debug information only, the content is in the stripped file beside it"
            raise FormatError(
                f"a section of type {section.type}, it must be {SHT_PROGBITS} (PROGBITS)"
                + (guess if section.type == SHT_NOBITS else ""),
                source=self.source,
                section=name,
            )
        return self.data(section)

    def symbols(self) -> Iterator[Symbol]:
        """The symbols of `.symtab` in the order of the file, number 0 included; none where there is no such table.

        Raises FormatError where the table, its strings or a name reach out of the file.
        """
        strings = b""
        for name, value, size, info, other, section in self._symbol_rows():
            strings = strings or self._symbol_strings()
            yield Symbol(_text(strings, name, self.source), value, size, info, other, section)

    def functions(self) -> Functions:
        """The functions of the symbol table, to be asked by place; see `Functions`."""
        return Functions(self)

    def headers(self) -> list[Row]:
        """The section headers as ten numbers each (gABI, Elf64_Shdr), for loops over many; raises FormatError."""
        return self._table()

    @property
    def headers_end(self) -> int:
        """The byte where the table of section headers ends; 0 where there is none."""
        return self._shoff + len(self._table()) * _SHDR_SIZE[self.bits] if self._shoff else 0

    # What follows reads the tables; a row is the ten numbers of one section header.

    def _table(self) -> list[Row]:
        if self._rows is None:
            self._rows = self._read_table()
        return self._rows

    def _read_table(self) -> list[Row]:
        size = _SHDR_SIZE[self.bits]
        form = self.mark + _SHDR[self.bits]
        if self._shoff == 0:
            return []
        if self._shoff + size > len(self.view):
            raise self._bad(
                f"the section headers at {self._shoff:#x} lie behind the file's end at {len(self.view):#x}:"
                " the file is cut short",
                self._shoff,
            )
        first: Row = unpack_from(form, self.view, self._shoff)
        count = self._shnum or first[_SIZE]  # gABI: a number that does not fit stands in section 0
        if count > MAX_SECTIONS:
            raise self._bad(f"{count} sections, at most {MAX_SECTIONS} are read", self._shoff)
        end = self._shoff + count * size
        if end > len(self.view):
            raise self._bad(
                f"{count} section headers end at {end:#x}, behind the file's end at {len(self.view):#x}:"
                " the file is cut short",
                self._shoff,
            )
        if self._shstrndx == SHN_XINDEX:
            self._shstrndx = first[_LINK]
        return list(iter_unpack(form, self.view[self._shoff : end]))

    def _name_table(self) -> bytes:
        if self._names is None:
            rows = self._table()
            if self._shstrndx >= len(rows) > 0:
                raise self._bad(f"section {self._shstrndx} has the names of {len(rows)} sections", self._shoff)
            table = b""
            if rows and self._shstrndx:
                table = bytes(self.raw(Section(self._shstrndx, "the table of names", rows[self._shstrndx])))
            self._names = table + b"\0"
        return self._names

    def _name(self, name_off: int) -> str:
        return _text(self._name_table(), name_off, self.source)

    def _index(self, name: str) -> int | None:
        wanted = name.encode("utf-8", "surrogateescape") + b"\0"
        rows = self._table()
        names = self._name_table()
        for index in range(len(rows) - 1, 0, -1):
            if names.startswith(wanted, rows[index][_NAME]):
                return index
        return None

    def _symbol_table(self) -> int | None:
        return next((i for i, row in enumerate(self._table()) if row[_TYPE] == SHT_SYMTAB), None)

    def _symbol_strings(self) -> bytes:
        index = self._symbol_table()
        rows = self._table()
        link = rows[index][_LINK] if index is not None else 0
        if link >= len(rows):
            raise self._bad(f"the symbols' names are in section {link} of {len(rows)}", self._shoff)
        return bytes(self.raw(Section(link, "the symbols' names", rows[link]))) + b"\0"

    def _symbol_rows(self) -> Iterator[tuple[int, int, int, int, int, int]]:
        """(name offset, value, size, info, other, section) of each symbol."""
        index = self._symbol_table()
        if index is None:
            return
        rows = self._table()
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

    def _far_sections(self, symtab: int) -> memoryview:
        """The section indexes of symbols that do not fit 16 bits (SHT_SYMTAB_SHNDX), a u32 for each symbol."""
        for index, row in enumerate(self._table()):
            if row[_TYPE] == SHT_SYMTAB_SHNDX and row[_LINK] == symtab:
                return self.raw(Section(index, ".symtab_shndx", row))
        return memoryview(b"")

    def _bad(self, message: str, offset: int) -> FormatError:
        return FormatError(message, source=self.source, section="ELF header", offset=offset)


def _text(table: bytes, offset: int, source: str) -> str:
    """The NUL-ended string at `offset` of a string table that ends with NUL."""
    end = table.find(b"\0", offset, offset + MAX_NAME)
    if end < 0:
        raise FormatError(
            f"a name at {offset:#x} of a string table of {len(table) - 1:#x} bytes, or longer than {MAX_NAME} bytes",
            source=source,
        )
    return table[offset:end].decode("utf-8", "surrogateescape")


class Function:
    """A function of an object: `offset` and `size` in bytes, within the section `section` (a name)."""

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
    """The functions of an object by place, for messages that name the function of an instruction.

    Made of the STT_FUNC symbols; a BPF program is such a function outside `.text`, and its section's name says what it
    attaches to (rule: libbpf 1.8-dev, bpf_object__add_programs).
    """

    __slots__ = ("_elf", "_places", "_strings")

    def __init__(self, elf: Elf) -> None:
        self._elf = elf
        self._strings = b""
        self._places: dict[int, list[tuple[int, int, int, int]]] = {}  # by section: offset, size, name offset, bind
        for name, value, size, info, _, section in elf._symbol_rows():
            if info & 15 == STT_FUNC:
                self._places.setdefault(section, []).append((value, size, name, info >> 4))
        for places in self._places.values():
            places.sort()

    def at(self, section: int | str, offset: int) -> Function | None:
        """The function with the instruction at `offset` bytes of `section` (index or name), or None."""
        index = self._elf._index(section) if isinstance(section, str) else section
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
        self._strings = self._strings or elf._symbol_strings()
        rows = elf._table()
        where = elf._name(rows[section][_NAME]) if section < len(rows) else ""
        return Function(_text(self._strings, place[2], elf.source), where, place[0], place[1], place[3])


def object_name(source: str) -> str:
    """A short name for an object out of the path `source`: the file's name without .bpf.o and the like."""
    name = basename(source) or source
    while True:
        stem, suffix = splitext(name)
        if not stem or suffix.lower() not in _SUFFIXES:
            return name
        name = stem


# Writing.


def replace_sections(elf: Elf, changes: Mapping[str, bytes | memoryview | None]) -> bytes:
    """The file `elf` with the content of some sections exchanged, sections added, or removed (None).

    Returns the new file; everything else stays byte for byte where it was.  A content that fits its section's old place
    is put there and the rest of the place zeroed, any other goes to the end of the file, before the section headers
    where those end the file.  A removed section's header becomes SHT_NULL, and so do those of its relocations, so that no
    section changes its index.  In a linked file (vmlinux) a content that had to move is no longer loaded (its SHF_ALLOC
    is cleared) and its old bytes stay for whoever loads them.  A module signature, which any change breaks, is left
    off.  Raises FormatError where the table of sections is broken, UnsupportedError where the result passes 4 GiB in a
    32-bit file.
    """
    return _Writer(elf).apply(changes)


class _Writer:
    """One use of `replace_sections`."""

    __slots__ = ("count", "data", "elf", "names", "names_index", "rows")

    def __init__(self, elf: Elf) -> None:
        self.elf = elf
        self.data = bytearray(strip_signature(elf.view))
        self.rows = [list(row) for row in elf._table()]
        self.count = len(self.rows)  # of the old table
        self.names = bytearray(elf._name_table()[:-1])
        self.names_index = elf._shstrndx if self.rows else 0

    def apply(self, changes: Mapping[str, bytes | memoryview | None]) -> bytes:
        moved: list[tuple[int, bytes | bytearray | memoryview]] = []
        for name, content in changes.items():
            index = self.elf._index(name)
            if index is not None and index == self.names_index:
                message = "the section of the sections' names cannot be exchanged"
                raise UnsupportedError(message, source=self.elf.source, section=name)
            if content is None:
                self._remove(name)
            elif index is None:
                moved.append((self._add(name), content))
            else:
                if not self._in_place(index, content):
                    self._leave(index)
                    moved.append((index, content))
                if name in BTF_SECTIONS:
                    self.rows[index][_TYPE] = SHT_PROGBITS
        if len(self.rows) > self.count:
            moved.append((self.names_index, self.names))
            self._cut_table()
        for place, moving in moved:
            self._append(place, moving)
        self._write_table()
        return bytes(self.data)

    def _remove(self, name: str) -> None:
        wanted = name.encode("utf-8", "surrogateescape") + b"\0"
        names = self.elf._name_table()
        gone = [i for i in range(1, self.count) if names.startswith(wanted, self.elf._table()[i][_NAME])]
        aimed = frozenset(gone)
        relocations = [i for i in range(1, self.count) if self.rows[i][_TYPE] in (SHT_REL, SHT_RELA)]
        gone += [i for i in relocations if self.rows[i][_INFO] in aimed]
        for index in gone:
            if len(gone) < 64:  # more come from no compiler, and each costs a look at all sections
                self._leave(index)
            self.rows[index] = [0] * 10

    def _add(self, name: str) -> int:
        if not self.rows:  # a file without a table of sections gets one
            self.rows.append([0] * 10)
        if not self.names_index:
            self.names = bytearray(b"\0.shstrtab\0")
            self.names_index = len(self.rows)
            self.rows.append([1, SHT_STRTAB, 0, 0, 0, 0, 0, 0, 1, 0])
        if self.names[-1:] != b"\0":
            self.names += b"\0"
        name_off = len(self.names)
        self.names += name.encode("utf-8", "surrogateescape") + b"\0"
        self.rows.append([name_off, SHT_PROGBITS, 0, 0, 0, 0, 0, 0, 4 if name in BTF_SECTIONS else 1, 0])
        return len(self.rows) - 1

    def _in_place(self, index: int, content: bytes | memoryview) -> bool:
        row = self.rows[index]
        if row[_TYPE] == SHT_NOBITS or len(content) > row[_SIZE] or not self._alone(index):
            return False
        start, old_end = row[_OFFSET], row[_OFFSET] + row[_SIZE]
        self.data[start : start + len(content)] = content
        self.data[start + len(content) : old_end] = bytes(old_end - start - len(content))
        row[_SIZE] = len(content)
        row[_FLAGS] &= ~SHF_COMPRESSED
        return True

    def _leave(self, index: int) -> None:
        """Zero the old place of a section that goes, unless someone may still read it there."""
        row = self.rows[index]
        linked = self.elf.type != ET_REL and row[_FLAGS] & SHF_ALLOC
        if row[_TYPE] not in (SHT_NULL, SHT_NOBITS) and not linked and self._alone(index):
            self.data[row[_OFFSET] : row[_OFFSET] + row[_SIZE]] = bytes(row[_SIZE])
        if linked:
            row[_FLAGS] &= ~SHF_ALLOC
            row[_ADDR] = 0

    def _alone(self, index: int) -> bool:
        """Whether the place of a section lies in the file and belongs to it alone."""
        elf = self.elf
        start, end = self.rows[index][_OFFSET], self.rows[index][_OFFSET] + self.rows[index][_SIZE]
        table_end = elf._shoff + self.count * _SHDR_SIZE[elf.bits]
        if end > len(self.data) or start < _EHDR_SIZE[elf.bits] or (start < table_end and elf._shoff < end):
            return False
        if start < elf.phoff + elf.phnum * _PHDR_SIZE[elf.bits] and elf.phoff < end:
            return False
        others = (row for i, row in enumerate(self.rows) if i != index and row[_TYPE] not in (SHT_NULL, SHT_NOBITS))
        return not any(row[_OFFSET] < end and start < row[_OFFSET] + row[_SIZE] for row in others)

    def _cut_table(self) -> None:
        """Cut the section headers off where they end the file: they are written anew behind the new contents."""
        if self.count and self.elf._shoff + self.count * _SHDR_SIZE[self.elf.bits] == len(self.data):
            del self.data[self.elf._shoff :]

    def _append(self, index: int, content: bytes | bytearray | memoryview) -> None:
        row = self.rows[index]
        align = row[_ALIGN] if row[_ALIGN] in (16, 32, 64, 128, 256, 512, 1024, 2048, 4096) else 8
        self.data += bytes(-len(self.data) % align)
        row[_OFFSET], row[_SIZE] = len(self.data), len(content)
        row[_FLAGS] &= ~SHF_COMPRESSED
        if row[_TYPE] == SHT_NOBITS:
            row[_TYPE] = SHT_PROGBITS
        self.data += content

    def _write_table(self) -> None:
        elf, count = self.elf, len(self.rows)
        if not count:
            return
        start = elf._shoff
        if count > self.count:
            self.data += bytes(-len(self.data) % 8)
            start = len(self.data)
            self._write_counts()
        if elf.bits == 32 and max(start + count * 40, len(self.data)) > 0xFFFFFFFF:
            raise UnsupportedError("the result would pass 4 GiB, which a 32-bit ELF file cannot", source=elf.source)
        where, form = _SHOFF_AT[elf.bits]
        pack_into(elf.mark + form, self.data, where, start)
        table = b"".join([pack(elf.mark + _SHDR[elf.bits], *row) for row in self.rows])
        self.data[start : start + len(table)] = table

    def _write_counts(self) -> None:
        """The size of a section header, their number, and the section of names; large numbers stand in section 0."""
        elf, count = self.elf, len(self.rows)
        many, far = count >= SHN_LORESERVE, self.names_index >= SHN_LORESERVE
        self.rows[0][_SIZE] = count if many else 0
        self.rows[0][_LINK] = self.names_index if far else 0
        numbers = (_SHDR_SIZE[elf.bits], 0 if many else count, SHN_XINDEX if far else self.names_index)
        pack_into(elf.mark + "HHH", self.data, _SHNUM_AT[elf.bits] - 2, *numbers)


def signature_length(data: Data) -> int:
    """How many bytes at the end of the module `data` are its signature, 0 where it is not signed.

    Raises FormatError where the trailer says more than there is.  Format: the kernel's include/linux/module_signature.h
    and scripts/sign-file.c (before 4.3 a signer's name and a key id come before the signature).
    """
    view = memoryview(data)
    end = len(view) - len(_SIGNATURE_MAGIC) - _SIGNATURE_INFO
    if end < 0 or view[end + _SIGNATURE_INFO :] != _SIGNATURE_MAGIC:
        return 0
    signer, key, size = unpack_from(">3xBB3xI", view, end)
    length = int(signer + key + size) + _SIGNATURE_INFO + len(_SIGNATURE_MAGIC)
    if length > len(view):
        raise FormatError(
            f"a module signature of {length} bytes in a file of {len(view)}: it was cut or signed twice wrongly",
            section="module signature",
            offset=end,
        )
    return length


def strip_signature(data: Data) -> memoryview:
    """The module `data` without its signature, not copied; raises FormatError as `signature_length` does."""
    view = memoryview(data)
    return view[: len(view) - signature_length(view)]
