"""The relocations that debug sections of relocatable files have, by machine.

Source: System V gABI and the ELF supplements of x86-64, i386, AArch64, ARM, s390x, PowerPC (32 and 64 bits), RISC-V, MIPS,
LoongArch and SPARC V9.
"""

from __future__ import annotations

import sys
from array import array

from btfkit.errors import FormatError, UnsupportedError
from btfkit.files.elf import SHF_ALLOC, SHT_REL, SHT_RELA
from btfkit.hot import codes
from btfkit.hot import relocations as _loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.files.elf import Elf, Section

SET, ADD, SUBTRACT = (16 * action for action in (codes.SET, codes.ADD, codes.SUBTRACT))
UNKNOWN = 255
EM_386, EM_MIPS, EM_PPC, EM_PPC64, EM_S390, EM_ARM, EM_X86_64, EM_AARCH64 = 3, 8, 20, 21, 22, 40, 62, 183
EM_SPARCV9, EM_RISCV, EM_LOONGARCH = 43, 243, 258

# By machine and number: what to do, and with how many bytes; 0 for those that change nothing here.
ACTIONS = {
    EM_X86_64: {0: 0, 1: SET | 8, 10: SET | 4, 11: SET | 4, 17: 0, 21: 0},  # 17, 21: offsets of thread-local variables
    EM_386: {0: 0, 1: SET | 4, 32: 0},
    EM_AARCH64: {0: 0, 256: 0, 257: SET | 8, 258: SET | 4, 1029: 0},
    EM_ARM: {0: 0, 2: SET | 4, 106: 0},
    EM_S390: {0: 0, 4: SET | 4, 22: SET | 8, 54: 0, 55: 0},
    EM_PPC: {0: 0, 1: SET | 4, 78: 0},
    EM_PPC64: {0: 0, 1: SET | 4, 38: SET | 8, 78: 0},
    EM_LOONGARCH: {0: 0, 1: SET | 4, 2: SET | 8}
    | {
        47: ADD | 1,
        48: ADD | 2,
        50: ADD | 4,
        51: ADD | 8,
        52: SUBTRACT | 1,
        53: SUBTRACT | 2,
        55: SUBTRACT | 4,
        56: SUBTRACT | 8,
    }
    | {107: 0, 108: 0, 100: 0},
    # 51: a hint to the linker; 52 and 53 change 6 bits, 60 and 61 a LEB128 number that is right in place: in none that is read
    EM_RISCV: {0: 0, 1: SET | 4, 2: SET | 8, 33: ADD | 1, 34: ADD | 2, 35: ADD | 4, 36: ADD | 8}
    | {37: SUBTRACT | 1, 38: SUBTRACT | 2, 39: SUBTRACT | 4, 40: SUBTRACT | 8}
    | {51: 0, 52: 0, 53: 0, 54: SET | 1, 55: SET | 2, 56: SET | 4, 60: 0, 61: 0},
    EM_MIPS: {0: 0, 2: SET | 4, 18: SET | 8, 39: 0, 41: 0},
    EM_SPARCV9: {0: 0, 3: SET | 4, 23: SET | 4, 32: SET | 8, 54: SET | 8, 76: 0, 77: 0},
}
PIECE = 1 << 12  # relocations that are applied at a time: as many as a cache holds
FIRST_ADDRESS = 0x10000  # of the first section of a relocatable file, so that none of its addresses is 0


def layout(elf: Elf) -> array[int]:
    """An address for each loaded section of a relocatable file, one after the other, so that no two places have the same."""
    addresses = array("Q", bytes(8 * len(elf.sections)))
    at = FIRST_ADDRESS
    for section in elf.sections:
        if section.flags & SHF_ALLOC:
            align = section.align if 0 < section.align <= 1 << 16 else 1
            at += -at % align
            addresses[section.index] = at
            at += max(section.size, 1) if section.size < 1 << 40 else 1
    return addresses


