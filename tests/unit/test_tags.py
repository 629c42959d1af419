"""The loops that compare names, and those that find void, with their twins; and room for common names."""

from __future__ import annotations

import random

import pytest

import btfkit
from btfkit.btf import spec
from btfkit.hot import assembly, excerpt
from btfkit.passes.rebase import NameIndex
from reference import tags


def add_type(builder, chance, made):
    """Add a type that may refer to one of `made`; returns its id."""
    name, target = chance.choice("abcd"), chance.choice(made)
    members = [("m", target, 0)] * chance.randrange(3)
    makers = (
        lambda: builder.struct(name, chance.choice((4, 8)), members),
        lambda: builder.union(name, chance.choice((4, 8)), members),
        lambda: builder.enum(name, [("A", 1)] * chance.randrange(2)),
        lambda: builder.enum64(name, [("A", 1)] * chance.randrange(2)),
        lambda: builder.fwd(name, union=chance.random() < 0.5),
        lambda: builder.typedef(name, target),
        lambda: builder.const(target),
        lambda: builder.ptr(target),
        lambda: builder.array(target, 0, 2),
        lambda: builder.func_proto(target, [("p", target), ("", 0)][chance.randrange(2) :]),
    )
    return chance.choice(makers)()


def some_types(chance):
    """A BTF of types of few names, tags and sizes, and of modifiers and typedefs of them, of void, and of each other."""
    builder = btfkit.Builder()
    made = [0]
    for _ in range(chance.randrange(1, 30)):
        made.append(add_type(builder, chance, made))
    return builder.build(pointer_size=8)


@pytest.mark.parametrize("seed", range(200))
def test_types_of_equal_names_are_compared_as_the_twin_does(seed):
    chance = random.Random(seed)
    own, base = some_types(chance), some_types(chance)
    assert NameIndex(base).differing(own) == tags.differing(own, base)


@pytest.mark.parametrize("seed", range(100))
def test_what_leads_to_void_is_found_as_the_twin_does(seed):
    btf = some_types(random.Random(seed))
    empty = bytearray(len(btf))
    assembly.void_types(btf.words, btf.positions, spec.MAX_CHAIN, empty)
    expected = tags.void_types(btf)
    assert {number for number, mark in enumerate(empty) if mark} == expected
    places = []
    assembly.void_places(btf.words, btf.positions, empty, places)
    wanted = []
    for type_ in btf.types():
        at = btf.positions[type_.id - 1]
        words = type_.words
        if type_.kind_name in ("STRUCT", "UNION"):
            slots = range(4, len(words), 3)
        elif type_.kind_name == "FUNC_PROTO":
            slots = range(4, len(words) - 2 * (len(words) > 3 and not words[-2]), 2)
        else:
            slots = range(3, 4) if type_.kind_name == "ARRAY" else ()
        wanted += [at + slot for slot in slots if words[slot] in expected]
    assert places == wanted


def test_common_names_are_found_until_there_is_no_more_room():
    names = excerpt.CommonNames(1 << 16, 4, 0x9E3779B1)
    known = {}
    while names.add(7 * len(known) + 1, len(known) + 1):
        known[7 * len(known) + 1] = len(known) + 1
    assert len(known) >= 8
    assert {at: names.of(at) for at in range(1 << 16) if names.of(at)} == known
