"""BTF as plain Python: a blob read byte by byte into records, in the most obvious way.

A record is its words and, for each word, a letter that says what it is: n a name offset, i a type id, f the info word, x a
number.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import pack, unpack_from

INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT = range(1, 12)
FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = range(12, 20)

SHAPES = {  # the third word, what follows it, one element
    INT: ("x", "x", ""),
    ARRAY: ("x", "iix", ""),
    **dict.fromkeys((STRUCT, UNION), ("x", "", "nix")),
    ENUM: ("x", "", "nx"),
    ENUM64: ("x", "", "nxx"),
    **dict.fromkeys((FWD, FLOAT), ("x", "", "")),
    **dict.fromkeys((PTR, TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG, FUNC), ("i", "", "")),
    FUNC_PROTO: ("i", "", "ni"),
    **dict.fromkeys((VAR, DECL_TAG), ("i", "x", "")),
    DATASEC: ("x", "", "ixx"),
}
MODIFIERS = (TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG)


@dataclass
class Record:
    words: list[int]
    letters: str
    head: int = 3  # words before the first element
    step: int = 0  # words of an element

    @property
    def kind(self):
        return self.words[1] >> 24 & 0x7F

    @property
    def flag(self):
        return self.words[1] >> 31

    @property
    def elements(self):
        """The words of each element."""
        return [self.words[at : at + self.step] for at in range(self.head, len(self.words), self.step or 1)]

    def all(self, letter):
        """The words that are an "i" or an "n"."""
        return [word for word, what in zip(self.words, self.letters, strict=True) if what == letter]


def shapes(layout):
    """`SHAPES`, and those of other kinds that a layout section tells."""
    told = {k: ("x", "x" * (layout[4 * k] // 4), "x" * (layout[4 * k + 1] // 4)) for k in range(len(layout) // 4)}
    return {**told, **SHAPES}


def records(words, layout=b""):
    """The records of a type section, as far as they are whole and of a known kind, and where the first begins that is not."""
    known, found, at = shapes(layout), [], 0
    while at + 3 <= len(words):
        kind, vlen = words[at + 1] >> 24 & 0x7F, words[at + 1] & 0xFFFFFF
        if kind not in known:
            break
        third, tail, element = known[kind]
        size = 3 + len(tail) + len(element) * vlen
        if at + size > len(words):
            break
        letters = "nf" + third + tail + element * (vlen if element else 0)
        found.append(Record(list(words[at : at + size]), letters, 3 + len(tail), len(element)))
        at += size
    return found, at


class Level:
    """One BTF of a chain, `below` the one under it.  `types` and `strings` are those of the whole chain."""

    def __init__(self, blob, below=None):
        order = "<" if blob[:2] == b"\x9f\xeb" else ">"
        (length, *at) = unpack_from(order + "4xIIIII", blob)
        layout = (0, 0) if length < 32 else unpack_from(order + "II", blob, 24)
        type_section, own, layout = (blob[length + a :][:n] for a, n in ((at[0], at[1]), (at[2], at[3]), layout))
        self.below = below
        self.own_layout = layout
        self.layout = layout or (below.own_layout if below else b"")
        self.words = list(unpack_from(f"{order}{len(type_section) // 4}I", type_section))
        self.own, end = records(self.words, self.layout)
        assert end == len(self.words)
        self.first_id = len(below.types) if below else 1
        self.first_offset = len(below.strings) if below else 0
        self.own_strings = own
        self.types = (below.types if below else [None]) + self.own  # by id
        self.strings = (below.strings if below else b"") + own

    def text(self, offset):
        """The string at an offset."""
        return self.strings[offset:].split(b"\0", 1)[0]

    def name(self, type_id):
        return self.text(self.types[type_id].words[0])

    def kind(self, type_id):
        return self.types[type_id].kind if type_id else 0

    @property
    def own_ids(self):
        return range(self.first_id, len(self.types))


def plain(btf):
    """A loaded `Btf` as plain Python, read again from its bytes."""
    level = None
    for layer in btf.chain:
        level = Level(layer.to_bytes(), level)
    return level


def encode(words, strings, layout=b"", order="little"):
    """The blob of a type section and its strings."""
    mark, size = "<" if order == "little" else ">", 4 * len(words)
    lengths = (32, 0, size, size + len(layout), len(strings), size, len(layout))
    return pack(mark + "HBB7I", 0xEB9F, 1, 0, *lengths) + pack(f"{mark}{len(words)}I", *words) + layout + strings


def interned(groups, spell, at, known):
    """Give the names in `groups` of records, in order of first use, offsets from `at` on; `known` has texts that have one.

    Returns the new strings, each with its NUL.
    """
    new = b""
    for record in groups:
        for slot, what in enumerate(record.letters):
            if what == "n":
                text = spell(record.words[slot])
                if text not in known:
                    known[text] = at + len(new)
                    new += text + b"\0"
                record.words[slot] = known[text]
    return new
