"""The table of kinds: a row describes the layout of a record of that kind and the meaning of its words.

Scanning, renumbering, closure, verification and dumping read this table.  A ladder of `if kind ==` elsewhere means that a column
is missing here.  Sources: the kernel's `include/uapi/linux/btf.h` (7.2) and Documentation/bpf/btf.rst.

A record is three words (name offset, info, size or type id), then `tail_words` words, then `vlen` elements of
`elem_words` words each.  `info` holds vlen in bits 0-23, the kind in bits 24-30 and kind_flag in bit 31.
"""

from __future__ import annotations

MAGIC = 0xEB9F
VERSION = 1
HEADER_LEN = 24  # bytes, without the layout fields
LAYOUT_HEADER_LEN = 32  # bytes, with them
MAX_KIND = 0x7F
MAX_VLEN = 0xFFFFFF
MAX_TYPE_ID = 0xFFFFF  # according to uapi; libbpf and btfkit read up to 0x7fffffff
MAX_NAME_OFF = 0xFFFFFF

UNKN, INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT = range(12)
FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = range(12, 20)
# The loops of `hot/` have the same numbers in `hot/kinds.py`.

INT_SIGNED, INT_CHAR, INT_BOOL = 1, 2, 4

LINKAGES = ("static", "global", "extern")

DEFAULT_POINTER_SIZE = 8  # bytes, if unknown; libbpf uses that of the machine it runs on
MAX_CHAIN = 256  # steps along modifiers, typedefs and arrays; more count as a cycle


def text(name: bytes) -> str:
    """A name as text; bytes that are not UTF-8 become surrogates, so that nothing is lost."""
    return name.decode("utf-8", "surrogateescape")


class Kind:
    """One row of the table.

    `third` is the meaning of the third word: "size" (bytes), "type" (an id) or "" (always 0).  `tail_ids`, `elem_ids` and
    `elem_names` are the positions, in words, of type ids and name offsets within the tail and within an element.  `flag` is
    the meaning of kind_flag ("": must be 0), `vlen` what the vlen bits count.  `word` is the kind's name in messages, C's
    keyword if there is one.  `modifier`: C treats the type as the one that it refers to (so do typedefs).
    """

    __slots__ = (
        "elem_ids",
        "elem_names",
        "elem_words",
        "flag",
        "modifier",
        "name",
        "number",
        "tail_ids",
        "tail_words",
        "third",
        "vlen",
        "word",
    )

    def __init__(
        self,
        number: int,
        name: str,
        third: str,
        tail_words: int = 0,
        elem_words: int = 0,
        tail_ids: tuple[int, ...] = (),
        elem_ids: tuple[int, ...] = (),
        elem_names: tuple[int, ...] = (),
        flag: str = "",
        vlen: str = "",
        word: str = "",
        modifier: bool = False,
    ) -> None:
        self.number = number
        self.name = name
        self.word = word or name.lower()
        self.third = third
        self.tail_words = tail_words
        self.elem_words = elem_words
        self.tail_ids = tail_ids
        self.elem_ids = elem_ids
        self.elem_names = elem_names
        self.flag = flag
        self.vlen = vlen
        self.modifier = modifier


KINDS = (
    Kind(UNKN, "UNKN", "", word="void"),
    Kind(INT, "INT", "size", tail_words=1),
    Kind(PTR, "PTR", "type", word="pointer"),
    Kind(ARRAY, "ARRAY", "", tail_words=3, tail_ids=(0, 1)),
    Kind(STRUCT, "STRUCT", "size", elem_words=3, elem_ids=(1,), elem_names=(0,), flag="bitfields", vlen="members"),
    Kind(UNION, "UNION", "size", elem_words=3, elem_ids=(1,), elem_names=(0,), flag="bitfields", vlen="members"),
    Kind(ENUM, "ENUM", "size", elem_words=2, elem_names=(0,), flag="signed", vlen="enumerators"),
    Kind(FWD, "FWD", "", flag="union", word="declaration"),
    Kind(TYPEDEF, "TYPEDEF", "type"),
    Kind(VOLATILE, "VOLATILE", "type", modifier=True),
    Kind(CONST, "CONST", "type", modifier=True),
    Kind(RESTRICT, "RESTRICT", "type", modifier=True),
    Kind(FUNC, "FUNC", "type", vlen="linkage", word="function"),
    Kind(FUNC_PROTO, "FUNC_PROTO", "type", 0, 2, elem_ids=(1,), elem_names=(0,), vlen="params", word="prototype"),
    Kind(VAR, "VAR", "type", tail_words=1, word="variable"),
    Kind(DATASEC, "DATASEC", "size", elem_words=3, elem_ids=(0,), vlen="variables", word="section"),
    Kind(FLOAT, "FLOAT", "size"),
    Kind(DECL_TAG, "DECL_TAG", "type", tail_words=1, flag="attribute", word="declaration tag"),
    Kind(TYPE_TAG, "TYPE_TAG", "type", flag="attribute", word="type tag", modifier=True),
    Kind(ENUM64, "ENUM64", "size", elem_words=3, elem_names=(0,), flag="signed", vlen="enumerators", word="enum"),
)

