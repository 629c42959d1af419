"""Faults of a `.BTF.ext`: its header and tables, and the type ids, string offsets and instructions that its records name.

The rules are those of libbpf (btf_ext_parse, bpf_object__relocate_core) and of the kernel (check_btf_func, check_btf_line).  This
judge shares no code with `btfkit.btf.ext`: it reads the bytes with `struct`.
"""

from __future__ import annotations

from struct import unpack_from

from btfkit.btf import spec
from btfkit.errors import NotFoundError, counted, printable, shortened
from btfkit.judges.structure import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.btf.btf import Btf
    from btfkit.files.elf import Elf

WHERE = ".BTF.ext"
MAGIC = 0xEB9F
SHORT_HEADER, LONG_HEADER = 24, 32  # bytes, without and with the table of CO-RE relocations
INSN = 8  # bytes of an instruction
KINDS = 13  # of CO-RE relocations


class Table:
    """A table of `.BTF.ext`: its `name`, where the header has its offset, the bytes of a record that libbpf knows, the `noun` for
    messages, and the word with the type id (0: none); `strings` are the words with string offsets."""

    __slots__ = ("at", "name", "noun", "size", "strings", "type_word")

    def __init__(
        self, name: str, at: int, size: int, noun: str, type_word: int, strings: tuple[tuple[int, str], ...] = ()
    ) -> None:
        self.name = name
        self.at = at
        self.size = size
        self.noun = noun
        self.type_word = type_word
        self.strings = strings


TABLES = (
    Table("func_info", 8, 8, "function", 1),
    Table("line_info", 16, 16, "line", 0, ((1, "file name"), (2, "source line"))),
    Table("core_relo", 24, 16, "CO-RE relocation", 1, ((2, "access string"),)),
)


def ext_findings(data: bytes | memoryview[int], btf: Btf, elf: Elf | None = None) -> list[Finding]:
    """The faults of the `.BTF.ext` `data`, whose ids and strings are those of `btf`; `elf` is the object that contains it.

    The place in each message is the byte in the section.
    """
    return list(_Reader(bytes(data), btf, elf).findings())


