"""What a kernel's BPF can do, by its own enumerations: helpers, map types, program types and attach types.

They include what a distribution backported, unlike tables of versions.  An enumeration that the BTF does not have, because it was
minimized, proves nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from btfkit.btf import spec
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


class Abilities(NamedTuple):
    """The numbers of `helpers` and `maps`, the names of `programs` (types) and `attachments`; None if the BTF lacks them."""

    helpers: frozenset[int] | None
    maps: frozenset[int] | None
    programs: frozenset[str] | None
    attachments: frozenset[str] | None


def abilities_of(target: Target) -> Abilities:
    """The abilities of the kernel that `target` describes."""
    helpers, maps, programs, attachments = (_values(target, name) for name in ENUMS)
    return Abilities(
        None if helpers is None else frozenset(helpers.values()),
        None if maps is None else frozenset(maps.values()),
        None if programs is None else frozenset(programs),
        None if attachments is None else frozenset(attachments),
    )


def _values(target: Target, name: bytes) -> dict[str, int] | None:
    """The enumerators of an enumeration in vmlinux, without the count that ends it."""
    for btf, type_id in target.named(spec.ENUM, name)[0]:
        enum: Any = btf[type_id]
        return {str(each): value for each, value in enum.values.items() if not each.startswith("__")}
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
    if types[1] and abilities.attachments is not None and types[1] not in abilities.attachments:
        return f"{types[1]} of enum bpf_attach_type"
    return ""


def lacking_maps(maps: list[Map], abilities: Abilities) -> Iterator[Map]:
    """Those of an object's maps whose type the kernel does not have."""
    if abilities.maps is not None:
        yield from (each for each in maps if each.type not in abilities.maps)