KIND_NAMES = tuple(kind.name for kind in KINDS)

MODIFIERS = frozenset(kind.number for kind in KINDS if kind.modifier)  # libbpf's btf_is_mod
MODS_AND_TYPEDEFS = MODIFIERS | {TYPEDEF}
COMPOSITES = frozenset((STRUCT, UNION))
ENUMS = frozenset((ENUM, ENUM64))
C_TAGS = {"struct": (STRUCT,), "union": (UNION,), "enum": (ENUM, ENUM64)}

# The same table as the loops in hot/ read it: ROW bytes a kind, 128 kinds.
ROW = 8
COL_TAIL, COL_ELEM, COL_THIRD_IS_TYPE, COL_TAIL_IDS, COL_ELEM_IDS, COL_ELEM_NAMES, COL_KNOWN = range(7)
NO_SUCH_KIND = 255  # in COL_TAIL


def _mask(positions: tuple[int, ...]) -> int:
    return sum(1 << position for position in positions)


def packed_table(layout: bytes | memoryview = b"") -> bytes:
    """The table of kinds for the loops in `hot/`: 128 rows of `ROW` bytes, the columns named COL_*.

    `layout` is a BTF layout section (4 bytes a kind: size of the tail, size of an element, both in bytes, then 16 bits of
    flags in the file's order).  It adds the extents of kinds that have no row here; their COL_KNOWN is 0.  Raises ValueError
    if such an extent is not a multiple of 4 bytes.  Rule: libbpf 1.8-dev, btf_type_size_unknown.
    """
    table = bytearray(128 * ROW)
    table[COL_TAIL::ROW] = bytes((NO_SUCH_KIND,)) * 128
    for kind in KINDS[1:]:
        at = kind.number * ROW
        table[at : at + COL_KNOWN + 1] = bytes(
            (
                kind.tail_words,
                kind.elem_words,
                kind.third == "type",
                _mask(kind.tail_ids),
                _mask(kind.elem_ids),
                _mask(kind.elem_names),
                1,
            )
        )
    for number in range(min(len(layout) // 4, 128)):
        tail, elem = layout[4 * number], layout[4 * number + 1]
        if table[number * ROW + COL_KNOWN] == 0:
            if tail % 4 or elem % 4:
                raise ValueError(f"kind {number} has {tail} + vlen * {elem} bytes, both must be multiples of 4")
            table[number * ROW + COL_TAIL] = tail // 4
            table[number * ROW + COL_ELEM] = elem // 4
    return bytes(table)


TABLE = packed_table()


def layout_section() -> bytes:
    """The layout section for all known kinds, 4 bytes a kind, as libbpf 1.8-dev writes it with `add_layout`; its 16-bit flags
    are 0, so both byte orders are equal."""
    return b"".join(bytes((4 * kind.tail_words, 4 * kind.elem_words, 0, 0)) for kind in KINDS)


def kind_name(number: int) -> str:
    """The name of a kind in capitals, as bpftool prints it; "UNKNOWN" for a kind without a row."""
    return KIND_NAMES[number] if number < len(KIND_NAMES) else "UNKNOWN"


def word(number: int) -> str:
    """The name of a kind in messages: "struct", "pointer"; "kind 25" for a kind without a row."""
    return KINDS[number].word if number < len(KINDS) else f"kind {number}"


def kind_set(kinds: tuple[int, ...] | frozenset[int]) -> bytes:
    """A set of kinds for the loops in `hot/`: 128 bytes, 1 for each kind in the set."""
    wanted = bytearray(128)
    for kind in kinds:
        wanted[kind] = 1
    return bytes(wanted)
