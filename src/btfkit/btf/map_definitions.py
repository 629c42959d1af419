"""The maps that a BPF object defines: what the variables of its section `.maps` state by their types.

A member that is a pointer to an array of n ints stands for the number n (`__uint`), one that is a pointer to another type
for that type (`__type`).  Rule: libbpf 1.8-dev, parse_btf_map_def.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.shapes import cast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from btfkit.btf.btf import Btf

MAP_TYPE = "bpf_map_type"  # the kernel's enum of map types


def map_definitions(btf: Btf, section_id: int) -> dict[str, dict[str, int | str]]:
    """By the name of each map its attributes: numbers, and types in C ("struct value"); `type` by its name if the BTF has
    the enum."""
    section: Any = btf[section_id]
    return {entry.name: _definition(btf, btf.word(entry.type_id, 2)) for entry in section.entries}


def _definition(btf: Btf, type_id: int) -> dict[str, int | str]:
    composite: Any = btf[btf.strip(type_id)]
    found: dict[str, int | str] = {}
    if composite.kind not in spec.COMPOSITES:
        return found
    for member in composite.members:
        found[member.name] = _attribute(btf, member.name, member.type_id)
    return found


def _attribute(btf: Btf, name: str, type_id: int) -> int | str:
    type_id = btf.strip(type_id, spec.MODIFIERS)
    if btf.kind(type_id) != spec.PTR:
        return cast(btf, type_id)
    pointee = btf.word(type_id, 2)
    array = btf.strip(pointee)
    if name in ("key", "value") or btf.kind(array) != spec.ARRAY:
        return cast(btf, pointee)
    number = btf.word(array, 5)
    if name == "type" and (enum := btf.find_id(MAP_TYPE, "ENUM")) is not None:
        names: Any = btf[enum]
        return next((one.name for one in names if one.value == number), number)
    return number
