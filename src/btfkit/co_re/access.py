"""What a relocation record asks for: the *local* side of CO-RE.

The access string of a field relocation, `0:1:2`, is a path through the program's own types.  On a target only this matters: the
name and kind of the root, the first index, and then either names to look for (with what the member's type has to be compatible
with) or array indexes.  A `Spec` holds just that, so equal specs of different programs have equal answers.

Rules: tools/lib/bpf/relo_core.c, bpf_core_parse_spec (libbpf 1.8-dev).
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.spec import DEFAULT_POINTER_SIZE, MAX_CHAIN, text
from btfkit.co_re.kinds import (
    BYTE_OFFSET,
    BYTE_SIZE,
    ENUMVAL,
    FIELD,
    FIELD_EXISTS,
    KINDS,
    SIGNED,
    TYPE_MATCHES,
    TYPE_SIZE,
)
from btfkit.errors import BtfError, counted
from btfkit.hot.fields import Fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.witness import Witness

    LocalField = tuple[int, tuple[Any, ...], int, int, bool, int, tuple[int, int, int] | None]

MAX_ACCESS = 64  # BPF_CORE_SPEC_MAX_LEN
U32 = 0xFFFFFFFF  # libbpf computes offsets and shifts in 32 bits and ignores overflows


class SpecError(BtfError):
    """A relocation record, or a type that it leads to, makes libbpf reject the whole object.

    `witness` is what was read of a target so far, None if the record itself is wrong.  `reason` is "cycle" if types of the
    target form a cycle, which no selection of them can reproduce.
    """

    reason = "bad-type"

    def __init__(self, message: str, *, type_id: int | None = None, witness: Witness | None = None) -> None:
        super().__init__(message, type_id=type_id)
        self.witness = witness


def essential(name: bytes) -> bytes:
    """`name` without its `___flavor`.  Rule: bpf_core_essential_name_len."""
    if name.find(b"___") < 0:  # `in` raises and drops an exception, as it looks for a number first
        return name
    for i in range(len(name) - 5, -1, -1):
        if name[i] != 95 and name[i + 1 : i + 4] == b"___" and name[i + 4] != 95:
            return name[: i + 1]
    return name


def flavor_note(name: bytes) -> str:
    """For messages about a type that does not exist: how its `name` is searched, if its underscores mislead; else ""."""
    searched = essential(name)
    if searched != name:
        return f" (searched as {text(searched)!r}: only the last flavor is removed)" if b"___" in searched else ""
    if b"____" in name.strip(b"_"):
        return " (four or more underscores do not begin a flavor: write three)"
    if name.endswith(b"___") and name.strip(b"_"):
        return " (a flavor has a name after its three underscores)"
    return ""


class Spec:
    """What a relocation asks for, by the rules of a `loader`.

    `root_id` is the local type, `root_kind` its kind (ENUM also for ENUM64), `whole_name` its name, `name` the essential part of
    it.  Field relocations have `index` (the first number, of a pointer-style access) and `steps`: each (name, compatibility key)
    or an array index.  Enumerator relocations have `enumerator` (essential name).  `leaf` is (kind, encoding, size in bytes) of
    what a load through this access reads by the program's own types: (0, 0, 0) for a bitfield, None if it has no size.
    `nameless` is the offset in bits, by the program's own types, of the anonymous member that the path ends at; None if it does
    not.  For a loader that compares types step by step, `root_key` is the root's compatibility key, and an array index in
    `steps` is (index, key).  `question` is what `relocate` keeps here: () until it asks.
    """

    __slots__ = (
        "enumerator",
        "index",
        "is_bitfield",
        "leaf",
        "loader",
        "name",
        "nameless",
        "question",
        "root_id",
        "root_key",
        "root_kind",
        "steps",
        "whole_name",
    )

    def __init__(self, root_id: int, root_kind: int, whole_name: bytes, loader: Loader) -> None:
        self.loader = loader
        self.root_key: tuple[Any, ...] = ()
        self.root_id = root_id
        self.root_kind = root_kind
        self.whole_name = whole_name
        self.name = loader.essential(whole_name)
        self.index = 0
        self.steps: tuple[Any, ...] = ()
        self.enumerator = b""
        self.leaf: tuple[int, int, int] | None = None
        self.is_bitfield = False
        self.nameless: int | None = None
        self.question: tuple[object, ...] = ()


def parse_access(string: bytes) -> list[int]:
    """The numbers of an access string.  Raises SpecError.

    Rule: bpf_core_parse_spec, which reads with C's %d: blanks and a plus sign before a number are accepted.
    """
    if not string or string[:1] == b":":
        raise SpecError(f"access string {text(string)!r} is empty or begins with a colon")
    numbers = []
    for part in string.split(b":"):
        digits = part.lstrip(b" \t\n\v\f\r")
        digits = digits[1:] if digits[:1] == b"+" else digits
        if not digits.isdigit() or len(digits) > 10:
            raise SpecError(f"access string {text(string)!r} has {text(part)!r}, expected a number")
        numbers.append(int(digits))
    if len(numbers) > MAX_ACCESS:
        raise SpecError(f"access string {text(string)[:40]}... has {len(numbers)} numbers, the limit is {MAX_ACCESS}")
    if max(numbers) > 0x7FFFFFFF:
        raise SpecError(f"access string {text(string)!r} has a number above 2147483647")
    return numbers


def parse(local: Btf, type_id: int, access: bytes, kind: int, loader: Loader) -> Spec:
    """The spec of one record for a loader: local root `type_id`, access string, number of the relocation kind.

    Raises SpecError.
    """
    if type_id == 0:
        raise SpecError(
            "no local type: its id is 0, GCC left the type out of the record (compile with clang, or a newer GCC)"
        )
    if not 0 < type_id < len(local):
        raise SpecError(f"no local type {type_id} (ids are 1 to {len(local) - 1})")
    if kind >= len(KINDS):
        raise SpecError(f"unknown relocation kind {kind} (this version knows 0 to {len(KINDS) - 1})")
    group = KINDS[kind].group
    usual = group == FIELD and loader.has_fields and local.base is None
    found = local.kept(fields_of).local(type_id, access) if usual else None
    if found is not None:
        root_kind, name = found[7:]
    else:
        root_kind, name = local.kind(type_id), local.string(local.word(type_id, 0))
    search_kind = spec.ENUM if root_kind == spec.ENUM64 and loader.mixes_enums else root_kind
    result = Spec(type_id, search_kind, name, loader)
    if kind == TYPE_MATCHES and not loader.has_matches:
        raise SpecError(f"{loader.name} does not know this kind of relocation, and rejects the object")
    if group == FIELD:
        way = found[:7] if found is not None else walk_local(local, type_id, parse_access(access), loader)
        _parse_field(local, result, way, kind)
    elif group == ENUMVAL:
        _parse_enumerator(local, result, parse_access(access))
    elif access != b"0":
        raise SpecError(f"access string {text(access)!r}, expected '0' for a type relocation")
    elif kind == TYPE_SIZE and sizeof(local, type_id) is None:
        raise SpecError(f"the local root is a {spec.kind_name(local.kind(local.strip(type_id)))}, which has no size")
    return result


def sizeof(btf: Btf, type_id: int) -> int | None:
    """`Btf.sizeof`, but None above 32 bits.  Rule: btf__resolve_size."""
    size = btf.sizeof(type_id)
    return None if size is None or size > U32 else size


def covering_load(bit_offset: int, bits: int, size: int) -> tuple[int, int]:
    """(offset, size) in bytes of the smallest aligned load that covers a bitfield; `size` is that of its type.

    Raises SpecError if 8 bytes are not enough.  Rule: bpf_core_calc_field_relo.
    """
    if size == 0:
        raise SpecError("a bitfield whose type has size 0")
    while bit_offset + bits > 8 * ((start := bit_offset // 8 // size * size) + size):
        if size >= 8:
            raise SpecError("a bitfield that a load of 8 bytes does not cover")
        size *= 2
    return start, size


def _parse_enumerator(local: Btf, result: Spec, numbers: list[int]) -> None:
    type_id = local.strip(result.root_id)
    kind = local.kind(type_id)
    vlen = local.word(type_id, 1) & spec.MAX_VLEN if type_id else 0
    if kind not in spec.ENUMS or len(numbers) != 1 or numbers[0] >= vlen:
        raise SpecError(f"enumerator {numbers} of a {spec.kind_name(kind)} with {vlen} values")
    layer, at = local.locate(type_id)
    width = spec.KINDS[kind].elem_words
    result.enumerator = result.loader.essential(local.string(layer.words[at + 3 + width * numbers[0]]))


def _parse_field(local: Btf, result: Spec, way: LocalField, kind: int) -> None:
    """Take names, compatibility keys and array indexes from the `way` through the local types (`walk_local`).

    libbpf always computes the value by the local types as well: if that fails, the record is wrong.
    """
    loader = result.loader
    if loader.by_levels:
        result.root_key = compatibility(local, result.root_id, loader)
    result.index, result.steps, bits, bit_offset, is_nameless, leaf_id, load = way
    result.is_bitfield = bool(bits)
    result.nameless = bit_offset & U32 if is_nameless else None
    if kind == FIELD_EXISTS:
        return
    ends_in_array = not result.steps or result.steps[-1].__class__ is int
    if kind not in (BYTE_OFFSET, BYTE_SIZE) and not loader.by_levels and ends_in_array:
        raise SpecError("signs and shifts need a member, not an array element")
    if bits:
        size = load[2] if load is not None and load[0] != spec.ARRAY else _size(local, leaf_id, "a bitfield")
        covering_load(bit_offset & U32, bits, size)
        result.leaf = (0, 0, 0)
    elif load is not None:
        result.leaf = load
    else:
        _size(local, leaf_id, "the member")
        result.leaf = _leaf(local, leaf_id, loader)
    if kind == SIGNED and loader.by_levels and load_class(local, leaf_id)[0] not in (spec.INT, *spec.ENUMS):
        raise SpecError(f"the sign of {spelled(local, leaf_id)}, which is not an integer or enumeration")


def fields_of(btf: Btf) -> Fields:
    """The usual ways of fields through the types of a BTF without a base."""
    text_at = btf.header.length + btf.header.str_off
    pointer_size = btf.pointer_size or DEFAULT_POINTER_SIZE
    is_little = btf.byte_order == "little"
    return Fields(btf.words, btf.positions, btf.strings, btf.blob, text_at, pointer_size, is_little)


def walk_local(local: Btf, root_id: int, numbers: list[int], loader: Loader) -> LocalField:
    """Follow an access through the local types: (first number, steps, bits of a bitfield, bit offset, whether it ends at an
    anonymous member, type of the last member by name or of the element, None: the load is not known)."""
    current = local.strip(root_id)
    bit_offset = numbers[0] * _size(local, current, "the local root") * 8
    steps: list[Any] = []
    leaf_id = current
    bits = 0
    is_nameless = False  # whether the last step entered an anonymous member
    parent = current  # of the previous step
    after_last_member = False  # whether the previous step entered the last member, by name
    for number in numbers[1:]:
        layer, at = local.locate(current) if current else (local, -1)
        info = layer.words[at + 1] if current else 0
        of_kind, vlen = info >> 24 & spec.MAX_KIND, info & spec.MAX_VLEN
        if of_kind in spec.COMPOSITES:
            if number >= vlen:
                raise SpecError(f"member {number} of a {spec.kind_name(of_kind)} with {counted(vlen, 'member')}")
            name_off, member_type, offset = layer.words[at + 3 + 3 * number : at + 6 + 3 * number]
            bit_offset += offset & 0xFFFFFF if info >> 31 else offset
            if name_off and (name := local.string(name_off)):
                steps.append((name, compatibility(local, member_type, loader)))
                parent = current
                bits = offset >> 24 if info >> 31 else 0
                after_last_member = number == vlen - 1
                leaf_id = member_type
                is_nameless = False
            else:
                is_nameless = True
            current = local.strip(member_type)
        elif of_kind == spec.ARRAY:
            length = layer.words[at + 5]
            is_flexible = after_last_member
            if not loader.unions_end:  # aya compares the index of the element, not that of the member
                is_flexible = (
                    local.kind(parent) == spec.STRUCT and number == (local.word(parent, 1) & spec.MAX_VLEN) - 1
                )
            if number >= length and not (length == 0 and is_flexible):
                raise SpecError(f"element {number} of an array with {length}")
            current = leaf_id = parent = local.strip(layer.words[at + 3])
            steps.append((number, compatibility(local, current, loader)) if loader.by_levels else number)
            bit_offset += number * _size(local, current, "an array's element") * 8
            after_last_member = is_nameless = False
            bits = 0
        else:
            raise SpecError(f"a {spec.kind_name(of_kind) if current else 'void'} is accessed by index {number}")
    return numbers[0], tuple(steps), bits, bit_offset, is_nameless, leaf_id, None


def _size(local: Btf, type_id: int, what: str) -> int:
    size = sizeof(local, type_id)
    if size is None:
        type_id = local.strip(type_id)
        raise SpecError(f"{what} is a {spec.kind_name(local.kind(type_id)) if type_id else 'void'}, which has no size")
    return size


def _leaf(local: Btf, type_id: int, loader: Loader) -> tuple[int, int, int]:
    """(kind, encoding, size) of a load of this type: for an array, of one of its innermost elements."""
    if not loader.all_dimensions:
        return last_dimension_class(local, type_id)
    return *load_class(local, type_id), _size(local, innermost(local, type_id)[0], "an array's element")


def innermost(btf: Btf, type_id: int) -> tuple[int, int]:
    """The type without modifiers, typedefs and arrays, and the number of arrays."""
    for depth in range(MAX_CHAIN):
        type_id = btf.strip(type_id)
        if btf.kind(type_id) != spec.ARRAY:
            return type_id, depth
        type_id = btf.word(type_id, 3)
    return type_id, MAX_CHAIN


def load_class(btf: Btf, type_id: int) -> tuple[int, int]:
    """(kind, INT encoding or 0) of a member's type without modifiers, which decide whether the size of a load is adjustable."""
    type_id = btf.strip(type_id)
    kind = btf.kind(type_id)
    return kind, (btf.word(type_id, 3) >> 24 & 0xFF if kind == spec.INT else 0)


