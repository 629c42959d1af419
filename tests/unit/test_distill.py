"""Distilling: what stays in the base, what moves, in which order; the policies; the defects of upstream that are
avoided."""

import pytest

from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.errors import ChainError, UnsupportedError
from btfkit.judges.reconciled import compare
from btfkit.passes.distill import distill
from btfkit.passes.reconcile import reconcile


@pytest.fixture(params=["little", "big"])
def order(request):
    return request.param


def shape(btf):
    return [(t.kind_name, t.name) for t in btf.types(own=True)]


def test_the_example_of_the_reference(order):
    """FORMAT 6.3."""
    b = Builder(order=order)
    integer = b.int("int", 4)
    e64 = b.enum64("e64", [("BIG", 1 << 40)], signed=True)
    anon = b.struct("", 8, [("in", integer, 0)])
    named = b.struct("named", 16, [("x", integer, 0, 3)])
    td = b.typedef("td", anon)
    fwd = b.fwd("opaque", union=True)
    double = b.float("double", 8)
    array = b.array(named, integer, 2)
    tag = b.type_tag("user", fwd)
    b.struct("unused", 4)
    anon_enum = b.enum("", [("A", 1)])
    proto = b.func_proto(double, [("a", b.ptr(tag))])
    base = b.build()
    s = Builder(base)
    s.struct(
        "mine", 64, [("t", td, 0), ("foo", array, 64), ("e", e64, 320), ("a", anon_enum, 384), ("named", integer, 416)]
    )
    s.func("f", proto)
    split = s.build()
    before = split.to_bytes()
    done = distill(split)
    assert shape(done.base) == [
        ("INT", "int"),
        ("ENUM", "e64"),
        ("STRUCT", "named"),
        ("FWD", "opaque"),
        ("FLOAT", "double"),
    ]
    e, named_ = done.base.find("e64"), done.base.find("named")
    assert (e.size, e.vlen, e.kind_flag, named_.size, named_.vlen, named_.kind_flag) == (8, 0, False, 16, 0, False)
    assert shape(done.btf)[:2] == [("STRUCT", "mine"), ("FUNC", "f")]
    assert [name for name, _ in shape(done.btf)[2:]] == [
        "STRUCT",
        "TYPEDEF",
        "ARRAY",
        "TYPE_TAG",
        "ENUM",
        "PTR",
        "FUNC_PROTO",
    ]
    member = done.btf.find("mine").members[4]
    assert member.name == "named"
    assert done.btf.words[done.btf.positions[0] + 3 + 3 * 4] < done.btf.start_str_off  # the base's string is used
    assert compare(split, done.btf, contents="none")
    assert split.to_bytes() == before
    assert done.report.types == {"split": 2, "base": 5, "distilled": 9, "moved": 7}
    assert done.report.kinds == {"INT": 1, "STRUCT": 1, "ENUM": 1, "FWD": 1, "FLOAT": 1}
    assert len(done.report.moved) == 7
    assert done.ids[named] == 3
    assert done.ids[split.find("f").id] == done.btf.find("f").id
    assert done.ids[td] == done.btf.find("td").id
    assert done.btf.byte_order == done.base.byte_order == order


def test_declarations_of_the_base_are_copied(order):
    """FORMAT 6.1: libbpf refuses a DECL_TAG on a FUNC of the base and a DATASEC with its VAR."""
    b = Builder(order=order)
    integer = b.int("int", 4)
    func = b.func("kernel_func", b.func_proto(integer))
    var = b.var("kernel_var", integer)
    s = Builder(b.build())
    s.decl_tag("bpf_kfunc", func)
    s.datasec(".data", 4, [(var, 0, 4)])
    split = s.build()
    done = distill(split)
    assert done.report.declarations == [func, var]
    assert shape(done.btf) == [
        ("DECL_TAG", "bpf_kfunc"), ("DATASEC", ".data"), ("FUNC_PROTO", ""), ("FUNC", "kernel_func"), ("VAR", "kernel_var"),
    ]  # fmt: skip
    assert compare(split, done.btf)
    assert compare(split, reconcile(done.btf, split.base).btf)


