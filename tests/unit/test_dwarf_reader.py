"""pyelftools as the judge of the DWARF reader: the same DIEs, and what BTF says of each type is what its DIE says."""

from __future__ import annotations

import io
import lzma
from collections import Counter
from pathlib import Path

import pytest

import btfkit
from btfkit.encoder.encode import encode
from btfkit.files.elf import Elf
from needs import module

elffile = module("elftools.elf.elffile")
DATA = Path(__file__).parents[1] / "data" / "encode"
NAMES = sorted(path.name.removesuffix(".o.xz") for path in DATA.glob("*.o.xz"))
NOT_READ = ("gcc-no-debug", "gcc-split")
RELOCATED_ELSEWHERE = (
    "clang-powerpc64le",
    "clang-riscv64",
    "clang-sparc64",
)  # pyelftools 0.33 does not know all their relocations
TYPE_UNITS = ("gcc-types", "gcc-types4")  # in sections of one name each, of which pyelftools reads one
STRUCTS = {"DW_TAG_structure_type": "STRUCT", "DW_TAG_union_type": "UNION"}
"""The tags that are compared, with their kinds."""


class Judged:
    """An object as both read it."""

    def __init__(self, name: str) -> None:
        data = lzma.decompress((DATA / f"{name}.o.xz").read_bytes())
        self.name = name
        self.order = Elf(data, name).order
        self.encoded = encode(Elf(data, name))
        info = elffile.ELFFile(io.BytesIO(data)).get_dwarf_info()
        units = list(info.iter_CUs())
        self.units = len(units)
        self.dies = [die for unit in units for die in unit.iter_DIEs()]


@pytest.fixture(
    scope="module", params=[name for name in NAMES if name not in (*NOT_READ, *RELOCATED_ELSEWHERE, *TYPE_UNITS)]
)
def judged(request) -> Judged:
    return Judged(request.param)


def value(die, attribute: str, default=None):
    found = die.attributes.get(f"DW_AT_{attribute}")
    return default if found is None else found.value


def name_of(die) -> str:
    return value(die, "name", b"").decode()


def definitions(judged: Judged, tags) -> list:
    return [die for die in judged.dies if die.tag in tags and not value(die, "declaration") and die.size]


def of(btf, *kinds: str) -> list:
    """The types of several kinds."""
    return [one for kind in kinds for one in btf.types(kind)]


def null_entries(judged: Judged) -> int:
    """How many of the DIEs of pyelftools end a list of children."""
    return sum(die.is_null() for die in judged.dies)


def test_the_same_units_and_dies(judged) -> None:
    """Types that the reader puts off are seen twice, so it counts no fewer than there are."""
    report = judged.encoded.report
    assert report.units == judged.units
    assert report.dies >= len(judged.dies)
    assert null_entries(judged) > 5


def test_names_and_sizes_of_structs(judged) -> None:
    """Each definition, also the anonymous ones: kind, name, size and number of members."""
    theirs = {
        (
            STRUCTS[die.tag],
            name_of(die),
            value(die, "byte_size"),
            sum(c.tag == "DW_TAG_member" for c in die.iter_children()),
        )
        for die in definitions(judged, STRUCTS)
    }
    btf = judged.encoded.btf
    ours = {(one.kind_name, one.name, one.size, len(one.members)) for one in of(btf, "struct", "union")}
    assert ours == theirs
    assert len(theirs) > 5


def bit_offset(judged: Judged, member) -> int:
    """Where a member begins; the old form of bit-fields counts from the other end of the storage on little-endian machines."""
    bits = value(member, "bit_size", 0)
    if "DW_AT_data_bit_offset" in member.attributes:
        return value(member, "data_bit_offset")
    place = value(member, "data_member_location", 0)
    if isinstance(place, list):
        assert place[0] == 0x23, "DW_OP_plus_uconst"
        place = sum((byte & 127) << 7 * index for index, byte in enumerate(place[1:]))
    old = value(member, "bit_offset")
    if not bits or old is None:
        return 8 * place
    return 8 * place + (old if judged.order == "big" else 8 * value(member, "byte_size") - old - bits)


