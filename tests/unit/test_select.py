"""Criteria and closures by themselves; tests/unit/test_minimize.py has them at work."""

from __future__ import annotations

import pytest

from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.passes.select import (
    POLICIES,
    WHOLE,
    Selection,
    by_func_name,
    by_references_of,
    by_type_name,
    close,
)


def chain():
    """A base with an INT and two structs, and a split whose struct holds one of them and points to the other."""
    base = Builder()
    number = base.int("int", 4)
    one = base.struct("one", 4, [("x", number, 0)])
    two = base.struct("two", 4, [("y", number, 0)])
    base = base.build()
    split = Builder(base)
    pointer = split.ptr(two)
    split.struct("three", 16, [("o", one, 0), ("p", pointer, 64)])
    return base, split.build()


def test_an_id_belongs_to_the_layer_that_holds_it():
    base, split = chain()
    selection = Selection((base, split))
    selection.add(split, 2)
    selection.add(split, 5)
    selection.add(split, 0)
    assert selection.kept == {base: {2: set()}, split: {5: set()}}
    assert selection.has(base, 2)
    assert selection.has(split, 2)
    assert not selection.has(split, 4)


def test_an_element_brings_its_type():
    base, split = chain()
    selection = Selection((base, split))
    selection.add_element(split, 5, 1)
    assert selection.kept == {base: {}, split: {5: {1}, 4: WHOLE}}
    assert selection.elements(split, 5) == {1}
    selection.add_element(split, 5, 1)
    selection.add_element(split, 5, 0)
    assert selection.kept[base] == {2: set()}


def test_whole_stays_whole():
    base, split = chain()
    selection = Selection((base, split))
    selection.add(base, 2)
    selection.kept[base][2] = WHOLE
    selection.add(base, 2)
    selection.add_element(base, 2, 0)
    assert selection.elements(base, 2) is WHOLE
    selection.complete()
    assert selection.kept[base] == {1: WHOLE, 2: WHOLE}


def test_complete_leaves_what_may_be_void():
    b = Builder()
    number = b.int("int", 4)
    pointer = b.ptr(b.struct("s", 4))
    const = b.const(pointer)
    array = b.array(const, number, 2)
    proto = b.func_proto(pointer, [("a", array)])
    btf = b.build()
    selection = Selection((btf,))
    selection.add(btf, proto)
    selection.complete()
    assert sorted(selection.kept[btf]) == [number, pointer, array, proto]  # no struct, and not the const in between


def test_names():
    b = Builder()
    number = b.int("x", 4)
    b.struct("x", 4)
    b.func("x", b.func_proto(number))
    b.var("x", number)
    b.decl_tag("t", 4)
    b.decl_tag("t", 2)
    btf = b.build()
    assert by_type_name(btf, "x") == [1, 2]
    assert by_type_name(btf, "struct x") == [2]
    assert by_func_name(btf, "x") == [4, 6]
    assert by_type_name(btf, "y") == by_func_name(btf, "y") == by_type_name(btf, "") == []


def test_references_of_a_split():
    _, split = chain()
    assert by_references_of(split) == [2, 3]
    assert by_references_of(split.base) == []


def reached(btf, roots, policy, asked):
    """The slow twin of `hot.graph.reach`: {id: level}."""
    levels = {}
    todo = [(type_id, 3 if asked else 2) for type_id in roots]
    while todo:
        type_id, level = todo.pop()
        if not type_id or levels.get(type_id, 0) >= level:
            continue
        levels[type_id] = level
        type_ = btf[type_id]
        if type_.kind in spec.COMPOSITES | spec.ENUMS:
            named_only = (
                level < 3 and policy != "full" and not (level == 2 and (policy == "by-value" or not type_.name))
            )
            if not named_only and type_.kind in spec.COMPOSITES:
                todo += [(member.type_id, 2) for member in type_.members]
        elif type_.kind == spec.PTR:
            todo.append((type_.type_id, 1))
        elif type_.kind in (*spec.MODS_AND_TYPEDEFS, spec.FUNC, spec.VAR, spec.DECL_TAG):
            passes = type_.kind in (8, 9, 10, 11, 18)
            todo.append((type_.type_id, level if passes else min(level, 2)))
        elif type_.kind == spec.ARRAY:
            todo += [(type_.type_id, min(level, 2)), (type_.index_type_id, min(level, 2))]
        elif type_.kind == spec.FUNC_PROTO:
            todo += [
                (target, min(level, 2)) for target in (type_.type_id, *(param.type_id for param in type_.parameters))
            ]
        elif type_.kind == spec.DATASEC:
            todo += [(target, min(level, 2)) for target in (entry.type_id for entry in type_.entries)]
    return levels


def everything():
    """One type of every kind, in a chain."""
    b = Builder()
    number = b.int("int", 4)
    b.float("double", 8)
    inner = b.struct("inner", 4, [("x", number, 0)])
    anon = b.union("", 4, [("u", number, 0)])
    e = b.enum("e", [("A", 1)])
    b.enum64("e64", [("B", 1)])
    fwd = b.fwd("fwd")
    to_fwd = b.ptr(fwd)
    tag = b.type_tag("rcu", inner)
    to_tag = b.ptr(tag)
    base = b.build()
    b = Builder(base)
    alias = b.typedef("alias", b.next_id + 1)
    const = b.const(inner)
    outer = b.struct(
        "outer", 64, [("i", alias, 0), ("", anon, 64), ("p", to_tag, 128), ("e", e, 192), ("f", to_fwd, 256)]
    )
    array = b.array(outer, number, 2)
    proto = b.func_proto(array, [("a", to_tag), ("b", outer), ("", 0)])
    func = b.func("f", proto)
    b.decl_tag("t", func)
    var = b.var("v", b.restrict(b.volatile(array)))
    b.datasec(".data", 128, [(var, 0, 128)])
    b.ptr(const)
    return b.build()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("asked", [True, False])
def test_closures_are_those_of_the_slow_twin(policy, asked):
    btf = everything()
    for root in range(1, len(btf)):
        selection = Selection(btf.chain)
        close(selection, [(btf, root)], policy, asked=asked)
        kept = {type_id for layer in btf.chain for type_id in selection.kept[layer]}
        levels = reached(btf, [root], policy, asked)
        assert kept == set(levels)
        for type_id, level in levels.items():
            type_ = btf[type_id]
            if type_.kind in spec.COMPOSITES | spec.ENUMS:
                whole = level == 3 or policy == "full" or (level == 2 and (policy == "by-value" or not type_.name))
                assert (selection.elements(btf, type_id) is WHOLE) == whole
