"""What a kernel's BPF can do, by its own enumerations: helpers, map types, program types and attach types.

They include what a distribution backported, unlike tables of versions.  An enumeration that the BTF does not have, because it was
minimized, proves nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from btfkit.btf import spec
from btfkit.btf.spec import text
from btfkit.programs.maps import INSN_ARRAY
from btfkit.programs.sections import types_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.co_re.target import Target
    from btfkit.programs.code import Linked
    from btfkit.programs.maps import Map

ENUMS = HELPERS, MAP_TYPES, PROGRAM_TYPES, ATTACH_TYPES = (
    b"bpf_func_id",
    b"bpf_map_type",
    b"bpf_prog_type",
    b"bpf_attach_type",
)


CONTEXTS = b"bpf_ctx_convert"  # a struct with two members for each program type that the kernel was built with
_PROGRAM_MEMBER = "_prog"  # how the name of the first ends, whose type is the context as programs see it
MAP_FLAG = b"BPF_F_NO_PREALLOC"  # an enumerator of the enumeration without a name that has the flags of maps


class Context(NamedTuple):
    """The context of a program type as programs see it: the `struct` and its `size` in bytes; "" and 0 if it is none."""

    struct: str = ""
    size: int = 0


class Abilities(NamedTuple):
    """The numbers of `helpers` and `maps`, the names of `programs` (types) and `attachments`; None if the BTF lacks them.

    `contexts`: by name, the program types that the kernel was built with, which may be fewer.
    """

    helpers: frozenset[int] | None
    maps: frozenset[int] | None
    programs: frozenset[str] | None
    attachments: frozenset[str] | None
    contexts: dict[str, Context] | None


def abilities_of(target: Target) -> Abilities:
    """The abilities of the kernel that `target` describes, found once."""
    if Abilities not in target.memo:
        target.memo[Abilities] = _abilities(target)
    found: Abilities = target.memo[Abilities]
    return found


def _abilities(target: Target) -> Abilities:
    helpers, maps, programs, attachments = (_values(target, name) for name in ENUMS)
    return Abilities(
        None if helpers is None else frozenset(helpers.values()),
        None if maps is None else frozenset(maps.values()),
        None if programs is None else frozenset(programs),
        None if attachments is None else frozenset(attachments),
        _contexts(target),
    )


def _contexts(target: Target) -> dict[str, Context] | None:
    """The context of each program type that the kernel was built with.  Rule: the kernel's bpf_types.h and bpf_ctx_convert."""
    for btf, type_id in target.named(spec.STRUCT, CONTEXTS)[0]:
        struct: Any = btf[type_id]
        found = {}
        for member in struct.members:
            if member.name.endswith(_PROGRAM_MEMBER):
                leaf = btf.strip(member.type_id)
                is_struct = leaf and btf.kind(leaf) == spec.STRUCT
                context = Context(btf.name(leaf), btf.sizeof(leaf) or 0) if is_struct else Context()
                found[member.name.removesuffix(_PROGRAM_MEMBER)] = context
        return found
    return None


# The kernel lets kprobes read its own pt_regs (arm64: the context is shorter), and raw tracepoints what they have arguments for.
_OTHER_LIMITS = frozenset(("KPROBE", "RAW_TRACEPOINT", "RAW_TRACEPOINT_WRITABLE"))


def map_flags(target: Target) -> int | None:
    """The bits of all flags of maps; None if vmlinux lacks the enumeration, as before 5.4."""
    if MAP_FLAG not in target.memo:
        target.memo[MAP_FLAG] = _map_flags(target.vmlinux)
    found: int | None = target.memo[MAP_FLAG]
    return found


def _map_flags(vmlinux: Any) -> int | None:
    from functools import reduce
    from operator import or_

    from btfkit.hot import search

    marks = bytearray(len(vmlinux.strings))
    for offset in vmlinux.string_offsets(MAP_FLAG):
        marks[offset] = 1
    wanted = bytearray(spec.MAX_KIND + 1)
    wanted[spec.ENUM] = 2
    found: list[int] = []
    search.named(vmlinux.words, vmlinux.positions, vmlinux.table, wanted, marks, found)
    for index in found[::2]:
        values = vmlinux[vmlinux.start_id + index].values.values()
        return reduce(or_, (value for value in values if value >= 0), 0)
    return None


def _values(target: Target, name: bytes) -> dict[str, int] | None:
    """The enumerators of an enumeration in vmlinux (the lower 32 bits of each), without the count that ends it."""
    for btf, type_id in target.named(spec.ENUM, name)[0]:
        layer, at = btf.locate(type_id)
        words = layer.words
        width = 3 if btf.kind(type_id) == spec.ENUM64 else 2
        places = range(at + 3, at + 3 + width * (words[at + 1] & spec.MAX_VLEN), width)
        named = ((btf.string(words[place]), place) for place in places)
        return {text(each): words[place + 1] for each, place in named if each[:2] != b"__"}
    return None


def helpers_called(linked: Linked) -> dict[int, int]:
    """The number of the helper that each call of one calls, by slot."""
    from btfkit.programs import insns as i

    return {
        slot: insn[4]
        for slot, insn in enumerate(linked.insns)
        if i.is_call(insn) and not insn[2] and slot not in linked.references and slot not in linked.targets
    }


def lacks_type(section: str, abilities: Abilities) -> str:
    """What a kernel lacks to load or attach a program of that section: an enumerator, or ""."""
    types = types_of(section)
    if types is None:
        return ""
    program = f"BPF_PROG_TYPE_{types[0]}"
    if abilities.programs is not None and program not in abilities.programs:
        return f"{program} of enum bpf_prog_type"
    if abilities.contexts is not None and program not in abilities.contexts:
        return f"programs of type {program}: it was built without them"
    if types[1] and abilities.attachments is not None and types[1] not in abilities.attachments:
        return f"{types[1]} of enum bpf_attach_type"
    return ""


def context_of(section: str, abilities: Abilities) -> Context:
    """The context of programs of that section, if it is a struct whose size limits what they may read."""
    types = types_of(section)
    if types is None or abilities.contexts is None or types[0] in _OTHER_LIMITS:
        return Context()
    return abilities.contexts.get(f"BPF_PROG_TYPE_{types[0]}", Context())


def has_jump_tables(abilities: Abilities) -> bool:
    """Whether a kernel has the maps that libbpf creates for jump tables, as far as is known."""
    return abilities.maps is None or INSN_ARRAY in abilities.maps


def lacking_maps(maps: list[Map], abilities: Abilities) -> Iterator[Map]:
    """Those of an object's maps whose type the kernel does not have."""
    if abilities.maps is not None:
        yield from (each for each in maps if each.type not in abilities.maps)


def unknown_flags(maps: list[Map], target: Target) -> Iterator[tuple[Map, int]]:
    """Those of an object's maps that have flags which the kernel does not have, with these bits."""
    flagged = [each for each in maps if each.flags]
    known = map_flags(target) if flagged else None
    if known is not None:
        yield from ((each, bits) for each in flagged if (bits := each.flags & ~known))
