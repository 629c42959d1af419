"""`btfkit encode` on one C file compiled with several compilers, versions of DWARF and targets (tests/data/encode/make.sh)."""

from __future__ import annotations

import contextlib
import lzma
import struct
from pathlib import Path

import pytest

import btfkit
from btfkit.btf.spec import layout_section
from btfkit.encoder.encode import DEFAULT_FEATURES, FEATURES, Assembly, encode, read_dwarf
from btfkit.encoder.split import SplitBase, on_base
from btfkit.errors import ChainError, FormatError, NotFoundError, UnsupportedError
from btfkit.file_ops.encode import encode_file
from btfkit.files.elf import STT_FUNC, Elf
from btfkit.judges.verification import verify
from btfkit.passes.excerpt import Excerpt

DATA = Path(__file__).parents[1] / "data" / "encode"
NAMES = sorted(path.name.removesuffix(".o.xz") for path in DATA.glob("*.o.xz"))
BAD = ("gcc-no-debug", "gcc-split")
GOOD = [name for name in NAMES if name not in BAD]
X86 = [name for name in GOOD if name.startswith("gcc")]


def elf(name):
    return Elf(lzma.decompress((DATA / f"{name}.o.xz").read_bytes()), name)


@pytest.fixture(scope="module", params=GOOD)
def encoded(request):
    return request.param, btfkit.encode(elf(request.param))


def members(btf, name):
    return [(member.name, member.bit_offset, member.bitfield_size or 0) for member in btf.struct(name).members]


def spelled(btf, struct, member):
    return next(one for one in btf.struct(struct).members if one.name == member).type


def dimensions(btf, type_):
    found = []
    while type_.kind_name == "ARRAY":
        found.append(type_.length)
        type_ = type_.type
    return found, type_


def test_the_inputs_are_there():
    assert {"gcc-dwarf2", "gcc-dwarf5", "gcc-types", "clang-dwarf5", "clang-s390x", "clang-i686"} <= set(NAMES)


def test_every_output_is_valid(encoded):
    assert verify(encoded[1]).clean


def test_arrays_keep_their_dimensions(encoded):
    _, btf = encoded
    assert dimensions(btf, spelled(btf, "arrays", "m"))[0] == [3, 5]
    assert dimensions(btf, spelled(btf, "arrays", "none"))[0] == [2, 0]
    assert dimensions(btf, spelled(btf, "arrays", "flexible"))[0] == [0]
    assert dimensions(btf, spelled(btf, "arrays", "v").type)[0] == [4]
    assert dimensions(btf, spelled(btf, "arrays", "pointer").type)[0] == [4, 2]


def test_bit_fields_have_the_offsets_of_the_machine(encoded):
    name, btf = encoded
    if elf(name).order == "little":
        assert members(btf, "bits") == [("c", 0, 0), ("b", 8, 5), ("s", 13, 3), ("l", 16, 33)]
    else:
        assert [(one, bits) for one, _, bits in members(btf, "bits")] == [("c", 0), ("b", 5), ("s", 3), ("l", 33)]
        assert members(btf, "bits")[1][1] == 8
    assert btf.struct("bits").size == 7


def test_enumerations_have_their_size_and_sign(encoded):
    _, btf = encoded
    small, wide = btf.find("small", "enum"), btf.find("wide", "enum")
    assert (small.size, [*small.values.values()]) == (1, [-1, 1])
    assert (wide.size, [*wide.values.values()]) == (4, [0xFFFFFFFF])
    assert [*btf.find("large", "enum64").values.values()] == [1 << 33]
    assert [*btf.find("negative", "enum64").values.values()] == [-1 << 33]


def test_declarations_stay_declarations(encoded):
    _, btf = encoded
    assert btf.find("undefined", "fwd").flavor == "struct"
    assert btf.find("undefined_union", "fwd").flavor == "union"
    assert not btf.find("undefined_enum", "enum").values


def test_each_form_gives_the_same_types():
    """Versions of DWARF, type units, compression and 64-bit offsets differ in nothing that BTF shows."""
    known = {name: _names(btfkit.encode(elf(name))) for name in X86 if name not in ("gcc12-dwarf5", "gcc-dwarf2")}
    assert len({*map(frozenset, known.values())}) == 1, known


