"""`sanitize`: what each feature becomes, and that all else stays."""

from __future__ import annotations

from pathlib import Path

import pytest

import btfkit
from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.errors import UnsupportedError
from btfkit.judges.kernel import kernel_rules
from btfkit.judges.structure import structure
from btfkit.passes.features import BY_NAME, FEATURES, NAMES, NEVER, Target, features
from btfkit.passes.sanitize import sanitize
from objects import reread
from reference.plain import encode


@pytest.fixture(params=("little", "big"))
def order(request):
    return request.param


def everything(order="little", *, layout=False):
    """A BTF with each feature that the kernel takes."""
    b = Builder(order=order, layout=layout)
    number = b.int("int", 4, encoding=1)
    b.int("char", 1)
    b.float("double", 8)
    tag = b.type_tag("user", number)
    b.ptr(tag)
    b.const(b.type_tag("rcu", number, attribute=True))
    b.struct("s", 16, [("d", 3, 0), ("p", 5, 64)])
    b.decl_tag("tagged", 8, 1)
    proto = b.func_proto(number, [("a.b", number)])
    func = b.func("f.isra.0", proto, 1)
    b.decl_tag("kfunc", func, attribute=True)
    b.enum("signed", [("A", -1), ("B", 2)])
    b.enum("tiny", [("T", 1)], size=1)
    b.enum64("narrow", [("N", -5), ("M", 7)])
    b.enum64("wide", [("W", 1 << 40)], signed=False)
    var = b.var("v", number, 1)
    b.decl_tag("on a variable", var)
    b.datasec("?.data-x", 4, [(var, 0, 4)])
    return b.build()


def shown(btf):
    return [(t.kind_name, t.name) for t in btf.types()]


def changed(before, after):
    """(what it was, what it is) of each type that is another."""
    return {
        old.name or old.kind_name: (new.kind_name, new.name, new.words[2])
        for old, new in zip(before.types(), after.types(), strict=False)
        if list(old.words)[1:] != list(new.words)[1:] or old.name != new.name
    }


def test_nothing(order):
    btf = everything(order)
    result = sanitize(btf, [])
    assert result.btf.to_bytes() == btf.to_bytes()
    assert result.lost == ()
    assert not result.moves
    assert btfkit.sanitize is sanitize
    assert sanitize(btf, Target("9.0").missing()).btf.word(11, 1) >> 31 == 0


@pytest.mark.parametrize(
    ("feature", "became"),
    [
        ("float", {"double": ("STRUCT", "", 8)}),
        ("type-tag", {"user": ("CONST", "", 1), "rcu": ("CONST", "", 1)}),
        ("decl-tag", {t: ("INT", t, 1) for t in ("tagged", "kfunc", "on a variable")}),
        ("func-linkage", {"f.isra.0": ("FUNC", "f.isra.0", 10)}),
        ("enum-sign", {"signed": ("ENUM", "signed", 4)}),
        ("enum-size", {"tiny": ("INT", "tiny", 1)}),
        ("enum64", {"narrow": ("ENUM", "narrow", 8), "wide": ("UNION", "wide", 8)}),
        ("tag-flag", {"rcu": ("TYPE_TAG", "rcu", 1), "kfunc": ("DECL_TAG", "kfunc", 11)}),
        ("tag-order", {"rcu": ("CONST", "", 1)}),
        ("section-names", {"?.data-x": ("DATASEC", "_.data_x", 4)}),
        ("dots", {"FUNC_PROTO": ("FUNC_PROTO", "", 1), "f.isra.0": ("FUNC", "f_isra_0", 10)}),
        (
            "datasec",
            {
                "v": ("INT", "v", 1),
                "on a variable": ("INT", "on a variable", 1),
                "?.data-x": ("STRUCT", "__data_x", 4),
            },
        ),
        ("extern", {}),
        ("wide-vlen", {}),
        ("names", {}),
        ("long-names", {}),
        ("layout", {}),
    ],
)
def test_each_feature(order, feature, became):
    btf = everything(order)
    result = sanitize(btf, [feature])
    found = changed(btf, reread(result.btf))
    if feature == "dots":
        assert {m.name for m in result.btf[10].parameters} == {"a_b"}
        found["FUNC_PROTO"] = ("FUNC_PROTO", "", 1)
    assert found == became
    assert len(result.btf) == len(btf)
    assert [loss.feature for loss in result.lost] == [feature] * bool(became)
    if became and feature != "dots":
        assert result.lost[0].count == len(became)
    assert not [f for f in structure(result.btf) if f.severity == "error" and "component" not in f.message]
    again = sanitize(result.btf, [feature])
    assert again.btf.to_bytes() == result.btf.to_bytes()
    assert again.lost == ()


