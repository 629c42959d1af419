"""Arrays of arrays that are flat in a base and nested in a split, or the reverse: dedup follows the base, and its judge knows."""

from __future__ import annotations

import os
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

import btfkit
from array_styles import copies, nest, unnest
from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.judges.deduped import kept, leftovers
from btfkit.passes.dedup import dedup, dedup_all
from btfkit.passes.prepared_base import PreparedBase

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data")


@pytest.fixture(params=("little", "big"))
def order(request):
    return request.param


def grid(b: Builder, *dimensions: int, element: int) -> int:
    """The array with these dimensions, outermost first."""
    for count in reversed(dimensions):
        element = b.array(element, 1, count)
    return element


def net(b: Builder, *dimensions: int, size: int = 64) -> int:
    """int (if it is the first type), and a struct with an array that another one leads to."""
    number = 1 if b.next_id > 1 else b.int("int", 4)
    inner = b.struct("", 60, [("m", grid(b, *dimensions, element=number), 0)])
    found = b.struct("net", size, [("in", inner, 0), ("next", b.next_id + 1, 480)])
    b.ptr(found)
    return b.struct("user", 8, [("net", found + 1, 0)])


def on(base, fill, *more):
    b = Builder(base)
    fill(b, *more)
    return b.build()


@pytest.mark.parametrize(
    ("styles", "said"), [(((15,), (5, 3)), "flat"), (((5, 3), (15,)), "nested"), (((3, 5), (15,)), "nested")]
)
@pytest.mark.parametrize("known", [False, True])
def test_copies_of_the_base_go(order, styles, said, known):
    b = Builder(order=order)
    net(b, *styles[0])
    base = b.build()
    split = on(base, lambda b: (net(b, *styles[1]), b.struct("mine", 8, [("p", b.next_id - 2, 0)])))
    done = dedup(split, prepared=PreparedBase(base) if known else None)
    assert [t.name for t in done.btf if t.id >= len(base)] == ["mine"]
    assert done.report.arrays == said
    assert kept(split, done.btf, done.ids.ids) is None
    assert done.btf.base is base
    both, _ = dedup_all([split, split], prepared=PreparedBase(base) if known else None)
    assert both.btf.to_bytes() == done.btf.to_bytes()


def test_names_may_be_the_modules_own(order):
    """kbuild's distilled base has none of the names of copies, so that they stay in the module when it is reconciled."""
    b = Builder(order=order)
    net(b, 5, 3)
    base = b.build()
    split = on(base, lambda b: (net(b, 15), b.struct("mine", 8, [("p", b.next_id - 2, 0)])))
    again = btfkit.reconcile(btfkit.distill(split).btf, base).btf
    assert again.word(list(again.find_ids("net"))[-1], 0) >= again.start_str_off
    done = dedup(again)
    assert [t.name for t in done.btf if t.id >= len(base)] == ["mine"]
    assert done.report.arrays == "nested"


def test_nested_arrays_of_other_dimensions_are_other_types(order):
    b = Builder(order=order)
    net(b, 5, 3)
    base = b.build()
    split = on(base, net, 3, 5)
    done = dedup(split)
    assert len(done.btf.positions) == 6  # all but int
    assert not done.report.arrays


def test_other_totals_are_other_types(order):
    b = Builder(order=order)
    net(b, 15)
    base = b.build()
    assert len(dedup(on(base, net, 2, 7)).btf.positions) == 5  # they become flat, but do not merge


def test_without_copies_dimensions_are_kept(order):
    b = Builder(order=order)
    net(b, 15)
    base = b.build()
    split = on(base, lambda b: b.struct("mine", 60, [("m", grid(b, 5, 3, element=1), 0)]))
    done = dedup(split)
    assert done.btf.to_bytes() == split.to_bytes()
    assert not done.report.arrays


def test_a_flat_array_stands_for_itself_first(order):
    """Of a base's `char a[2][8]` and `char b[16]`, flat copies and own arrays of 16 become the second."""
    b = Builder(order=order)
    number = b.int("int", 4)
    nested = grid(b, 2, 8, element=number)
    flat = grid(b, 16, element=number)
    b.struct("both", 128, [("a", nested, 0), ("b", flat, 512)])
    base = b.build()

    def fill(b):
        wide = grid(b, 16, element=1)
        b.struct("both", 128, [("a", wide, 0), ("b", wide, 512)])
        b.struct("mine", 64, [("x", wide, 0)])

    for prepared in (None, PreparedBase(base)):
        split = on(base, fill)
        done = dedup(split, prepared=prepared)
        assert [t.name for t in done.btf if t.id >= len(base)] == ["mine"]
        assert done.btf["struct mine"]["x"].type_id == flat
        assert kept(split, done.btf, done.ids.ids) is None


def test_an_inner_array_that_is_used_stays(order):
    b = Builder(order=order)
    net(b, 15)
    base = b.build()

    def fill(b):
        net(b, 5, 3)
        b.struct("row", 12, [("r", len(base), 0)])

    split = on(base, fill)
    inner = split["struct row"]["r"].type_id
    assert split.word(inner, 5) == 3
    done = dedup(split)
    assert done.btf.word(done.ids[inner], 5) == 3
    assert kept(split, done.btf, done.ids.ids) is None
    assert [t.name for t in done.btf if t.id >= len(base)] == ["", "row"]


def test_arrays_without_end_and_without_measure():
    """What cannot be made flat stays as it is."""
    b = Builder()
    net(b, 15)
    base = b.build()

    def fill(b):
        net(b, 5, 3)
        here = b.next_id
        b.array(here + 1, 1, 2)
        b.array(here, 1, 2)
        grid(b, 1 << 16, 1 << 16, element=1)

    split = on(base, fill)
    done = dedup(split)
    assert kept(split, done.btf, done.ids.ids) is None


