"""The numbers of the kinds (`BTF_KIND_*` of the kernel's include/uapi/linux/btf.h), and the columns of the packed table of kinds.

Loops write `kinds.STRUCT`; `kinds.pxd` has the same names as C constants and inline functions, which cost nothing when compiled.
This file itself is not compiled.
"""

UNKN = 0
INT = 1
PTR = 2
ARRAY = 3
STRUCT = 4
UNION = 5
ENUM = 6
FWD = 7
TYPEDEF = 8
VOLATILE = 9
CONST = 10
RESTRICT = 11
FUNC = 12
FUNC_PROTO = 13
VAR = 14
DATASEC = 15
FLOAT = 16
DECL_TAG = 17
TYPE_TAG = 18
ENUM64 = 19
LAST_KIND = 19

# Columns of the packed table (`btf/spec.py`, `packed_table`), which has a row of 8 bytes for each kind.
TAIL = 0  # words after the first three
ELEM = 1  # words of an element
THIRD_IS_TYPE = 2
TAIL_IDS = 3  # bits: which words of the tail are type ids
ELEM_IDS = 4  # ... and which of an element
ELEM_NAMES = 5  # ... and which of these are name offsets
NO_SUCH_KIND = 255  # in the column TAIL


def is_modifier(kind: int) -> bool:
    """Whether the kind is one of `spec.MODIFIERS`."""
    return VOLATILE <= kind <= RESTRICT or kind == TYPE_TAG


def is_alias(kind: int) -> bool:
    """Whether the kind is one of `spec.MODS_AND_TYPEDEFS`: in C, equivalent to the type that it refers to."""
    return TYPEDEF <= kind <= RESTRICT or kind == TYPE_TAG


def is_braced(kind: int) -> bool:
    """Whether the kind is defined between braces: a struct, union or enum."""
    return STRUCT <= kind <= ENUM or kind == ENUM64
