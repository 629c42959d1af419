"""References that lead nowhere, in every place that holds one; the message tells the place and guesses the mistake."""

from __future__ import annotations

import pytest

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.errors import BtfError, ChainError, FormatError

FAR = 0x7FFFFFF0


@pytest.fixture(params=("little", "big"))
def order(request):
    return request.param


def base(order):
    b = Builder(order=order)
    b.int("int", 4, encoding=1)
    b.func_proto(0)
    return b.build()


# Each writes a type whose one bad reference is `bad`, and tells the word within the record that holds it.
BAD_IDS = {
    "PTR": (lambda b, bad: b.ptr(bad), 2),
    "TYPEDEF": (lambda b, bad: b.typedef("t", bad), 2),
    "VOLATILE": (lambda b, bad: b.volatile(bad), 2),
    "CONST": (lambda b, bad: b.const(bad), 2),
    "RESTRICT": (lambda b, bad: b.restrict(bad), 2),
    "TYPE_TAG": (lambda b, bad: b.type_tag("t", bad), 2),
    "FUNC": (lambda b, bad: b.func("f", bad), 2),
    "VAR": (lambda b, bad: b.var("v", bad), 2),
    "DECL_TAG": (lambda b, bad: b.decl_tag("t", bad), 2),
    "ARRAY element": (lambda b, bad: b.array(bad, 1, 1), 3),
    "ARRAY index": (lambda b, bad: b.array(1, bad, 1), 4),
    "STRUCT": (lambda b, bad: b.struct("s", 4, [("a", 1, 0), ("b", bad, 0)]), 7),
    "UNION": (lambda b, bad: b.union("u", 4, [("a", bad, 0)]), 4),
    "FUNC_PROTO result": (lambda b, bad: b.func_proto(bad), 2),
    "FUNC_PROTO parameter": (lambda b, bad: b.func_proto(0, [("a", 1), ("b", bad)]), 6),
    "DATASEC": (lambda b, bad: b.datasec(".d", 4, [(bad, 0, 4)]), 3),
}


@pytest.mark.parametrize("what", BAD_IDS)
@pytest.mark.parametrize("beyond", [0, FAR])
def test_type_ids(order, what, beyond):
    write, word = BAD_IDS[what]
    b = Builder(order=order)
    b.int("int", 4)
    write(b, 3 + beyond)
    with pytest.raises(FormatError) as caught:
        b.build()
    error = caught.value
    assert (error.section, error.type_id) == ("types", 2)
    assert error.offset == 16 + 4 * word
    assert f"{what.split()[0]} refers to type {3 + beyond}" in str(error)
    assert "type ids end at 2" in str(error)
    assert "needs its base" in str(error)
    assert error.remedy == "base"


@pytest.mark.parametrize("what", BAD_IDS)
def test_type_ids_of_a_split(order, what):
    write, word = BAD_IDS[what]
    b = Builder(base(order))
    write(b, 4)
    with pytest.raises(ChainError) as caught:
        b.build()
    error = caught.value
    assert (error.type_id, error.offset) == (3, 4 * word)
    assert "with this base type ids end at 3" in str(error)
    assert "not minimized" in str(error)
    assert "has 3 types" in str(error)


def record(order, kind, name, third=0, rest=(), vlen=0):
    """A BTF of one record with its names as raw offsets."""
    b = Builder(order=order)
    b.record(kind, "", third, rest, vlen=vlen)
    data = bytearray(b.to_bytes())
    data[24:28] = name.to_bytes(4, order)
    return bytes(data)


BAD_NAMES = {
    "STRUCT": (spec.STRUCT, (1, 1, 0), 3),
    "UNION": (spec.UNION, (1, 1, 0), 3),
    "ENUM": (spec.ENUM, (1, 0), 3),
    "ENUM64": (spec.ENUM64, (1, 0, 0), 3),
    "FUNC_PROTO": (spec.FUNC_PROTO, (1, 0), 3),
}


@pytest.mark.parametrize("kind", range(1, 20))
@pytest.mark.parametrize("bad", [1, 0xFFFFFFFF])
def test_names(order, kind, bad):
    rest = [0] * spec.KINDS[kind].tail_words
    with pytest.raises(FormatError) as caught:
        Btf.from_bytes(record(order, kind, bad, rest=rest))
    error = caught.value
    assert (error.section, error.type_id, error.offset) == ("types", 1, 0)
    assert f"{spec.KIND_NAMES[kind]} refers to string offset {bad:#x}, but strings end at 0x1" in str(error)


@pytest.mark.parametrize("what", BAD_NAMES)
def test_names_of_elements(order, what):
    kind, rest, word = BAD_NAMES[what]
    with pytest.raises(FormatError) as caught:
        Btf.from_bytes(record(order, kind, 0, 0, rest, vlen=1))
    assert caught.value.offset == 4 * word
    assert f"{what} refers to string offset 0x1" in str(caught.value)


def test_names_of_a_split(order):
    data, lower = record(order, spec.TYPEDEF, 6), base(order)
    with pytest.raises(ChainError, match="string offset 0x6, but with this base strings end at 0x6"):
        Btf.from_bytes(data, lower)


def test_a_func_has_to_have_a_prototype(order):
    b = Builder(order=order)
    i = b.int("int", 4)
    b.func("f", i)
    with pytest.raises(FormatError) as caught:
        b.build()
    assert (caught.value.type_id, caught.value.offset) == (2, 16 + 8)
    assert "FUNC has type 1, a INT; expected a FUNC_PROTO" in str(caught.value)


def test_a_func_of_void(order):
    b = Builder(order=order)
    b.func("f", 0)
    with pytest.raises(FormatError, match="expected a FUNC_PROTO"):
        b.build()


def test_a_func_whose_prototype_is_in_the_base(order):
    b = Builder(base(order))
    b.func("f", 2)
    assert b.build()[3].type.kind_name == "FUNC_PROTO"
    b.func("g", 1)
    with pytest.raises(ChainError, match=r"a INT; expected a FUNC_PROTO: wrong base") as caught:
        b.build()
    assert caught.value.type_id == 4


def test_the_prototype_may_come_later(order):
    b = Builder(order=order)
    b.func("f", 2)
    b.func_proto(0)
    assert b.build()[1].type.id == 2


def test_the_error_names_source_section_type_and_byte(order):
    b = Builder(order=order)
    b.ptr(9)
    with pytest.raises(BtfError) as caught:
        Btf.from_bytes(b.to_bytes(), source="mod\n.btf")
    assert str(caught.value).startswith("mod\\n.btf, types, type 1, byte 0x8: PTR refers to type 9")


def test_the_base_is_named(order):
    lower = Btf.from_bytes(base(order).to_bytes(), source="vmlinux")
    b = Builder(lower)
    b.ptr(9)
    with pytest.raises(ChainError, match="base vmlinux has 3 types"):
        b.build()