def _names(btf):
    from btfkit.btf.spelling import Spelling

    spelling = Spelling(btf)
    found = set()
    for one in btf.types():
        if one.name and one.kind_name != "INT":
            parts = [(m.name, m.bit_offset, m.bitfield_size, spelling[m.type_id]) for m in getattr(one, "members", ())]
            found.add((one.kind_name, one.name, spelling[one.id], tuple(parts)))
    return found


def test_functions(encoded):
    name, btf = encoded
    functions = {one.name: one.type for one in btf.types("func")}
    assert {"add", "variadic", "take_large", "seven", "uses"} <= functions.keys()
    assert not {"unnamed", "inlined"} & functions.keys()
    assert [(p.name, p.type.kind_name if p.type else None) for p in functions["add"].parameters][:1] == [("one", "INT")]
    if name.startswith("gcc"):
        assert "loses_one" not in functions, "its parameters changed: gcc calls it loses_one.isra or .constprop"
    assert all(one.linkage == "static" for one in btf.types("func"))


def test_the_feature_layout_describes_the_kinds():
    features = (*DEFAULT_FEATURES, "layout")
    plain, described = btfkit.encode(elf("gcc-dwarf5")), btfkit.encode(elf("gcc-dwarf5"), features=features)
    assert (len(plain.layout), described.layout) == (0, layout_section())
    assert described.words == plain.words
    base = btfkit.encode(elf("clang-dwarf5"))
    assert not btfkit.encode(elf("gcc-dwarf5"), base, features=features).layout, "a split BTF gets none"


def test_the_feature_distilled_base_is_not_ignored(tmp_path):
    with pytest.raises(UnsupportedError, match=r"distilled_base.*distill=True"):
        btfkit.encode(elf("gcc-dwarf5"), features=["distilled_base"])
    source = tmp_path / "types.o"
    source.write_bytes(bytes(elf("gcc-dwarf5").view))
    base = btfkit.encode(elf("clang-dwarf5"))
    one = encode_file(source, base, tmp_path / "one.o", features=(*DEFAULT_FEATURES, "distilled_base"))
    two = encode_file(source, base, tmp_path / "two.o", distill=True)
    assert one.base_types == two.base_types
    assert one.base_types
    assert (tmp_path / "one.o").read_bytes() == (tmp_path / "two.o").read_bytes()


def test_every_feature_is_known_and_others_are_refused():
    for feature in FEATURES:
        if feature != "distilled_base":
            assert len(btfkit.encode(elf("gcc-dwarf5"), features=[feature])) > 20
    with pytest.raises(ValueError, match="true_signature"):
        btfkit.encode(elf("gcc-dwarf5"), features=["true_signature"])


def test_no_dwarf_is_an_error():
    with pytest.raises(NotFoundError, match=r"no DWARF.*-g"):
        btfkit.encode(elf("gcc-no-debug"))


def test_split_dwarf_is_named():
    with pytest.raises(NotFoundError, match=r"split DWARF.*\.dwo"):
        btfkit.encode(elf("gcc-split"))


def test_raw_output_leaves_the_input_alone(tmp_path):
    source = tmp_path / "types.o"
    before = lzma.decompress((DATA / "gcc-dwarf5.o.xz").read_bytes())
    source.write_bytes(before)
    record = encode_file(source, output=tmp_path / "types.btf")
    assert source.read_bytes() == before
    assert record.raw
    assert record.functions > 5
    assert record.types == len(btfkit.load(tmp_path / "types.btf")) - 1


def test_the_btf_goes_into_the_file(tmp_path):
    source = tmp_path / "types.o"
    source.write_bytes(lzma.decompress((DATA / "gcc-dwarf5.o.xz").read_bytes()))
    alone = btfkit.encode(source)
    encode_file(source, in_place=True)
    assert btfkit.load(source).blob == alone.blob
    encode_file(source, in_place=True)
    assert btfkit.load(source).blob == alone.blob


def test_same_input_same_bytes():
    assert btfkit.encode(elf("gcc-dwarf5")).blob == btfkit.encode(elf("gcc-dwarf5")).blob


def test_a_split_on_itself_has_nothing_left_but_what_dedup_never_merges():
    base = btfkit.encode(elf("gcc-dwarf5"))
    assert len(btfkit.encode(elf("gcc-dwarf5"), base)) == len(base)


