"""The debug sections of an ELF file, decompressed and relocated."""

from __future__ import annotations

from btfkit.dwarf.relocations import Relocator
from btfkit.errors import FormatError, UnsupportedError
from btfkit.files.elf import ET_REL, SHF_COMPRESSED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

    from btfkit.files.elf import Elf, Section
    from btfkit.files.large_file import Part

    Bytes = bytes | bytearray | memoryview


class DebugSections:
    """The sections with DWARF of one ELF file; `suffix` is ".dwo" for those of split units.

    `addresses` is where each section is taken to be (their own addresses, except in a relocatable file).
    """

    def __init__(self, elf: Elf, suffix: str = "") -> None:
        self.elf = elf
        self.suffix = suffix
        self._relocator = Relocator(elf) if elf.type == ET_REL and not suffix else None
        self._known: dict[str, Bytes] = {}

    @property
    def addresses(self) -> array[int]:
        """The address of each section, by index."""
        if self._relocator is not None:
            return self._relocator.addresses
        from array import array

        return array("Q", [section.addr for section in self.elf.sections])

    def name(self, name: str) -> str:
        """The name of the section `.debug_<name>` in the file, for messages."""
        return f".debug_{name}{self.suffix}"

    def has(self, name: str) -> bool:
        """Whether the file has the section `.debug_<name>`."""
        return bool(self._find(name))

    def has_content(self, name: str) -> bool:
        """Whether the file has the section, and it is not empty."""
        return any(len(self.elf.unread(section)) for section in self._find(name))

    def get(self, name: str) -> Bytes:
        """The content of `.debug_<name>`, empty if there is none.  Raises FormatError and UnsupportedError."""
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def part(self, name: str) -> Part | None:
        """How parts of `.debug_<name>` are read, if that is possible: of a large file, without relocations or compression.

        Then `get` has the whole section, of which parts are to be fetched before they are used.
        """
        found = self._find(name)
        if len(found) != 1 or found[0].flags & SHF_COMPRESSED or found[0].name.startswith(".z"):
            return None
        if self._relocator is not None and self._relocator.changes(found[0].index):
            return None
        part = self.elf.part(found[0])
        if part is not None:
            self._known[name] = self.elf.unread(found[0])
        return part

    def release(self) -> None:
        """Give the memory of the sections back; what `get` returned must not be used any more."""
        for name in self._known:
            for section in self._find(name):
                part = self.elf.part(section)
                if part is not None:
                    part.release(0, len(part))
        self._known.clear()

    def _find(self, name: str) -> list[Section]:
        """The sections `.debug_<name>`: in a relocatable file with type units there are several."""
        names = (f".debug_{name}{self.suffix}", f".zdebug_{name}{self.suffix}")
        found = [section for section in self.elf.sections if section.name in names]
        return found if self.elf.type == ET_REL else found[-1:]

    def _read(self, name: str) -> Bytes:
        parts = []
        for section in self._find(name):
            changes = self._relocator is not None and self._relocator.changes(section.index)
            # what is changed is a copy: of a large file, read where it is wanted
            data: Bytes = self.elf.apart(section)[:] if changes else self.elf.data(section)
            if section.name.startswith(".z"):
                data = self._unpacked(section, memoryview(data))
            if self._relocator is not None:
                data = self._relocator.apply(section.index, data if isinstance(data, bytearray) else memoryview(data))
            parts.append(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _unpacked(self, section: Section, data: memoryview) -> bytes:
        """The content of a section in the old form of compression: "ZLIB", the size in 8 bytes, big-endian, and a stream."""
        from btfkit.files.compression import LIMIT, unpack

        if len(data) < 12 or bytes(data[:4]) != b"ZLIB":
            raise FormatError("not compressed with zlib", source=self.elf.source, section=section.name)
        size = int.from_bytes(data[4:12], "big")
        if size > LIMIT:
            raise UnsupportedError(f"{size} bytes, the limit is {LIMIT}", source=self.elf.source, section=section.name)
        unpacked = bytes(unpack(data[12:], f"{self.elf.source}({section.name})", limit=size, kind="zlib"))
        if len(unpacked) != size:
            raise FormatError(
                f"decompresses to {len(unpacked)} bytes instead of {size}",
                source=self.elf.source,
                section=section.name,
            )
        return unpacked
