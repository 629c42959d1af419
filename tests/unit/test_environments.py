"""What names mean in many units: against a slow twin, and in work that grows as the units do."""

import random

import pytest

import dwarf_files as d
import growth
from btfkit.encoder import copies, environments, lesser_classes, reading
from btfkit.encoder.copies import Copies
from btfkit.encoder.encode import encode
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

    def compared(keys, places, kind):
        nonlocal count
        found = fast(keys, places, kind)
        assert found == slow.joined(keys, places, kind)
        count += len(found[0])
        return found

    fast = lesser_classes.join_all
    monkeypatch.setattr(lesser_classes, "join_all", compared)
    for seed in range(300):
        encoded(random_file(random.Random(seed)))
    assert count > 40


def chains(r):
    """A few units with structs that point to each other along a chain of names; some are missing, declared or others."""
    file = d.File()
    declares = r.choice((0, 0.2))
    for _ in range(r.randint(2, 5)):
        unit = file.unit()
        last = unit.int
        for name in "abcdefgh":
            if r.random() < declares:
                last = unit.declared(name)
            elif r.random() < 0.9:
                last = unit.struct(name, 8, ("p", unit.pointer(last) if r.random() < 0.9 else unit.int))
    return file


@pytest.mark.parametrize(("fill", "follow"), [(random_file, 0), (chains, 100)])
def test_copies_are_told_apart_as_by_computing_all_again(monkeypatch, fill, follow) -> None:
    """`follow`: so many symbols or more become ambiguous because others are."""
    split = symbols = 0

    def compared(types, kind):
        nonlocal split, symbols
        found = Copies(types, kind)
        own, keys = found.keys(found.groups())
        ambiguous = {symbol for symbol, marked in enumerate(found.ambiguous) if marked}
        assert (own, keys, ambiguous) == slow.told_apart(types, kind)
        split += len(keys) - len({key[0] for key in keys})
        symbols += len(ambiguous - {symbol for symbol, _ in types.others})
        return found

    monkeypatch.setattr(environments, "Copies", compared)
    for seed in range(300):
        encoded(fill(random.Random(seed)))
    assert split > 500
    assert symbols >= follow


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

    assert growth.exponent(work, 48, "encoder") < 1.15


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


def chain_in_units(n, units, declaring=0):
    """Units with n structs, each of which points to the one before; the first is another in each, or only declared."""
    file = d.File()
    for number in range(units):
        unit = file.unit()
        last = unit.declared("s0") if number >= units - declaring else unit.struct("s0", 8, (f"m{number}", unit.int))
        for at in range(1, n):
            last = unit.struct(f"s{at}", 8, ("p", unit.pointer(last)))
    return file


def test_a_chain_in_two_units_takes_linear_work() -> None:
    def work(n):
        file = chain_in_units(n, 2)
        return lambda: encoded(file)

    assert len(list(encoded(chain_in_units(200, 2)).btf.types("STRUCT"))) == 400
    assert growth.exponent(work, 48, "encoder") < 1.15


def test_chains_of_declarations_have_a_limit(monkeypatch) -> None:
    """With declarations, a chain costs its length squared: one that is too long is an error, not a wait without end."""
    monkeypatch.setattr(copies, "MOST_COPIES", 2000)
    assert len(list(encoded(chain_in_units(8, 3, 1)).btf.types("STRUCT"))) == 16
    with pytest.raises(LimitError, match=r"more than 2,000 steps: .* chains that are too long") as caught:
        encoded(chain_in_units(60, 3, 1))
    assert caught.value.source == "made.o"
