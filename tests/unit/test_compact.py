"""`compact`: a selection becomes a BTF."""

from __future__ import annotations

import pytest

from btfkit.btf.build import Builder
from btfkit.passes.compact import compact
from btfkit.passes.idmap import IdMap
from btfkit.passes.select import WHOLE, Selection
from objects import reread


@pytest.fixture(params=("little", "big"))
def order(request):
    return request.param


def kept(btf, *ids, **elements):
    """The compacted layers of a selection of `ids`; `elements` are given as _ID=(...)."""
    selection = Selection(btf.chain)
    for type_id in ids:
        selection.add(btf, type_id)
        selection.kept[btf.locate(type_id)[0]][type_id] = WHOLE
    for type_id, indexes in elements.items():
        for index in indexes:
            selection.add_element(btf, int(type_id[1:]), index)
    return compact(selection)


def test_ids_follow_the_old_order(order):
    b = Builder(order=order)
    for name in "abcd":
        b.int(name, 4)
    btf = b.build()
    result = kept(btf, 4, 2)[btf]
    assert [type_.name for type_ in result.btf if type_.id] == ["b", "d"]
    assert dict(result.ids.items()) == {2: 1, 4: 2}
    assert result.btf.byte_order == order


def test_references_that_are_gone(order):
    b = Builder(order=order)
    number = b.int("int", 4)
    const = b.const(b.typedef("t", number))
    void = b.const(b.typedef("gone", b.struct("s", 4)))
    for target in (const, void, 0):
        b.ptr(target)
    btf = b.build()
    result = kept(btf, number, 7, 8, 9)[btf].btf
    assert [type_.words[2] for type_ in result if type_.id] == [4, 1, 0, 0]  # along typedefs to what is kept, else void


def test_some_elements(order):
    b = Builder(order=order)
    number = b.int("int", 4)
    b.struct("s", 16, [("a", number, 0, 3), ("b", number, 3, 5), ("c", number, 32, 0)])
    b.enum("e", [("A", -1), ("B", 2), ("C", 3)])
    b.enum64("w", [("D", -(1 << 40)), ("E", 1 << 50)])
    btf = b.build()
    result = kept(btf, _2=(2, 1), _3=(0, 2), _4=(1,))[btf].btf
    assert [(m.name, m.bit_offset, m.bitfield_size) for m in result.find("s").members] == [("b", 3, 5), ("c", 32, 0)]
    assert list(result.find("e").values.items()) == [("A", -1), ("C", 3)]
    assert list(result.find("w").values.items()) == [("E", 1 << 50)]
    assert [result.find(name).kind_flag for name in ("s", "e", "w")] == [True, True, True]
    assert b"a\0" not in bytes(result.strings)


def test_a_chain(order):
    base = Builder(order=order)
    base.int("pad", 4)
    number = base.int("int", 4)
    base = base.build()
    middle = Builder(base)
    middle.struct("m", 4, [("x", number, 0)])
    middle = middle.build()
    top = Builder(middle)
    top.struct("t", 4, [("int", 3, 0), ("x", number, 32)])
    top = top.build()
    layers = kept(top, 2, 3, 4)
    small = layers[top].btf
    assert [len(layer) for layer in small.chain] == [2, 3, 4]
    assert [layer.btf for layer in layers.values()] == list(small.chain)
    assert [(m.name, m.type_id) for m in small.find("t").members] == [("int", 2), ("x", 1)]
    assert bytes(small.strings) == b"t\0"  # the others are those of the layers below
    again = reread(small, reread(small.base, reread(small.base.base)))
    assert [m.name for m in again.find("t").members] == ["int", "x"]
    assert dict(layers[top].ids.items()) == {2: 1, 3: 2, 4: 3}


@pytest.mark.parametrize("layout", [False, True])
def test_everything_is_the_same_again(order, layout):
    """In bytes, where the strings are whole, each once and in the order of use, as the builder leaves them."""
    b = Builder(order=order, layout=layout)
    number = b.int("int", 4)
    b.struct("s", 4, [("x", b.const(number), 0)])
    b.func("f", b.func_proto(0, [("a", number), ("", 0)]), 1)
    b.datasec(".data", 4, [(b.var("v", number), 0, 4)])
    b.decl_tag("tag", 5, 0)
    b.ptr(b.type_tag("user", b.fwd("u", union=True)))
    btf = b.build()
    result = kept(btf, *range(1, len(btf)))[btf]
    assert len(result.btf) == len(btf)
    assert bytes(result.btf.words) != b""
    assert [type_.name for type_ in result.btf] == [type_.name for type_ in btf]
    assert [result.ids[type_id] for type_id in range(len(btf))] == list(range(len(btf)))
    again = kept(result.btf, *range(1, len(btf)))[result.btf]
    assert again.btf.to_bytes() == result.btf.to_bytes()
    assert result.btf.layout == btf.layout


def test_maps_compose():
    first, second = IdMap({1: 2, 2: 3, 5: 9}), IdMap({2: 7, 3: 8})
    both = first | second
    assert [both[old] for old in (0, 1, 2, 5)] == [0, 7, 8, 0]
    assert list(both) == [1, 2]
    assert 5 not in both
    assert len(both) == 2


def test_nothing(order):
    btf = Builder(order=order).build()
    assert kept(btf)[btf].btf.to_bytes() == btf.to_bytes()
    assert WHOLE is None
