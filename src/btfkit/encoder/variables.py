"""Which variables get a VAR: those in `.data..percpu`, or in all sections (feature `global_var`).

Rule: dwarves 1.32, `btf_encoder__encode_cu_variables`.
"""

from __future__ import annotations

import bisect
from array import array

from btfkit.files.elf import SHF_ALLOC, SHT_NOBITS, SHT_PROGBITS, STT_OBJECT
from btfkit.hot import codes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from btfkit.files.elf import Elf

PERCPU = ".data..percpu"
LAST_ADDRESS = (1 << 64) - 1
LONGEST = 128  # bytes of a name that the kernel accepts
_LEFT_OUT = (
    b"__UNIQUE_ID",
    b"__tpstrtab_",
    b"__exitcall_",
    b"__gendwarfksyms_ptr_",
    b"__func_stack_frame_non_standard_",
)
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.")
_DIGITS = frozenset(b"0123456789")


class Place:
    """A section that variables are taken from: `start` to `end` are addresses."""

    __slots__ = ("end", "index", "name", "start")

    def __init__(self, index: int, name: str, start: int, end: int) -> None:
        self.index = index
        self.name = name
        self.start = start
        self.end = end


class Variable:
    """A variable: `name`, `type_id`, `offset` and `size` in bytes, `linkage` 0 or 1, `group` and `die` where it was read."""

    __slots__ = ("die", "group", "linkage", "name", "offset", "origin", "size", "type_id")

    def __init__(self, name: bytes, type_id: int, offset: int, size: int, linkage: int) -> None:
        self.name = name
        self.type_id = type_id
        self.offset = offset
        self.size = size
        self.linkage = linkage
        self.group = self.die = self.origin = 0


def places(elf: Elf, addresses: Sequence[int], features: Collection[str]) -> list[Place]:
    """The sections that variables are taken from, in ascending order of addresses."""
    if "var" not in features and "global_var" not in features:
        return []
    found = []
    for section in elf.sections:
        if section.type not in (SHT_PROGBITS, SHT_NOBITS) or not section.flags & SHF_ALLOC or not section.size:
            continue
        if section.name == PERCPU or "global_var" in features:
            start = addresses[section.index]
            found.append(Place(section.index, section.name, start, min(start + section.size, LAST_ADDRESS)))
    found.sort(key=lambda place: place.start)
    return found


def ranges(found: list[Place]) -> array[int]:
    """The limits of all `places`, for the reader."""
    return array("Q", [limit for place in found for limit in (place.start, place.end)])


def is_valid_name(name: bytes) -> bool:
    """Whether the kernel accepts the name of a variable."""
    if not name or len(name) > LONGEST or name[0] not in _LETTERS:
        return False
    return all(letter in _LETTERS or letter in _DIGITS for letter in name)


def chosen(
    found: list[Place],
    read: list[tuple[int, int, int, int, int, int, int]],
    elf: Elf,
    text: Callable[[int], bytes],
    type_id: Callable[[int, int], int],
    size_of: Callable[[int], int],
) -> dict[str, list[Variable]]:
    """The variables of each section by its name, in the order of their offsets."""
    objects = _objects(elf, found) if read else frozenset[tuple[int, str]]()
    starts = [place.start for place in found]
    by_section: dict[str, list[Variable]] = {}
    for name_at, token, flags, address, group, die, origin in read:
        index = bisect.bisect_right(starts, address) - 1
        if index < 0 or address >= found[index].end:
            continue
        place = found[index]
        name = text(name_at)
        offset = address - place.start
        if name.startswith(_LEFT_OUT) or not is_valid_name(name):
            continue
        if not offset and (place.index, name.decode("utf-8", "surrogateescape")) not in objects:
            continue
        one = type_id(token, group)
        size = size_of(one)
        if not size or offset > 0xFFFFFFFF:
            continue
        variable = Variable(name, one, offset, size, 1 if flags & codes.IS_EXTERNAL else 0)
        variable.group, variable.die, variable.origin = group, die, origin
        by_section.setdefault(place.name, []).append(variable)
    for variables in by_section.values():
        variables.sort(key=lambda variable: (variable.offset, variable.name))
    return by_section


def _objects(elf: Elf, found: list[Place]) -> frozenset[tuple[int, str]]:
    """The (section, name) of each variable in the symbol table."""
    wanted = {place.index for place in found}
    return frozenset((symbol.section, symbol.name) for symbol in elf.symbols_in(*wanted) if symbol.type == STT_OBJECT)
