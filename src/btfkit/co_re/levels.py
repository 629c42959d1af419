"""Field specs for loaders that search members level by level and compare types step by step, and their bitfields.

A member is the first of its name on the highest level that has one, where anonymous members form the next level.  The types of
the root and of each step have to be compatible, but of arrays only that they are arrays.  A bitfield is loaded by the alignment
of its type.  What is read is recorded in a `Witness`.

Rules: btf/core.go (cilium/ebpf 0.22): coreFindField, coreFindMember, coreAreMembersCompatible, coreCalculateFixup.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.co_re.access import U32, SpecError, innermost, load_class, spelled
from btfkit.co_re.kinds import BYTE_OFFSET, BYTE_SIZE, FIELD_EXISTS, LSHIFT, RSHIFT, SIGNED
from btfkit.co_re.match import Mismatch, no_member, not_an_array, other_type, size_of, with_name
from btfkit.co_re.values import NO_LOAD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.co_re.access import Spec
    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.match import ElementsByName
    from btfkit.co_re.witness import Witness

MAX_LEVELS = 32  # composites in which one member is searched, maxResolveDepth
_FITTING = (spec.ARRAY, spec.PTR, spec.FLOAT, spec.INT)


class LevelField:
    """The end of a field spec on a target: byte `offset`, `type_id`; of a bitfield the offset in bits from there and its size in
    bits (0 if it is none)."""

    __slots__ = ("bit_size", "bits", "offset", "type_id")

    def __init__(self, type_id: int) -> None:
        self.offset = 0
        self.type_id = type_id
        self.bits = 0
        self.bit_size = 0


def level_field(
    wanted: Spec, btf: Btf, root_id: int, witness: Witness, elements: ElementsByName | None = None
) -> LevelField | Mismatch:
    """Follow a field spec from the candidate `root_id`.  Raises SpecError."""
    current = btf.strip(root_id)
    if current and btf.kind(current) == spec.FWD:
        return Mismatch("kind-differs", lambda: f"{spelled(btf, root_id)} is only declared")
    found = LevelField(root_id)
    witness.types.append(root_id)
    if current != root_id:
        witness.pointers.append((root_id, current))
    if not _fits(wanted, btf, current, wanted.root_key, witness):
        return Mismatch("kind-differs", lambda: f"{spelled(btf, root_id)} is {spelled(btf, current)}")
    if wanted.index:
        found.offset = wanted.index * _size(btf, current, witness, wanted.loader) & U32
    is_last = False
    owner = -1, 0
    way: list[tuple[int, int, int]] = []
    for number, (step, key) in enumerate(wanted.steps):
        current = btf.strip(found.type_id)
        kind = btf.kind(current) if current else spec.UNKN
        if step.__class__ is int:
            if kind != spec.ARRAY:
                return not_an_array(btf, current)
            length = btf.word(current, 5)
            if not length and not is_last:
                witness.not_last.append(owner)
                raise SpecError("an array without elements that is not the last member", type_id=current)
            if length and step >= length:
                return Mismatch("out-of-range", f"element {step} of an array with {length}")
            found.type_id = btf.word(current, 3)
            if step:
                found.offset = found.offset + step * _size(btf, found.type_id, witness, wanted.loader) & U32
            is_last = False
        else:
            if kind not in spec.COMPOSITES:
                return no_member(btf, current, step)
            way = _find_member(btf, current, step, witness, elements)
            if not way:
                return no_member(btf, current, step)
            is_last = _enter(wanted, btf, way, found, witness, number == len(wanted.steps) - 1)
            owner = way[-1][:2]
        if not _fits(wanted, btf, found.type_id, key, witness):
            if step.__class__ is int:
                return _other_element(btf, current)
            witness.hides.append(tuple((composite, index) for composite, index, _ in way))
            return other_type(btf, current, step, found.type_id, key)
    return found


def _other_element(btf: Btf, type_id: int) -> Mismatch:
    return Mismatch("kind-differs", lambda: f"the elements of {spelled(btf, type_id)} have another type")


def _enter(
    wanted: Spec, btf: Btf, path: list[tuple[int, int, int]], found: LevelField, witness: Witness, ends: bool
) -> bool:
    """Move `found` to the member at the end of `path`; returns whether that is the last of its composite."""
    composite, member, _ = path[-1]
    layer, at = btf.locate(composite)
    info = layer.words[at + 1]
    offset = sum(step[2] for step in path)
    found.type_id = layer.words[at + 4 + 3 * member]
    found.bit_size = layer.words[at + 5 + 3 * member] >> 24 if info >> 31 else 0
    _note_path(witness, path)
    if not found.bit_size and not (ends and wanted.is_bitfield):
        found.offset = found.offset + offset // 8 & U32
    else:
        if not ends:
            raise SpecError("a member of a bitfield", type_id=composite)
        align = _alignment(btf, found.type_id, witness)
        start = offset // 8 // align * align
        found.offset = found.offset + start & U32
        found.bits = offset - 8 * start
    return member == (info & spec.MAX_VLEN) - 1


def _note_path(witness: Witness, path: list[tuple[int, int, int]]) -> None:
    for owner, index, _ in path:
        witness.types.append(owner)
        witness.members.append((owner, index))


class MembersByLevel:
    """The members of a composite by name, with those of its anonymous members: what `_find_member` finds, for many names.

    `is_whole` is whether no search of it is an error.
    """

    __slots__ = ("_btf", "_error", "_found", "_nodes", "_odd")

    def __init__(self, btf: Btf, type_id: int) -> None:
        self._btf = btf
        self._nodes: list[tuple[int, int, tuple[int, int, int] | None]] = [
            (type_id, -1, None)
        ]  # composite, parent, step
        self._found: dict[bytes, tuple[int, tuple[int, int, int]]] = {}  # node, step
        self._odd: tuple[int, tuple[int, int, int], int] | None = None  # node, step, type of the member that is wrong
        self._error: SpecError | None = None
        self._read()

    def _read(self) -> None:
        btf = self._btf
        seen: set[int] = set()
        for node, (current, _, _) in enumerate(self._nodes):  # which grow
            if current in seen:
                continue
            if len(seen) >= MAX_LEVELS:
                self._error = _too_many()
                return
            seen.add(current)
            layer, at = btf.locate(current)
            words = layer.words
            has_bits = words[at + 1] >> 31
            for index in range(words[at + 1] & spec.MAX_VLEN):
                name_off, member_type, offset = words[at + 3 + 3 * index : at + 6 + 3 * index]
                step = current, index, offset & 0xFFFFFF if has_bits else offset
                if name := btf.string(name_off) if name_off else b"":
                    self._found.setdefault(name, (node, step))
                    continue
                inner = btf.strip(member_type)
                if not inner or btf.kind(inner) not in spec.COMPOSITES:
                    self._odd = node, step, inner
                    self._error = _unnamed(current)
                    return
                self._nodes.append((inner, node, step))

    @property
    def is_whole(self) -> bool:
        return self._error is None

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._found)

    def find(self, name: bytes, witness: Witness) -> list[tuple[int, int, int]]:
        """As `_find_member`."""
        if name in self._found:
            return self._path(*self._found[name])
        if self._odd is not None:
            node, step, inner = self._odd
            _note_path(witness, self._path(node, step))
            witness.types.append(inner)
        if self._error is not None:
            raise SpecError(self._error.message, type_id=self._error.type_id)
        return []

    def _path(self, node: int, last: tuple[int, int, int]) -> list[tuple[int, int, int]]:
        path = [last]
        while node:
            _, node, step = self._nodes[node]
            assert step is not None
            path.append(step)
        return path[::-1]


def _too_many() -> SpecError:
    return SpecError(f"more than {MAX_LEVELS} anonymous members to search")


def _unnamed(type_id: int) -> SpecError:
    return SpecError("an anonymous member that is no struct or union", type_id=type_id)


def _find_member(
    btf: Btf, type_id: int, name: bytes, witness: Witness, elements: ElementsByName | None = None
) -> list[tuple[int, int, int]]:
    """The [(composite, index, bit offset)...] down to the member, empty if there is none.

    Raises SpecError; then `witness` has the member that is wrong.
    """
    known = elements.by_level(btf, type_id, MembersByLevel) if elements is not None else None
    if known is not None:
        return known.find(name, witness)
    seen: set[int] = set()
    queue: list[tuple[int, list[tuple[int, int, int]]]] = [(type_id, [])]
    for current, path in queue:  # which grows
        if current in seen:
            continue
        if len(seen) >= MAX_LEVELS:
            raise _too_many()
        seen.add(current)
        layer, at = btf.locate(current)
        info = layer.words[at + 1]
        for index in with_name(layer, at + 3, info & spec.MAX_VLEN, name):
            name_off, member_type, offset = layer.words[at + 3 + 3 * index : at + 6 + 3 * index]
            offset = offset & 0xFFFFFF if info >> 31 else offset
            found = btf.string(name_off) if name_off else b""
            if found == name:
                return [*path, (current, index, offset)]
            if not found:
                inner = btf.strip(member_type)
                if not inner or btf.kind(inner) not in spec.COMPOSITES:
                    _note_path(witness, [*path, (current, index, offset)])
                    witness.types.append(inner)
                    raise _unnamed(current)
                queue.append((inner, [*path, (current, index, offset)]))
    return []


def _fits(wanted: Spec, btf: Btf, type_id: int, key: tuple[Any, ...], witness: Witness) -> bool:
    """Whether a type is compatible with a key (`access.compatibility`).  Rule: coreAreMembersCompatible."""
    type_id = btf.strip(type_id)
    kind = btf.kind(type_id) if type_id else spec.UNKN
    witness.types.append(type_id)
    here = spec.STRUCT if kind in spec.COMPOSITES else spec.ENUM if kind in spec.ENUMS else kind
    if here != key[0]:
        return False
    if here == spec.STRUCT or here in _FITTING:
        return True
    if here in (spec.ENUM, spec.FWD):
        name = btf.string(btf.word(type_id, 0))
        return not name or not key[1] or wanted.loader.essential(name) == key[1]
    raise SpecError(f"{spelled(btf, type_id)} is the type of no member", type_id=type_id)


def _size(btf: Btf, type_id: int, witness: Witness, loader: Loader) -> int:
    size = size_of(btf, type_id, witness, loader)
    if size is None:
        raise SpecError(f"{spelled(btf, type_id)} has no size", type_id=type_id)
    return size


def _alignment(btf: Btf, type_id: int, witness: Witness) -> int:
    """The alignment of an integer or enumeration, or of an array of them."""
    type_id = innermost(btf, type_id)[0]
    witness.types.append(type_id)
    if btf.kind(type_id) not in (spec.INT, *spec.ENUMS):
        raise SpecError(f"{spelled(btf, type_id)} instead of a bitfield", type_id=type_id)
    size = btf.word(type_id, 2)
    if not size or size & (size - 1):
        raise SpecError(f"a bitfield of {size} bytes", type_id=type_id)
    return size


def level_value(
    kind: int, place: LevelField, btf: Btf, witness: Witness, loader: Loader
) -> tuple[int, tuple[int, int, int]]:
    """(value, load) of a field relocation of that kind, as `values.field_value`.  Raises SpecError."""
    if kind == FIELD_EXISTS:
        return 1, NO_LOAD
    if kind == BYTE_OFFSET:
        element = innermost(btf, place.type_id)[0]
        size = 0 if place.bit_size else size_of(btf, element, witness, loader) or 0
        return place.offset, (*load_class(btf, place.type_id), size) if size else NO_LOAD
    if kind == BYTE_SIZE:
        return _size(btf, place.type_id, witness, loader), NO_LOAD
    if kind == SIGNED:
        type_id = btf.strip(place.type_id)
        of_kind = btf.kind(type_id)
        if of_kind in spec.ENUMS:
            return btf.word(type_id, 1) >> 31, NO_LOAD
        return (btf.word(type_id, 3) >> 24 & spec.INT_SIGNED if of_kind == spec.INT else 0), NO_LOAD
    bits = place.bit_size or 8 * _size(btf, place.type_id, witness, loader)
    if kind == RSHIFT:
        return (64 - bits) & U32, NO_LOAD
    assert kind == LSHIFT
    if btf.byte_order == "little":
        return (64 - place.bits - bits) & U32, NO_LOAD
    return (64 - 8 * _size(btf, place.type_id, witness, loader) + place.bits) & U32, NO_LOAD
