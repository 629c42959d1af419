"""What loading lets pass and `judges.structure` tells."""

from __future__ import annotations

import pickle
from struct import pack

import pytest

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.judges.structure import Finding, Records, structure


@pytest.fixture(params=("little", "big"))
def b(request):
    builder = Builder(order=request.param)
    builder.int("int", 4, encoding=1)
    return builder


def found(btf):
    return [(f.severity, f.type_id, f.rule) for f in structure(btf)]


def one(btf, severity, type_id, rule, *parts):
    """There is this one finding, and its message has these parts."""
    findings = structure(btf)
    assert [(f.severity, f.type_id, f.rule) for f in findings] == [(severity, type_id, rule)]
    for part in parts:
        assert part in findings[0].message
    return findings[0]


def everything(b):
    """One sound type of each kind, on top of the INT."""
    p = b.ptr(1)
    b.array(1, 1, 3)
    s = b.struct("s", 16, [("p", p, 0), ("a", 1, 64, 3), ("b", 1, 67, 29)])
    b.union("u", 8, [("p", p, 0), ("i", 1, 0)])
    b.enum("e", [("A", 1)])
    b.fwd("f")
    t = b.typedef("t", s)
    b.volatile(b.const(b.restrict(p)))
    f = b.func("f", b.func_proto(0, [("x", t), ("", 0)]), 1)
    v = b.var("v", t)
    b.datasec(".d", 16, [(v, 0, 16)])
    b.float("d", 8)
    b.decl_tag("t", f, 1)
    b.decl_tag("t", s, 2)
    b.decl_tag("t", v)
    b.decl_tag("t", t)
    b.type_tag("t", 1)
    b.enum64("e64", [("B", 1 << 33)])


def test_sound(b):
    everything(b)
    assert structure(b.build()) == []


def test_sound_split(b):
    everything(b)
    split = Builder(b.build())
    everything(split)
    assert structure(split.build()) == []


def test_only_own_types_are_judged(b):
    b.struct("bad", 1, [("i", 1, 0)])
    base = b.build()
    split = Builder(base)
    split.struct("worse", 2, [("bad", 2, 64)])
    one(split.build(), "error", 3, "member-beyond", "the struct has 16")
    one(base, "error", 2, "member-beyond")


def test_findings_are_by_type_id_whole_ones_first(b):
    b.struct("s", 1, [("i", 1, 0)])
    b.const(b.next_id)
    b.enum("e", size=3)
    data = bytearray(b.to_bytes()) + b"tail"
    assert [f[1] for f in found(Btf.from_bytes(bytes(data)))] == [None, 2, 3, 4]


# ---- header, layout, strings -----------------------------------------------------------------------------------


def header(btf, *, type_off=0, gap=0, tail=b"", flags=0, extra=b""):
    """The blob of `btf` again with what libbpf lets pass."""
    mark = "<" if btf.byte_order == "little" else ">"
    types, strings = btf.to_bytes()[24 : 24 + 4 * len(btf.words)], bytes(btf.strings)
    fields = (
        0xEB9F,
        1,
        flags,
        24 + (8 + len(extra) if extra else 0),
        type_off,
        len(types),
        type_off + len(types) + gap,
    )
    head = pack(mark + "HBBIIIII", *fields, len(strings))
    return Btf.from_bytes(
        head + (bytes(8) + extra if extra else b"") + bytes(type_off) + types + bytes(gap) + strings + tail
    )


def test_gaps(b):
    btf = b.build()
    one(header(btf, type_off=8), "warning", None, "header-gap", "gap of 8 bytes before the types, at byte 24")
    one(header(btf, gap=5), "warning", None, "header-gap", "gap of 5 bytes before the strings, at byte 40")


def test_trailing_bytes(b):
    one(header(b.build(), tail=b"xyz"), "warning", None, "trailing-bytes", "3 bytes after the strings, at byte 45")


def test_flags_and_unknown_fields(b):
    one(header(b.build(), flags=3), "warning", None, "header-flags", "0x3")
    one(header(b.build(), extra=b"\0\0\0\1"), "warning", None, "header-extra", "4 bytes")
    assert structure(header(b.build(), extra=bytes(4))) == []