def last_dimension_class(btf: Btf, type_id: int) -> tuple[int, int, int]:
    """(kind, encoding, size) of a load of this type for aya: an array is loaded as a whole, of which it counts the innermost
    dimension alone."""
    kind, encoding = load_class(btf, type_id)
    return kind, encoding, (sizeof(btf, type_id) if kind != spec.ARRAY else last_dimension_size(btf, type_id)) or 0


def last_dimension_size(btf: Btf, type_id: int) -> int:
    """The size of an array of which only the innermost dimension counts.  Rule: type_size (aya)."""
    count = 1
    for _ in range(MAX_CHAIN):
        type_id = btf.strip(type_id)
        if btf.kind(type_id) != spec.ARRAY:
            break
        count, type_id = btf.word(type_id, 5), btf.word(type_id, 3)
    return count * (sizeof(btf, type_id) or 0) & U32


def adjustable(local: tuple[int, int, int], kind: int, encoding: int) -> bool:
    """Whether a load may get another size on the target: pointers, and integers whose encoding is not exactly SIGNED.

    Rule: bpf_core_calc_relo, "fail_memsz_adjust".
    """
    if local[0] == spec.PTR and kind == spec.PTR:
        return True
    return local[0] == kind == spec.INT and local[1] != spec.INT_SIGNED and encoding != spec.INT_SIGNED


