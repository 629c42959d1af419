"""The members that `diff` compares, by their paths: those of nameless structs and unions count as what is around has them."""

from __future__ import annotations


class Leaf:
    """A member, those of nameless structs and unions counted as members of what contains them."""

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
    """By path; a second member of one name (C has none) is told apart by a number."""
    found: dict[str, Leaf] = {}
    for leaf in leaves:
        path = leaf.path
        number = 2
        while path in found:
            path = f"{leaf.path}#{number}"
            number += 1
        leaf.path = path
        found[path] = leaf
    return found


def without_groups(leaves: dict[str, Leaf]) -> dict[str, Leaf]:
    """Without the second name of a member: of `headers.csum` and `csum` at one place (the kernel's struct_group) the latter."""
    found = {}
    for path, leaf in leaves.items():
        around, _, name = path.rpartition(".")
        other = leaves.get(f"{around.rpartition('.')[0]}.{name}".lstrip(".")) if around else None
        if other is None or (other.key, other.bit_offset, other.bits) != (leaf.key, leaf.bit_offset, leaf.bits):
            found[path] = leaf
    return found


def neighbours(leaves: dict[str, Leaf]) -> dict[str, str]:
    """The path of the member before each."""
    before = ""
    found = {}
    for path in leaves:
        found[path] = before
        before = path
    return found