class _Reader:
    def __init__(self, data: bytes, btf: Btf, elf: Elf | None) -> None:
        self.data = data
        self.btf = btf
        self.mark = ">" if data[:2] == MAGIC.to_bytes(2, "big") else "<"
        self.code = {one.name: one.size for one in elf.sections} if elf is not None else None
        self._strings: dict[int, str | None] = {}  # None: not within the strings

    def findings(self) -> Iterator[Finding]:
        fault = self._header_fault()
        if fault is not None:
            at, message = fault
            yield _error(at, message, "ext-header")
            return
        (length,) = unpack_from(self.mark + "I", self.data, 4)
        for table in TABLES:
            if table.at + 8 <= length:
                start, size = unpack_from(self.mark + "II", self.data, table.at)
                if size:
                    yield from self._table(table, length + start, size)

    def _header_fault(self) -> tuple[int, str] | None:
        data = self.data
        if len(data) < SHORT_HEADER:
            return 0, f"truncated header: {counted(len(data), 'byte')}, need {SHORT_HEADER}"
        magic, version, flags, length = unpack_from(self.mark + "HBBI", data)
        if magic != MAGIC:
            return 0, f"magic {data[:2].hex()}, expected eb9f or 9feb"
        if (self.mark == "<") != (self.btf.byte_order == "little"):
            return 0, f"its byte order is not that of .BTF ({self.btf.byte_order}-endian)"
        if version != 1 or flags:
            return 2, f"version {version}, flags {flags}, expected version 1 without flags"
        if not SHORT_HEADER <= length <= len(data):
            return 4, f"header length is {length}, expected {SHORT_HEADER} to {len(data)} (the size of the section)"
        return None

    def _table(self, table: Table, start: int, size: int) -> Iterator[Finding]:
        data, rule = self.data, "ext-table"
        end = start + size
        if start % 4 or end > len(data) or size < 4:
            text = f"{table.name} of {size} bytes at {start:#x}: not within the {len(data)} bytes of the section"
            yield _error(table.at, text, rule)
            return
        (record,) = unpack_from(self.mark + "I", data, start)
        if record < table.size or record % 4:
            text = f"{table.name} records of {record} bytes, expected a multiple of 4 of at least {table.size}"
            yield _error(start, text, rule)
            return
        at = start + 4
        if at == end:
            yield _error(start, f"{table.name} has no records", rule)
        while at < end:
            if end - at < 8:
                yield _error(at, f"{table.name}: {counted(end - at, 'byte')} at the end, too few for a section", rule)
                return
            name, count = unpack_from(self.mark + "II", data, at)
            if not count:
                yield _error(at + 4, f"{table.name}: a section without records", rule)
            if count * record > end - at - 8:
                text = f"{table.name}: {counted(count, 'record')} of {record} bytes, only {end - at - 8} bytes are left"
                yield _error(at + 4, text, rule)
                return
            yield from self._group(table, at, name, count, record)
            at += 8 + count * record

    def _group(self, table: Table, at: int, name: int, count: int, record: int) -> Iterator[Finding]:
        """The faults of the records of one section of the program."""
        section = self._string(name)
        if not section:
            text = "a name that is empty" if section is not None else f"a name at {name:#x}, {self._beyond()}"
            yield _error(at, f"{table.name}: a section with {text}", "ext-string")
        size = self.code.get(section, -1) if self.code is not None and section else None
        if size == -1:
            yield _warning(
                at, f"{table.name}: the file has no section {printable(shortened(section or ''))}", "ext-section"
            )
        title = printable(shortened(section or "?"))
        before = -1
        place = at + 8
        for number in range(count):
            fields = unpack_from(f"{self.mark}{table.size // 4}I", self.data, place)
            what = f"{table.noun} {number} of {title}"
            yield from self._record(table, place, fields, what)
            offset = fields[0]
            if offset % INSN:
                yield _error(place, f"{what}: instruction at {offset:#x}, not a multiple of {INSN}", "ext-instruction")
            elif size is not None and size >= 0 and offset >= size:
                text = f"{what}: instruction at {offset:#x}, but the section has {counted(size, 'byte')}"
                yield _error(place, text, "ext-instruction")
            elif table.name != "core_relo" and offset <= before:
                text = f"{what}: instruction at {offset:#x}, after one at {before:#x}: the kernel wants them ascending"
                yield _warning(place, text, "ext-order")
            before = offset
            place += record

    def _record(self, table: Table, place: int, fields: tuple[int, ...], what: str) -> Iterator[Finding]:
        btf = self.btf
        if table.type_word:
            at, type_id = place + 4 * table.type_word, fields[table.type_word]
            if type_id >= len(btf):
                yield _error(at, f"{what}: type id {type_id}, the last is {len(btf) - 1}", "ext-type")
            elif not type_id:
                yield _error(at, f"{what}: no type (0): the compiler left it out", "ext-type")
            elif table.name == "func_info" and btf.kind(type_id) != spec.FUNC:
                text = f"{what}: type {type_id} is {spec.kind_name(btf.kind(type_id))}, expected a FUNC"
                yield _error(at, text, "ext-type")
        for word, noun in table.strings:
            if self._string(fields[word]) is None:
                text = f"{what}: {noun} at {fields[word]:#x}, {self._beyond()}"
                yield _error(place + 4 * word, text, "ext-string")
        if table.name == "core_relo":
            access = self._string(fields[2])
            if access is not None and not _is_access(access):
                text = f"{what}: access string {printable(shortened(access))!r}, expected numbers separated by ':'"
                yield _error(place + 8, text, "ext-access")
            if fields[3] >= KINDS:
                text = f"{what}: relocation kind {fields[3]}, known are 0 to {KINDS - 1}"
                yield _error(place + 12, text, "ext-kind")

    def _string(self, offset: int) -> str | None:
        if offset not in self._strings:
            try:
                self._strings[offset] = spec.text(self.btf.string(offset))
            except NotFoundError:
                self._strings[offset] = None
        return self._strings[offset]

    def _beyond(self) -> str:
        return f"beyond the end of the strings at {self.btf.start_str_off + len(self.btf.strings):#x}"


def _is_access(text: str) -> bool:
    return all(part.isascii() and part.isdigit() for part in text.split(":"))


def _error(at: int, message: str, rule: str) -> Finding:
    return Finding("error", None, f"{WHERE}, byte {at:#x}: {message}", rule)


def _warning(at: int, message: str, rule: str) -> Finding:
    return Finding("warning", None, f"{WHERE}, byte {at:#x}: {message}", rule)
