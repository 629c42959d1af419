"""Reading the DWARF of a file: its units in groups, into the records of one `Interner`."""

from __future__ import annotations

from array import array

from btfkit.dwarf import tables
from btfkit.dwarf.units import PARTIAL, SKELETON, SPLIT_COMPILE, SPLIT_TYPE, TYPE, units
from btfkit.errors import BtfError, FormatError, NotFoundError, UnsupportedError
from btfkit.hot import codes
from btfkit.hot.abbreviations import Abbreviations
from btfkit.hot.dies import Reader
from btfkit.hot.interning import Interner
from btfkit.hot.strings import ALL_BITS, StringTable, random_prime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from btfkit.dwarf.sections import Bytes, DebugSections
    from btfkit.dwarf.units import Unit

LANGUAGES = {"c": (0x01, 0x02, 0x0C, 0x1D, 0x2C), "c++": (0x04, 0x1A, 0x21, 0x2B), "rust": (0x1C,), "asm": (0x8001,)}
CACHED = 8  # tables of abbreviations that are kept
NAMES = 16  # limit for the total length of the names, as a multiple of the sections with strings


class Rules:
    """What to read: the `features` that matter here, languages to leave out, and whether types that BTF cannot express
    are written as others (`force`)."""

    __slots__ = ("features", "force", "skip")

    def __init__(self, features: Iterable[str], skip: Iterable[int] = (), *, force: bool = False) -> None:
        self.features = frozenset(features)
        self.skip = frozenset(skip)
        self.force = force


class Debug:
    """The sections that units of one file use: `info` (with `types` behind it), and where that begins in the whole (`base`)."""

    __slots__ = ("abbreviations", "alt_base", "alt_strings", "base", "info", "list_form", "lists", "sections", "units")

    def __init__(self, sections: DebugSections) -> None:
        self.sections = sections
        elf = sections.elf
        mark = elf.mark
        self.abbreviations = sections.get("abbrev")
        self.info: Bytes = sections.get("info")
        self.units = list(units(self.info, mark, ".debug_info" + sections.suffix, elf.source))
        self.base = self.alt_base = 0
        self.alt_strings: Bytes = b""
        if sections.has("types"):
            self._add_types(mark)
        split = bool(sections.suffix)
        five = any(unit.version >= 5 for unit in self.units)
        self.list_form = 5 if five else 3 if split else 4
        self.lists = sections.get("loclists" if five else "loc")

    def _add_types(self, mark: str) -> None:
        source = self.sections.elf.source
        types = self.sections.get("types")
        start = len(self.info)
        self.info = bytes(self.info) + bytes(types)
        for unit in units(types, mark, ".debug_types", source, types=True):
            for place in ("start", "end", "first", "type_at"):
                setattr(unit, place, getattr(unit, place) + start)
            self.units.append(unit)