class Relocator:
    """Applies the relocations of a relocatable file to its debug sections; `addresses` is where each section is taken to be."""

    def __init__(self, elf: Elf) -> None:
        self.elf = elf
        self.addresses = layout(elf)
        self._symbols: tuple[memoryview, memoryview, int] | None = None
        self._tables: dict[int, list[int]] = {}
        for section in elf.sections:
            if section.type in (SHT_RELA, SHT_REL):
                self._tables.setdefault(section.info, []).append(section.index)

    def changes(self, index: int) -> bool:
        """Whether there are relocations for section number `index`."""
        return index in self._tables

    def apply(self, index: int, data: memoryview | bytearray) -> memoryview | bytearray:
        """The content `data` of section number `index`, relocated; a bytearray is changed.

        Raises UnsupportedError for a relocation or machine that is not known, FormatError if one is damaged.
        """
        tables = self._tables.get(index, ())
        if not tables:
            return data
        elf = self.elf
        name = elf.sections[index].name
        actions = self._actions(name)
        out = data if isinstance(data, bytearray) else bytearray(data)
        for number in tables:
            table = elf.sections[number]
            unknown = -1
            try:
                for piece in self._pieces(table, 3 if table.type == SHT_RELA else 2):
                    unknown = _loop.apply(
                        out,
                        piece,
                        3 if table.type == SHT_RELA else 2,
                        *self._values(),
                        self.addresses,
                        actions,
                        elf.bits // 8,
                        elf.order == "big",
                    )
                    if unknown >= 0:
                        break
            except IndexError as error:
                raise FormatError(str(error), source=elf.source, section=table.name) from None
            if unknown >= 0:
                raise UnsupportedError(
                    f"relocation type {unknown} of machine {elf.machine} is not supported",
                    source=elf.source,
                    section=name,
                    offset=self._place_of(unknown, table),
                )
        return out

    def _place_of(self, kind: int, table: Section) -> int | None:
        """The place of the first relocation of a type, for messages."""
        columns = 3 if table.type == SHT_RELA else 2
        mask = 0x7FFFFFFF if self.elf.bits == 64 else 0xFF
        for piece in self._pieces(table, columns):
            for place, info in zip(piece[::columns], piece[1::columns], strict=False):
                if info & mask == kind:
                    return place
        return None

    def _actions(self, section: str) -> bytes:
        known = ACTIONS.get(self.elf.machine)
        if known is None:
            raise UnsupportedError(
                f"relocations of machine {self.elf.machine} are not supported", source=self.elf.source, section=section
            )
        actions = bytearray([UNKNOWN]) * (max(known) + 1)
        for kind, action in known.items():
            actions[kind] = action
        return bytes(actions)

    def _pieces(self, table: Section, columns: int) -> Iterator[array[int]]:
        """The numbers of a table of relocations, a few thousand at a time."""
        size = PIECE * columns * self.elf.bits // 8
        content = self.elf.apart(table)
        for start in range(0, len(content), size):
            piece = numbers(content[start : start + size], self.elf)
            if self.elf.machine == EM_MIPS and self.elf.bits == 64 and self.elf.order == "little":
                _swap_mips(piece, columns)
            yield piece

    def _values(self) -> tuple[memoryview, memoryview, int]:
        """The values and the sections of all symbols, and the number of the bit where a section begins."""
        if self._symbols is None:
            table = self.elf.plain_symbols()
            if table is not None:
                columns = memoryview(numbers(table, self.elf))
                # name, info, other, section in the first word of three: 32, 8, 8, 16 bits
                self._symbols = columns[1::3], columns[0::3], 48
                if self.elf.order == "big":
                    self._symbols = columns[1::3], memoryview(array("Q", (word & 0xFFFF for word in columns[0::3]))), 0
            else:
                rows = list(self.elf.symbol_rows())
                self._symbols = (
                    memoryview(array("Q", (row[1] for row in rows))),
                    memoryview(array("Q", (row[5] for row in rows))),
                    0,
                )
        return self._symbols


def _swap_mips(table: array[int], columns: int) -> None:
    """Bring `r_info` of little-endian MIPS64 into the order of all others.

    There it is not one number but a symbol of four bytes, a special symbol, and three types of a byte, the first of which comes
    last.
    """
    for at in range(1, len(table), columns):
        info = table[at]
        kinds = int.from_bytes((info >> 32).to_bytes(4, "little"), "big")
        table[at] = (info & 0xFFFFFFFF) << 32 | kinds


def numbers(data: memoryview | bytearray, elf: Elf) -> array[int]:
    """The numbers of the size of an address that `data` consists of, as 64 bits."""
    width = elf.bits // 8
    found = array("Q" if width == 8 else "I")
    found.frombytes(data[: len(data) - len(data) % width])
    if elf.order != sys.byteorder:
        found.byteswap()
    return found if width == 8 else array("Q", found)