def test_a_layout_that_lies_about_known_kinds():
    b = Builder(layout=True)
    b.int("int", 4)
    assert structure(b.build()) == []
    data = b.to_bytes().replace(spec.layout_section(), b"\0\0\0\0\x08\4" + spec.layout_section()[6:])
    one(Btf.from_bytes(data), "warning", None, "layout", "gives INT 8 + vlen * 4 bytes", "expected 4 + vlen * 0")


def test_unknown_kinds_are_told_once():
    section = spec.layout_section() + bytes((4, 0, 0, 0))
    b = Builder()
    for _ in range(3):
        b.record(20, "", 0, (7,))
    words = b.to_bytes()[24:-1]
    head = pack("=HBBIIIIIII", 0xEB9F, 1, 0, 32, 0, len(words), len(words) + len(section), 1, len(words), len(section))
    one(Btf.from_bytes(head + words + section + b"\0"), "note", 1, "kind", "3 types of unknown kind 20")


def test_strings_that_are_there_twice(b):
    data = bytearray(b.to_bytes()) + b"int\0"
    size = (9).to_bytes(4, "little" if data[:2] == b"\x9f\xeb" else "big")
    data[20:24] = size
    one(Btf.from_bytes(bytes(data)), "note", None, "string-duplicates", "1 of 3 strings")


# ---- types -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [spec.INT, spec.FLOAT, spec.FWD, spec.TYPEDEF, spec.VAR, spec.DATASEC, spec.DECL_TAG, spec.TYPE_TAG],
)
def test_names_that_are_missing(b, kind):
    rest = {spec.INT: (32,), spec.VAR: (1,), spec.DECL_TAG: (-1,)}.get(kind, ())
    target = b.typedef("t", 1) if kind == spec.DECL_TAG else 1
    third = 0 if kind == spec.FWD else 4 if spec.KINDS[kind].third == "size" else target
    t = b.record(kind, "", third, rest)
    one(b.build(), "warning", t, "name", "without a name")


def test_a_func_without_a_name(b):
    t = b.func("", b.func_proto(0))
    one(b.build(), "warning", t, "name")


@pytest.mark.parametrize("kind", [spec.PTR, spec.VOLATILE, spec.CONST, spec.RESTRICT, spec.FUNC_PROTO])
def test_names_that_should_not_be(b, kind):
    b.record(kind, "x", 1)
    one(b.build(), "warning", 2, "name", f"{spec.word(kind)} x has a name")


def test_kind_flag_vlen_and_third_word(b):
    b.record(spec.PTR, "", 1, flag=True)
    b.record(spec.TYPEDEF, "t", 1, vlen=3)
    b.record(spec.FWD, "f", 7)
    b.record(spec.ARRAY, "", 9, (1, 1, 1))
    assert found(b.build()) == [
        ("warning", 2, "kind-flag"),
        ("warning", 3, "vlen"),
        ("warning", 4, "third-word"),
        ("warning", 5, "third-word"),
    ]


def test_int(b):
    b.int("a", 4, bits=33)
    b.int("b", 4, bits=30, bit_offset=3)
    b.int("c", 32, bits=129)
    b.int("d", 4, encoding=3)
    b.int("e", 4, encoding=8)
    b.int("f", 4, encoding=0x14)
    assert found(b.build()) == [
        *[("error", i, "int-bits") for i in (2, 3, 4)],
        ("warning", 5, "int-encoding"),
        ("warning", 7, "int-encoding"),
    ]


@pytest.mark.parametrize("size", [0, 3, 16])
def test_enum_sizes(b, size):
    b.enum("e", size=size)
    b.enum64("e", size=size)
    assert found(b.build()) == [("warning", 2, "enum-size"), ("warning", 3, "enum-size")]