@pytest.mark.parametrize("wrong", ["other", "element", "void", "none"])
def test_the_judge_sees_arrays_that_became_others(wrong):
    b = Builder()
    number = b.int("int", 4)
    long = b.int("long", 4)
    at = {"right": b.array(number, number, 15), "other": b.array(number, number, 16)}
    at["element"] = b.array(long, number, 15)
    at["void"] = b.array(0, number, 15)
    at["none"] = long
    base = b.build()
    s = Builder(base)
    outer = s.array(s.array(number, number, 3), number, 5)
    s.struct("mine", 60, [("m", outer, 0)])
    split = s.build()
    for name in ("right", wrong):
        to = Builder(base)
        to.struct("mine", 60, [("m", at[name], 0)])
        after = to.build()
        ids = array("I", [*range(len(base)), at[name], at[name], len(base)])
        assert (kept(split, after, ids) is None) == (name == "right")


def test_the_judge_sees_an_inner_array_that_is_used():
    b = Builder()
    number = b.int("int", 4)
    flat = b.array(number, number, 15)
    base = b.build()
    s = Builder(base)
    row = s.array(number, number, 3)
    s.struct("mine", 60, [("m", s.array(row, number, 5), 0), ("r", row, 0)])
    to = Builder(base)
    to.struct("mine", 60, [("m", flat, 0), ("r", flat, 0)])
    assert "array" in kept(s.build(), to.build(), array("I", [*range(len(base)), flat, flat, len(base)]))


# ---- real types ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kernel():
    return btfkit.load(os.path.join(DATA, "vmlinux-6.12.107+deb13-amd64.btf.xz"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nf_conntrack", "ext4"])
def test_a_module_encoded_by_a_newer_pahole(kernel, name):
    """With copies of all types of its kernel, as before dedup, it becomes what it is in the style of the kernel."""
    module = copies(btfkit.load(os.path.join(DATA, "modules", f"{name}.btf.xz"), kernel))
    prepared = PreparedBase(kernel)
    native = dedup(module, prepared=prepared)
    nested = nest(module)
    assert len(nested) > len(module)
    done = dedup(nested, prepared=prepared)
    assert done.btf.to_bytes() == native.btf.to_bytes()
    assert done.report.arrays == "flat"
    assert kept(nested, done.btf, done.ids.ids) is None


@pytest.mark.slow
def test_a_module_encoded_by_an_older_pahole(kernel):
    module = copies(btfkit.load(os.path.join(DATA, "modules", "nf_conntrack.btf.xz"), kernel))
    base = nest(kernel)
    native = dedup(nest(module, base))
    flat = nest(module, base, wanted=lambda _: False)
    done = dedup(flat, prepared=PreparedBase(base))
    assert done.report.arrays == "nested"
    assert kept(flat, done.btf, done.ids.ids) is None
    assert named(done.btf) == named(native.btf)
    assert len(done.btf.positions) <= len(native.btf.positions)


def named(btf):
    return [(t.kind, t.name) for t in btf if t.id >= btf.start_id and t.kind != spec.ARRAY]


# ---- any types -----------------------------------------------------------------------------------------------------


@st.composite
def programs(draw):
    """A function that fills a builder with structs that refer to each other and contain arrays; how many of the structs a base
    has."""
    count = draw(st.integers(1, 5))
    members = st.lists(
        st.tuples(st.sampled_from((4, 6, 8, 15, 7, 1, 0)), st.integers(0, count - 1), st.booleans()), max_size=3
    )
    structs = draw(st.lists(members, min_size=count, max_size=count))
    return structs, draw(st.integers(0, count))


def fill(b: Builder, structs, first=0):
    number = b.int("int", 4)
    start = b.next_id
    sizes = [1 + sum(3 if pointer else 1 for *_, pointer in members) for members in structs]
    ids = [start + sum(sizes[:i]) for i in range(len(structs))]
    for i, members in enumerate(structs):
        at, entries = ids[i] + 1, []
        for place, (*_, pointer) in enumerate(members):
            entries.append((f"m{place}", at + 2 if pointer else at, 512 * place))
            at += 3 if pointer else 1
        b.struct(f"s{first + i}", 256, entries)
        for length, target, pointer in members:
            if pointer:
                b.array(number, number, length)
                b.ptr(ids[target])
                b.array(b.next_id - 1, number, length)
            else:
                b.array(number, number, length)


@given(programs())
def test_any_types_in_either_style(program):
    structs, shared = program
    b = Builder()
    fill(b, structs[:shared] if all(t < shared for s in structs[:shared] for _, t, _ in s) else structs)
    base = b.build()
    s = Builder(base)
    fill(s, structs)
    split = s.build()
    native = dedup(split)
    nested = nest(split)
    for one in (nested, unnest(nested)):
        done = dedup(one)
        assert kept(one, done.btf, done.ids.ids) is None
        assert not leftovers(done.btf)
        assert dedup(one, prepared=PreparedBase(base)).btf.to_bytes() == done.btf.to_bytes()
    flat = dedup(nested)
    if flat.report.arrays:
        assert flat.btf.to_bytes() == native.btf.to_bytes()
    on_nested = nest(split, nest(base), wanted=lambda _: False)
    done = dedup(on_nested)
    assert kept(on_nested, done.btf, done.ids.ids) is None
    assert len(done.btf.positions) <= len(dedup(nest(split, nest(base))).btf.positions)
