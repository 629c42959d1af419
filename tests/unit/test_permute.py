"""`permute` and `sort`: other ids, and nothing else."""

from __future__ import annotations

import pytest

from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.errors import UnsupportedError
from btfkit.passes.idmap import Dense, IdMap
from btfkit.passes.permute import follow, permute, sort
from objects import reread
from reference.plain import encode


@pytest.fixture(params=("little", "big"))
def order(request):
    return request.param


def kernel(order):
    b = Builder(order=order)
    number = b.int("u32", 4)
    b.struct("task", 12, [("pid", number, 0), ("next", b.next_id + 1, 32)])
    b.ptr(2)
    b.typedef("pid_t", number)
    b.enum("task", [("A", 1)])
    b.func("call", b.func_proto(4, [("t", 3)]) and b.next_id - 1, 1)
    b.decl_tag("bpf_kfunc", 7)
    return b.build()


def module(base):
    b = Builder(base)
    b.struct("mine", 8, [("t", 3, 0), ("me", b.next_id + 1, 64)])
    b.ptr(base.start_id + len(base) - 1)
    b.typedef("a", 4)
    return b.build()


def named(btf):
    return [(type_.kind_name, type_.name) for type_ in btf.types(own=True)]


def test_the_order_of_names(order):
    btf = kernel(order)
    result = sort(btf)
    assert named(result.btf) == [
        ("PTR", ""),
        ("FUNC_PROTO", ""),
        ("DECL_TAG", "bpf_kfunc"),
        ("FUNC", "call"),
        ("TYPEDEF", "pid_t"),
        ("STRUCT", "task"),
        ("ENUM", "task"),
        ("INT", "u32"),
    ]
    assert [result.ids[old] for old in range(9)] == [0, 8, 6, 1, 5, 7, 2, 4, 3]
    assert [(m.name, m.type_id) for m in result.btf.find("struct task").members] == [("pid", 8), ("next", 1)]
    assert result.btf.find("call").type_id == 2
    assert result.btf.find("bpf_kfunc").type_id == 4
    assert result.btf.first_named_id == 3
    assert bytes(result.btf.strings) == bytes(btf.strings)
    assert result.btf.byte_order == order
    assert sort(result.btf).btf.to_bytes() == result.btf.to_bytes()


def test_splits_go_with_their_base(order):
    base = kernel(order)
    split = module(base)
    result = sort(base, [split, reread(split, base)])
    new = result.splits[0]
    assert new.base is result.btf
    assert named(new) == [("PTR", ""), ("TYPEDEF", "a"), ("STRUCT", "mine")]
    assert [(m.name, new[m.type_id].kind_name) for m in new.find("mine").members] == [("t", "PTR"), ("me", "PTR")]
    assert new.find("mine").members[0].type_id == 1
    assert new.find("a").type.name == "pid_t"
    assert result.splits[1].to_bytes() == new.to_bytes()
    ids = result.split_ids[0]
    assert [ids[old] for old in range(12)] == [0, 8, 6, 1, 5, 7, 2, 4, 3, 11, 9, 10]
    assert len(ids) == 11
    assert reread(new, reread(result.btf)).first_named_id == 10


def test_a_split_alone(order):
    base = kernel(order)
    split = module(base)
    new, ids = permute(split, [11, 9, 10])
    assert new.base is base
    assert named(new) == [("TYPEDEF", "a"), ("STRUCT", "mine"), ("PTR", "")]
    assert [ids[old] for old in (0, 3, 9, 10, 11, 12)] == [0, 3, 10, 11, 9, 0]
    assert dict(ids.items()) == {**{old: old for old in range(1, 9)}, 9: 10, 10: 11, 11: 9}
    assert (9 in ids, 12 in ids, len(ids)) == (True, False, 11)


def test_bytes_are_compared_without_sign():
    b = Builder()
    for name in (b"\xff", b"a" * 9 + b"\xff", b"a" * 9 + b"b", b"a" * 8, b"a", b"Z", b"a" * 9):
        b.record(8, name, 0)
    names = [btf_name.encode("utf-8", "surrogateescape") for _, btf_name in named(sort(b.build()).btf)]
    assert names == sorted(names)


@pytest.mark.parametrize("bad", [[1, 2], [1, 1, 2], [1, 2, 4], [0, 1, 2]])
def test_no_permutation(bad):
    b = Builder()
    for name in "abc":
        b.int(name, 4)
    btf = b.build()
    with pytest.raises(ValueError, match=r"permutation|types"):
        permute(btf, bad)
    with pytest.raises(ValueError, match="permutation"):
        permute(btf, IdMap(dict(enumerate(bad, 1))))
    assert permute(btf, IdMap({1: 2, 2: 3, 3: 1}))[0].name(1) == "c"


def test_what_cannot_follow(order):
    base = kernel(order)
    split = module(base)
    new, ids = permute(base, base.own_ids)
    assert follow(split, base, new, ids).to_bytes() == split.to_bytes()
    with pytest.raises(ValueError, match="expected the base of the split"):
        follow(split, reread(base), new, ids)
    with pytest.raises(UnsupportedError):
        permute(Btf.from_bytes(encode([1, 0x1E000000, 0], b"\0a\0", bytes(31 * 4), order)), [1])


def test_dense_maps_with_something_below(order):
    base = kernel(order)
    result = sort(base, [module(base)])
    both = result.split_ids[0] | IdMap({11: 5, 8: 3})
    assert dict(both.items()) == {1: 3, 9: 5}
    assert isinstance(result.ids, Dense)
    assert list(result.split_ids[0].board(4)) == [0, 8, 6, 1]
