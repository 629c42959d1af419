"""Write sections of an ELF file, in place if they fit, else at its end; all else stays byte for byte in place."""

from __future__ import annotations

from struct import pack, pack_into

from btfkit.errors import UnsupportedError
from btfkit.files.elf import (
    BTF_SECTIONS,
    EHDR_SIZE,
    ET_REL,
    PHDR_SIZE,
    SH_ADDR,
    SH_ALIGN,
    SH_FLAGS,
    SH_INFO,
    SH_LINK,
    SH_NAME,
    SH_OFFSET,
    SH_SIZE,
    SH_TYPE,
    SHDR,
    SHDR_SIZE,
    SHF_ALLOC,
    SHF_COMPRESSED,
    SHN_LORESERVE,
    SHN_XINDEX,
    SHNUM_AT,
    SHOFF_AT,
    SHT_NOBITS,
    SHT_NULL,
    SHT_PROGBITS,
    SHT_REL,
    SHT_RELA,
    SHT_STRTAB,
)
from btfkit.files.signature import strip_signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from btfkit.files.elf import Elf


def replace_sections(elf: Elf, changes: Mapping[str, bytes | memoryview | None]) -> bytes:
    """The file `elf` with sections replaced, added, or removed (None); everything else stays byte for byte in place.

    Content that fits the section's old place goes there, and the rest of the place is zeroed; other content goes to the end of
    the file, before section headers that end the file.  The header of a removed section becomes SHT_NULL, and so do those
    of its relocations, so that no section changes its index.  In a linked file (vmlinux) content that moves is no longer
    loaded (its SHF_ALLOC is cleared), and its old bytes stay for their readers.  A module signature is removed.  Raises
    FormatError if the table of sections is damaged, UnsupportedError if a 32-bit file would exceed 4 GiB.
    """
    return _Writer(elf).apply(changes)


