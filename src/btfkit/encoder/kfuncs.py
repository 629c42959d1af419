"""Which functions a file declares as kfuncs, in `.BTF_ids` (the kernel's include/linux/btf_ids.h).

Rule: dwarves 1.32, `btf_encoder__collect_kfuncs`; unlike it, a section that only its headers are left of (a separate debug file)
declares none.
"""

from __future__ import annotations

from struct import unpack_from

from btfkit.files.elf import ET_REL, SHT_NOBITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.files.elf import Elf

IDS = ".BTF_ids"
_FUNC, _SET8 = "__BTF_ID__func__", "__BTF_ID__set8__"
IN_A_SET_OF_KFUNCS = 1
FASTCALL = 1 << 12
ARENA_RESULT, ARENA_FIRST, ARENA_SECOND = 1 << 13, 1 << 14, 1 << 15


def has_ids(elf: Elf) -> bool:
    """Whether a file has `.BTF_ids` with content."""
    section = elf.section(IDS)
    return section is not None and section.size > 0 and section.type != SHT_NOBITS


def kfuncs(
    elf: Elf, warn: dict[str, int] | None = None, linked: bytes | None = None, stripped: Elf | None = None
) -> dict[bytes, int]:
    """The flags of each kfunc by name; a section without content is counted in `warn`.  `linked` is the content as it was
    linked, if ids were filled in since.  Of a separate debug file `elf`, `stripped` is the file with the content; the symbols
    are those of that, if it has any."""
    debug, elf = elf, stripped or elf
    section = elf.section(IDS)
    if section is None or not section.size:
        return {}
    if section.type == SHT_NOBITS:
        if warn is not None:
            warn["no content of .BTF_ids"] = 1
        return {}
    content = linked or elf.data(section)
    start = 0 if elf.type == ET_REL else section.addr
    functions: list[tuple[int, str]] = []
    sets: list[tuple[int, int]] = []
    symbols = list(elf.symbols_in(section.index))
    if not symbols and stripped is not None and (there := debug.section(IDS)) is not None:
        symbols = list(debug.symbols_in(there.index))
    for symbol in symbols:
        at = symbol.value - start
        if at < 0 or at + 8 > len(content):
            continue
        if symbol.name.startswith(_SET8):
            if unpack_from(elf.mark + "I", content, at + 4)[0] & IN_A_SET_OF_KFUNCS:
                sets.append((at, at + symbol.size))
        elif symbol.name.startswith(_FUNC):
            functions.append((at, symbol.name[len(_FUNC) :].rpartition("__")[0]))
    found = {}
    for at, name in functions:
        if name and any(low <= at < high for low, high in sets):
            found[name.encode("utf-8", "surrogateescape")] = unpack_from(elf.mark + "I", content, at + 4)[0]
    return found
