"""Sizes, alignments, stripping, pointer size, and the cycles that must not hang them."""

from __future__ import annotations

import pytest

from btfkit.btf import spec
from btfkit.btf.btf import LONG_SPELLINGS, Btf
from btfkit.btf.build import Builder
from btfkit.errors import FormatError


@pytest.fixture
def b():
    return Builder()


def test_spellings():
    assert len(LONG_SPELLINGS) == 11


@pytest.mark.parametrize("name", sorted(LONG_SPELLINGS))
@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("order", ["little", "big"])
def test_pointer_size_of_long(name, size, order):
    b = Builder(order=order)
    b.int("int", 4)
    b.struct("long", 4)
    b.int("long", 2)  # no size that a pointer can have
    carrier = b.int(name.decode(), size)
    b.int("long int", 12 - size)  # the first one counts
    btf = b.build()
    assert btf.pointer_size == size
    assert btf.pointer_size_carrier() == carrier


def test_pointer_size_unknown(b):
    b.int("int", 4)
    b.int("long long", 8)
    p = b.ptr(1)
    btf = b.build()
    assert btf.pointer_size is None
    assert btf.pointer_size_carrier() is None
    assert btf.sizeof(p) == btf.alignof(p) == 8


def test_pointer_size_told_by_an_elf(b):
    b.int("long", 8)
    p = b.ptr(0)
    btf = b.build(pointer_size=4)
    assert (btf.pointer_size, btf.given_pointer_size, btf.sizeof(p), btf.alignof(p)) == (4, 4, 4, 4)
    assert b.build().given_pointer_size is None


def test_pointer_size_of_the_base():
    b = Builder()
    b.int("long", 4)
    base = b.build()
    s = Builder(base)
    s.int("long", 8)
    assert s.build().pointer_size == 4
    assert s.build(pointer_size=8).pointer_size == 8
    assert Builder(Builder(base).build()).build().pointer_size == 4


def test_pointer_size_of_a_split_whose_base_tells_none():
    s = Builder(Builder().build())
    s.int("unsigned long", 8)
    assert s.build().pointer_size == 8


def test_a_split_whose_long_is_spelled_in_the_base():
    b = Builder()
    b.typedef("long", 0)
    s = Builder(b.build())
    s.int("long", 4)
    assert len(s.build().strings) == 0
    assert s.build().pointer_size == 4


def test_sizeof(b):
    i = b.int("int", 4)
    sizes = {
        i: 4,
        b.float("d", 8): 8,
        b.ptr(0): 8,
        b.enum("e", size=2): 2,
        b.enum64("e"): 8,
        b.struct("s", 12): 12,
        b.union("u", 5): 5,
        b.array(i, i, 3): 12,
        b.array(b.next_id - 1, i, 5): 60,
        b.array(i, i, 0): 0,
        b.typedef("t", i): 4,
        b.const(b.next_id - 1): 4,
        b.volatile(b.next_id - 1): 4,
        b.restrict(b.next_id - 1): 4,
        b.type_tag("t", b.next_id - 1): 4,
        b.var("v", i): 4,
        b.decl_tag("t", i): 4,
        b.datasec(".d", 16): 16,
        b.fwd("f"): None,
        b.func_proto(0): None,
        b.func("f", b.next_id - 1): None,
        b.typedef("void_t", 0): None,
        b.array(b.next_id - 1, i, 3): None,
        0: None,
    }
    btf = b.build()
    assert {type_id: btf.sizeof(type_id) for type_id in sizes} == sizes


def test_alignof(b):
    i, c, q = b.int("int", 4), b.int("char", 1), b.int("quad", 16)
    s = b.struct("s", 8, [("c", c, 0), ("i", i, 32)])
    alignments = {
        i: 4,
        c: 1,
        q: 8,
        b.float("d", 8): 8,
        b.ptr(0): 8,
        b.enum("e", size=2): 2,
        b.enum64("e64"): 8,
        s: 4,
        b.array(s, i, 3): 4,
        b.const(s): 4,
        b.typedef("t", s): 4,
        b.struct("packed", 5, [("c", c, 0), ("i", i, 8)]): 1,
        b.struct("odd size", 6, [("i", i, 0)]): 1,
        b.struct("bits", 4, [("a", i, 1, 3)]): 4,
        b.struct("empty", 0): 1,
        b.union("u", 8, [("s", s, 0), ("c", c, 0)]): 4,
        b.fwd("f"): None,
        b.func_proto(0): None,
        b.struct("of fwd", 4, [("f", b.next_id - 2, 0)]): None,
        0: None,
    }
    btf = b.build()
    assert {type_id: btf.alignof(type_id) for type_id in alignments} == alignments