def test_values_stay_where_they_fit(order):
    btf = sanitize(everything(order), ["enum64"]).btf
    assert list(btf.find("narrow").values.items()) == [("N", -5), ("M", 7)]
    assert [(m.name, m.type.name, m.bit_offset) for m in btf.find("wide").members] == [("W", "char", 0)]
    b = Builder(order=order)
    b.enum64("u", [("A", 0xFFFFFFFF)], signed=False)
    b.enum64("s", [("B", -(1 << 31)), ("C", (1 << 31) - 1)])
    b.enum64("too", [("D", 1 << 31)], signed=True)
    btf = sanitize(b.build(), ["enum64"]).btf
    assert list(btf.find("u").values.items()) == [("A", 0xFFFFFFFF)]
    assert list(btf.find("s").values.items()) == [("B", -(1 << 31)), ("C", (1 << 31) - 1)]
    assert btf.find("too").kind_name == "UNION"
    assert sanitize(everything(order), ["enum64", "enum-size"]).btf.find("narrow").kind_name == "UNION"


def test_a_placeholder_where_there_is_no_int_of_one_byte(order):
    b = Builder(order=order)
    b.enum64("wide", [("W", 1 << 40), ("X", 1 << 41)])
    result = sanitize(b.build(), ["enum64"])
    assert shown(result.btf) == [("UNION", "wide"), ("INT", "__enum64_placeholder")]
    assert [(m.name, m.type_id) for m in result.btf[1].members] == [("W", 2), ("X", 2)]
    assert result.moves
    assert dict(result.ids.items()) == {1: 1}


def test_splits_go_along(order):
    """A base that gets a type or a string moves its splits, level by level."""
    b = Builder(order=order)
    b.enum64("wide", [("W", 1 << 40)])
    b.typedef("dotted.name", 1)
    base = b.build()
    s = Builder(base)
    s.struct("mine", 8, [("W", 1, 0), ("own.dot", 2, 0)])
    s.float("dotted.name", 4)
    split = s.build()
    t = Builder(split)
    t.struct("top", 8, [("mine", 3, 0), ("dotted.name", 4, 0)])
    top = t.build()
    result = sanitize(top, ["enum64", "dots", "float"])
    new = result.btf
    assert [len(layer) for layer in new.chain] == [4, 6, 7]
    assert [(m.name, m.type_id) for m in new.find("mine").members] == [("W", 1), ("own_dot", 2)]
    assert [(m.name, m.type_id) for m in new.find("top").members] == [("mine", 4), ("dotted_name", 5)]
    assert new[2].name == "dotted_name"
    assert [result.ids[old] for old in range(6)] == [0, 1, 2, 4, 5, 6]
    assert reread(new, reread(new.base, reread(new.base.base))).find("top").size == 8
    shared = sanitize(base, ["enum64", "dots", "float"])
    one = sanitize(split, ["enum64", "dots", "float"], base=shared)
    assert one.btf.base is shared.btf
    assert one.btf.to_bytes() == new.base.to_bytes()
    assert [(loss.feature, loss.count) for loss in result.lost] == [("dots", 1)]
    assert [(loss.feature, loss.count) for loss in result.base.lost] == [("dots", 1), ("float", 1)]


def test_names(order):
    b = Builder(order=order)
    number = b.int("int", 4)
    b.record(spec.PTR, "*int", number)
    b.record(spec.CONST, "int", number)
    b.struct("core::Option<u8>", 4, [("0", number, 0), ("ok", number, 0)], union=True)
    b.typedef("x" * 600, number)
    b.enum("e", [("A-B", 1)])
    b.type_tag("any text: %s", number)
    result = sanitize(b.build(), ["names"])
    assert shown(result.btf)[1:] == [
        ("PTR", ""),
        ("CONST", ""),
        ("UNION", "core__Option_u8_"),
        ("TYPEDEF", "x" * 511),
        ("ENUM", "e"),
        ("TYPE_TAG", "any text: %s"),
    ]
    assert [m.name for m in result.btf[4].members] == ["_", "ok"]
    assert [e.name for e in result.btf[6].enumerators] == ["A_B"]


