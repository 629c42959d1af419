"""What types consist of, as bytes: equal whatever the ids of types are, different for all that a match reads."""

from __future__ import annotations

from array import array

import pytest

from btfkit import Builder
from btfkit.hot import contents

MOST, ROOM = 4096, 256  # bytes, words


def kernel(shift=0, *, ints="u32", size=4, offset=4, member="state", flags=0, pointee="task", values=(1, 2), tag=None):
    """A struct with an integer, a struct by value, pointers and an array; an enumeration; and a function with these arguments."""
    builder = Builder()
    for number in range(shift):
        builder.struct(f"other_{number}", 0, [])
    number = builder.int(ints, size, encoding=flags)
    inner = builder.struct("inner", 8, [("next", builder.ptr(builder.fwd(pointee)), 0)])
    tagged = builder.type_tag(tag, number) if tag else number
    elements = builder.array(number, number, 4)
    members = [
        (member, builder.const(tagged), 8 * offset),
        ("", inner, 64),
        ("list", inner, 128),
        ("four", elements, 192),
    ]
    outer = builder.struct("outer", 40, members)
    choice = builder.enum("choice", [("A", values[0]), ("B", values[1])])
    proto = builder.func_proto(number, [(member, builder.ptr(outer)), ("by_value", inner), ("e", choice)])
    function = builder.func("called", proto)
    return builder.build(), outer, choice, function


def found(btf, type_id, start=0, seen=None):
    out = bytearray(MOST)
    seen = seen if seen is not None else array("I", bytes(4 * (len(btf) + 1)))
    pending = array("I", bytes(4 * ROOM))
    length = contents.composite(btf.words, btf.positions, btf.strings, type_id, seen, start, pending, out)
    return bytes(out[:length])


def prototype(btf, type_id):
    out = bytearray(MOST)
    length = contents.prototype(btf.words, btf.positions, btf.strings, type_id, array("I", bytes(4 * ROOM)), out)
    return bytes(out[:length])


CHANGES = [
    {"size": 8},
    {"offset": 6},
    {"member": "__state"},
    {"flags": 1},
    {"tag": "user"},
]


def test_ids_of_types_do_not_matter():
    one, other = kernel(), kernel(9)
    assert [found(one[0], type_id) for type_id in one[1:3]] == [found(other[0], type_id) for type_id in other[1:3]]
    assert prototype(one[0], one[3]) == prototype(other[0], other[3])
    assert found(one[0], one[1])


def test_pointees_do_not_matter_for_composites_but_for_prototypes():
    one, other = kernel(), kernel(pointee="other")
    assert found(one[0], one[1]) == found(other[0], other[1])
    assert prototype(one[0], one[3]) == prototype(other[0], other[3])  # the pointer is in a struct
    assert b"outer\0" in prototype(one[0], one[3])
    assert b"outer\0" not in found(one[0], one[1])


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_what_a_match_reads_matters(change):
    one, other = kernel(), kernel(**change)
    assert found(one[0], one[1]) != found(other[0], other[1])


def test_enumerators_matter_for_enumerations_alone():
    one, other = kernel(), kernel(values=(1, 3))
    assert found(one[0], one[2]) != found(other[0], other[2])
    assert prototype(one[0], one[3]) == prototype(other[0], other[3])


def test_one_array_serves_many_types():
    btf, outer, choice, _ = kernel()
    seen = array("I", bytes(4 * (len(btf) + 1)))
    first = found(btf, outer, 0, seen)
    assert found(btf, choice, len(first), seen) == found(btf, choice)
    assert found(btf, outer, len(first) + 100, seen) == first


def test_what_is_too_long_has_no_content():
    builder = Builder()
    number = builder.int("int", 4)
    large = builder.struct("large", 4 * ROOM + 4, [(f"m{n}", number, 32 * n) for n in range(ROOM + 1)])
    long = builder.struct("long", 4, [("x" * MOST, number, 0)])
    btf = builder.build()
    assert found(btf, large) == b""
    assert found(btf, long) == b""


def test_counts_have_24_bits():
    builder = Builder()
    number = builder.int("int", 4)
    many = builder.struct("many", 4, [("", number, 0)] * 0x10001, union=True)
    proto = builder.func_proto(number, [("", number)] * 0x10001)
    btf = builder.build()
    assert found(btf, many) == b""
    assert prototype(btf, proto) == b""


def test_types_that_hold_each_other_end():
    builder = Builder()
    last = builder.struct("s0", 4, [("m", builder.int("int", 4), 0)])
    for number in range(60):
        last = builder.struct(f"s{number + 1}", 4, [("a", last, 0), ("b", last, 0)], union=True)
    assert 0 < len(found(builder.build(), last)) < MOST