@pytest.mark.parametrize("kind", [spec.PTR, spec.TYPEDEF, spec.CONST, spec.VOLATILE, spec.RESTRICT, spec.TYPE_TAG])
@pytest.mark.parametrize("what", ["function f", "variable v", "section d", "declaration tag t"])
def test_references_to_declarations(b, kind, what):
    v = b.var("v", 1)
    f = b.func("f", b.func_proto(0))
    section, tag = b.datasec("d", 0), b.decl_tag("t", v)
    target = {"function f": f, "variable v": v, "section d": section, "declaration tag t": tag}[what]
    t = b.record(kind, "x" if kind in (spec.TYPEDEF, spec.TYPE_TAG) else "", target)
    one(b.build(), "error", t, "target", f"refers to {what} (type {target})", "which is not a type")


def test_arrays(b):
    fwd, proto = b.fwd("f"), b.func_proto(0)
    func = b.func("g", proto)
    for element in (0, fwd, proto, func, b.typedef("void_t", 0)):
        t = b.array(element, 1, 3)
        b.typedef("ok", 1)
        one_of = [f for f in structure(b.build()) if f.type_id == t]
        assert [(f.severity, f.rule) for f in one_of] == [("error", "unsized")]
    assert len(structure(b.build())) == 5


def test_array_index_and_size(b):
    p = b.ptr(1)
    b.array(1, p, 3)
    b.array(1, b.typedef("i", b.enum("e")), 3)
    b.array(b.array(1, 1, 1 << 20), 1, 1 << 20)
    one_, two = structure(b.build())
    assert (one_.type_id, one_.rule) == (3, "array-index")
    assert (two.severity, two.type_id, two.rule) == ("warning", b.next_id - 1, "array-size")


def test_huge_arrays_of_arrays_do_not_take_huge_numbers(b):
    t = 1
    for _ in range(2000):
        t = b.array(t, 1, 0xFFFFFFFF)
    assert {f.rule for f in structure(b.build())} == {"array-size"}


@pytest.mark.parametrize("kind", ["struct", "union"])
def test_members_beyond(b, kind):
    getattr(b, kind)("s", 3, [("i", 1, 0)])
    one(b.build(), "error", 2, "member-beyond", f"member 0 'i' of {kind} s ends at bit 32", "has 24")


@pytest.mark.parametrize(
    ("member", "ok"),
    [
        (("i", 1, 32), True),
        (("i", 1, 40), False),
        (("i", 1, 61, 3), True),
        (("i", 1, 61, 4), False),
        (("i", 1, 0xFFFFFFFF), False),
        (("none", 2, 64), True),
        (("none", 2, 65), False),
        (("five", 3, 59), True),
        (("five", 3, 60), False),
        (("late", 4, 56), True),
        (("late", 4, 57), False),
        (("five", 5, 59), True),
    ],
)
def test_where_members_end(b, member, ok):
    b.array(1, 1, 0)
    b.int("five", 1, bits=5)
    b.int("late", 1, bits=5, bit_offset=3)
    b.const(b.next_id - 2)
    s = b.struct("s", 8, [member])
    assert found(b.build()) == ([] if ok else [("error", s, "member-beyond")])


def test_member_order(b):
    b.struct("s", 8, [("a", 1, 32), ("", 1, 0), ("c", 1, 0)])
    one(b.build(), "warning", 2, "member-order", "member 1 of struct s begins at bit 0")


def test_union_offsets(b):
    b.union("u", 8, [("a", 1, 0), ("b", 1, 32)])
    one(b.build(), "warning", 2, "union-offset", "member 1 'b'", "bit 32")


@pytest.mark.parametrize("what", ["void", "fwd", "func_proto", "func", "datasec"])
def test_members_without_size(b, what):
    proto = b.func_proto(0)
    targets = {
        "void": 0,
        "fwd": b.fwd("f"),
        "func_proto": proto,
        "func": b.func("g", proto),
        "datasec": b.datasec("d", 4),
    }
    s = b.struct("s", 8, [("x", targets[what], 0)])
    one(b.build(), "error", s, "unsized", "has no size")


def test_linkage(b):
    b.func("f", b.func_proto(0), 3)
    b.var("v", 1, 3)
    assert found(b.build()) == [("warning", 3, "linkage"), ("warning", 4, "linkage")]