def test_extern_and_wide(order):
    b = Builder(order=order)
    number = b.int("int", 4)
    b.func("f", b.func_proto(0), 2)
    b.var("v", number, 2)
    b.struct("huge", 4, [("m", number, 0)] * 70_000)
    btf = b.build()
    result = sanitize(btf, ["extern", "wide-vlen"])
    assert result.btf.find("f").linkage == "global"
    assert result.btf.find("v").linkage == "global"
    assert result.btf.find("huge").vlen == 65_535
    assert sanitize(btf, ["func-linkage"]).btf.find("f").linkage == "static"
    with pytest.raises(UnsupportedError, match="no feature 'no'"):
        sanitize(btf, ["no"])


def test_layout_and_unknown_kinds(order):
    btf = everything(order, layout=True)
    result = sanitize(btf, ["layout"])
    assert (result.btf.header.length, result.btf.layout) == (24, b"")
    assert result.btf.words == btf.words
    unknown = Btf.from_bytes(encode([1, 0x1E000000, 0], b"\0a\0", bytes(31 * 4), order))
    with pytest.raises(UnsupportedError, match="kind 30"):
        sanitize(unknown, ["layout"])


@pytest.mark.parametrize(
    "release",
    ["4.18", "4.20", "5.0", "5.1", "5.2", "5.4", "5.10", "5.13", "5.16", "5.17", "6.0", "6.6", "6.12", "6.15", "7.2"],
)
def test_the_kernel_takes_it(release):
    """By the rules of that release, as far as `verify` has them."""
    btf = everything("little", layout=True)
    before = [f for f in kernel_rules(btf, release=Target(release).kernel) if f.severity == "error"]
    assert before or release == "7.2"
    result = sanitize(btf, Target(release).missing())
    assert [str(f) for f in kernel_rules(result.btf, release=Target(release).kernel) if f.severity == "error"] == []


def bitfields(order) -> Builder:
    b = Builder(order=order)
    number = b.int("int", 4, encoding=spec.INT_SIGNED)
    b.int("unsigned char", 1)
    enum = b.enum("mode", [("A", -1)], signed=True)
    wide = b.int("__int128", 16)
    flags = [
        ("a", b.typedef("t", number), 0, 3),
        ("m", b.const(enum), 3, 5),
        ("whole", number, 32, 0),
        ("b", number, 64, 3),
    ]
    struct = b.struct("flags", 32, [*flags, ("w", wide, 128, 0)])
    b.union("u", 4, [("x", number, 0, 7), ("y", number, 0, 0)])
    b.fwd("later", union=True)
    b.func("call", b.func_proto(number, [("s", b.ptr(struct))]), 1)
    return b


def test_kernels_before_5_0(order):
    btf = bitfields(order).build()
    result = sanitize(btf, Target("4.19").missing())
    assert [(loss.feature, loss.count) for loss in result.lost] == [
        ("func", 2),
        ("bitfields", 3),
        ("int128", 1),
        ("enum-sign", 1),
    ]
    new = result.btf
    assert new.name(new.struct("flags").members[1].type_id) == "int"  # of the enum
    assert len(new) == len(btf) + 3  # int:3, the enum's 5 bits, int:7
    struct = new.struct("flags")
    assert not new.word(struct.id, 1) >> 31
    places = [("a", 0), ("m", 3), ("whole", 32), ("b", 64), ("w", 128)]
    assert [(m.name, m.bit_offset) for m in struct.members] == places
    data = bytes(range(80, 112))
    before, after = (btfkit.decode(one, "flags", data).as_dict() for one in (btf, new))
    assert {**after, "m": 0, "w": 0} == {**before, "m": 0, "w": 0}
    assert after["m"] == int(before["m"])
    assert struct.members[0].type_id == struct.members[3].type_id
    assert [new.word(struct.members[n].type_id, 3) for n in (0, 1)] == [1 << 24 | 3, 1 << 24 | 5]
    assert new.sizeof(struct.id) == 32
    assert new.find("call", "TYPEDEF").type_id == btf.find("call").type_id
    assert new.kind(btf.find("call").type_id) == spec.ENUM
    assert new.word(new.find("later").id, 1) >> 31 == 0
    assert [str(f) for f in kernel_rules(new, release=(4, 19)) if f.severity == "error"] == []
    rejected = {f.rule for f in kernel_rules(btf, release=(4, 19)) if f.severity == "error"}
    assert {"kind-func", "kind-func_proto", "kind-flag", "int128"} <= rejected
    assert sanitize(new, Target("4.19").missing()).lost == ()  # a second time changes nothing


