"""Whether a candidate has what a spec names; what is read is recorded in a `Witness`.

- `field`: follow a spec's names and indexes through a target type;
- `enumerator`: find the enumerator of that name.

Whole types are compared in `relation`.  Rules: tools/lib/bpf/relo_core.c (libbpf 1.8-dev), bpf_core_spec_match.
A `Mismatch` has the reason; a `SpecError` makes libbpf reject the whole object.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.spec import DEFAULT_POINTER_SIZE, MAX_CHAIN, text
from btfkit.co_re.access import MAX_ACCESS, U32, SpecError, fields_of, spelled
from btfkit.co_re.loaders import LIBBPF
from btfkit.hot import names as _names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeVar

    from btfkit.btf.btf import Btf
    from btfkit.co_re.access import Spec
    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.witness import Witness
    from btfkit.hot.fields import Fields

    Members = dict[bytes, list[int]]
    Index = TypeVar("Index")


class Mismatch:
    """Why a candidate does not match: `code` is one word for scripts, `text` a sentence."""

    __slots__ = ("_text", "code")

    def __init__(self, code: str, text: str | Callable[[], str]) -> None:
        self.code = code
        self._text = text

    @property
    def text(self) -> str:
        """What was expected and what was found."""
        return self._text if isinstance(self._text, str) else self._text()


class TargetField:
    """The end of a field spec on a target: `bit_offset` from the start of the root, and the `type_id` there, without modifiers.

    `composite` and `member` (type id and index) are the last step; composite is -1 if that was an array index.
    """

    __slots__ = ("bit_offset", "composite", "member", "type_id")

    def __init__(self, bit_offset: int, composite: int, member: int, type_id: int) -> None:
        self.bit_offset = bit_offset
        self.composite = composite
        self.member = member
        self.type_id = type_id


def size_of(btf: Btf, type_id: int, witness: Witness, loader: Loader = LIBBPF) -> int | None:
    """`access.sizeof` by the rules of a loader, recording what is read."""
    factor = 1
    for _ in range(MAX_CHAIN):
        type_id = btf.strip(type_id)
        if type_id == 0:
            return None
        layer, at = btf.locate(type_id)
        kind = layer.words[at + 1] >> 24 & spec.MAX_KIND
        witness.types.append(type_id)
        if kind == spec.ARRAY:
            factor = layer.words[at + 5] * (factor if loader.all_dimensions else 1)
            type_id = layer.words[at + 3]
        elif kind == spec.PTR:
            witness.pointer_size = True
            size = factor * ((loader.reads_pointer_size and btf.pointer_size) or DEFAULT_POINTER_SIZE)
            return size if size <= U32 else None
        elif kind < len(spec.KINDS) and spec.KINDS[kind].third == "size":
            size = factor * layer.words[at + 2]
            return size if size <= U32 else None
        else:
            return None
    raise SpecError("a target type whose arrays form a cycle", type_id=type_id)


# ---- fields ----------------------------------------------------------------------------------------------------


def field(
    wanted: Spec, btf: Btf, root_id: int, witness: Witness, elements: ElementsByName | None = None
) -> TargetField | Mismatch:
    """Follow a field spec from the candidate `root_id`; `elements` are the indexes of the target.  Rule: bpf_core_spec_match."""
    loader = wanted.loader
    current = _root(btf, root_id, witness)
    size = size_of(btf, current, witness, loader)
    if size is None:
        raise SpecError(f"the candidate {spelled(btf, root_id)} has no size", type_id=root_id)
    bits = wanted.index * size * 8 & U32
    composite, member = -1, 0
    length_of_path = 1
    for step in wanted.steps:
        if step.__class__ is int:
            layer, at = btf.locate(current) if current else (btf, -1)
            if at < 0 or layer.words[at + 1] >> 24 & spec.MAX_KIND != spec.ARRAY:
                return not_an_array(btf, current)
            length = layer.words[at + 5]
            if step >= length and not _is_flexible(btf, composite, member, length, witness, loader):
                return Mismatch("out-of-range", f"element {step} of an array with {length}")
            current = btf.strip(layer.words[at + 3])
            size = size_of(btf, current, witness, loader)
            if size is None:
                raise SpecError("an array whose elements have no size", type_id=current)
            bits = bits + step * size * 8 & U32
            length_of_path += 1
            composite = -1
        else:
            found = _find_member(btf, current, step[0], step[1], witness, 0, {}, elements, loader)
            if found is None or found.__class__ is Mismatch:
                return found or no_member(btf, current, step[0])
            members, member_type = found
            for composite, member, offset in members:
                witness.members.append((composite, member))
                bits = bits + offset & U32
            length_of_path += len(members)
            current = btf.strip(member_type)
        if length_of_path > MAX_ACCESS:
            raise SpecError(f"more than {MAX_ACCESS} steps on the target", type_id=root_id)
    return TargetField(bits, composite, member, current)


def _root(btf: Btf, root_id: int, witness: Witness) -> int:
    """The candidate without modifiers; a typedef that is kept for another reason must still lead there."""
    current = btf.strip(root_id)
    witness.types.append(root_id)
    if current != root_id and current:
        witness.types.append(current)
        witness.pointers.append((root_id, current))
    return current


def _is_flexible(btf: Btf, composite: int, member: int, length: int, witness: Witness, loader: Loader) -> bool:
    """Whether a zero-length array, `member` of `composite`, is the last member.  Rule: is_flex_arr."""
    if length or composite < 0 or (btf.kind(composite) == spec.UNION and not loader.unions_end):
        return False
    if member == (btf.word(composite, 1) & spec.MAX_VLEN) - 1:
        return True
    witness.not_last.append((composite, member))
    return False


def _find_member(
    btf: Btf,
    type_id: int,
    name: bytes,
    key: tuple[Any, ...],
    witness: Witness,
    depth: int,
    seen: dict[int, int],
    elements: ElementsByName | None,
    loader: Loader,
) -> Any:
    """The member `name` of a composite or of its anonymous members, in order.

    Returns ([(composite, index, bit offset)...] down to it, its type id), a Mismatch if it has another type, or None if there
    is none.  `seen` maps a searched type to its depth: anonymous structs that contain each other many times are searched
    once.  Rule: bpf_core_match_member.
    """
    type_id = btf.strip(type_id)
    if type_id == 0 or depth > MAX_ACCESS or seen.get(type_id, depth + 1) <= depth:
        return None
    seen[type_id] = depth
    layer, at = btf.locate(type_id)
    info = layer.words[at + 1]
    if info >> 24 & spec.MAX_KIND not in spec.COMPOSITES:
        return None
    first = at + 3
    count = info & spec.MAX_VLEN
    blocked = None
    chosen = elements.members(btf, type_id, name) if elements is not None else None
    for index in with_name(layer, first, count, name) if chosen is None else chosen:
        name_off, member_type, offset = layer.words[first + 3 * index : first + 3 * index + 3]
        found_name = btf.string(name_off) if name_off else b""
        if found_name and found_name != name:
            continue
        offset = offset & 0xFFFFFF if info >> 31 else offset
        if found_name:
            if _fits(btf, member_type, key, witness, loader):
                return [(type_id, index, offset)], member_type
            if _occurs(
                btf, type_id, name, index + 1, depth, {}, chosen
            ):  # libbpf stops here: the later one must stay hidden
                witness.hides.append(((type_id, index),))
            return other_type(btf, type_id, name, member_type, key)
        found = _find_member(btf, member_type, name, key, witness, depth + 1, seen, elements, loader)
        if found.__class__ is tuple:
            found[0].insert(0, (type_id, index, offset))
            return found
        blocked = blocked or found
    return blocked


def with_name(layer: Btf, first: int, count: int, name: bytes) -> Iterator[int]:
    """The indexes of the members that may have that name: all others are certain not to."""
    index = -1
    while True:
        index = _names.next_member(layer.words, first, count, layer.strings, layer.start_str_off, name, index + 1)
        if index < 0:
            return
        yield index


def _occurs(
    btf: Btf,
    type_id: int,
    name: bytes,
    start: int,
    depth: int,
    seen: dict[int, int],
    chosen: Sequence[int] | None = None,
) -> bool:
    """Whether a member from `start` on (of those `chosen`, if given), or one of an anonymous member, has that name."""
    type_id = btf.strip(type_id)
    if type_id == 0 or depth > MAX_ACCESS or btf.kind(type_id) not in spec.COMPOSITES:
        return False
    if start == 0:
        if seen.get(type_id, depth + 1) <= depth:
            return False
        seen[type_id] = depth
    layer, at = btf.locate(type_id)
    count = layer.words[at + 1] & spec.MAX_VLEN
    for index in range(start, count) if chosen is None else (one for one in chosen if one >= start):
        member = at + 3 + 3 * index
        name_off = layer.words[member]
        found = btf.string(name_off) if name_off else b""
        if found == name or (not found and _occurs(btf, layer.words[member + 1], name, 0, depth + 1, seen)):
            return True
    return False


def _fits(btf: Btf, type_id: int, key: tuple[Any, ...], witness: Witness, loader: Loader) -> bool:
    """Whether a target member's type is compatible with a key (`access.compatibility`).  Rule: bpf_core_fields_are_compat."""
    depth = 0
    if key[0] == spec.ARRAY:
        depth, key = key[1], key[2]
    before = len(witness.types)
    for _ in range(MAX_CHAIN):
        type_id = btf.strip(type_id)
        witness.types.append(type_id)
        kind = btf.kind(type_id)
        if depth == 0 or kind != spec.ARRAY:
            break
        depth -= 1
        type_id = btf.word(type_id, 3)
    if depth == 0 and _leaf_fits(btf, type_id, kind, key, loader):
        return True
    del witness.types[before:]
    return False