def test_members(judged) -> None:
    """Of each named struct: names, offsets and bit-fields of all members, in order."""
    btf = judged.encoded.btf
    seen = 0
    for die in definitions(judged, ["DW_TAG_structure_type"]):
        if not name_of(die):
            continue
        theirs = [
            (name_of(one), bit_offset(judged, one), value(one, "bit_size", 0))
            for one in die.iter_children()
            if one.tag == "DW_TAG_member"
        ]
        ours = [(one.name, one.bit_offset, one.bitfield_size or 0) for one in btf.struct(name_of(die)).members]
        assert ours == theirs, name_of(die)
        seen += len(theirs)
    assert seen > 20


def test_types_of_members(judged) -> None:
    """The kind that each member's DW_AT_type leads to, and the name where it has one."""
    kinds = {
        "DW_TAG_base_type": ("INT", "FLOAT"),
        "DW_TAG_pointer_type": ("PTR",),
        "DW_TAG_array_type": ("ARRAY",),
        "DW_TAG_typedef": ("TYPEDEF",),
        "DW_TAG_enumeration_type": ("ENUM", "ENUM64"),
        "DW_TAG_structure_type": ("STRUCT",),
        "DW_TAG_union_type": ("UNION",),
    }
    for die in definitions(judged, ["DW_TAG_structure_type"]):
        if not name_of(die):
            continue
        members = [one for one in die.iter_children() if one.tag == "DW_TAG_member"]
        for theirs, ours in zip(members, judged.encoded.btf.struct(name_of(die)).members, strict=True):
            target = theirs.get_DIE_from_attribute("DW_AT_type")
            assert ours.type.kind_name in kinds[target.tag]
            assert ours.type.name == name_of(target)


def test_enumerators(judged) -> None:
    """Names and values, as numbers of the size of the enumeration."""
    theirs = Counter()
    for die in definitions(judged, ["DW_TAG_enumeration_type"]):
        size = value(die, "byte_size")
        for one in die.iter_children():
            theirs[name_of(die), size, name_of(one), value(one, "const_value") % (1 << 8 * size)] += 1
    ours = Counter(
        (one.name, one.size, name, number % (1 << 8 * one.size))
        for one in of(judged.encoded.btf, "enum", "enum64")
        for name, number in one.values.items()
    )
    assert set(ours) == set(theirs)
    assert len(theirs) >= 6


def test_base_types_and_typedefs(judged) -> None:
    btf = judged.encoded.btf
    theirs = {(name_of(die), value(die, "byte_size")) for die in judged.dies if die.tag == "DW_TAG_base_type"}
    ours = {(one.name, one.size) for one in of(btf, "int", "float")}
    used = {(name, size) for name, size in theirs if not name.startswith("DW_ATE_")}
    assert ours == used | ({("int", 4)} & ours)
    typedefs = {name_of(die) for die in judged.dies if die.tag == "DW_TAG_typedef"}
    assert {one.name for one in btf.types("typedef")} == typedefs
    assert typedefs >= {"number", "vector"}


def test_functions_are_among_the_subprograms(judged) -> None:
    """Each FUNC has the parameters of a subprogram of its name."""
    theirs = {}
    for die in judged.dies:
        if die.tag == "DW_TAG_subprogram" and name_of(die):
            tags = ("DW_TAG_formal_parameter", "DW_TAG_unspecified_parameters")
            names = [name_of(one) for one in die.iter_children() if one.tag in tags]
            theirs.setdefault(name_of(die), []).append(names)
    for one in judged.encoded.btf.types("func"):
        assert [parameter.name for parameter in one.type.parameters] in theirs[one.name]


@pytest.mark.parametrize("name", [*RELOCATED_ELSEWHERE, *TYPE_UNITS])
def test_what_pyelftools_cannot_read(name) -> None:
    data = lzma.decompress((DATA / f"{name}.o.xz").read_bytes())
    assert btfkit.encode(Elf(data, name)).struct("bits").size == 7
