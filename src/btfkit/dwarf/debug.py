"""The units of one file, with the sections that they use: of an ordinary file, a supplementary one (dwz), a .dwo or a .dwp."""

from __future__ import annotations

from btfkit.dwarf.split import ABBREV, INFO, LOC, STR_OFFSETS, TYPES, PackageIndex
from btfkit.dwarf.units import LARGEST, units
from btfkit.errors import FormatError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.dwarf.sections import Bytes, DebugSections
    from btfkit.dwarf.units import Unit

SPLIT = ".dwo"  # the suffix of the sections of split units


class Debug:
    """The sections that units of one file use: `info` (with `types` after it), whose part for `units` begins at `base`.

    With a `supplement`, `info` goes on with that file's, from `alt_base` on.  Split units take their addresses from the
    file that has their skeletons (`addresses`).  A reader gives each file a `number`, and notes the `identities` of split units.
    """

    __slots__ = (
        "_left",
        "_part",
        "abbreviations",
        "addresses",
        "alt_base",
        "alt_strings",
        "base",
        "identities",
        "info",
        "is_split",
        "lists",
        "number",
        "old_lists",
        "parts",
        "sections",
        "supplement",
        "units",
    )

    def __init__(self, sections: DebugSections, addresses: Bytes | None = None) -> None:
        self.sections = sections
        elf = sections.elf
        self.is_split = sections.suffix == SPLIT
        self.abbreviations = sections.get("abbrev")
        self._part = sections.part("info")
        self._left = 0
        self.info: Bytes = sections.get("info")
        self.units = list(
            units(self.info if self._part is None else self._part, elf.mark, sections.name("info"), elf.source)
        )
        self.base = self.alt_base = self.number = 0
        self.identities: set[int] | None = None
        self.alt_strings: Bytes = b""
        self.supplement: Debug | None = None
        self.parts: dict[int, dict[int, int]] = {}  # by unit: where its parts of a package's sections begin
        if self.is_split:
            self._find_parts(self.units, INFO, 0)
        if sections.has("types"):
            self._add_types()
        self.addresses = sections.get("addr") if addresses is None else addresses
        self.lists = sections.get("loclists")
        self.old_lists = sections.get("loc")

    def fetch(self, unit: Unit) -> None:
        """Read the DIEs of a unit, if the file is so large that they are read as they are needed."""
        if self._part is not None:
            self._part.fetch(unit.start, unit.end)

    def leave(self, unit: Unit) -> None:
        """Give the memory of the DIEs up to the end of a unit back."""
        if self._part is not None:
            self._left = self._part.release(self._left, unit.end)

    def _read_all(self) -> None:
        """Read all DIEs, because those of another section are to follow."""
        if self._part is not None:
            self._part.fetch(0, len(self._part))
            self._part = None

    def release(self) -> None:
        """Give the memory of all sections back: everything is read."""
        self.info = self.abbreviations = self.alt_strings = self.addresses = self.lists = self.old_lists = b""
        self.sections.release()

    def _add_types(self) -> None:
        elf = self.sections.elf
        self._read_all()
        types = self.sections.get("types")
        start = len(self.info)
        self.info = bytes(self.info) + bytes(types)
        found = list(units(types, elf.mark, self.sections.name("types"), elf.source, types=True))
        for unit in found:
            _move(unit, start)
        self.units += found
        if self.is_split:
            self._find_parts(found, TYPES, start)

    def _find_parts(self, found: list[Unit], section: int, start: int) -> None:
        """Note the parts of a package that units have, if this is one."""
        index = PackageIndex(self.sections)
        if not index:
            return
        for unit in found:
            row = index.of(section, unit.start - start)
            if row is None:
                raise FormatError(
                    "a unit that the index of the package does not list",
                    source=self.sections.elf.source,
                    section=self.sections.name("info" if section == INFO else "types"),
                    offset=unit.start - start,
                )
            self.parts[unit.start] = row.offsets
            unit.abbreviations += row.offsets.get(ABBREV, 0)

    def add(self, supplement: Debug) -> None:
        """Let references lead into a supplementary file, whose units follow those of this file."""
        self.alt_base = len(self.info)
        if self.alt_base + len(supplement.info) >= LARGEST:
            raise UnsupportedError(
                f"more than {LARGEST} bytes with its supplementary file", source=self.sections.elf.source
            )
        self._read_all()
        supplement._read_all()
        self.info = supplement.info = b"".join((self.info, supplement.info))
        self.alt_strings = supplement.sections.get("str")
        supplement.base = supplement.alt_base = self.alt_base
        for unit in supplement.units:
            _move(unit, self.alt_base)
        self.supplement = supplement

    def string_base(self, unit: Unit) -> int:
        """Where the indexes of strings of a unit count from, if it does not say so."""
        header = 0
        if unit.version >= 5 and self.is_split:
            header = 8 if unit.offset_size == 4 else 16
        return header + self.parts.get(unit.start, {}).get(STR_OFFSETS, 0)

    def list_base(self, unit: Unit) -> int:
        """Where the indexes of location lists of a unit count from, if it does not say so."""
        header = 12 if unit.offset_size == 4 else 20
        return self.list_start(unit) + (header if self.is_split else 0)

    def list_start(self, unit: Unit) -> int:
        """Where the location lists of a unit begin."""
        return self.parts.get(unit.start, {}).get(LOC, 0)


def _move(unit: Unit, by: int) -> None:
    for place in ("start", "end", "first", "type_at"):
        setattr(unit, place, getattr(unit, place) + by)
