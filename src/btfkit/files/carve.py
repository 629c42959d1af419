"""BPF objects inside executables.

A libbpf skeleton keeps the whole object in the program's .rodata; Go (bpf2go) and Rust programs embed it the same way.
They are found by the ELF magic with BPF's machine number; where one ends is where its section headers, or its
last section, end.
"""

from __future__ import annotations

from struct import unpack_from

from btfkit.errors import FormatError
from btfkit.files.elf import EM_BPF, ET_REL, MAGIC, SHT_NOBITS, SHT_NULL, SHT_STRTAB, Elf, object_name
from btfkit.files.images import searchable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.files.elf import Data

MAX_HITS = 100_000  # places of the ELF magic that are looked at
MAX_SECTIONS = 1 << 20  # section headers that are looked at, over all of them


class Embedded:
    """A BPF object found in a file: `offset` and `size` in bytes within it, `data` its bytes (not copied), a `name`."""

    __slots__ = ("data", "name", "offset", "size")

    def __init__(self, offset: int, size: int, data: memoryview, name: str) -> None:
        self.offset = offset
        self.size = size
        self.data = data
        self.name = name

    def __repr__(self) -> str:
        return f"<Embedded {self.name!r}: {self.size} bytes at {self.offset:#x}>"


def bpf_objects(data: Data, source: str = "executable") -> list[Embedded]:
    """The BPF objects in the ELF file `data`, in the order of their places: all embedded ones, or the file itself.

    Several are named "NAME#1", "NAME#2"...  Raises FormatError where `data` is no ELF file; an executable without any
    gives an empty list.
    """
    outer = Elf(data, source)
    name = object_name(source)
    if outer.machine == EM_BPF:
        return [Embedded(0, len(outer.view), outer.view, name)]
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
            found.append(Embedded(at, size, view[at : at + size], name))
        at = hay.find(MAGIC, at + max(size, 4))
    if len(found) > 1:
        for number, one in enumerate(found, 1):
            one.name = f"{name}#{number}"
    return found


def _extent(view: memoryview, at: int) -> tuple[int, int]:
    """(bytes of the BPF object at `at`, 0 where there is none; section headers that were looked at)."""
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
