"""BPF objects inside executables.

A libbpf skeleton keeps the whole object in the program's .rodata, and so do Go (bpf2go) and Rust programs.  Objects are found
by the ELF magic with BPF's machine number; one ends where its section headers or its last section ends.
"""

from __future__ import annotations

from struct import unpack_from

from btfkit.errors import FormatError
from btfkit.files.elf import EM_BPF, ET_REL, MAGIC, SHT_NOBITS, SHT_NULL, SHT_STRTAB, Elf, object_name
from btfkit.files.images import searchable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.files.elf import Data

MAX_HITS = 100_000  # places of the ELF magic
MAX_SECTIONS = 1 << 20  # section headers, over all these places


class Embedded:
    """A BPF object in a file: its `offset` in bytes, its `data` (not copied), and a `name`."""

    __slots__ = ("data", "name", "offset")

    def __init__(self, offset: int, data: memoryview, name: str) -> None:
        self.offset = offset
        self.data = data
        self.name = name


def bpf_objects(data: Data, source: str = "executable") -> list[Embedded]:
    """The BPF objects in the ELF file `data`, by place: the file itself, or all those embedded in it, if any.

    Several are named "NAME#1", "NAME#2"...  Raises FormatError if `data` is not an ELF file.
    """
    outer = Elf(data, source)
    name = object_name(source)
    if outer.machine == EM_BPF:
        return [Embedded(0, outer.view, name)]
    hay = searchable(data)
    view = memoryview(hay)
    found = []
    left = MAX_SECTIONS
    at = hay.find(MAGIC, 1)
    for _ in range(MAX_HITS):
        if at < 0 or left <= 0:
            break
        size, looked = _extent(view, at)
        left -= looked
        if size:
            found.append(Embedded(at, view[at : at + size], name))
        at = hay.find(MAGIC, at + max(size, 4))
    if len(found) > 1:
        for number, one in enumerate(found, 1):
            one.name = f"{name}#{number}"
    return found


def _extent(view: memoryview, at: int) -> tuple[int, int]:
    """(size in bytes of the BPF object at `at`, 0 if there is none; number of section headers read)."""
    if at + 64 > len(view) or view[at + 4] not in (1, 2) or view[at + 5] not in (1, 2):
        return 0, 0
    if unpack_from("<>"[view[at + 5] - 1] + "HH", view, at + 16) != (ET_REL, EM_BPF):
        return 0, 0
    try:
        elf = Elf(view[at:])
        rows = elf.headers()
    except FormatError:
        return 0, 1
    end = elf.headers_end
    for row in rows:
        if row[1] not in (SHT_NULL, SHT_NOBITS):
            end = max(end, row[4] + row[5])
    whole = at + end <= len(view) and rows[:1] == [(0,) * 10] and any(row[1] == SHT_STRTAB for row in rows)
    return end if whole else 0, len(rows)
