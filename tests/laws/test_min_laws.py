"""Laws of cutting: everything kept is the identity, answers survive, twice is once.

Random kernels and programs for them come from tests/objects.py; HYPOTHESIS_PROFILE=long tries harder.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btfkit.co_re.relocate import relocate
from btfkit.co_re.target import Target
from btfkit.co_re.witness import Witness
from btfkit.judges.answers import compare
from btfkit.judges.structure import structure
from btfkit.passes.compact import compact
from btfkit.passes.minimize import minimize
from btfkit.passes.select import POLICIES, WHOLE, Selection
from objects import Choose, reread, scene
from strategies import btfs, chains


@st.composite
def scenes(draw, **options):
    return scene(Choose.drawn(draw), **options)


def all_of(btf):
    selection = Selection(btf.chain)
    for layer in btf.chain:
        for type_id in layer.own_ids:
            selection.kept[layer][type_id] = WHOLE
    return compact(selection)


def meaning(btf):
    """The records with names in place of offsets."""
    from btfkit.btf.btf import references

    rows = []
    for layer in btf.chain:
        for at, type_id in zip(layer.positions, layer.own_ids, strict=True):
            places = dict(references(layer.words, at, layer.table))
            words = range(at, at + len(btf[type_id].words))
            rows.append([layer.string(layer.words[w]) if places.get(w) == "name" else layer.words[w] for w in words])
    return rows


@given(chains())
def test_compact_of_everything_is_the_identity(btf):
    """All words but name offsets are the same, all names are the same; strings stand in the order of first use, once."""
    layers = all_of(btf)
    small = layers[btf].btf
    assert meaning(small) == meaning(btf)
    assert [len(layer) for layer in small.chain] == [len(layer) for layer in btf.chain]
    assert all(layers[btf].ids[type_id] == type_id for type_id in range(len(btf)))
    again = all_of(small)[small].btf
    assert [layer.to_bytes() for layer in again.chain] == [layer.to_bytes() for layer in small.chain]


@given(btfs(), st.sampled_from(POLICIES), st.data())
def test_closures_are_sound(btf, policy, data):
    """Named types are there afterwards with their size; what comes out is a sound BTF; to do it again changes nothing."""
    names = sorted({type_.name for type_ in btf.types() if type_.name and type_.kind not in (12, 14)})
    if not names:
        return
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3))
    small = minimize(btf, keep_types=chosen, closure=policy).btf
    assert [finding for finding in structure(reread(small)) if finding.severity != "note"] == []
    for name in chosen:
        assert [
            (t.kind, small.sizeof(t.id)) for t in small.types() if t.name == name and t.kind in (1, 4, 5, 6, 19)
        ] == [(t.kind, btf.sizeof(t.id)) for t in btf.types() if t.name == name and t.kind in (1, 4, 5, 6, 19)]
    assert minimize(small, keep_types=chosen, closure=policy).btf.to_bytes() == small.to_bytes()


def cut(made, objects):
    result = minimize(made.vmlinux, objects, made.modules)
    small = reread(result.btf)
    return result, small, [reread(found, small) for module in made.modules if (found := result.module(module))]


@given(scenes())
def test_answers_survive(made):
    """Each relocation of each program yields on the cut BTFs what it yields on the whole ones."""
    objects = made.objects
    result, small, modules = cut(made, objects)
    answers = compare(objects, result.outcomes, result.target, Target(small, modules))
    assert [str(difference) for difference in answers.differences] == []
    assert sum(map(len, (small, *modules))) <= sum(map(len, (made.vmlinux, *made.modules)))
    if not structure(made.vmlinux):
        assert [finding for finding in structure(small) if finding.severity != "note"] == []


@pytest.mark.parametrize("start", range(0, 600, 150))
def test_answers_survive_on_many(start):
    """The same for larger kernels, which Hypothesis draws slowly."""
    for seed in range(start, start + 150):
        made = scene(Choose(random.Random(seed)), types=30)
        objects = made.objects
        result, small, modules = cut(made, objects)
        answers = compare(objects, result.outcomes, result.target, Target(small, modules))
        assert [str(difference) for difference in answers.differences] == [], f"seed {seed}"


@given(scenes())
def test_answers_survive_each_program_alone(made):
    """What is cut for several programs answers each of them."""
    objects = made.objects
    _, small, modules = cut(made, objects)
    for obj in objects:
        alone = minimize(made.vmlinux, [obj], made.modules)
        assert compare([obj], alone.outcomes, alone.target, Target(small, modules)).differences == []


@given(scenes())
def test_twice_is_once(made):
    """Cutting again, for the same programs, changes nothing.

    Only where types were compared and found wanting more may go the second time: what had to be kept then, because the
    comparison had read it, the second comparison no longer reads.
    """
    objects = made.objects
    result, small, modules = cut(made, objects)
    again = minimize(small, objects, modules)
    refused = any(
        outcome.refused and relocation.kind >= 6
        for obj, outcomes in zip(objects, result.outcomes, strict=True)
        for relocation, outcome in zip(obj.relocations, outcomes, strict=True)
    )
    if refused:
        assert len(again.btf.to_bytes()) <= len(small.to_bytes())
        return
    assert again.btf.to_bytes() == small.to_bytes()
    assert [again.module(module).to_bytes() for module in modules] == [module.to_bytes() for module in modules]


@given(scenes())
def test_the_order_of_objects_does_not_matter(made):
    objects = made.objects
    one = minimize(made.vmlinux, objects, made.modules)
    other = minimize(made.vmlinux, objects[::-1], made.modules)
    assert one.btf.to_bytes() == other.btf.to_bytes()
    for module in made.modules:
        found, again = one.module(module), other.module(module)
        assert (found and found.to_bytes()) == (again and again.to_bytes())


@given(scenes(), st.sampled_from(POLICIES))
def test_answers_survive_every_closure(made, policy):
    objects = made.objects
    result = minimize(made.vmlinux, objects, made.modules, closure=policy)
    small = reread(result.btf)
    modules = [reread(found, small) for module in made.modules if (found := result.module(module))]
    assert compare(objects, result.outcomes, result.target, Target(small, modules)).differences == []


def test_indexes_of_elements_change_no_answer(monkeypatch) -> None:
    """Members and enumerators are found by an index as they are found without one, with the same witnesses."""
    from btfkit.co_re import match as engine

    def read(witness):
        return [getattr(witness, name) for name in Witness.__slots__]

    def answers(made):
        target = Target(made.vmlinux, made.modules)
        return [
            (outcome.status, outcome.value, outcome.detail, *(read(match.witness) for match in outcome.matches))
            for outcomes in relocate([program.build() for program in made.programs], target)
            for outcome in outcomes
        ]

    for seed in range(300):
        made = scene(Choose(random.Random(seed)), types=30)
        monkeypatch.setattr(engine, "OFTEN", 1 << 30)
        plain = answers(made)
        monkeypatch.setattr(engine, "OFTEN", 0)
        monkeypatch.setattr(engine, "LARGE", 0)
        assert answers(made) == plain, seed