def test_anonymous_numbers_move(order):
    b = Builder(order=order)
    b.int("", 4)
    s = Builder(b.build())
    s.struct("mine", 4, [("x", 1, 0)])
    assert [kind for kind, _ in shape(distill(s.build()).btf)] == ["STRUCT", "INT"]


def test_levels_and_layout(order):
    b = Builder(order=order, layout=True)
    integer = b.int("int", 4)
    b.struct("low", 4, [("x", integer, 0)])
    middle = Builder(b.build())
    middle.struct("high", 8, [("y", integer, 0)])
    middle.const(2)
    top = Builder(middle.build(), layout=True)
    top.struct("mine", 12, [("l", 4, 0), ("h", 3, 32)])
    split = top.build()
    for policy in ("distilled", "by-value", "full"):
        done = distill(split, policy)
        assert done.base.base is None
        assert done.base.layout == spec.layout_section()
        assert done.btf.layout == spec.layout_section()
        named = {"low", "high"} if policy == "distilled" else {"int", "low", "high"}
        assert {t.name for t in done.base.types()} == named
        assert compare(split, done.btf, contents="none" if policy == "distilled" else "all")
        assert compare(split, reconcile(done.btf, split.base).btf, contents="all")


def test_policies(order):
    b = Builder(order=order)
    integer = b.int("int", 4)
    far = b.struct("far", 4, [("f", integer, 0)])
    near = b.struct("near", 16, [("p", b.ptr(far), 0), ("x", integer, 64)])
    passed = b.struct("passed", 4, [("q", integer, 0)])
    held = b.enum("held", [("H", 1)])
    b.struct("loop", 8, [("next", b.ptr(b.next_id - 1), 0)])
    s = Builder(b.build())
    s.struct("mine", 32, [("n", near, 0), ("f", s.ptr(far), 128), ("h", held, 192)])
    s.func("f", s.func_proto(passed))
    split = s.build()
    vlens = {
        policy: {t.name: t.vlen for t in distill(split, policy).base.types() if t.name and t.kind != spec.INT}
        for policy in ("distilled", "by-value", "full")
    }
    assert vlens == {
        "distilled": {"far": 0, "near": 0, "passed": 0, "held": 0},
        "by-value": {"far": 0, "near": 2, "passed": 1, "held": 1},
        "full": {"far": 1, "near": 2, "passed": 1, "held": 1},
    }
    assert len({tuple(shape(distill(split, policy).btf)) for policy in vlens}) == 1


def test_refusals(order):
    b = Builder(order=order)
    b.int("int", 4)
    base = b.build()
    with pytest.raises(ChainError, match="module with its base"):
        distill(base)
    s = Builder(base)
    s.ptr(1)
    with pytest.raises(ValueError, match="policy"):
        distill(s.build(), "other")
    with pytest.raises(ValueError, match="used_by"):
        distill(s.build(), keep="used")


def test_unknown_kinds_are_refused(order):
    from btfkit.btf.emit import Frame

    layout = spec.layout_section() + bytes((0, 0, 0, 0))
    words = Builder(order=order)
    words.record(20)
    base = Frame(order, layout=layout).emit(words._words, b"\0")
    s = Builder(base)
    s.const(1)
    with pytest.raises(UnsupportedError, match="kind 20"):
        distill(s.build())


def test_suffixes_cannot_blow_it_up():
    """Names that are ends of one long string would each be written out."""
    from btfkit.btf.btf import Btf
    from btfkit.btf.emit import Frame
    from btfkit.btf.header import NATIVE
    from btfkit.errors import FormatError

    b = Builder()
    b.int("int", 4)
    base = b.build()
    size, first = 20000, len(base.strings)
    s = Builder(base)
    for _ in range(size):
        s.ptr(1)
    words = memoryview(bytearray(s.to_bytes()[24 : 24 + 12 * size])).cast("I")
    for i in range(size):
        words[3 * i] = first + i
    data = Frame(NATIVE).to_bytes(words, b"x" * size + b"\0")
    with pytest.raises(FormatError, match="bytes of names, from overlapping strings"):
        distill(Btf.from_bytes(data, base))
