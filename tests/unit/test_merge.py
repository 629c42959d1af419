"""`merge`: what becomes of types that several inputs have, and of names that several types have."""

from __future__ import annotations

import pytest

import btfkit
from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.co_re.access import essential
from btfkit.errors import ChainError, NotFoundError
from btfkit.judges.structure import structure
from btfkit.passes.merge import merge
from objects import reread


@pytest.fixture(params=("little", "big"))
def order(request):
    return request.param


def kernel(order="little"):
    b = Builder(order=order)
    number = b.int("int", 4)
    b.struct("state", 4, [("kernel", number, 0)])
    b.fwd("late")
    b.struct("holder", 8, [("late", b.ptr(3), 0)])
    return b.build()


def module(base, field, *, size=8, more="", union=False, name="state"):
    """A `state` of its own, a `shared` that refers to it, a `tool` that all modules have alike, and a definition of `late`."""
    b = Builder(base)
    state = b.struct(name, size, [(field, 1, 0)], union=union)
    b.struct("shared", 8, [("state", b.ptr(state), 0)])
    b.struct("tool", 4, [("x", 1, 0)])
    b.struct("late", 4, [("y", 1, 0)])
    if more:
        b.typedef(more, state)
    return b.build()


def listed(doubles):
    return [(d.title, [(t.type_id, *t.inputs) for t in d.types]) for d in doubles]


def test_what_is_one_and_what_stays_apart(order):
    base = kernel(order)
    modules = [module(base, "a"), module(base, "b"), module(base, "b")]
    done = merge(base, iter(modules), names=["one", "two", "three"])
    assert done.btf.base is None
    assert done.btf.byte_order == order
    assert structure(reread(done.btf)) == []
    assert [t.name for t in done.btf.types("STRUCT")].count("state") == 3
    assert [t.name for t in done.btf.types("STRUCT")].count("tool") == 1
    assert list(done.btf.types("FWD")) == []
    assert done.btf[done.btf.find("holder").members[0].type_id].type.name == "late"
    state = [done.ids[number][len(base)] for number in (1, 2, 3)]
    assert state[0] != state[1] == state[2]
    assert [m.name for m in done.btf[state[1]].members] == ["b"]
    assert listed(done.doubles) == [
        ("struct state", [(2, "vmlinux"), (state[0], "one"), (state[1], "two", "three")]),
        ("struct shared", [(state[0] + 2, "one"), (state[1] + 2, "two", "three")]),
    ]
    assert done.names == ("vmlinux", "one", "two", "three")
    assert done.before == (5, 5, 5, 5)
    assert done.report.types == (20, len(done.btf) - 1)
    late = done.btf.find_id("struct late")
    assert done.ids[0][3] == done.ids[1][len(base) + 4] == late


def test_a_declaration_is_not_the_type(order):
    """Who only declares a type is not named among those that have it."""
    base = kernel(order)
    s = Builder(base)
    s.ptr(s.fwd("odd"))
    splits = [s.build()]
    for size in (4, 8):
        b = Builder(base)
        b.struct("odd", size, [("x", 1, 0)])
        b.ptr(b.next_id - 1)
        if size == 8:
            b.fwd("odd")
        splits.append(b.build())
    done = merge(base, splits[:2])
    assert done.doubles == ()
    done = merge(base, splits)
    (double,) = done.doubles
    assert [origin.inputs for origin in double.types] == [("module 2",), ("module 3",)]


def test_prefer(order):
    base = kernel(order)
    modules = [module(base, "a"), module(base, "b"), module(base, "c", size=4)]
    names = ["one", "two-2", "three"]
    done = merge(base, modules, names=names, prefer="vmlinux")
    assert [m.name for m in done.btf.find("struct state").members] == ["kernel"]
    assert [(r.name, r.now, r.inputs) for r in done.renamed] == [
        ("state", "state__one", ("one",)),
        ("state", "state__two_2", ("two-2",)),
        ("state", "state__three", ("three",)),
    ]
    assert listed(done.doubles) == [
        ("struct shared", [(t.id, n) for t, n in zip(by_name(done, "shared"), names, strict=True)])
    ]
    assert [m.name for m in done.btf.find("state__two_2").members] == ["b"]
    assert structure(reread(done.btf)) == []
    pointer = done.btf[by_name(done, "shared")[1].members[0].type_id]
    assert pointer.type.name == "state__two_2"
    both = merge(base, modules, names=names, prefer=("three", "vmlinux"))
    assert [m.name for m in both.btf.find("struct state").members] == ["c"]
    assert both.btf.find("state__vmlinux").members[0].name == "kernel"
    assert [r.now for r in both.renamed] == [
        "state__vmlinux",
        "state__one",
        "state__two_2",
        "shared__one",
        "shared__two_2",
    ]
    assert both.doubles == ()
    with pytest.raises(NotFoundError, match="'four'"):
        merge(base, modules, prefer="four")


def by_name(done, name):
    return [t for t in done.btf.types("STRUCT") if t.name == name]


