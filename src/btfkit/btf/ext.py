"""`.BTF.ext`: the function, source line and CO-RE relocation of each instruction.

Layout: the kernel's Documentation/bpf/btf.rst, "4.2 .BTF.ext section".  Rules for what is accepted: libbpf 1.8-dev,
btf_ext_parse.  Records longer than the known fields are kept as they are.
"""

from __future__ import annotations

from struct import iter_unpack, unpack_from

from btfkit.btf.header import byte_order
from btfkit.errors import FormatError, UnsupportedError, counted
from btfkit.hot import fields as _fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfkit.btf.btf import Btf
    from btfkit.btf.header import ByteOrder

SECTIONS = ("func_info", "line_info", "core_relo")
MIN_RECORD = {"func_info": 8, "line_info": 16, "core_relo": 16}  # bytes
WHERE = ".BTF.ext"


class Group:
    """The records of one ELF section of the program: `section` is the string offset of its name (in the object's `.BTF`),
    `record_size` the bytes of one record, `data` all of them in the file's byte order."""

    __slots__ = ("data", "record_size", "section")

    def __init__(self, section: int, record_size: int, data: bytes) -> None:
        self.section = section
        self.record_size = record_size
        self.data = data

    def __len__(self) -> int:
        return len(self.data) // self.record_size


class Ext:
    """A `.BTF.ext` section: `func_info`, `line_info` and `core_relo` are lists of groups, empty where absent.

    `records(kind)` gives the known fields as integers.
    """

    __slots__ = ("_data", "_extra", "_groups", "_length", "_places", "_record_sizes", "order")

    order: ByteOrder
    _length: int
    _extra: bytes
    _data: bytes
    _record_sizes: dict[str, int]
    _places: dict[str, list[tuple[int, int, int]]]  # of each group: its section's name, first byte and end
    _groups: dict[str, list[Group]]  # made on first use

    def __repr__(self) -> str:
        counts = (f"{sum(1 for _ in self.records(kind))} {kind}" for kind in SECTIONS)
        return f"<Ext: {', '.join(counts)}>"

    @classmethod
    def from_bytes(cls, data: bytes | memoryview[int], *, source: str | None = None) -> Ext:
        """Read a `.BTF.ext` blob.  Raises FormatError if it is not valid, UnsupportedError for another version."""
        self = cls()
        data = self._data = bytes(data)
        try:
            mark, offsets = self._read_header(data)
            self._record_sizes = {}
            self._groups = {}
            self._places = {
                kind: self._read_section(kind, data, start, size, mark)
                for kind, (start, size) in zip(SECTIONS, offsets, strict=True)
            }
        except (FormatError, UnsupportedError) as error:
            raise (error.at(source) if source else error) from None
        return self

    @property
    def func_info(self) -> list[Group]:
        """The type of each function."""
        return self._of("func_info")

    @property
    def line_info(self) -> list[Group]:
        """The source lines."""
        return self._of("line_info")

    @property
    def core_relo(self) -> list[Group]:
        """The CO-RE relocations."""
        return self._of("core_relo")

    def _of(self, kind: str) -> list[Group]:
        if kind not in self._groups:
            self._groups[kind] = [
                Group(section, self._record_sizes[kind], self._data[start:end])
                for section, start, end in self._places[kind]
            ]
        return self._groups[kind]

    def _read_header(self, data: bytes) -> tuple[str, list[tuple[int, int]]]:
        order = byte_order(data[:2])
        if order is None or len(data) < 24:
            raise FormatError("not a .BTF.ext header: damaged or truncated section", section=WHERE, offset=0)
        self.order = order
        mark = "<" if order == "little" else ">"
        version, flags, length = unpack_from(mark + "BBI", data, 2)
        if version != 1 or flags:
            message = f"unknown .BTF.ext version {version}, flags {flags} (this version knows version 1, no flags)"
            raise UnsupportedError(message, section=WHERE)
        if length < 24 or length > len(data):
            raise FormatError(
                f"header length is {length}, expected 24 to {len(data)} (the size of the data)", section=WHERE, offset=4
            )
        fields = list(unpack_from(mark + "IIII", data, 8))
        known = 24
        if length >= 32:
            fields += unpack_from(mark + "II", data, 24)
            known = 32
        else:
            fields += (0, 0)
        self._length = length
        self._extra = data[known:length]
        return mark, [(length + fields[i], fields[i + 1]) for i in (0, 2, 4)]

    def _read_section(self, kind: str, data: bytes, start: int, size: int, mark: str) -> list[tuple[int, int, int]]:
        if size == 0:
            return []
        end = start + size
        if (start - self._length) % 4 or end > len(data) or size < 4:
            raise FormatError(
                f"{kind} at {start}, {size} bytes: not within the {len(data)} bytes of the section",
                section=WHERE,
                offset=start,
            )
        (record_size,) = unpack_from(mark + "I", data, start)
        if record_size < MIN_RECORD[kind] or record_size % 4:
            raise FormatError(
                f"{kind} records of {record_size} bytes, expected a multiple of 4 of at least {MIN_RECORD[kind]}",
                section=WHERE,
                offset=start,
            )
        self._record_sizes[kind] = record_size
        places: list[tuple[int, int, int]] = []
        at = _fields.groups(data, start + 4, end, record_size, mark == "<", places)
        if end - at >= 8:
            (count,) = unpack_from(mark + "I", data, at + 4)
            raise FormatError(f"{kind}: a group of {counted(count, 'record')} does not fit", section=WHERE, offset=at)
        if at < end:
            raise FormatError(f"{kind} ends within the header of a group", section=WHERE, offset=at)
        if not places:
            raise FormatError(f"{kind} has no records", section=WHERE, offset=start)
        return places

    def relocations(self, btf: Btf, source: str | None = None) -> list[tuple[bytes, int, int, bytes, int]]:
        """(name of the section, offset of the instruction, type id, access string, kind) of every CO-RE relocation of an object
        with this BTF.  Raises FormatError if a record refers to a string that does not exist."""
        found: list[tuple[bytes, int, int, bytes, int]] = []
        places = self._places["core_relo"]
        if not places:
            return found
        text_at = btf.header.length + btf.header.str_off
        is_little, size = self.order == "little", self._record_sizes["core_relo"]
        wrong = _fields.relocations(self._data, places, size, is_little, btf.strings, btf.blob, text_at, found)
        if wrong >= 0:
            message = f"a CO-RE record refers to string {wrong:#x}, the strings end at {len(btf.strings):#x}"
            raise FormatError(message, source=source, section=WHERE)
        return found

    def records(self, kind: str) -> Iterator[tuple[int, tuple[int, ...]]]:
        """(string offset of the section's name, known fields) of every record of "func_info", "line_info" or "core_relo"."""
        mark = "<" if self.order == "little" else ">"
        known = MIN_RECORD[kind]
        form = f"{mark}{known // 4}I"
        group: Group
        for group in self._of(kind):
            if group.record_size == known:
                for record in iter_unpack(form, group.data):
                    yield group.section, record
                continue
            for at in range(0, len(group.data), group.record_size):
                yield group.section, unpack_from(form, group.data, at)

    def translated(self, types: Callable[[int], int] | None = None, strings: Callable[[int], int] | None = None) -> Ext:
        """The same with other type ids and string offsets: `types(old)` and `strings(old)` return the new ones (None: unchanged).

        Type ids are in func_info and core_relo; strings are the names of sections, those of line_info and access strings.
        Unknown fields of a record are kept.
        """
        new = Ext()
        new.order, new._length, new._extra = self.order, self._length, self._extra
        new._record_sizes = dict(self._record_sizes)
        new._groups = {
            kind: [_translated(kind, group, self.order, types, strings) for group in self._of(kind)]
            for kind in SECTIONS
        }
        return new

    def references(self) -> tuple[set[int], set[int]]:
        """The type ids and the string offsets that it refers to."""
        from functools import partial

        ids, strings = set[int](), set[int]()
        self.translated(partial(_note, ids), partial(_note, strings))
        return ids, strings

    def to_bytes(self) -> bytes:
        """The section in its byte order: header, then the three tables without gaps."""
        order = self.order
        bodies = [self._encode(kind) for kind in SECTIONS]
        at, fields = 0, []
        for body in bodies:
            fields += [at, len(body)]
            at += len(body)
        numbers = fields if self._length >= 32 else fields[:4]
        head = (0xEB9F).to_bytes(2, order) + b"\1\0" + self._length.to_bytes(4, order)
        head += b"".join(number.to_bytes(4, order) for number in numbers) + self._extra
        return head + b"".join(bodies)

    def _encode(self, kind: str) -> bytes:
        groups = self._of(kind)
        if not groups:
            return b""
        parts = [self._record_sizes[kind].to_bytes(4, self.order)]
        for group in groups:
            parts += (group.section.to_bytes(4, self.order), len(group).to_bytes(4, self.order), group.data)
        return b"".join(parts)