def _leaf_fits(btf: Btf, type_id: int, kind: int, key: tuple[Any, ...], loader: Loader) -> bool:
    wanted = key[0]
    if wanted == spec.STRUCT:
        return kind in spec.COMPOSITES
    if wanted == spec.ENUM:
        if kind not in spec.ENUMS:
            return False
    elif kind != wanted:
        return False
    if wanted in (spec.PTR, spec.FLOAT):
        return True
    if wanted == spec.INT:
        return bool(key[1]) and btf.word(type_id, 3) >> 16 & 0xFF == 0
    if wanted in (spec.ENUM, spec.FWD):
        name = loader.essential(btf.string(btf.word(type_id, 0)))
        return name == key[1] or (loader.unnamed_fit and (not name or not key[1]))
    return False


FLAT = "pahole before 1.32 writes arrays of arrays as one, without dimensions, which libbpf does not match"

# ---- reasons ---------------------------------------------------------------------------------------------------


def not_an_array(btf: Btf, type_id: int) -> Mismatch:
    """Where an array was expected."""
    return Mismatch("not-array", lambda: f"{spelled(btf, type_id)} is not an array")


def no_member(btf: Btf, type_id: int, name: bytes) -> Mismatch:
    """Where a member was expected."""
    if type_id and btf.kind(btf.strip(type_id)) in spec.COMPOSITES:
        return Mismatch("no-member", lambda: f"{spelled(btf, type_id)} has no member {text(name)!r}")
    return Mismatch("not-composite", lambda: f"{spelled(btf, type_id)} has no members (looking for {text(name)!r})")