def compatibility(local: Btf, type_id: int, loader: Loader) -> tuple[Any, ...]:
    """The key of a local member's type: everything that bpf_core_fields_are_compat reads on the local side.

    (kind,), (INT, whether its bit offset is 0), (FWD or ENUM, essential name), or (ARRAY, depth, key of the element), which is
    (ARRAY,) if the loader does not compare elements.
    """
    type_id, depth = (local.strip(type_id), 0) if loader.by_levels else innermost(local, type_id)
    kind = local.kind(type_id)
    if kind in spec.COMPOSITES:
        key: tuple[Any, ...] = (spec.STRUCT,)
    elif kind in spec.ENUMS or kind == spec.FWD:
        key = (spec.ENUM if kind in spec.ENUMS else kind, loader.essential(local.string(local.word(type_id, 0))))
    elif kind == spec.INT:
        key = (kind, local.word(type_id, 3) >> 16 & 0xFF == 0)
    else:
        key = (kind,)
    return (spec.ARRAY, depth, key) if depth else key


def expression(local: Btf, type_id: int, access: bytes, kind: int) -> str:
    """The access as C would write it: `((struct task_struct *)0)->mm`, `enum pid_type: PIDTYPE_PID`, `struct sk_buff`.

    Never raises for a malformed record.
    """
    if not 0 < type_id < len(local):
        return f"type {type_id}, {text(access)}"
    root = spelled(local, type_id)
    try:
        group = KINDS[kind].group if kind < len(KINDS) else "type"
        numbers = parse_access(access) if group != "type" else []
        if group == ENUMVAL:
            at, layer = _element_at(local, local.strip(type_id), numbers[0], spec.ENUMS)
            return f"{root}: {text(local.string(layer.words[at]))}"
        return _field_expression(local, root, type_id, numbers) if numbers else root
    except (BtfError, IndexError):
        return f"{root}, {text(access)}"


