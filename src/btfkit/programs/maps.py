"""The maps that a BPF object defines, read from its `.maps` section.  Rule: libbpf 1.8-dev, parse_btf_map_def."""

from __future__ import annotations

from typing import NamedTuple

from btfkit.btf import spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.btf.btf import Btf


INNER = " (inner map)"
PINNINGS = (0, 1)  # not, or by name
JUMP_TABLES = ".jumptables"  # the section for which libbpf creates maps of type INSN_ARRAY
INSN_ARRAY = 34


class Map(NamedTuple):
    """A map of an object: its `name`, its `type` (a number of enum bpf_map_type), its `flags` (BPF_F_*), and how it is pinned."""

    name: str
    type: int
    flags: int = 0
    pinning: int = 0

    @property
    def outer(self) -> str:
        """The name of the map itself, or of the one that holds it."""
        return self.name.removesuffix(INNER)


def maps_of(btf: Btf) -> Iterator[Map]:
    """The maps that an object's `.maps` section defines, those inside others included.  Rule: libbpf's parse_btf_map_def."""
    for type_id in range(1, len(btf)):
        if btf.kind(type_id) != spec.DATASEC or btf.name(type_id) != ".maps":
            continue
        section: Any = btf[type_id]
        for entry in section.entries:
            if btf.kind(entry.type_id) == spec.VAR:
                yield from _map(btf, btf.name(entry.type_id), btf.word(entry.type_id, 2))


def _map(btf: Btf, name: str, type_id: int, inner: bool = False) -> Iterator[Map]:
    type_id = btf.strip(type_id)
    if not type_id or btf.kind(type_id) not in spec.COMPOSITES:
        return
    struct: Any = btf[type_id]
    numbers: dict[str, int] = {}
    for member in struct.members:
        leaf = btf.strip(member.type_id)
        if member.name in ("type", "map_flags", "pinning") and leaf and btf.kind(leaf) == spec.PTR:
            array = btf.strip(btf.word(leaf, 2))
            if array and btf.kind(array) == spec.ARRAY:
                numbers[member.name] = btf.word(array, 5)
        elif member.name == "values" and not inner and leaf and btf.kind(leaf) == spec.ARRAY:
            pointer = btf.strip(btf.word(leaf, 3))
            if pointer and btf.kind(pointer) == spec.PTR:
                yield from _map(btf, name + INNER, btf.word(pointer, 2), inner=True)
    if "type" in numbers:
        yield Map(name, numbers["type"], numbers.get("map_flags", 0), numbers.get("pinning", 0))