def test_strip(b):
    i = b.int("int", 4)
    t = b.type_tag("tag", b.restrict(b.volatile(b.const(b.typedef("t", i)))))
    btf = b.build()
    assert btf.strip(t) == i
    assert btf.strip(t, spec.MODIFIERS) == 2
    assert btf.strip(i) == i
    assert btf.strip(0) == 0


CYCLES = {
    "typedef": lambda b: b.typedef("t", 1),
    "const": lambda b: b.const(1),
    "array": lambda b: b.array(1, 1, 2),
    "two": lambda b: (b.const(2), b.typedef("t", 1)),
    "var": lambda b: b.var("v", 1),
}


@pytest.mark.parametrize("what", CYCLES)
def test_cycles_end(b, what):
    CYCLES[what](b)
    btf = Btf.from_bytes(b.to_bytes(), source="x.btf")
    with pytest.raises(FormatError, match=r"x.btf, types, type \d: more than 256 .* cycle"):
        btf.sizeof(1)
    if what not in ("array", "var"):
        with pytest.raises(FormatError, match="cycle"):
            btf.strip(1)
    if what != "var":
        with pytest.raises(FormatError, match="cycle"):
            btf.alignof(1)


def test_a_struct_that_contains_itself_has_a_size_but_no_alignment(b):
    b.struct("s", 4, [("s", 1, 0)])
    btf = b.build()
    assert btf.sizeof(1) == 4
    with pytest.raises(FormatError, match="cycle"):
        btf.alignof(1)


def test_a_struct_that_contains_itself_twice_ends_too(b):
    b.struct("s", 4, [("a", 1, 0), ("b", 1, 0)])
    with pytest.raises(FormatError, match="cycle"):
        b.build().alignof(1)


def test_long_chains_that_are_no_cycle(b):
    type_id = b.int("int", 4)
    for _ in range(200):
        type_id = b.const(type_id)
    btf = b.build()
    assert btf.sizeof(type_id) == btf.alignof(type_id) == 4
    assert btf.strip(type_id) == 1


def test_structs_within_structs_are_looked_at_once(b):
    b.int("int", 4)
    for _ in range(60):  # 2 to the 60 ways through
        b.struct("s", 8, [("a", b.next_id - 1, 0), ("b", b.next_id - 1, 0)])
    assert b.build().alignof(b.next_id - 1) == 4


def test_an_int_of_no_bytes_has_no_alignment_to_divide_by(b):
    i = b.int("odd", 0)
    s = b.struct("s", 4, [("i", i, 0)])
    assert b.build().alignof(i) is None
    assert b.build().alignof(s) is None


def test_structs_that_are_nested_deeper_than_chains_are_long(b):
    inner = b.int("int", 4)
    for _ in range(3000):
        inner = b.struct("s", 4, [("m", inner, 0)])
    btf = b.build()
    assert btf.alignof(inner) == btf.alignof(inner - 1) == 4


def test_what_contains_a_cycle_says_so_whatever_was_asked_before(b):
    """1 contains 2, 2 contains 1; 3 contains both; 4 is packed before it comes to 3."""
    b.struct("a", 4, [("b", 2, 0)])
    b.struct("b", 4, [("a", 1, 0)])
    b.struct("both", 8, [("a", 1, 0), ("b", 2, 32)])
    number = b.next_id + 1
    b.struct("packed", 9, [("n", number, 8), ("both", 3, 40)])
    b.int("int", 4)
    for order in ((1, 2, 3), (3, 2, 1), (2, 3, 1)):
        btf = b.build()
        for type_id in order:
            with pytest.raises(FormatError, match="cycle"):
                btf.alignof(type_id)
        assert btf.alignof(4) == 1


def test_what_contains_a_cycle_of_typedefs_is_looked_at_once(b, monkeypatch):
    """Structs nested in each other, the innermost with a member of an endless typedef: every later question has its answer."""
    from btfkit.btf import sizes

    loop = b.typedef("t", b.next_id)
    inner = b.struct("s", 4, [("t", loop, 0)])
    first = inner
    for _ in range(200):
        inner = b.struct("s", 4, [("m", inner, 0)])
    btf = b.build()
    looked_at = []
    start = sizes._Composite.__init__
    monkeypatch.setattr(
        sizes._Composite, "__init__", lambda self, *where: (looked_at.append(1), start(self, *where))[1]
    )
    for type_id in range(inner, first - 1, -1):
        with pytest.raises(FormatError, match="cycle"):
            btf.alignof(type_id)
    assert len(looked_at) == inner - first + 1
