"""What must follow in an object file when its `.BTF` changes: relocations of `.BTF` and `.BTF.ext`, and type ids in instructions.

A linker (`ld -r`) adds the addresses of variables to entries of DATASECs, and those of functions to records of `.BTF.ext`: at the
places that `.rel.BTF` and `.rel.BTF.ext` name (R_BPF_NODYLD32).  An instruction with a CO-RE relocation for a type id holds the
id of the program's own type, which loaders compare with that of the record.
"""

from __future__ import annotations

from bisect import bisect_right
from struct import pack_into, unpack_from

from btfkit.btf import spec
from btfkit.btf.ext import record_places
from btfkit.files.elf import SH_ENTSIZE, SH_INFO, SH_TYPE, SHT_REL, SHT_RELA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from btfkit.btf.btf import Btf
    from btfkit.btf.ext import Ext
    from btfkit.files.elf import Elf

    Translate = Callable[[int], int]
    Place = Callable[[int], int | None]

BTF_RELOCATIONS = (".BTF", ".BTF.ext")
TYPE_ID_LOCAL, TYPE_ID_TARGET = 6, 7  # kinds of relocations
_IMMEDIATE = (0x18, 0xB4, 0xB7)  # opcodes: a load of 64 bits, and moves of 32 and 64


def has_relocations(elf: Elf) -> bool:
    """Whether `.BTF` or `.BTF.ext` has relocations."""
    return any(_relocations(elf, name) for name in BTF_RELOCATIONS)


def moved_relocations(elf: Elf, name: str, place: Place) -> dict[str, bytes]:
    """The relocations of the section `name`, by section, with each offset `n` replaced by `place(n)`.

    One whose word is gone (None) becomes R_BPF_NONE, which linkers skip.
    """
    return {elf.sections[index].name: _moved(elf, index, place) for index in _relocations(elf, name)}


def _relocations(elf: Elf, name: str) -> list[int]:
    """The indexes of the sections with relocations of the section `name`."""
    index = elf.index_of(name)
    rows = enumerate(elf.headers())
    return [i for i, row in rows if index and row[SH_TYPE] in (SHT_REL, SHT_RELA) and row[SH_INFO] == index]


def _moved(elf: Elf, index: int, place: Place) -> bytes:
    section = elf.sections[index]
    content = bytearray(elf.data(section))
    word = "Q" if elf.bits == 64 else "I"
    least = elf.bits // 4 if section.type == SHT_REL else elf.bits // 8 * 3
    size = elf.headers()[index][SH_ENTSIZE] or least
    if size < least:
        return bytes(content)
    for at in range(0, len(content) - size + 1, size):
        found = place(unpack_from(elf.mark + word, content, at)[0])
        if found is None:
            content[at : at + size] = bytes(size)
        else:
            pack_into(elf.mark + word, content, at, found)
    return bytes(content)


def word_places(old: Btf, new: Btf, translate: Translate) -> Place:
    """The offset in `new` of the word at an offset in `old`, both from the start of the blob; None if it is gone.

    `translate(id)` is the new id of a type.  Entries of a DATASEC are found by their variables, other elements by number.
    """
    start = old.header.length + old.header.type_off

    def place(offset: int) -> int | None:
        at, rest = divmod(offset - start, 4)
        if rest or not 0 <= at < len(old.words):
            return None
        index = bisect_right(old.positions, at) - 1
        old_id = old.start_id + index
        new_id = translate(old_id)
        if not new.start_id <= new_id < len(new) or new.kind(new_id) != old.kind(old_id):
            return None
        word = _same_word(old, new, old_id, new_id, at - old.positions[index], translate)
        return None if word is None else new.header.length + 4 * (new.positions[new_id - new.start_id] + word)

    return place


def _same_word(old: Btf, new: Btf, old_id: int, new_id: int, word: int, translate: Translate) -> int | None:
    """The number of the word in the record `new_id` that is word number `word` of `old_id`."""
    kind = old.kind(old_id)
    row = spec.KINDS[kind]
    head = 3 + row.tail_words
    if word < head:
        return word
    number, slot = divmod(word - head, row.elem_words)
    count = new.word(new_id, 1) & spec.MAX_VLEN
    if kind == spec.DATASEC:
        variable = translate(old.word(old_id, head + number * row.elem_words))
        found = [i for i in range(count) if new.word(new_id, head + i * row.elem_words) == variable]
        if not variable or not found:
            return None
        number = min(found, key=lambda i: abs(i - number))
    return head + number * row.elem_words + slot if number < count else None


def ext_places(old: bytes, new: bytes) -> Place:
    """The offset in the `.BTF.ext` `new` of the word at an offset in `old`, which has the same records; None if it is none of a
    record."""
    pairs = list(zip(record_places(old), record_places(new), strict=True))
    starts = [here[0] for here, _ in pairs]

    def place(offset: int) -> int | None:
        index = bisect_right(starts, offset) - 1
        if index < 0:
            return None
        (start, size), (there, _) = pairs[index]
        return there + offset - start if offset < start + size else None

    return place


def followed_instructions(elf: Elf, ext: Ext, btf: Btf, translate: Translate) -> dict[str, bytes]:
    """The sections with instructions that hold the id of a local type, by name, with the new ids.

    `ext` has the records, with the ids and names of the old `btf`.  An instruction that does not hold the id of its record is
    left unchanged.
    """
    found: dict[str, bytearray] = {}
    for section, (offset, type_id, _, kind) in ext.records("core_relo"):
        if kind not in (TYPE_ID_LOCAL, TYPE_ID_TARGET) or not (new := translate(type_id)):
            continue
        name = spec.text(btf.string(section))
        if name not in found:
            index = elf.index_of(name)
            found[name] = bytearray(elf.data(elf.sections[index]) if index else b"")
        code = found[name]
        if offset + 8 <= len(code) and code[offset] in _IMMEDIATE:
            held = unpack_from(elf.mark + "I", code, offset + 4)[0]
            if held == type_id:
                pack_into(elf.mark + "I", code, offset + 4, new)
    return {name: bytes(code) for name, code in found.items() if code}