class Dwarf:
    """Everything that was read: `types` (the Interner), `reader`, and counts; `skipped` has the units left out by language."""

    def __init__(self, debug: Debug, rules: Rules, ranges: array[int]) -> None:
        self.debug = debug
        self.rules = rules
        self.big = debug.sections.elf.order == "big"
        prime = random_prime()
        size = sum(len(debug.sections.get(name)) for name in ("str", "line_str")) + len(debug.info)
        names = StringTable(bytearray(1), 0, prime, ALL_BITS, min(NAMES * size + (1 << 16), (1 << 31) - 1), None)
        self.types = Interner(names, prime | int.from_bytes(array("I", [random_prime()]).tobytes(), "little") << 32)
        self.types.force = rules.force
        reader = self.reader = Reader(self.types, self.big)
        reader.want_floats = "float" in rules.features
        reader.want_enum64 = "enum64" in rules.features
        reader.want_type_tags = "type_tag" in rules.features
        reader.want_decl_tags = "decl_tag" in rules.features
        reader.force = rules.force
        reader.ranges = ranges
        self.units = 0
        self.skipped = 0
        self._tables: dict[tuple[int, int, int, int], Abbreviations] = {}

    def read(self, forget: Callable[[int], None] | None = None) -> None:
        """Read all units; `forget` is told up to which byte `info` is not needed any more."""
        debug = self.debug
        self._use(debug)
        crossing = self._crosses(debug)
        if crossing:
            self._signatures(debug)
            self.types.begin()
        for unit in debug.units:
            if not crossing:
                self.types.begin()
            with_types = self._unit(debug, unit)
            if not crossing and with_types:
                self._settle(unit)
            if forget is not None and not crossing:
                forget(unit.end)
        if crossing:
            self._settle(debug.units[0] if debug.units else None)

    def _use(self, debug: Debug) -> None:
        sections = debug.sections
        self.reader.info_base = debug.base
        self.reader.alt_base = debug.alt_base
        self.reader.sections(
            debug.info,
            sections.get("str"),
            sections.get("line_str"),
            debug.alt_strings,
            sections.get("str_offsets"),
            sections.get("addr"),
            debug.lists,
            debug.list_form,
        )

    def _crosses(self, debug: Debug) -> bool:
        """Whether units may refer to each other, so that they must be read together."""
        seen = set[tuple[int, int, int, int]]()
        for unit in debug.units:
            if unit.kind in (TYPE, SPLIT_TYPE, PARTIAL):
                return True
            key = unit.abbreviations, unit.version == 2, unit.offset_size, unit.address_size
            if key not in seen:
                seen.add(key)
                if self._table(debug, unit).crosses & tables.CROSSING:
                    return True
        return False

    def _signatures(self, debug: Debug) -> None:
        self.reader.signatures = {
            unit.signature: unit.type_at for unit in debug.units if unit.kind in (TYPE, SPLIT_TYPE)
        }

    def _table(self, debug: Debug, unit: Unit) -> Abbreviations:
        key = unit.abbreviations, unit.version == 2, unit.offset_size, unit.address_size
        table = self._tables.get(key)
        if table is None:
            if len(self._tables) >= CACHED:
                table = self._tables.pop(next(iter(self._tables)))
            if table is None or (key[1:] != getattr(self, "_last", None)):
                forms = tables.forms(unit.version, unit.offset_size, unit.address_size)
                table = Abbreviations(tables.TAG_TABLE, tables.SLOT_TABLE, tables.WANTED_TABLE, forms)
                self._last = key[1:]
            try:
                if unit.abbreviations >= len(debug.abbreviations):
                    raise IndexError
                table.read(debug.abbreviations, unit.abbreviations)
            except (IndexError, ValueError, OverflowError) as error:
                raise self._damaged(error, ".debug_abbrev", unit.abbreviations) from None
            self._tables[key] = table
        return table

    def _unit(self, debug: Debug, unit: Unit) -> bool:
        """Read one unit; returns whether it was not left out."""
        reader = self.reader
        table = self._table(debug, unit)
        try:
            reader.unit(unit.start, unit.end, unit.version, unit.offset_size, unit.address_size)
            reader.root(unit.first, table)
            self._bases(unit)
            if (unit.kind == SKELETON or reader.has(codes.DWO_NAME)) and unit.kind not in (SPLIT_COMPILE, SPLIT_TYPE):
                raise UnsupportedError(
                    f"split DWARF: the types are in {reader.text(codes.DWO_NAME).decode(errors='replace')}, which is not"
                    " read; compile without -gsplit-dwarf",
                    source=self.debug.sections.elf.source,
                )
            if reader.number(codes.LANGUAGE) in self.rules.skip:
                self.skipped += 1
                return False
            reader.clang = b"clang" in reader.text(codes.PRODUCER)
            reader.walk(unit.first, table)
        except (IndexError, ValueError, OverflowError) as error:
            raise self._damaged(error, ".debug_info", reader.place or unit.start) from None
        self.units += 1
        return True

    def _bases(self, unit: Unit) -> None:
        reader = self.reader
        header = 0
        if unit.version >= 5 and unit.kind in (SPLIT_COMPILE, SPLIT_TYPE):
            header = 8 if unit.offset_size == 4 else 16
        strings = reader.number(codes.STR_BASE) if reader.has(codes.STR_BASE) else header
        lists = reader.number(codes.LOCLISTS_BASE)
        if header and not reader.has(codes.LOCLISTS_BASE):
            lists = 12 if unit.offset_size == 4 else 20
        reader.bases(strings, reader.number(codes.ADDR_BASE), lists)

    def _settle(self, unit: Unit | None) -> None:
        try:
            self.reader.settle()
        except (IndexError, ValueError, OverflowError) as error:
            raise self._damaged(error, ".debug_info", unit.start if unit is not None else 0) from None

    def _damaged(self, error: Exception, section: str, at: int) -> BtfError:
        text = str(error)
        if isinstance(error, ValueError) and text:
            kind = UnsupportedError if "BTF cannot express" in text or "unknown form" in text else FormatError
        else:
            kind = FormatError
            text = "more names or types than a file of this size has" if isinstance(error, OverflowError) else text
            if isinstance(error, IndexError):
                text = "damaged: something extends beyond its section"
        return kind(text, source=self.debug.sections.elf.source, section=section, offset=at)


def demand_dwarf(sections: DebugSections) -> None:
    """Raise NotFoundError if a file has no DWARF."""
    if not sections.has("info") or not len(sections.get("info")):
        raise NotFoundError(
            "no DWARF (.debug_info): compile it with -g, and a kernel with CONFIG_DEBUG_INFO",
            source=sections.elf.source,
        )
    name = supplementary(sections)
    if name:
        raise UnsupportedError(
            f"part of the DWARF is in {name} (made by dwz -m), which is not read: use the file as it was before dwz",
            source=sections.elf.source,
        )


def supplementary(sections: DebugSections) -> str:
    """The name of the file that has what several files share, from `.gnu_debugaltlink` or `.debug_sup`; "" if there is none."""
    elf = sections.elf
    link = elf.section(".gnu_debugaltlink")
    if link is not None:
        return bytes(elf.data(link)).partition(b"\0")[0].decode(errors="replace")
    section = bytes(sections.get("sup"))  # version (2 bytes), whether this is that file (1), its name
    if len(section) < 4 or section[2]:
        return ""
    return section[3:].partition(b"\0")[0].decode(errors="replace")
