"""What names mean in many units: against a slow twin, and in work that grows as the units do."""

import random

import pytest

import dwarf_files as d
import growth
from btfkit.encoder import environments, reading
from btfkit.encoder.encode import encode
from btfkit.encoder.environments import Resolved
from btfkit.errors import LimitError
from btfkit.files.elf import Elf
from reference import environments as slow


def encoded(file):
    return encode(Elf(file.to_bytes(), "made.o"))


def random_file(r):
    """A few units that define or only declare structs of few names, and hold pointers to them in each other."""
    file = d.File()
    for _ in range(r.randint(2, 7)):
        unit = file.unit()
        known = [unit.int]
        for name in "abc":
            variant = r.randint(0, 3)
            known.append(unit.struct(name, 8, (f"m{variant}", unit.int)) if variant else unit.declared(name))
        for _ in range(r.randint(2, 6)):
            known.append(r.choice((pointer, typedef, struct, anonymous))(r, unit, known))
    return file


def pointer(r, unit, known):
    return unit.pointer(r.choice(known))


def typedef(r, unit, known):
    return unit.typedef("t", r.choice(known))


def struct(r, unit, known):
    types = [r.choice(known) if r.random() < 0.2 else unit.pointer(r.choice(known)) for _ in range(r.randint(1, 3))]
    return unit.struct(r.choice("de"), 8 * r.randint(1, 2), *(("xyz"[at], each) for at, each in enumerate(types)))


def anonymous(r, unit, known):
    die = unit.struct("", 16, *((name, r.choice(known)) for name in "xy"))
    del die.attributes[0]
    return die


def test_classes_that_know_less_are_joined_as_by_comparing_all(monkeypatch) -> None:
    count = 0

    def compared(self, keys, places):
        nonlocal count
        found = fast(self, keys, places)
        assert (found, self._evidence) == slow.joined(self, keys, places)
        count += len(found)
        return found

    fast = Resolved._joined
    monkeypatch.setattr(Resolved, "_joined", compared)
    for seed in range(300):
        encoded(random_file(random.Random(seed)))
    assert count > 100


def variants(unit, number):
    """A struct of one name, another in each unit, and one that holds a pointer to it."""
    same = unit.struct("same", 8, (f"m{number}", unit.int))
    unit.struct("holder", 8, ("same", unit.pointer(same)))


def half_declared(unit, number):
    """A struct with two parts, of which each unit declares one or both, within a typedef."""
    parts = [
        unit.struct(f"part{which}", 8, (f"m{number}", unit.int))
        if number % 3 == which
        else unit.declared(f"part{which}")
        for which in range(2)
    ]
    unit.typedef("held", unit.struct("holder", 16, *((f"p{at}", unit.pointer(part)) for at, part in enumerate(parts))))


def repeated(unit, number):
    """Three structs of one name in turns."""
    unit.struct("holder", 8, ("p", unit.pointer(unit.struct("same", 8, (f"m{number % 3}", unit.int)))))


@pytest.mark.parametrize("fill", [variants, half_declared, repeated])
def test_n_units_take_linear_work(fill) -> None:
    def work(n):
        file = d.File()
        for number in range(n):
            fill(file.unit(), number)
        return lambda: encoded(file)

    assert growth.exponent(work, 48) < 1.15


def test_tables_of_abbreviations_that_units_use_in_turns_are_kept(monkeypatch) -> None:
    """More than are kept at first: each is read a few times, not once for each unit."""
    reads = 0

    def file(n):
        made = d.File()
        tables = [d.Abbreviations(50) for _ in range(32)]
        for number in range(n):
            made.unit(tables[number % 32]).struct(f"s{number}", 8, ("x", made.units[-1].int))
        return made

    before = reading.Dwarf._table

    def table(self, debug, unit):
        nonlocal reads
        known = set(self._tables)
        found = before(self, debug, unit)
        reads += set(self._tables) != known
        return found

    monkeypatch.setattr(reading.Dwarf, "_table", table)
    encoded(file(640))
    assert reads < 32 * 6


def test_chains_of_types_with_several_definitions_have_a_limit(monkeypatch) -> None:
    """A chain costs its length cubed: one that is too long is an error, not a wait without end."""

    def chain(n):
        file = d.File()
        for number in range(2):
            unit = file.unit()
            last = unit.struct("s0", 8, (f"m{number}", unit.int))
            for at in range(1, n):
                last = unit.struct(f"s{at}", 8, ("p", unit.pointer(last)))
        return file

    monkeypatch.setattr(environments, "MOST_COPIES", 2000)
    assert [len(list(encoded(chain(8)).btf.types("STRUCT")))] == [16]
    with pytest.raises(LimitError, match=r"more than 2,000 steps: .* chains that are too long") as caught:
        encoded(chain(30))
    assert caught.value.source == "made.o"