def test_a_split_on_a_base_that_gets_narrow_integers(order):
    base = bitfields(order).build()
    b = Builder(base)
    b.struct("own", 36, [("f", base.find("flags").id, 0, 0), ("bit", 1, 256, 1), ("bit3", 1, 257, 3)])
    result = sanitize(b.build(), ["bitfields"])
    assert result.base is not None
    assert result.btf.base is result.base.btf
    own = result.btf.struct("own")
    assert [(m.bit_offset, result.btf.word(m.type_id, 3) & 0xFF) for m in own.members[1:]] == [(256, 1), (257, 3)]
    assert result.btf.name(own.members[0].type_id) == "flags"
    assert {result.btf.name(m.type_id) for m in own.members[1:]} == {"int"}


def test_targets():
    assert Target("5.10").missing() == Target("5.10.223-1-amd64").missing()
    assert Target("6.1.0-47-amd64").kernel == (6, 1)
    assert Target("libbpf:0.6").missing() == ["enum64", "tag-flag", "layout", "wide-vlen"]
    assert Target("libbpf:v1.7.0").missing() == ["layout", "wide-vlen"]
    assert Target("bpftool:7.1").missing() == Target("libbpf:1.1").missing()
    assert Target("bpftool:5.10").missing() == [
        "float",
        "decl-tag",
        "type-tag",
        "enum64",
        "tag-flag",
        "layout",
        "wide-vlen",
    ]
    assert Target("9.9").missing() == ["names"]
    assert Target("libbpf:0.6").kernel is None
    for bad in ("", "5", "x.y", "libbpf:", "libbpf:a", "pahole:1.24", "4.17", "libbpf:0.0.1", "5."):
        with pytest.raises(UnsupportedError):
            Target(bad)
    assert features(["layout", "float", "float"]) == ["float", "layout"]
    assert set(BY_NAME) == set(NAMES)
    assert all(feature.what and feature.becomes for feature in FEATURES)


def test_the_documented_table_is_that_of_the_program():
    page = (Path(__file__).resolve().parents[2] / "docs" / "sanitize.md").read_text(encoding="utf-8")
    rows = {row[1].strip(" `"): row for line in page.splitlines() if len(row := line.split("|")) == 9}
    for feature in FEATURES:
        row = rows[feature.name]
        for column, version in ((3, feature.kernel), (4, feature.libbpf), (5, feature.pahole)):
            said = row[column].split(",")[0].strip()
            if version == NEVER or feature.name == "extern":
                assert said in ("never supported", "")
            else:
                assert said == ".".join(map(str, version or ()))
        assert row[7].strip() == feature.lost


def test_long_names(order):
    """KSYM_NAME_LEN was 128 before Linux 6.1, and is 512 since."""
    b = Builder(order=order)
    number = b.int("int", 4)
    b.struct("S" * 130, 4, [("m" * 140, number, 0)])
    b.struct("a" * 127, 4, [("x" * 127, number, 0)])
    b.enum("odd<" + "e" * 198, [("V" * 128, 1)])
    b.struct("K" * 600, 4, [("y", number, 0)])
    b.datasec("." + "d" * 200, 4, [(b.var("v" * 300, number), 0, 4)])
    btf = b.build()
    old, new = (sanitize(btf, Target(target).missing()) for target in ("5.10", "6.2"))
    names = [[one.name for one in result.btf.types()] for result in (old, new)]
    assert {len(name) for name in names[0]} == {3, 127}
    assert sorted(len(name) for name in names[1]) == [3, 127, 130, 201, 202, 300, 511]
    assert old.btf[2].members[0].name == "m" * 127
    assert [loss.feature for loss in old.lost] == ["names", "long-names"]
    assert [loss.feature for loss in new.lost] == ["names"]
    assert old.btf.name(5) == "K" * 127
    assert new.btf.name(4).startswith("odd_")
    assert kernel_rules(old.btf, program=False, release=(5, 10)) == []
    assert kernel_rules(new.btf, program=False, release=(6, 2)) == []
    found = kernel_rules(new.btf, program=False, release=(5, 10))
    assert {finding.type_id for finding in found} == {2, 4, 5, 6, 7}