def test_names_that_are_taken_or_would_be_flavors():
    base = kernel()
    b = Builder(base)
    for name in ("state___x", "state__m", "odd_", "odd_"):
        b.struct(name, b.next_id, [(name, 1, 0)])
    done = merge(base, [b.build()], names=["m"], prefer="vmlinux")
    assert [r.now for r in done.renamed] == ["state__m_2"]
    b = Builder()
    b.int("int", 4)
    for name in ("odd_", "a___b___c", "_"):
        b.struct(name, 1)
    base = b.build()
    b = Builder(base)
    for name in ("odd_", "a___b___d", "_"):
        b.struct(name, 2)
    done = merge(base, [b.build()], names=["__m-"], prefer="vmlinux")
    now = [r.now for r in done.renamed]
    assert now == ["odd__m", "a__b__m", "__m"]
    assert all(essential(one.encode()) == one.encode() for one in now)


def test_groups():
    """Enums of either width are one group; unions, structs and typedefs are not; INTs keep their names."""
    b = Builder()
    b.int("char", 1, encoding=1)
    b.enum("e", [("A", 1)])
    b.typedef("t", 1)
    b.struct("s", 1)
    base = b.build()
    b = Builder(base)
    b.int("char", 1)
    b.enum64("e", [("A", 1)])
    b.typedef("t", base.find_id("e"))
    b.struct("s", 1, [], union=True)
    done = merge(base, [b.build()], prefer="vmlinux")
    assert [d.title for d in done.doubles] == ["char"]
    assert [r.now for r in done.renamed] == ["e__module_1", "t__module_1"]
    assert done.btf.find("union s").kind == spec.UNION


def test_no_dedup(order):
    base = kernel(order)
    modules = [module(base, "a"), module(base, "a")]
    done = merge(base, modules, dedup=False)
    assert len(done.btf) == len(base) + 10
    assert [done.ids[2][old] for old in (1, 6, 10)] == [1, 11, 15]
    assert done.report is None
    assert [(d.title, len(d.types)) for d in done.doubles] == [
        ("struct state", 3),
        ("struct shared", 2),
        ("struct tool", 2),
        ("struct late", 2),
    ]
    assert [origin.inputs for origin in done.doubles[2].types] == [("module 1",), ("module 2",)]
    deep = module(modules[0], "z", name="deep")
    flat = merge(modules[0], [deep], dedup=False)
    assert len(flat.btf) == len(deep)
    assert [flat.ids[1][old] for old in range(len(deep))] == list(range(len(deep)))
    assert merge(modules[0], [deep]).btf.find("deep").size == 8


def test_another_base_is_refused():
    base = kernel()
    with pytest.raises(ChainError, match="not split on the vmlinux"):
        merge(base, [module(kernel(), "a")])
    with pytest.raises(ChainError, match="not split on the vmlinux"):
        merge(base, [base])


def test_alone_and_again(order):
    base = kernel(order)
    done = merge(base, [])
    assert done.doubles == ()
    again = merge(done.btf, [])
    assert again.btf.to_bytes() == done.btf.to_bytes()
    assert btfkit.merge is merge
    assert isinstance(done.btf, Btf)
    assert merge(base, [module(base, "a")], doubles=False).doubles == ()


def net(b, flat):
    """struct net, with an array of arrays in one of two styles, and a struct that leads to it."""
    grid = b.array(1, 1, 15) if flat else b.array(b.array(1, 1, 3), 1, 5)
    b.struct("user", 8, [("net", b.ptr(b.struct("net", 60, [("grid", grid, 0)])), 0)])


@pytest.mark.parametrize("flat", [False, True])
def test_arrays_of_arrays_by_another_pahole(order, flat):
    """The base has them flat (pahole before 1.32) or nested, the second module the other way: no copies stay."""
    b = Builder(order=order)
    b.int("int", 4, encoding=1)
    net(b, flat)
    base = b.build()

    def module(flat, name):
        b = Builder(base)
        net(b, flat)
        b.struct(name, 8, [("user", b.ptr(b.next_id - 1), 0)])
        return b.build()

    alike, other = module(flat, "alike"), module(not flat, "other")
    done = merge(base, [alike, other], names=["alike", "other"])
    assert structure(reread(done.btf)) == []
    assert [t.name for t in done.btf.types("STRUCT")] == ["net", "user", "alike", "other"]
    assert done.doubles == ()
    assert done.report.arrays == ("flat" if flat else "nested")
    assert done.before == (len(base) - 1, len(alike.positions), len(other.positions))
    for number, split in ((1, alike), (2, other)):
        for type_id in split.own_ids:
            new = done.ids[number][type_id]
            assert (split.name(type_id), split.kind(type_id)) == (done.btf.name(new), done.btf.kind(new))
        last = split.own_ids[-1]
        member = done.btf[done.ids[number][last]].members[0].type
        assert member.type.id == done.ids[0][base.find_id("user")]
    assert merge(base, [alike], names=["alike"]).report.arrays == ""