def test_parameters(b):
    b.func_proto(0, [("", 0)])
    b.func_proto(1, [("a", 1), ("", 0)])
    bad = [
        b.func_proto(0, [("", 0), ("a", 1)]),
        b.func_proto(0, [("a", 1), ("more", 0)]),
        b.func_proto(2),
        b.func_proto(0, [("f", 2)]),
        b.func_proto(b.var("v", 1)),
    ]
    findings = structure(b.build())
    assert [f.type_id for f in findings] == [4, 5, 6, 7, 9]
    assert bad == [4, 5, 6, 7, 9]
    assert [f.rule for f in findings] == ["parameter", "parameter", "target", "target", "target"]
    assert "parameter 0 is void" in findings[0].message
    assert "parameter 1 is void" in findings[1].message
    assert "the return value is prototype type 2" in findings[2].message


def test_variables(b):
    t = b.var("v", b.func_proto(0))
    one(b.build(), "error", t, "target", "variable refers to prototype type 2")


def test_sections(b):
    v, w = b.var("v", 1), b.var("w", 1)
    f = b.func("f", b.func_proto(0), 2)
    b.datasec("as compiled", 0, [(v, 0, 4), (w, 0, 4), (f, 0, 0)])
    b.datasec("sound", 8, [(v, 0, 4), (w, 4, 4)])
    assert structure(b.build()) == []
    target = b.datasec("d", 8, [(1, 0, 4)])
    order = b.datasec("d", 8, [(v, 4, 4), (w, 0, 4)])
    beyond = b.datasec("d", 8, [(v, 5, 4)])
    assert found(b.build()) == [
        ("error", target, "target"),
        ("warning", order, "variable-order"),
        ("error", beyond, "variable-beyond"),
    ]


@pytest.mark.parametrize("component", [-2, 2, 1 << 30])
def test_components_out_of_range(b, component):
    s = b.struct("s", 8, [("a", 1, 0), ("b", 1, 32)])
    f = b.func("f", b.func_proto(0, [("a", 1), ("b", 1)]))
    tags = [b.decl_tag("t", s, component), b.decl_tag("t", f, component)]
    findings = structure(b.build())
    assert [(x.severity, x.type_id, x.rule) for x in findings] == [("error", t, "component") for t in tags]
    assert f"tags component {component} of struct s (type 2), which has 2" in findings[0].message


def test_components_of_what_has_none(b):
    t, v = b.typedef("t", 1), b.var("v", 1)
    tags = [b.decl_tag("x", t, 0), b.decl_tag("x", v, 0)]
    assert found(b.build()) == [("error", tag, "component") for tag in tags]


@pytest.mark.parametrize("what", ["void", "int", "pointer", "prototype", "declaration"])
def test_tags_on_what_cannot_have_any(b, what):
    targets = {"void": 0, "int": 1, "pointer": b.ptr(1), "prototype": b.func_proto(0), "declaration": b.fwd("f")}
    t = b.decl_tag("x", targets[what])
    one(b.build(), "error", t, "target", f"declaration tag refers to {what}", "cannot be tagged")


# ---- cycles ----------------------------------------------------------------------------------------------------

CYCLES = {
    "const of itself": lambda b: b.const(2),
    "typedef of itself": lambda b: b.typedef("t", 2),
    "tag of itself": lambda b: b.type_tag("t", 2),
    "array of itself": lambda b: b.array(2, 1, 3),
    "pointer to itself": lambda b: b.ptr(2),
    "two modifiers": lambda b: (b.const(3), b.volatile(2)),
    "typedef and pointer": lambda b: (b.typedef("t", 3), b.ptr(2)),
    "array and typedef": lambda b: (b.array(3, 1, 2), b.typedef("t", 2)),
    "prototype and pointer": lambda b: (b.func_proto(3), b.ptr(2)),
    "parameter and pointer": lambda b: (b.func_proto(0, [("a", 1), ("b", 3)]), b.ptr(2)),
    "struct in itself": lambda b: b.struct("s", 4, [("s", 2, 0)]),
    "union in itself": lambda b: b.union("s", 4, [("s", 2, 0)]),
    "struct in a struct": lambda b: (b.struct("s", 4, [("u", 3, 0)]), b.union("u", 4, [("i", 1, 0), ("s", 2, 0)])),
    "struct by an array of const": lambda b: (b.struct("s", 4, [("a", 3, 0)]), b.array(4, 1, 1), b.const(2)),
}


