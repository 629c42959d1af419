"""The answers of matched field relocations: offsets, sizes, signs and shifts.

Rule: bpf_core_calc_field_relo (libbpf 1.8-dev).  The left shift of a bitfield follows the byte order of the target; libbpf uses
that of the machine it runs on.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.co_re.access import U32, SpecError, covering_load, innermost, load_class
from btfkit.co_re.kinds import BYTE_OFFSET, BYTE_SIZE, FIELD_EXISTS, LSHIFT, RSHIFT, SIGNED
from btfkit.co_re.match import size_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf
    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.match import TargetField
    from btfkit.co_re.witness import Witness

NO_LOAD = (0, 0, 0)


def field_value(
    kind: int, place: TargetField, btf: Btf, witness: Witness, loader: Loader
) -> tuple[int, tuple[int, int, int]]:
    """(value, load) of a field relocation of that kind; `load` is (kind, encoding, size in bytes) of what a load at this
    offset reads, for BYTE_OFFSET of an ordinary member, else (0, 0, 0).

    Raises SpecError if libbpf rejects the object.
    """
    if kind == FIELD_EXISTS:
        return 1, NO_LOAD
    bits = 0
    if place.composite >= 0:
        layer, at = btf.locate(place.composite)
        bits = layer.words[at + 5 + 3 * place.member] >> 24 if layer.words[at + 1] >> 31 else 0
    if bits:
        return _bitfield(kind, place, bits, btf, witness, loader), NO_LOAD
    size = _size(btf, place.type_id, witness, loader)
    if kind == BYTE_OFFSET:
        if not loader.all_dimensions:
            return place.bit_offset // 8, (*load_class(btf, place.type_id), size)
        load = *load_class(btf, place.type_id), _size(btf, innermost(btf, place.type_id)[0], witness, loader)
        return place.bit_offset // 8, load
    if kind == BYTE_SIZE:
        return size, NO_LOAD
    if place.composite < 0:
        raise SpecError("signs and shifts need a member, not an array element")
    return _shift_or_sign(kind, place, btf, 8 * size, size, place.bit_offset // 8), NO_LOAD


def _bitfield(kind: int, place: TargetField, bits: int, btf: Btf, witness: Witness, loader: Loader) -> int:
    """The answer for a bitfield of `bits` bits: offset and size are those of the smallest aligned load that covers it."""
    start, size = covering_load(place.bit_offset, bits, _size(btf, place.type_id, witness, loader))
    if kind == BYTE_OFFSET:
        return start
    if kind == BYTE_SIZE:
        return size
    return _shift_or_sign(kind, place, btf, bits, size, start)


def _shift_or_sign(kind: int, place: TargetField, btf: Btf, bits: int, size: int, start: int) -> int:
    if kind == RSHIFT:
        return (64 - bits) & U32
    if kind == LSHIFT:
        if btf.byte_order == "little":
            return (64 - (place.bit_offset + bits - 8 * start)) & U32
        return (8 * (8 - size) + (place.bit_offset - 8 * start)) & U32
    assert kind == SIGNED
    of_kind = btf.kind(place.type_id)
    if of_kind in spec.ENUMS:
        return btf.word(place.type_id, 1) >> 31
    return int(of_kind == spec.INT and bool(btf.word(place.type_id, 3) >> 24 & spec.INT_SIGNED))


def _size(btf: Btf, type_id: int, witness: Witness, loader: Loader) -> int:
    size = size_of(btf, type_id, witness, loader)
    if size is None:
        raise SpecError("a member whose type has no size", type_id=type_id)
    return size


def enumerator_value(btf: Btf, type_id: int, index: int) -> int:
    """The value of an enumerator as 64 unsigned bits.

    A 32-bit value is sign-extended if the enum is signed, else zero-extended; libbpf always sign-extends.
    """
    layer, at = btf.locate(type_id)
    words = layer.words
    if words[at + 1] >> 24 & spec.MAX_KIND == spec.ENUM64:
        return words[at + 4 + 3 * index] | words[at + 5 + 3 * index] << 32
    value = words[at + 4 + 2 * index]
    return value | 0xFFFFFFFF00000000 if value >> 31 and words[at + 1] >> 31 else value
