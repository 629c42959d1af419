"""Split DWARF: the units that a compiler leaves in .dwo files (-gsplit-dwarf), and the index of a package of them (.dwp).

Sources: DWARF 5, sections 3.1.2 and 7.3.5; for DWARF 4, the extension "DebugFission" of GCC's wiki and its package format
(DebugFissionDWP).
"""

from __future__ import annotations

from bisect import bisect_right
from struct import error, unpack_from

from btfkit.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.dwarf.sections import DebugSections

INFO, TYPES, ABBREV, LINE, LOC, STR_OFFSETS = range(1, 7)
LARGEST_INDEX = 1 << 24  # units of a package


class Skeleton:
    """What a file says of a unit that is elsewhere: the `name` of the .dwo file, the directory that it was `compiled_in`, the
    `identity` that both have, and where the unit's `addresses` are in `.debug_addr`."""

    __slots__ = ("addresses", "compiled_in", "identity", "name")

    def __init__(self, name: str, compiled_in: str, identity: int, addresses: int) -> None:
        self.name = name
        self.compiled_in = compiled_in
        self.identity = identity
        self.addresses = addresses


class Contribution:
    """The parts of a package's sections that a unit has: the section of its DIEs (`unit_section`: INFO or TYPES) from `start` to
    `end`, and by section where its part begins (`offsets`)."""

    __slots__ = ("end", "offsets", "start", "unit_section")

    def __init__(self, unit_section: int, start: int, end: int, offsets: dict[int, int]) -> None:
        self.unit_section = unit_section
        self.start = start
        self.end = end
        self.offsets = offsets


class PackageIndex:
    """The contributions that `.debug_cu_index` and `.debug_tu_index` of a package list."""

    def __init__(self, sections: DebugSections) -> None:
        self._rows: dict[int, list[Contribution]] = {INFO: [], TYPES: []}
        for name in ("cu_index", "tu_index"):
            section = sections.elf.section(f".debug_{name}")
            if section is None or not section.size:
                continue
            data = bytes(sections.elf.data(section))
            try:
                rows = contributions(data, sections.elf.mark)
            except (error, ValueError) as found:
                text = "truncated index of a package" if isinstance(found, error) else str(found)
                raise FormatError(text, source=sections.elf.source, section=section.name) from None
            for row in rows:
                self._rows[row.unit_section].append(row)
        for rows in self._rows.values():
            rows.sort(key=lambda row: row.start)
        self._starts = {which: [row.start for row in rows] for which, rows in self._rows.items()}

    def __bool__(self) -> bool:
        return any(self._rows.values())

    def of(self, section: int, at: int) -> Contribution | None:
        """The contribution that has the unit at `at` of a section (INFO or TYPES)."""
        index = bisect_right(self._starts[section], at) - 1
        if index < 0 or at >= self._rows[section][index].end:
            return None
        return self._rows[section][index]


def contributions(data: bytes, mark: str) -> list[Contribution]:
    """The rows of an index.  Raises struct.error or ValueError if it is damaged."""
    (version,) = unpack_from(mark + "I", data)
    if version != 2:
        (version,) = unpack_from(mark + "H", data)
    if version not in (2, 5):
        raise ValueError(f"index of a package of version {version}; 2 and 5 are supported")
    columns, units, slots = unpack_from(mark + "III", data, 4)
    if columns > 16 or units > LARGEST_INDEX or 16 + 12 * slots + 4 * columns * (1 + 2 * units) > len(data):
        raise ValueError(f"an index of {units} units that extends beyond its section")
    if not units:
        return []
    at = 16 + 12 * slots
    row = f"{mark}{columns}I"
    sections = unpack_from(row, data, at)
    own = next((which for which in (TYPES, INFO) if which in sections and not (which == TYPES and version == 5)), None)
    if own is None:
        raise ValueError("an index without the section of its units")
    found = []
    for number in range(1, units + 1):
        offsets = dict(zip(sections, unpack_from(row, data, at + 4 * columns * number), strict=True))
        sizes = dict(zip(sections, unpack_from(row, data, at + 4 * columns * (units + number)), strict=True))
        found.append(Contribution(own, offsets[own], offsets[own] + sizes[own], offsets))
    return found
