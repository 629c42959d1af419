"""Reading the DWARF of a file: its units in groups, into the records of one `Interner`."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right

from btfkit.dwarf import tables
from btfkit.dwarf.companion import supplementary_link
from btfkit.dwarf.debug import SPLIT, Debug
from btfkit.dwarf.sections import DebugSections
from btfkit.dwarf.split import Skeleton
from btfkit.dwarf.units import PARTIAL, SKELETON, SPLIT_COMPILE, SPLIT_TYPE, TYPE
from btfkit.errors import BtfError, FormatError, NotFoundError, UnsupportedError
from btfkit.hot import codes
from btfkit.hot.abbreviations import Abbreviations
from btfkit.hot.dies import Reader
from btfkit.hot.interning import Interner
from btfkit.hot.strings import ALL_BITS, StringTable, random_prime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from btfkit.dwarf.companion import Companions
    from btfkit.dwarf.units import Unit
    from btfkit.files.elf import Elf

LANGUAGES = {"c": (0x01, 0x02, 0x0C, 0x1D, 0x2C), "c++": (0x04, 0x1A, 0x21, 0x2B), "rust": (0x1C,), "asm": (0x8001,)}
CACHED = 8  # tables of abbreviations that are kept; more, if units use many in turns
MOST_NAMES = (1 << 30) - 1  # bytes of all names, as `hot.attributes` demands
NAMES = 16  # limit for the total length of the names, as a multiple of the sections with strings


class Rules:
    """What to read: the `features` that matter here, languages to leave out, and whether types that BTF cannot express
    are written as others (`force`)."""

    __slots__ = ("features", "force", "skip")

    def __init__(self, features: Iterable[str], skip: Iterable[int] = (), *, force: bool = False) -> None:
        self.features = frozenset(features)
        self.skip = frozenset(skip)
        self.force = force


class Dwarf:
    """Everything that was read: `types` (the Interner), `reader`, and how many `files` and `units`; `skipped` has the units left
    out by language."""

    def __init__(self, debug: Debug, rules: Rules, ranges: array[int], companions: Companions) -> None:
        self.debug = self._now = debug
        self.companions = companions
        self.skeletons: list[Skeleton] = []
        self._by_identity: dict[int, Skeleton] = {}
        self.rules = rules
        self.big = debug.sections.elf.order == "big"
        prime = random_prime()
        names = StringTable(bytearray(1), 0, prime, ALL_BITS, 1 << 16, None)
        self.types = Interner(names, prime | int.from_bytes(array("I", [random_prime()]).tobytes(), "little") << 32)
        self.types.force = rules.force
        reader = self.reader = Reader(self.types, self.big)
        reader.want_floats = "float" in rules.features
        reader.want_enum64 = "enum64" in rules.features
        reader.want_type_tags = "type_tag" in rules.features
        reader.want_decl_tags = "decl_tag" in rules.features
        reader.force = rules.force
        reader.ranges = ranges
        self.files = self.units = 0
        self.skipped = 0
        self._tables: dict[tuple[int, int, int, int, int], Abbreviations] = {}
        self._read_tables = set[tuple[int, int, int, int, int]]()
        self._read_again = 0  # bytes of abbreviations
        self._kept = CACHED

    def read(self) -> None:
        """Read all units of the file, of its supplementary file, and the split units that it names."""
        if self.debug.is_split:
            self.reader.warnings["split"] = 1
        self._read(self.debug)
        self._read_split()
        self.reader.sections(*(b"" for _ in range(8)))
        self.debug.release()

    def _read(self, debug: Debug) -> None:
        """Read the units of one file."""
        self._use(debug)
        together = debug.supplement is not None or self._crosses(debug)
        self.reader.signatures = {}
        if together:
            self._signatures(debug)
            self.types.begin()
        for unit in debug.units:
            if not together:
                self.types.begin()
            if self._unit(debug, unit) and not together:
                self._settle(unit)
            debug.leave(unit)
        if debug.supplement is not None:
            self._read_supplement(debug.supplement)
        if together:
            self._settle(debug.units[0] if debug.units else None)
        self.types.die_base += len(debug.info)

    def _read_supplement(self, debug: Debug) -> None:
        """Read those units of a supplementary file that something refers to."""
        self._use(debug)
        starts = [unit.start for unit in debug.units]
        done = set[int]()
        places = self.reader.reached
        while places:
            wanted = {bisect_right(starts, place) - 1 for place in places} - done - {-1}
            places.clear()
            for index in sorted(wanted):
                self._unit(debug, debug.units[index])
            done |= wanted

    def _read_split(self) -> None:
        """Read the split units that skeletons stand for, in their order.  Raises NotFoundError if a file is not there."""
        if not self.skeletons:
            return
        self._by_identity = {skeleton.identity: skeleton for skeleton in reversed(self.skeletons)}
        done = set[int]()
        holders = SplitFiles(self.debug, self.companions, self._identities)
        for skeleton in self.skeletons:
            if skeleton.identity not in done:
                found = holders.holder(skeleton)
                self._read(found)
                done |= self._identities(found)

    def _identities(self, debug: Debug) -> set[int]:
        """The identities of the split units of a file."""
        if debug.identities is None:
            self._use(debug)
            debug.identities = {
                self._identity(debug, unit)
                for unit in debug.units
                if unit.kind == SPLIT_COMPILE or (unit.version < 5 and unit.kind != TYPE)
            }
        return debug.identities

    def _identity(self, debug: Debug, unit: Unit) -> int:
        """What a skeleton and its split unit have in common; their header or own DIE has it."""
        if unit.version >= 5:
            return unit.dwo_id
        try:
            self._begin(debug, unit)
        except (IndexError, ValueError, OverflowError) as error:
            raise self._damaged(error, "info", unit.start) from None
        return self.reader.number(codes.DWO_ID)

    def _use(self, debug: Debug) -> None:
        """Set the sections that units of a file use."""
        sections = debug.sections
        reader = self.reader
        self._now = debug
        if not debug.number:
            self.files += 1
            debug.number = self.files
            size = sum(len(sections.get(name)) for name in ("str", "line_str")) + len(debug.info)
            names = self.types.names
            names.limit = min(names.limit + NAMES * size, MOST_NAMES)
        if debug.alt_base != reader.alt_base:
            reader.alt_base = debug.alt_base
            reader.seen = bytearray((len(debug.info) - debug.alt_base >> 3) + 1)
        reader.info_base = debug.base
        reader.split = debug.is_split
        reader.placeless = debug.is_split and debug is self.debug
        reader.sections(
            debug.info,
            sections.get("str"),
            sections.get("line_str"),
            debug.alt_strings,
            sections.get("str_offsets"),
            debug.addresses,
            debug.lists,
            debug.old_lists,
        )

    def _crosses(self, debug: Debug) -> bool:
        """Whether units may refer to each other, so that they must be read together."""
        seen = set[tuple[int, bool, int, int]]()
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
        sizes = unit.version == 2, unit.offset_size, unit.address_size
        key = debug.number, unit.abbreviations, *sizes
        table = self._tables.get(key)
        if table is None:
            if len(self._tables) >= self._kept:
                oldest = next(iter(self._tables))
                table = self._tables.pop(oldest)
            if table is None or sizes != oldest[2:]:
                forms = tables.forms(unit.version, unit.offset_size, unit.address_size)
                table = Abbreviations(tables.TAG_TABLE, tables.SLOT_TABLE, tables.WANTED_TABLE, forms)
            try:
                if unit.abbreviations >= len(debug.abbreviations):
                    raise IndexError
                table.read(debug.abbreviations, unit.abbreviations)
            except (IndexError, ValueError, OverflowError) as error:
                raise self._damaged(error, "abbrev", unit.abbreviations) from None
            self._tables[key] = table
            if key in self._read_tables:
                self._read_again += table.at - unit.abbreviations
                if self._read_again > len(debug.abbreviations):  # all of it once more: keep more of them
                    self._kept, self._read_again = 2 * self._kept, 0
            self._read_tables.add(key)
        return table

    def _begin(self, debug: Debug, unit: Unit) -> Abbreviations:
        """Decode the own DIE of a unit, for its attributes; returns its abbreviations."""
        reader = self.reader
        table = self._table(debug, unit)
        debug.fetch(unit)
        reader.unit(unit.start, unit.end, unit.version, unit.offset_size, unit.address_size)
        reader.root(unit.first, table)
        strings = reader.number(codes.STR_BASE) if reader.has(codes.STR_BASE) else debug.string_base(unit)
        lists = reader.number(codes.LOCLISTS_BASE) if reader.has(codes.LOCLISTS_BASE) else debug.list_base(unit)
        reader.bases(strings, reader.number(codes.ADDR_BASE), lists, debug.list_start(unit))
        return table

    def _unit(self, debug: Debug, unit: Unit) -> bool:
        """Read one unit; returns whether it has types of its own and was not left out."""
        reader = self.reader
        try:
            table = self._begin(debug, unit)
            if not debug.is_split and (unit.kind == SKELETON or reader.has(codes.DWO_NAME)):
                self.skeletons.append(self._skeleton(unit))
                return False
            if reader.number(codes.LANGUAGE) in self.rules.skip:
                self.skipped += 1
                return False
            if debug.is_split and not self._take_addresses(debug, unit):
                return False
            reader.clang = b"clang" in reader.text(codes.PRODUCER)
            reader.walk(unit.first, table)
        except (IndexError, ValueError, OverflowError) as error:
            raise self._damaged(error, "info", reader.place or unit.start) from None
        self.units += 1
        return True

    def _skeleton(self, unit: Unit) -> Skeleton:
        reader = self.reader
        return Skeleton(
            os.fsdecode(reader.text(codes.DWO_NAME)),
            os.fsdecode(reader.text(codes.COMP_DIR)),
            unit.dwo_id if unit.version >= 5 else reader.number(codes.DWO_ID),
            reader.number(codes.ADDR_BASE),
        )

    def _take_addresses(self, debug: Debug, unit: Unit) -> bool:
        """Let a split unit have the addresses of its skeleton; returns whether it has one, or needs none."""
        reader = self.reader
        if debug is self.debug or unit.kind in (TYPE, SPLIT_TYPE):
            return True
        identity = unit.dwo_id if unit.version >= 5 else reader.number(codes.DWO_ID)
        skeleton = self._by_identity.get(identity)
        if skeleton is None:
            return False  # of another program in the same package
        strings = reader.number(codes.STR_BASE) if reader.has(codes.STR_BASE) else debug.string_base(unit)
        lists = reader.number(codes.LOCLISTS_BASE) if reader.has(codes.LOCLISTS_BASE) else debug.list_base(unit)
        reader.bases(strings, skeleton.addresses, lists, debug.list_start(unit))
        return True

    def _settle(self, unit: Unit | None) -> None:
        try:
            self.reader.settle()
        except (IndexError, ValueError, OverflowError) as error:
            raise self._damaged(error, "info", unit.start if unit is not None else 0) from None

    def _damaged(self, error: Exception, section: str, at: int) -> BtfError:
        text = str(error)
        remedy = "force" if "BTF cannot express" in text else ""
        if isinstance(error, ValueError) and text:
            kind = UnsupportedError if remedy or "unknown form" in text else FormatError
        else:
            kind = FormatError
            text = "more names or types than a file of this size has" if isinstance(error, OverflowError) else text
            if isinstance(error, IndexError):
                text = "damaged: something extends beyond its section"
        sections = self._now.sections
        if section == "info":
            at = max(at - self._now.base, 0)
        return kind(text, source=sections.elf.source, section=sections.name(section), offset=at, remedy=remedy)


class SplitFiles:
    """Finds the file with each split unit: the file of the skeletons itself (-gsplit-dwarf=single), its package, or a .dwo."""

    def __init__(self, debug: Debug, companions: Companions, identities: Callable[[Debug], set[int]]) -> None:
        self.debug = debug
        self.companions = companions
        self._identities = identities
        self._whole: list[Debug] = []
        package = companions.package()
        for elf in (debug.sections.elf, *(() if package is None else (package,))):
            sections = DebugSections(elf, SPLIT)
            if sections.has("info"):
                self._whole.append(Debug(sections, debug.addresses))

    def holder(self, skeleton: Skeleton) -> Debug:
        """The file that has the unit of a skeleton.  Raises NotFoundError if there is none."""
        for known in self._whole:
            if skeleton.identity in self._identities(known):
                return known
        source = self.debug.sections.elf.source
        others = []
        for elf in self.companions.split_files(skeleton.name, skeleton.compiled_in):
            sections = DebugSections(elf, SPLIT)
            if sections.has("info"):
                found = Debug(sections, self.debug.addresses)
                if skeleton.identity in self._identities(found):
                    return found
            others.append(elf.source)
        what = f"split DWARF: the types are in {skeleton.name}"
        if skeleton.compiled_in:
            what += f", compiled in {skeleton.compiled_in}"
        if others:
            raise NotFoundError(f"{what}; {others[0]} is of another build", source=source)
        raise NotFoundError(
            f"{what}, which is not there (nor is {os.path.basename(self.companions.path)}.dwp): put it beside the file, or"
            " compile without -gsplit-dwarf",
            source=source,
        )


def open_debug(elf: Elf, companions: Companions) -> Debug:
    """The units of a file, with its supplementary file.

    Raises NotFoundError if it has no DWARF, or its supplementary file is not there.
    """
    sections = DebugSections(elf)
    if not sections.has_content("info"):
        alone = DebugSections(elf, SPLIT)
        if alone.has_content("info"):
            return Debug(alone)
        raise NotFoundError(
            "no DWARF (.debug_info): compile it with -g, and a kernel with CONFIG_DEBUG_INFO", source=elf.source
        )
    debug = Debug(sections)
    link = supplementary_link(elf)
    if link is not None:
        debug.add(Debug(DebugSections(companions.supplementary(elf, link))))
    return debug
