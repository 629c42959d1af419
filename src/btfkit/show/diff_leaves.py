"""The members that `diff` compares, by their paths; members of anonymous structs and unions count for the enclosing type."""

from __future__ import annotations


class Leaf:
    """A member of a type, or of its anonymous structs and unions."""

    __slots__ = ("bit_offset", "bits", "key", "offset", "path", "size", "type_id")

    def __init__(self, path: str, type_id: int, key: int, offset: int, size: int, bit_offset: int, bits: int) -> None:
        self.path = path
        self.type_id = type_id
        self.key = key
        self.offset = offset
        self.size = size
        self.bit_offset = bit_offset
        self.bits = bits


def unique(leaves: list[Leaf]) -> dict[str, Leaf]:
    """The members by path; a second member with the same name (not valid C) gets a number."""
    found: dict[str, Leaf] = {}
    numbers: dict[str, int] = {}  # the last of each path
    for leaf in leaves:
        path = leaf.path
        while path in found:
            number = numbers[leaf.path] = numbers.get(leaf.path, 1) + 1
            path = f"{leaf.path}#{number}"
        leaf.path = path
        found[path] = leaf
    return found


def without_groups(leaves: dict[str, Leaf]) -> dict[str, Leaf]:
    """`leaves` with one name for each member: `csum`, not `headers.csum` in the same place (the kernel's struct_group)."""
    found = {}
    for path, leaf in leaves.items():
        around, _, name = path.rpartition(".")
        other = leaves.get(f"{around.rpartition('.')[0]}.{name}".lstrip(".")) if around else None
        if other is None or (other.key, other.bit_offset, other.bits) != (leaf.key, leaf.bit_offset, leaf.bits):
            found[path] = leaf
    return found


def previous_members(leaves: dict[str, Leaf]) -> dict[str, str]:
    """The path of the previous member, for each."""
    return dict(zip(leaves, ["", *leaves], strict=False))