def _field_expression(local: Btf, root: str, type_id: int, numbers: list[int]) -> str:
    shown = f"(({root} *)0)"
    shown += f"[{numbers[0]}]" if numbers[0] or len(numbers) == 1 else ""
    arrow = "." if numbers[0] else "->"
    current = local.strip(type_id)
    for number in numbers[1:]:
        if local.kind(current) == spec.ARRAY:
            shown += f"[{number}]"
            current = local.strip(local.word(current, 3))
            continue
        at, layer = _element_at(local, current, number, spec.COMPOSITES)
        name = text(local.string(layer.words[at]))
        current = local.strip(layer.words[at + 1])
        if name:
            shown += arrow + name
            arrow = "."
    return shown


def _element_at(local: Btf, type_id: int, index: int, kinds: frozenset[int]) -> tuple[int, Btf]:
    """The word position of an element, and the BTF that holds it.  Raises IndexError."""
    kind = local.kind(type_id)
    if kind not in kinds or index >= local.word(type_id, 1) & spec.MAX_VLEN:
        raise IndexError(index)
    layer, at = local.locate(type_id)
    return at + 3 + spec.KINDS[kind].elem_words * index, layer


def spelled(btf: Btf, type_id: int) -> str:
    """`btf.spelling.spelled`, imported only when needed: start-up time counts here."""
    from btfkit.btf import spelling

    return spelling.spelled(btf, type_id)