def other_type(btf: Btf, composite: int, name: bytes, type_id: int, key: tuple[Any, ...]) -> Mismatch:
    """Where a type compatible with `key` was expected."""

    def sentence() -> str:
        by_element = len(key) == 3  # an array and its innermost element
        wanted = "array of " * key[1] + spec.word(key[2][0]) if by_element else spec.word(key[0])
        here = btf.strip(type_id)
        is_flat = by_element and key[1] > 1 and btf.kind(here) == spec.ARRAY
        is_flat = is_flat and btf.kind(btf.strip(btf.word(here, 3))) != spec.ARRAY
        why = f" ({FLAT})" if is_flat else ""
        return f"member {text(name)!r} of {spelled(btf, composite)} is {spelled(btf, here)}, the program's is {wanted}{why}"

    return Mismatch("kind-differs", sentence)


# ---- enumerators ------------------------------------------------------------------------------------------------


def enumerator(wanted: Spec, btf: Btf, root_id: int, witness: Witness, elements: ElementsByName) -> int | Mismatch:
    """The index of the first enumerator with the wanted essential name.  Rule: bpf_core_spec_match."""
    type_id = _root(btf, root_id, witness)
    if btf.kind(type_id) not in spec.ENUMS:
        return Mismatch("kind-differs", lambda: f"{spelled(btf, root_id)} is {spelled(btf, type_id)}, not an enum")
    index = elements.enumerator(btf, type_id, wanted.enumerator, wanted.loader)
    if index >= 0:
        witness.values.append((type_id, index))
        return index
    return Mismatch("no-enumerator", lambda: f"{spelled(btf, type_id)} has no {text(wanted.enumerator)!r}")


# ---- names -------------------------------------------------------------------------------------------------------

LARGE = 32  # members; smaller types are searched as they are
OFTEN = 16  # searches, after which an index is worth its time
MANY_VISITS = 1 << 18  # members that were looked at on the usual ways, which use no index