@pytest.mark.parametrize("what", CYCLES)
def test_cycles(b, what):
    CYCLES[what](b)
    one(b.build(), "error", 2, "cycle", "itself", "-> ")


@pytest.mark.parametrize("what", CYCLES)
def test_cycles_of_a_split(b, what):
    base = Builder(order="little")
    base.int("int", 4)
    split = Builder(base.build())
    CYCLES[what](split)
    one(split.build(), "error", 2, "cycle")


def test_legal_circles(b):
    s = b.next_id
    b.struct("s", 16, [("next", s + 1, 0), ("f", s + 2, 64)])
    b.ptr(s)
    b.ptr(s + 3)
    b.func_proto(0, [("s", s + 1), ("f", s + 2 - 1)])
    b.typedef("s", s)
    assert structure(b.build()) == []


def test_a_long_cycle_tells_its_beginning(b):
    for i in range(99):
        b.const(b.next_id + 1 if i < 98 else 2)
    one(b.build(), "error", 2, "cycle", "const type 2 -> const type 3", "93 more -> 2")


def test_what_refers_to_a_cycle_is_not_told_too(b):
    b.const(2)
    b.struct("s", 4, [("x", 2, 0)])
    b.array(2, 2, 4)
    one(b.build(), "error", 2, "cycle")


@pytest.mark.parametrize("kind", ["typedef", "struct", "ptr"])
def test_depth_is_no_matter(b, kind):
    for _ in range(30_000):
        last = b.next_id - 1
        if kind == "typedef":
            b.typedef("t", last)
        elif kind == "ptr":
            b.ptr(last)
        else:
            b.struct("s", 4, [("m", last, 0)])
    assert structure(b.build()) == []


def test_backward_depth_is_no_matter_either(b):
    for i in range(30_000):
        b.typedef("t", b.next_id + 1 if i < 29_999 else 1)
    b.struct("s", 4, [("m", 2, 0)])
    assert structure(b.build()) == []


# ---- the rest --------------------------------------------------------------------------------------------------


def test_records_are_those_of_the_model(b):
    everything(b)
    split = Builder(b.build())
    everything(split)
    btf = split.build()
    records = Records(btf)
    assert records.whole
    assert records.own_ids == btf.own_ids
    assert len(records.at) == len(btf)
    for type_id in range(1, len(btf)):
        at = records.at[type_id]
        assert records.kinds[type_id] == btf.kind(type_id)
        assert records.words[at : at + len(btf[type_id].words)] == list(btf[type_id].words)
        assert records.string(records.words[at]) == btf.name(type_id)


def test_messages_are_one_line_of_printable_text(b):
    b.struct("evil\n\x1b[31m\udcff", 0, [("m\r", 1, 0)])
    (finding,) = structure(b.build())
    assert finding.message.isprintable()
    assert "evil\\n\\x1b[31m\\xff" in finding.message


def test_finding():
    finding = Finding("error", 3, "what", "rule", "EINVAL")
    assert str(finding) == "error: type 3: what [rule]"
    assert repr(finding) == "<error: type 3: what [rule]>"
    assert str(Finding("note", None, "what", "rule")) == "note: what [rule]"
    assert str(pickle.loads(pickle.dumps(finding))) == str(finding)


def test_an_enum_of_8_bytes_is_noted(b):
    b.enum("whole", [("A", 1)])
    b.enum("cut", [("B", 2)], size=8)
    b.enum("too", [("C", 2)], size=8)
    one(b.build(), "note", 3, "enum-cut", "2 ENUM of 8 bytes: pahole before 1.24 wrote only 32 bits of the values")
