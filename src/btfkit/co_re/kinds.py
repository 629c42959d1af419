"""The thirteen kinds of CO-RE relocations, one row each: their group, and what the instruction gets if nothing matches.

Source: include/uapi/linux/bpf.h, enum bpf_core_relo_kind; tools/lib/bpf/relo_core.c (libbpf 1.8-dev).
"""

from __future__ import annotations

FIELD, TYPE, ENUMVAL = "field", "type", "enumval"


class RelocationKind:
    """One row: `number`, `name`, `group`, whether the answer is only whether something exists (`is_test`), and whether an
    instruction without an answer is poisoned (`poisons`) or gets zero."""

    __slots__ = ("group", "is_test", "name", "number", "poisons")

    def __init__(self, number: int, name: str, group: str, is_test: bool = False, poisons: bool = False) -> None:
        self.number = number
        self.name = name
        self.group = group
        self.is_test = is_test
        self.poisons = poisons


BYTE_OFFSET, BYTE_SIZE, FIELD_EXISTS, SIGNED, LSHIFT, RSHIFT = range(6)
TYPE_ID_LOCAL, TYPE_ID_TARGET, TYPE_EXISTS, TYPE_SIZE, ENUMVAL_EXISTS, ENUMVAL_VALUE, TYPE_MATCHES = range(6, 13)

KINDS = (
    RelocationKind(BYTE_OFFSET, "byte_off", FIELD, poisons=True),
    RelocationKind(BYTE_SIZE, "byte_sz", FIELD, poisons=True),
    RelocationKind(FIELD_EXISTS, "field_exists", FIELD, is_test=True),
    RelocationKind(SIGNED, "signed", FIELD, poisons=True),
    RelocationKind(LSHIFT, "lshift_u64", FIELD, poisons=True),
    RelocationKind(RSHIFT, "rshift_u64", FIELD, poisons=True),
    RelocationKind(TYPE_ID_LOCAL, "local_type_id", TYPE),
    RelocationKind(TYPE_ID_TARGET, "target_type_id", TYPE),
    RelocationKind(TYPE_EXISTS, "type_exists", TYPE, is_test=True),
    RelocationKind(TYPE_SIZE, "type_size", TYPE),
    RelocationKind(ENUMVAL_EXISTS, "enumval_exists", ENUMVAL, is_test=True),
    RelocationKind(ENUMVAL_VALUE, "enumval_value", ENUMVAL, poisons=True),
    RelocationKind(TYPE_MATCHES, "type_matches", TYPE, is_test=True),
)


def kind_name(number: int) -> str:
    """The name of a kind as bpftool and libbpf write it: "byte_off"."""
    return KINDS[number].name if number < len(KINDS) else f"kind {number}"