class ElementsByName:
    """Members and enumerators by name, for the types of one target in which many relocations search: each search alone would read
    the whole type."""

    __slots__ = ("_by_level", "_enumerators", "_fields", "_members", "_searches")

    def __init__(self) -> None:
        self._searches: dict[tuple[int, int], int] = {}
        self._members: dict[tuple[int, int], Members | None] = {}
        self._by_level: dict[tuple[int, int], Any] = {}
        self._enumerators: dict[tuple[int, int, str], dict[bytes, int]] = {}
        self._fields: dict[int, Fields] = {}

    def fields(self, btf: Btf) -> Fields | None:
        """The usual ways through the types of a BTF; None if it has a base, or if so many members were looked at that indexes are
        worth their time."""
        found = self._fields.get(id(btf))
        if found is None:
            if btf.base is not None:
                return None
            found = self._fields[id(btf)] = fields_of(btf)
        return found if found.visits < MANY_VISITS else None

    def members(self, btf: Btf, type_id: int, name: bytes) -> Sequence[int] | None:
        """The indexes of the members of a composite that have that name, or are anonymous and contain a member of that name, in
        order; None if there is no index: then all have to be searched."""
        if not self._is_worth_it(btf, type_id):
            return None
        found = self._names(btf, type_id, [])
        return None if found is None else found.get(name, ())

    def by_level(
        self, btf: Btf, type_id: int, make: Callable[[Btf, int], Index], *, at_once: bool = False
    ) -> Index | None:
        """The index of the members of a composite that `make` makes, for loaders that search level by level; None if it is not
        worth it yet."""
        if not at_once and not self._is_worth_it(btf, type_id):
            return None
        key = id(btf.locate(type_id)[0]), type_id
        if key not in self._by_level:
            self._by_level[key] = make(btf, type_id)
        found: Index = self._by_level[key]
        return found

    def _is_worth_it(self, btf: Btf, type_id: int) -> bool:
        """Whether a composite is large and was searched often; counts a search."""
        layer, at = btf.locate(type_id)
        if layer.words[at + 1] & spec.MAX_VLEN < LARGE:
            return False
        key = id(layer), type_id
        searches = self._searches[key] = self._searches.get(key, 0) + 1
        return searches >= OFTEN

    def names(self, btf: Btf, type_id: int) -> Members | None:
        """The indexes of `members` for each name; None if there is no index.  Raises FormatError for cycles of modifiers."""
        return self._names(btf, type_id, [])

    def _names(self, btf: Btf, type_id: int, around: list[int]) -> Members | None:
        """The indexes for each name; None for composites that contain themselves or are nested deeper than CO-RE searches."""
        layer, at = btf.locate(type_id)
        key = id(layer), type_id
        if key in self._members:
            return self._members[key]
        if type_id in around or len(around) > MAX_ACCESS:
            return None
        around.append(type_id)
        words = layer.words
        found: Members = {}
        whole = True
        for index in range(words[at + 1] & spec.MAX_VLEN):
            name_off, member_type = words[at + 3 + 3 * index], words[at + 4 + 3 * index]
            if name_off and (name := btf.string(name_off)):
                found.setdefault(name, []).append(index)
                continue
            inner = btf.strip(member_type)
            if not inner or btf.kind(inner) not in spec.COMPOSITES:
                continue
            names = self._names(btf, inner, around)
            whole = names is not None
            if names is None:
                break
            for name in names:
                found.setdefault(name, []).append(index)
        around.pop()
        result = self._members[key] = found if whole else None
        return result

    def enumerator(self, btf: Btf, type_id: int, name: bytes, loader: Loader) -> int:
        """The index of the first enumerator of an ENUM or ENUM64 with that essential name, -1 if there is none."""
        key = id(btf.locate(type_id)[0]), type_id, loader.name
        found = self._enumerators.get(key)
        if found is None:
            found = self._enumerators[key] = {}
            for index, other in enumerate(enumerator_names(btf, type_id, loader)):
                found.setdefault(other, index)
        return found.get(name, -1)


def enumerator_names(btf: Btf, type_id: int, loader: Loader = LIBBPF) -> list[bytes]:
    """The essential names of an ENUM or ENUM64."""
    essential = loader.essential
    layer, at = btf.locate(type_id)
    info = layer.words[at + 1]
    width = spec.KINDS[info >> 24 & spec.MAX_KIND].elem_words
    return [
        essential(btf.string(layer.words[i])) for i in range(at + 3, at + 3 + width * (info & spec.MAX_VLEN), width)
    ]