def test_what_the_base_only_declares_is_a_leaf():
    builder = btfkit.Builder()
    number = builder.int("int", 4, encoding=1)
    declared = builder.fwd("by_value")
    builder.struct("user", 8, [("p", builder.ptr(declared), 0)])
    builder.typedef("number", number)
    base = builder.build(pointer_size=8)
    btf = btfkit.encode(elf("gcc-dwarf5"), base)
    assert len(btf.struct("by_value").members) == 2
    assert btf.struct("by_value").id >= len(base)
    assert verify(btf).clean


@pytest.mark.parametrize("kind", ["struct", "union", "enum", "enum64"])
def test_what_reaches_a_declaration_of_the_base_is_not_written_again(kind):
    """Of an enumeration, too: as nf_nat_hook of nf_conntrack, whose parameter the kernel only declares."""

    def with_definition(defined: bool) -> btfkit.Builder:
        b = btfkit.Builder()
        number = b.int("int", 4, encoding=1)
        if not defined:
            what = b.enum("what") if kind.startswith("enum") else b.fwd("what", union=kind == "union")
        elif kind.startswith("enum"):
            what = getattr(b, kind)("what", [("ONE", 1)])
        else:
            what = getattr(b, kind)("what", 4, [("m", number, 0)])
        pointer = b.ptr(b.func_proto(number, [("p", b.ptr(what))]))
        b.struct("hook", 8, [("call", pointer, 0)])
        if defined:
            b.struct("own", 8, [("p", b.ptr(what), 0)])
        return b

    base = with_definition(defined=False).build(pointer_size=8)
    btf, _ = on_base(with_definition(defined=True).build(pointer_size=8), SplitBase(base))
    assert [btf[i].name for i in btf.own_ids] == ["what", "own"]
    assert spelled(btf, "own", "p").id < len(base)  # a pointer to what the base declares
    assert verify(btf).clean


def test_relocations_of_little_endian_mips64():
    """Their `r_info` is not one number there; the same source for the other byte order has the same types."""
    little, big = (btfkit.encode(elf(f"clang-mips64{end}")) for end in ("el", ""))
    assert (little.byte_order, big.byte_order) == ("little", "big")
    assert [(one.kind_name, one.name) for one in map(little.__getitem__, little.own_ids)] == [
        (one.kind_name, one.name) for one in map(big.__getitem__, big.own_ids)
    ]
    assert little.struct("holder").size == big.struct("holder").size


def structs(**sizes: int) -> btfkit.Btf:
    b = btfkit.Builder()
    for name, size in sizes.items():
        b.struct(name, size, [])
    return b.build(pointer_size=8)


@pytest.mark.parametrize(
    ("own", "differing", "refused"),
    [
        ({"file": 8, "inode": 8, "port": 8}, 0, False),
        ({"file": 8, "inode": 8, "port": 9}, 1, False),  # a private structure
        ({"file": 9, "inode": 8, "port": 9, "a": 9, "b": 9, "c": 9}, 5, False),  # copies of a subsystem
        ({"file": 9, "inode": 9}, 2, True),
        ({"file": 9, "other": 9, "key": 9}, 1, False),
    ],
)
def test_structs_of_another_size_show_another_build(own, differing, refused):
    base = SplitBase(structs(file=8, inode=8, port=8, a=8, b=8, c=8))
    if not refused:
        _, sizes = on_base(structs(**own), base)
        assert len(sizes.different) == differing
        return
    with pytest.raises(ChainError) as caught:
        on_base(structs(**own), base)
    assert "2 of 2 structs that both define differ in size: file (9 bytes, the kernel's 8), inode (9 bytes" in str(
        caught.value
    )
    _, sizes = on_base(structs(**own), base, any_build=True)
    assert sizes.prove_another_build


def test_one_definition_of_the_same_size_is_enough():
    b = btfkit.Builder()
    for size in (8, 9):  # two of that name in the kernel
        b.struct("file", size, [("x", b.int(f"u{size}", 4), 0)] if size == 9 else [])
    _, sizes = on_base(structs(file=9), SplitBase(b.build(pointer_size=8)))
    assert sizes.different == []


def test_a_base_of_another_byte_order_is_refused(tmp_path):
    base = btfkit.encode(elf("clang-s390x"))
    source = tmp_path / "types.o"
    source.write_bytes(lzma.decompress((DATA / "gcc-dwarf5.o.xz").read_bytes()))
    with pytest.raises(ChainError, match="endian"):
        encode_file(source, base, tmp_path / "out.btf")


