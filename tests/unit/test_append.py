"""`append`: one BTF behind another."""

from __future__ import annotations

from array import array

import pytest

import btfkit
from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.errors import ChainError, UnsupportedError
from btfkit.passes.append import append
from btfkit.passes.idmap import Dense, IdMap, Spans
from objects import reread
from reference.plain import encode


@pytest.fixture(params=("little", "big"))
def order(request):
    return request.param


def kernel(order):
    b = Builder(order=order)
    number = b.int("int", 4)
    b.struct("task", 8, [("pid", number, 0), ("next", b.next_id + 1, 32)])
    b.ptr(2)
    return b.build()


def module(base, name):
    b = Builder(base)
    thing = b.struct(name, 8, [("pid", 1, 0), (name + "_task", 3, 32)])
    b.typedef(name + "_t", thing)
    return b.build()


def test_a_kernel_and_its_modules(order):
    base = kernel(order)
    one, two = module(base, "one"), module(base, "two")
    btf, maps = append(base, one, two)
    assert btf.base is None
    assert btf.byte_order == order
    assert [type_.name for type_ in btf][1:] == ["int", "task", "", "one", "one_t", "two", "two_t"]
    assert [(m.name, m.type_id) for m in btf.find("two").members] == [("pid", 1), ("two_task", 3)]
    assert btf.find("two_t").type_id == 6
    assert [maps[1][old] for old in range(7)] == [0, 1, 2, 3, 6, 7, 0]
    assert bytes(btf.strings) == bytes(base.strings) + bytes(one.strings) + bytes(two.strings)


def test_splits_on_one_base(order):
    """The result is split on it too, whether the base is one object or two equal ones."""
    base = kernel(order)
    for other_base in (base, reread(base)):
        btf, (ids,) = append(module(base, "one"), module(other_base, "two"))
        assert btf.base is base
        assert [btf.name(type_id) for type_id in btf.own_ids] == ["one", "one_t", "two", "two_t"]
        assert ids[4] == 6
        assert b"pid" not in bytes(btf.strings)


def test_another_base_is_refused(order):
    base = kernel(order)
    b = Builder(order=order)
    for name in ("a", "b", "c", "d"):
        b.int(name, 4)
    other = module(b.build(), "two")
    for first in (base, module(base, "one")):
        with pytest.raises(ChainError, match="which is neither"):
            append(first, other)


def test_a_split_on_a_split(order):
    """What is between is taken along, once, also where others refer to it."""
    base = kernel(order)
    middle = module(base, "middle")
    b = Builder(middle)
    b.const(4)
    b.struct("middle_of", 8, [("middle", 4, 0)])
    top = b.build()
    one = module(base, "one")
    btf, maps = append(base, one, top, middle)
    names = [btf.name(type_id) for type_id in range(4, len(btf))]
    assert names == ["one", "one_t", "middle", "middle_t", "", "middle_of", "middle", "middle_t"]
    assert btf.word(8, 2) == 6
    assert [m.type_id for m in btf.find("middle_of").members] == [6]
    assert [maps[1][old] for old in range(3, 8)] == [3, 6, 7, 8, 9]
    assert [maps[2][old] for old in range(3, 6)] == [3, 10, 11]
    assert bytes(btf.strings).count(b"\0middle\0") == 1


def test_what_the_first_is_split_on(order):
    """A split behind its own base's split: what both stand on stays, layer by layer."""
    base = kernel(order)
    middle = module(base, "middle")
    top = module(middle, "top")
    btf, (ids,) = append(middle, top)
    assert btf.base is base
    assert [ids[old] for old in range(len(top))] == list(range(len(top)))
    assert [btf.name(type_id) for type_id in btf.own_ids] == ["middle", "middle_t", "top", "top_t"]


def test_byte_orders_and_copies(order):
    base = kernel(order)
    other = kernel("big" if order == "little" else "little")
    btf, (ids, again) = append(base, other, base)
    assert btf.byte_order == order
    assert btf.strings == base.strings
    assert [[m.type_id for m in type_.members] for type_ in btf.types("STRUCT")] == [[1, 3], [4, 6], [7, 9]]
    assert (ids[3], again[3]) == (6, 9)
    assert append(base)[0].to_bytes() == base.to_bytes()


def test_strings_within_strings():
    """An end of a string that is there stays what it is; only where it is used alone is it shared."""
    first = Btf.from_bytes(encode([1, 0x07000000, 0], b"\0bar\0"))
    other = Btf.from_bytes(encode([4, 0x07000000, 0, 2, 0x07000000, 0, 7, 0x07000000, 0], b"\0foobar\0unused\0"))
    btf, _ = append(first, other)
    assert [type_.name for type_ in btf][1:] == ["bar", "bar", "oobar", ""]
    assert bytes(btf.strings) == b"\0bar\0foobar\0"
    many = b"\0" + b"x" * 70_000 + b"\0"
    words = [word for at in range(1, 70_000) for word in (at, 0x07000000, 0)]
    btf, _ = append(first, Btf.from_bytes(encode(words, many)))
    assert len(btf.strings) < 80_000
    assert [len(btf.name(type_id)) for type_id in (2, 3, 70_000)] == [70_000, 69_999, 2]


def test_layout_and_unknown_kinds(order):
    short = spec.layout_section()[:60]
    known = Btf.from_bytes(encode([1, 0x07000000, 0], b"\0a\0", short, order))
    b = Builder(order=order)
    b.enum64("wide", [("A", 1)])
    btf, _ = append(known, b.build())
    assert btf.layout == spec.layout_section()
    unknown = Btf.from_bytes(encode([1, 0x1E000000, 0], b"\0a\0", bytes(31 * 4), order))
    with pytest.raises(UnsupportedError, match="kind 30"):
        append(known, unknown)
    btf, _ = append(unknown, b.build())
    assert [type_.kind for type_ in btf] == [0, 30, spec.ENUM64]


def test_pointer_size():
    b = Builder()
    b.int("u32", 4)
    plain = b.build()
    small = Btf.from_bytes(plain.to_bytes(), pointer_size=4)
    assert append(small, plain)[0].pointer_size == 4
    assert append(plain, small)[0].pointer_size == 4
    b.int("long", 8)
    assert append(b.build(), small)[0].pointer_size == 8


def test_id_maps():
    spans = Spans([(0, 3, 0), (3, 3, 9), (5, 7, 3)])
    dense = Dense(array("I", [0, 1, 2, 0, 0, 3, 4]))
    for ids in (spans, dense):
        assert [ids[old] for old in (-1, 0, 1, 2, 3, 5, 6, 7)] == [0, 0, 1, 2, 0, 3, 4, 0]
        assert list(ids) == [1, 2, 5, 6]
        assert (len(ids), 5 in ids, 3 in ids) == (4, True, False)
        assert dict((ids | IdMap({3: 8, 1: 1})).items()) == {5: 8, 1: 1}
        assert ids.translate()(6) == 4
    assert dict((IdMap({9: 5}) | spans).items()) == {9: 3}


def test_it_is_public():
    assert btfkit.append is append
