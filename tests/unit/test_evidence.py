"""Whether a split BTF was built on its base: what references tell."""

from __future__ import annotations

import pytest

import corpus
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.btf.evidence import demand_fit, fit, is_whole
from btfkit.errors import ChainError


@pytest.fixture(params=("little", "big"))
def order(request):
    return request.param


def kernel(order, functions=3, names=("file", "task", "inode")):
    """A kernel of functions first, then structs."""
    b = Builder(order=order)
    number = b.int("int", 4)
    proto = b.func_proto(number)
    for index in range(functions):
        b.func(f"run_{index}", proto)
    for name in names:
        b.struct(name, 4, [(f"{name}_x", number, 0)])
    return b.build()


def module(base, count=20):
    """A module that refers to the base's structs and uses its names."""
    b = Builder(base)
    for index in range(count):
        b.struct(
            ("file", "task", "inode")[index % 3], 4, [("m", base.find(("file", "task", "inode")[index % 3]).id, 0)]
        )
    return b


def test_the_right_base(order):
    base = kernel(order)
    split = module(base).build()
    found = fit(split)
    assert (found.types, found.wrong, found.names, found.inside) == (20, 0, 20, 0)
    assert found.is_right
    assert demand_fit(split) is split


def test_alone(order):
    base = kernel(order)
    assert fit(base).is_right
    assert demand_fit(base) is base


def test_a_base_with_other_functions(order):
    """As many types and strings as long, but functions where the structs were."""
    right = kernel(order)
    wrong = Builder(order=order)
    number = wrong.int("int", 4)
    proto = wrong.func_proto(number)
    while wrong.next_id < len(right):
        wrong.func(f"a_long_name_{wrong.next_id}", proto)
    split = Btf.from_bytes(module(right).to_bytes(), wrong.build(), source="mod")
    found = fit(split)
    assert found.wrong == found.types == 20
    assert not found.is_right
    with pytest.raises(
        ChainError, match=r"mod: not built on its base: 20 of 20 references into the base lead to functions"
    ):
        demand_fit(split)


def test_a_base_with_other_strings(order):
    """The same types, whose names lie elsewhere: names begin in the middle of strings."""
    right = kernel(order)
    blob = module(right).to_bytes()
    wrong = Btf.from_bytes(kernel(order, names=("fil_", "tas_", "ino_", "more_of_these")).to_bytes(), source="vmlinux")
    assert len(wrong) == len(right) + 1
    b = Builder(order=order)
    number = b.int("integer", 4)
    proto = b.func_proto(number)
    for index in range(3):
        b.func(f"function_{index}", proto)
    for name in ("file", "task", "inode"):
        b.struct(name, 4, [(f"{name}_x", number, 0)])
    with pytest.raises(ChainError, match="names in the middle of a string"):
        demand_fit(Btf.from_bytes(blob, b.build()))


def test_some_shared_suffixes_are_let_pass(order):
    """A string that begins within another is legal, libbpf's deduplication of strings apart."""
    base = kernel(order)
    b = module(base)
    blob = bytearray(b.to_bytes())
    at = 24  # the first record's name, one byte into "file"
    blob[at : at + 4] = (int.from_bytes(blob[at : at + 4], order) + 1).to_bytes(4, order)
    split = Btf.from_bytes(bytes(blob), base)
    assert fit(split).inside == 1
    assert fit(split).is_right


def test_tags_and_sections_may_refer_to_functions(order):
    base = kernel(order)
    b = module(base, 0)
    b.decl_tag("kfunc", base.find("run_0").id)
    split = b.build()
    assert (fit(split).types, fit(split).wrong) == (1, 0)


def test_a_base_taken_for_a_split(order):
    """Its references fit, as they are its own; its strings tell."""
    base = kernel(order)
    again = Btf.from_bytes(base.to_bytes(), base, source="vmlinux")
    assert fit(again).is_right
    assert is_whole(again)
    with pytest.raises(ChainError, match="vmlinux: not split BTF but a BTF of its own"):
        demand_fit(again)
    assert not is_whole(module(base).build())
    assert not is_whole(Btf.from_bytes(Builder(base).to_bytes(), base)), "an empty split has no strings"


def test_split_on_split(order):
    base = kernel(order)
    middle = Btf.from_bytes(module(base).to_bytes(), base)
    top = Builder(middle)
    top.typedef("t", middle.own_ids[0])
    assert fit(top.build()).is_right


@pytest.mark.parametrize("name", ["6.12.107+deb13-amd64", "6.12.107+deb13-s390x"])
def test_real_modules(name):
    """Every tenth real module fits its kernel; none fits one of another build where that is told at all."""
    base = Btf.from_bytes(corpus.kernel_btf(name))
    other = Btf.from_bytes(corpus.kernel_btf("6.12.94+deb13-amd64")) if name.endswith("amd64") else None
    told = passed = 0
    for blob in list(corpus.modules(name).values())[::25]:
        assert demand_fit(Btf.from_bytes(blob, base))
        if other is not None and len(blob) > 5000:
            try:
                demand_fit(Btf.from_bytes(blob, other))
                passed += 1
            except ChainError:
                told += 1
    assert passed == 0
    assert told > 0 or other is None
