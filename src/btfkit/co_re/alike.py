"""The outcomes by the rules of cilium/ebpf where those of libbpf are known: most are the same, and that is cheap to see.

A field that the only type of a name has, on the way that both take (no anonymous member, or no other member of that name), has
one answer; so has a struct, union or enumeration that exists, and what no type of any kind has.  All else is asked, and what
cilium/ebpf rejects: a record, or an anonymous member that is no struct or union, which libbpf passes by.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.spec import DEFAULT_POINTER_SIZE
from btfkit.co_re import kinds as k
from btfkit.co_re.access import Spec
from btfkit.co_re.loaders import CILIUM, LIBBPF
from btfkit.co_re.match import with_name
from btfkit.co_re.relocate import among_several, outcome
from btfkit.errors import BtfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfkit.btf.btf import Btf
    from btfkit.co_re.outcome import Outcome
    from btfkit.co_re.program import BpfObject, Relocation
    from btfkit.co_re.target import Target

_FIELDS = (k.BYTE_OFFSET, k.BYTE_SIZE, k.FIELD_EXISTS, k.SIGNED, k.LSHIFT, k.RSHIFT)
_TYPES = (k.TYPE_EXISTS, k.TYPE_SIZE, k.TYPE_ID_TARGET)
_DEFINITIONS = (spec.STRUCT, spec.UNION, spec.ENUM)


def cilium_outcomes(
    objects: Sequence[BpfObject], known: Sequence[list[Outcome]], target: Target
) -> list[list[Outcome]]:
    """The outcome of every relocation of every object; where it is the same, the one of `known` (libbpf's) itself.

    An object whose outcomes are all the same has the same list.
    """
    same: dict[Outcome, bool] = {}
    sole: dict[tuple[bytes, int], bool] = {}
    anonymous: dict[tuple[int, int], tuple[int, int]] = {}
    result = []
    for obj, outcomes in zip(objects, known, strict=True):
        distinct = dict(zip(outcomes, obj.relocations, strict=True))  # equal relocations share an outcome
        for found, relocation in distinct.items():
            if found not in same:
                same[found] = _is_same(obj, relocation, found, target, sole, anonymous)
        if all(map(same.__getitem__, distinct)):
            result.append(outcomes)
            continue
        mine = [
            found if same[found] else outcome(obj, relocation, target, None, CILIUM)
            for relocation, found in zip(obj.relocations, outcomes, strict=True)
        ]
        result.append(among_several(obj, mine, target, CILIUM))
    return result


def _is_same(
    obj: BpfObject,
    relocation: Relocation,
    found: Outcome,
    target: Target,
    sole: dict[tuple[bytes, int], bool],
    anonymous: dict[tuple[int, int], tuple[int, int]],
) -> bool:
    kind = relocation.kind
    if kind == k.TYPE_ID_LOCAL and found.status == "value":
        return True
    wanted = obj.spec(relocation)
    count = len(found.candidates)
    if count > 1 or not isinstance(wanted, Spec) or found.status not in ("value", "missing"):
        return False
    if kind == k.SIGNED and not (wanted.steps and wanted.steps[-1][1][0] in (spec.INT, spec.ENUM)):  # it rejects others
        return False
    name = wanted.whole_name
    is_sole = sole.get((name, count))
    if is_sole is None:
        is_sole = CILIUM.essential(name) == wanted.name and target.is_sole(wanted.name, count)
        sole[name, count] = is_sole
    if not count or not is_sole:
        return is_sole
    if kind in _FIELDS:
        return wanted.root_kind in spec.COMPOSITES and _is_same_field(wanted, found, target, anonymous)
    if kind in (k.ENUMVAL_EXISTS, k.ENUMVAL_VALUE):
        return wanted.root_kind == spec.ENUM and _is_same_enumerator(obj, relocation, wanted, found, target)
    return (
        kind in _TYPES
        and wanted.root_kind in _DEFINITIONS
        and len(found.matches) == 1
        and (kind != k.TYPE_ID_TARGET or found.matches[0].btf is target.vmlinux)
    )


def _is_same_enumerator(obj: BpfObject, relocation: Relocation, wanted: Spec, found: Outcome, target: Target) -> bool:
    """Whether no other enumerator has the name by the rules of cilium/ebpf."""
    name = wanted.enumerator
    layer, at = obj.btf.locate(wanted.root_id)
    width = spec.KINDS[layer.words[at + 1] >> 24 & spec.MAX_KIND].elem_words
    raw = obj.btf.string(layer.words[at + 3 + width * int(relocation.access)])
    ((btf, type_id),) = found.candidates
    is_plain = CILIUM.essential(raw) == name and not name.endswith(b"_")
    return is_plain and target.elements.enumerator(btf, type_id, name + b"___", LIBBPF) < 0


def _is_same_field(
    wanted: Spec, found: Outcome, target: Target, anonymous: dict[tuple[int, int], tuple[int, int]]
) -> bool:
    if not found.matches:  # no member of the first name
        if found.reason != "no-member" or found.refused[0][1].members:
            return False
        btf, root = found.candidates[0]
        return _first_anonymous(btf, btf.strip(root), anonymous)[0] > spec.MAX_VLEN or (
            (fields := target.elements.fields(btf)) is not None and not fields.count(root, wanted.steps[0][0])
        )
    match = found.matches[0]
    witness, btf = match.witness, match.btf
    if wanted.nameless is not None:
        return False
    if witness.pointer_size and (btf.pointer_size or DEFAULT_POINTER_SIZE) != DEFAULT_POINTER_SIZE:
        return False
    if match.is_plain and not wanted.is_bitfield:
        return True
    members = witness.members
    names = 0
    for step in wanted.steps:
        if step.__class__ is tuple:
            names += 1
            key = step[1]
            if key[0] in (spec.ENUM, spec.FWD) and CILIUM.essential(key[1]) != key[1]:
                return False
    for composite, index in members:
        if _first_anonymous(btf, composite, anonymous)[1] < index:
            return False
    if names != len(members):  # there are anonymous members on the way
        fields = target.elements.fields(btf)
        if fields is None or not fields.is_sole_way(members):
            return False
    if not names:
        return not wanted.is_bitfield
    composite, member = members[-1]
    layer, at = btf.locate(composite)
    offset = layer.words[at + 5 + 3 * member]
    bits = offset >> 24 if layer.words[at + 1] >> 31 else 0
    if bool(bits) != wanted.is_bitfield:
        return False
    if not bits:
        return True
    if wanted.index or names != len(wanted.steps):
        return False
    return _is_covered(btf, layer.words[at + 4 + 3 * member], offset, [_offset(btf, *way) for way in members[:-1]])


def _offset(btf: Btf, composite: int, member: int) -> int:
    """The offset of a member in bits."""
    layer, at = btf.locate(composite)
    offset = layer.words[at + 5 + 3 * member]
    return offset & 0xFFFFFF if layer.words[at + 1] >> 31 else offset


def _first_anonymous(btf: Btf, composite: int, known: dict[tuple[int, int], tuple[int, int]]) -> tuple[int, int]:
    """The indexes of the first member without a name, and of the first such that is no struct or union (or more than any)."""
    key = id(btf), composite
    if key not in known:
        layer, at = btf.locate(composite)
        first = odd = spec.MAX_VLEN + 1
        for index in with_name(layer, at + 3, layer.words[at + 1] & spec.MAX_VLEN, b""):
            name, type_id = layer.words[at + 3 + 3 * index], layer.words[at + 4 + 3 * index]
            if not name or not btf.string(name):
                first = min(first, index)
                if not _is_composite(btf, type_id):
                    odd = index
                    break
        known[key] = first, odd
    return known[key]


def _is_composite(btf: Btf, type_id: int) -> bool:
    try:
        return btf.kind(btf.strip(type_id)) in spec.COMPOSITES
    except BtfError:  # a cycle
        return False


def _is_covered(btf: Btf, type_id: int, offset: int, before: list[int]) -> bool:
    """Whether a load of its type covers a bitfield: libbpf takes a wider one if not.  `before`: the offsets (bits) of the members
    that lead to it, which have to keep it aligned, because libbpf counts from the root."""
    type_id = btf.strip(type_id)
    size = btf.word(type_id, 2) if btf.kind(type_id) in (spec.INT, *spec.ENUMS) else 0
    if size not in (1, 2, 4, 8) or any(one % (8 * size) for one in before):
        return False
    first, bits = offset & 0xFFFFFF, offset >> 24
    return first // (8 * size) == (first + bits - 1) // (8 * size)
