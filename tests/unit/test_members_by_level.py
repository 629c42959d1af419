"""The index of members level by level finds what the search finds."""

from __future__ import annotations

import random

import pytest

from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.co_re import by_element, match
from btfkit.co_re import kinds as k
from btfkit.co_re.access import SpecError
from btfkit.co_re.levels import MembersByLevel, _find_member
from btfkit.co_re.loaders import CILIUM
from btfkit.co_re.relocate import relocate
from btfkit.co_re.target import Target
from btfkit.co_re.witness import Witness
from btfkit.file_ops.minimize import minimize
from objects import Program

NAMES = [f"m{number}" for number in range(12)]


def composites(chance):
    """A BTF of structs and unions, whose anonymous members are earlier or later ones, rarely an integer; and their ids."""
    made = Builder()
    number = made.int("int", 4, encoding=spec.INT_SIGNED)
    count = chance.choice([1, 3, 8, 45])
    for _ in range(count):
        members = []
        for at in range(chance.randrange(5)):
            if chance.random() < 0.5:
                members.append((chance.choice(NAMES), number, 32 * at))
            else:
                inner = number if chance.random() < 0.03 else chance.randrange(number + 1, number + 1 + count)
                members.append(("", inner, 32 * at))
        (made.struct if chance.random() < 0.5 else made.union)("s", 64, members)
    return made.build(), range(number + 1, number + 1 + count)


def outcome(find, name):
    witness = Witness()
    try:
        return find(name, witness), witness.types, witness.members
    except SpecError as error:
        return str(error), witness.types, witness.members


@pytest.mark.parametrize("seed", range(300))
def test_the_index_finds_what_the_search_finds(seed):
    btf, ids = composites(random.Random(seed))
    for type_id in ids:
        index = MembersByLevel(btf, type_id)
        for name in NAMES:
            found = outcome(index.find, name.encode())
            searched = outcome(lambda name, witness, i=type_id: _find_member(btf, i, name, witness), name.encode())
            assert found == searched
            assert isinstance(found[0], list) or not index.is_whole
            assert (found[0] not in ([], str(found[0]))) == (name.encode() in set(index))


@pytest.mark.parametrize("kind", [k.TYPE_MATCHES, k.ENUMVAL_EXISTS, k.ENUMVAL_VALUE])
def test_many_enumerations_have_the_same_answers_with_an_index(kind, monkeypatch):
    made, program = Builder(), Program()
    for number in range(50):
        made.enum("e", [("" if number == 7 else f"A{number % 9}___x", number), (f"B{number}", 1)])
    made.enum64("e", [("A3", 1 << 40), ("B", 1)])
    made.typedef("e", 1)
    made.struct("e", 4, [])
    btf = made.build()
    for number in range(12):
        program.relo(kind, program.types.enum("e", [("" if number == 5 else f"A{number}", 1)]), "0")
    obj = program.build()

    def answers():
        found = relocate([obj], Target(btf), loader=CILIUM)[0]
        return [(one.status, one.value, one.reason, one.detail, [m.type_id for m in one.matches]) for one in found]

    with_index = answers()
    assert len({len(one[-1]) for one in with_index}) > 1
    monkeypatch.setattr(by_element, "OFTEN", 1 << 30)
    assert answers() == with_index


@pytest.mark.parametrize("seed", range(40))
def test_many_candidates_have_the_same_answers_with_an_index(seed, monkeypatch):
    chance = random.Random(seed)
    while True:
        btf, ids = composites(chance)
        if len(ids) > 30:
            break
    program = Program()
    number = program.types.int("int", 4, encoding=spec.INT_SIGNED)
    for name in [*NAMES, "no"]:
        local = program.types.struct("s", 4, [(name, number, 0)])
        for kind in (k.BYTE_OFFSET, k.FIELD_EXISTS):
            program.relo(kind, local, "0:0")
        program.relo(k.TYPE_MATCHES, local, "0")
        inner = program.types.struct("", 4, [("m1", number, 0)])
        program.relo(k.TYPE_MATCHES, program.types.struct("s", 4, [("", inner, 0)]), "0")
    obj = program.build()

    def answers():
        found = relocate([obj], Target(btf), loader=CILIUM)[0]
        matches = [[(m.type_id, m.value, m.witness.types, m.witness.members) for m in one.matches] for one in found]
        return [(one.status, one.value, one.reason, one.detail) for one in found], matches

    minimized = minimize(btf, [obj]).btf.to_bytes()
    with_index = answers()
    monkeypatch.setattr(by_element, "OFTEN", 1 << 30)
    monkeypatch.setattr(match, "OFTEN", 1 << 30)
    assert answers() == with_index
    assert minimize(btf, [obj]).btf.to_bytes() == minimized