@pytest.mark.parametrize("cut", [1, 100, 1000, 5000])
def test_a_truncated_file_is_an_error(cut):
    data = lzma.decompress((DATA / "gcc-dwarf5.o.xz").read_bytes())
    with pytest.raises((FormatError, NotFoundError)):
        btfkit.encode(Elf(data[:-cut], "cut"))


def test_damaged_dwarf_gives_a_result_or_an_error():
    """Bytes of the DWARF changed at random: a result, or an error of btfkit."""
    import random

    random.seed(7)
    whole = elf("gcc-dwarf5")
    places = [whole.section(name) for name in (".debug_info", ".debug_abbrev", ".rela.debug_info", ".debug_loclists")]
    for _ in range(150):
        data = bytearray(whole.view)
        section = random.choice(places)
        for _ in range(random.randint(1, 6)):
            data[section.offset + random.randrange(section.size)] = random.choice((0, 1, 0x7F, 0x80, 0xFF, 0x21))
        with contextlib.suppress(btfkit.BtfError):
            verify(btfkit.encode(Elf(bytes(data), "damaged")))


@pytest.mark.parametrize("name", GOOD)
def test_what_is_decided_without_doubt_is_what_the_rules_choose(name):
    dwarf, places = read_dwarf(elf(name), frozenset(DEFAULT_FEATURES))
    functions = Assembly(dwarf, frozenset(DEFAULT_FEATURES), places).functions()
    names = functions.names()
    assert names
    assert names == sorted(names)
    decided = [number for _, number in names if functions.decided(number)]
    assert decided
    for number in decided:
        choice = functions.choice(number)
        assert not choice.reason, choice.name
        assert functions.decided(number) == choice.function + 1, choice.name


@pytest.mark.parametrize("at", [1 << 31, 10_000])
def test_symbols_whose_names_are_elsewhere_are_none(at):
    """The offset of a function's name is beyond the section."""
    good = elf("gcc-dwarf5")
    data = bytearray(good.view)
    table = good.section(".symtab")
    for place in range(table.offset, table.offset + table.size, 24):
        if data[place + 4] & 15 == STT_FUNC:
            struct.pack_into("<I", data, place, at)
    encoded = encode(Elf(bytes(data)))
    assert len(encoded.btf) > 20
    assert not encoded.report.functions


@pytest.mark.parametrize("name", GOOD)
def test_an_excerpt_of_the_base_gives_what_the_whole_base_gives(name, monkeypatch):
    """Bases by other compilers, and of other versions of the source, have a part of the types."""
    alone = btfkit.encode(elf(name))
    exact = []
    real = Excerpt.__init__

    def noted(self, *arguments):
        real(self, *arguments)
        exact.append(self.exact)

    monkeypatch.setattr(Excerpt, "__init__", noted)
    for other in GOOD:
        base = btfkit.encode(elf(other))
        if base.byte_order != alone.byte_order:
            continue
        whole = SplitBase(base)
        assert whole.prepared.btf is base
        found = [on_base(alone, one, any_build=True)[0] for one in (SplitBase(base), whole)]
        assert found[0].blob == found[1].blob, other
    assert any(exact)


def test_an_excerpt_has_what_a_declaration_stands_for():
    """The module only declares a struct that the base defines, and what that refers to is not in the module."""
    base = btfkit.Builder()
    inner = base.struct("inner", 4, [("x", base.int("int", 4, encoding=1), 0)])
    outer = base.struct("outer", 4, [("inner", inner, 0)])
    base.struct("user", 8, [("outer", base.ptr(outer), 0)])
    module = btfkit.Builder()
    user = module.struct("user", 8, [("outer", module.ptr(module.fwd("outer")), 0)])
    module.typedef("new", user)
    kernel, alone = base.build(pointer_size=8), module.build(pointer_size=8)
    whole = SplitBase(kernel)
    assert whole.prepared.btf is kernel
    found, _ = on_base(alone, SplitBase(kernel))
    assert found.blob == on_base(alone, whole)[0].blob
    assert [type_.name for type_ in found.types(own=True)] == ["new"]
    assert found.word(len(kernel), 2) == kernel.find_id("user")