def record_places(data: bytes) -> list[tuple[int, int]]:
    """(offset, size) in bytes of every record in a `.BTF.ext` blob, in the order of the sections; errors are those of `Ext`."""
    reader = Ext()
    mark, offsets = reader._read_header(data)
    reader._record_sizes = {}
    found = []
    for kind, (start, size) in zip(SECTIONS, offsets, strict=True):
        for _, first, end in reader._read_section(kind, data, start, size, mark):
            record_size = reader._record_sizes[kind]
            found += [(at, record_size) for at in range(first, end, record_size)]
    return found


TYPE_WORDS = {"func_info": (1,), "line_info": (), "core_relo": (1,)}  # words of a record that hold a type id
STRING_WORDS = {"func_info": (), "line_info": (1, 2), "core_relo": (2,)}  # ... or a string offset


def _note(seen: set[int], number: int) -> int:
    seen.add(number)
    return number


def _translated(
    kind: str,
    group: Group,
    order: ByteOrder,
    types: Callable[[int], int] | None,
    strings: Callable[[int], int] | None,
) -> Group:
    data = bytearray(group.data)
    for places, new in ((TYPE_WORDS[kind], types), (STRING_WORDS[kind], strings)):
        if new is None:
            continue
        for place in places:
            for at in range(4 * place, len(data), group.record_size):
                data[at : at + 4] = new(int.from_bytes(data[at : at + 4], order)).to_bytes(4, order)
    return Group(strings(group.section) if strings is not None else group.section, group.record_size, bytes(data))