class _Writer:
    """One use of `replace_sections`."""

    __slots__ = ("count", "data", "elf", "names", "names_index", "rows")

    def __init__(self, elf: Elf) -> None:
        self.elf = elf
        self.data = bytearray(strip_signature(elf.view))
        self.rows = [list(row) for row in elf.headers()]
        self.count = len(self.rows)  # of the old table
        self.names = bytearray(elf.name_table()[:-1])
        self.names_index = elf.shstrndx if self.rows else 0

    def apply(self, changes: Mapping[str, bytes | memoryview | None]) -> bytes:
        moved: list[tuple[int, bytes | bytearray | memoryview]] = []
        for name, content in changes.items():
            index = self.elf.index_of(name)
            if index is not None and index == self.names_index:
                message = "the section with the names of sections cannot be replaced"
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
                    self.rows[index][SH_TYPE] = SHT_PROGBITS
        if len(self.rows) > self.count:
            moved.append((self.names_index, self.names))
            self._cut_table()
        for place, moving in moved:
            self._append(place, moving)
        self._write_table()
        return bytes(self.data)

    def _remove(self, name: str) -> None:
        wanted = name.encode("utf-8", "surrogateescape") + b"\0"
        names = self.elf.name_table()
        gone = [i for i in range(1, self.count) if names.startswith(wanted, self.elf.headers()[i][SH_NAME])]
        aimed = frozenset(gone)
        relocations = [i for i in range(1, self.count) if self.rows[i][SH_TYPE] in (SHT_REL, SHT_RELA)]
        gone += [i for i in relocations if self.rows[i][SH_INFO] in aimed]
        for index in gone:
            if len(gone) < 64:  # no compiler makes more, and each costs a pass over all sections
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
        if row[SH_TYPE] == SHT_NOBITS or len(content) > row[SH_SIZE] or not self._alone(index):
            return False
        start, old_end = row[SH_OFFSET], row[SH_OFFSET] + row[SH_SIZE]
        self.data[start : start + len(content)] = content
        self.data[start + len(content) : old_end] = bytes(old_end - start - len(content))
        row[SH_SIZE] = len(content)
        row[SH_FLAGS] &= ~SHF_COMPRESSED
        return True

    def _leave(self, index: int) -> None:
        """Zero the old place of a section that moves or is removed, unless the loaded file still uses it."""
        row = self.rows[index]
        linked = self.elf.type != ET_REL and row[SH_FLAGS] & SHF_ALLOC
        if row[SH_TYPE] not in (SHT_NULL, SHT_NOBITS) and not linked and self._alone(index):
            self.data[row[SH_OFFSET] : row[SH_OFFSET] + row[SH_SIZE]] = bytes(row[SH_SIZE])
        if linked:
            row[SH_FLAGS] &= ~SHF_ALLOC
            row[SH_ADDR] = 0

    def _alone(self, index: int) -> bool:
        """Whether the place of a section lies in the file and belongs to it alone."""
        elf = self.elf
        start, end = self.rows[index][SH_OFFSET], self.rows[index][SH_OFFSET] + self.rows[index][SH_SIZE]
        table_end = elf.shoff + self.count * SHDR_SIZE[elf.bits]
        if end > len(self.data) or start < EHDR_SIZE[elf.bits] or (start < table_end and elf.shoff < end):
            return False
        if start < elf.phoff + elf.phnum * PHDR_SIZE[elf.bits] and elf.phoff < end:
            return False
        others = (row for i, row in enumerate(self.rows) if i != index and row[SH_TYPE] not in (SHT_NULL, SHT_NOBITS))
        return not any(row[SH_OFFSET] < end and start < row[SH_OFFSET] + row[SH_SIZE] for row in others)

    def _cut_table(self) -> None:
        """Remove section headers that end the file; they are written again after the new contents."""
        if self.count and self.elf.shoff + self.count * SHDR_SIZE[self.elf.bits] == len(self.data):
            del self.data[self.elf.shoff :]

    def _append(self, index: int, content: bytes | bytearray | memoryview) -> None:
        row = self.rows[index]
        align = row[SH_ALIGN] if row[SH_ALIGN] in (16, 32, 64, 128, 256, 512, 1024, 2048, 4096) else 8
        self.data += bytes(-len(self.data) % align)
        row[SH_OFFSET], row[SH_SIZE] = len(self.data), len(content)
        row[SH_FLAGS] &= ~SHF_COMPRESSED
        if row[SH_TYPE] == SHT_NOBITS:
            row[SH_TYPE] = SHT_PROGBITS
        self.data += content

    def _write_table(self) -> None:
        elf, count = self.elf, len(self.rows)
        if not count:
            return
        start = elf.shoff
        if count > self.count:
            self.data += bytes(-len(self.data) % 8)
            start = len(self.data)
            self._write_counts()
        if elf.bits == 32 and max(start + count * 40, len(self.data)) > 0xFFFFFFFF:
            raise UnsupportedError("the result would exceed 4 GiB, the limit of a 32-bit ELF file", source=elf.source)
        where, form = SHOFF_AT[elf.bits]
        pack_into(elf.mark + form, self.data, where, start)
        table = b"".join([pack(elf.mark + SHDR[elf.bits], *row) for row in self.rows])
        self.data[start : start + len(table)] = table

    def _write_counts(self) -> None:
        """Write the size and number of section headers and the section of names; large numbers go to section 0."""
        elf, count = self.elf, len(self.rows)
        many, far = count >= SHN_LORESERVE, self.names_index >= SHN_LORESERVE
        self.rows[0][SH_SIZE] = count if many else 0
        self.rows[0][SH_LINK] = self.names_index if far else 0
        numbers = (SHDR_SIZE[elf.bits], 0 if many else count, SHN_XINDEX if far else self.names_index)
        pack_into(elf.mark + "HHH", self.data, SHNUM_AT[elf.bits] - 2, *numbers)
