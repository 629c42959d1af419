"""dedup beside libbpf's: never more types than it leaves, on random units, BPF objects and a kernel put together with itself."""

from __future__ import annotations

import lzma
import os
import random
from glob import glob

import pytest

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.co_re.program import load_objects
from btfkit.judges.deduped import equivalent, kept, leftovers
from btfkit.passes.dedup import dedup, dedup_all
from peer_tools import oracle

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data")


def libbpf_types(*blobs: bytes) -> int:
    """How many types libbpf leaves."""
    files = {f"in{i}": blob for i, blob in enumerate(blobs)}
    events, _ = oracle("dedup", files, "-", *files)
    assert events[-1]["ok"], events
    return events[-1]["out"]["types"]


def libbpf_split_types(split: Btf) -> int:
    """How many own types libbpf leaves of a split BTF."""
    assert split.base is not None
    events, _ = oracle("dedup-split", {"split": split.blob, "base": split.base.blob}, "-", "split", "base")
    assert events[-1]["ok"], events
    return events[-1]["out"]["types"]


class Units:
    """Compilation units of one program in one BTF: each knows some structs in full and others by a declaration only."""

    def __init__(self, seed: int, *, versions: int = 1) -> None:
        self.rng = random.Random(seed)
        self.builder: Builder = Builder(order=self.rng.choice(("little", "big")))
        self.enums = 0.6  # how often a unit has the enumerators of an enum
        self.names = self.rng.randint(2, 6)
        self.shapes = [[self.members() for _ in range(versions)] for _ in range(self.names)]
        self.unions = [self.rng.random() < 0.2 for _ in range(self.names)]

    def members(self):
        return [(f"m{i}", self.expression(0)) for i in range(self.rng.randint(0, 3))]

    def expression(self, depth):
        """A type as C has it: a tuple of a word and what it is about."""
        rng = self.rng
        word = rng.choice(
            ("int", "long", "enum", "typedef", "struct", "pointer", "pointer", "const", "callback", "inner", "array")
        )
        if depth > 2 or word in ("int", "long"):
            return ("int",)
        if word == "struct":
            return ("pointer", ("struct", rng.randrange(self.names)))
        if word in ("pointer", "const", "callback", "inner", "typedef", "array"):
            return (word, self.expression(depth + 1))
        return (word, rng.randrange(2))

    def unit(self):
        """Plan the ids of a unit, then write it: a type may refer to one that comes later."""
        rng, plan, known = self.rng, [], {}
        version = {i: rng.randrange(len(self.shapes[i])) for i in range(self.names)}
        full = {i: rng.random() < 0.6 for i in range(self.names)}
        known_enums = {i: rng.random() < self.enums for i in range(2)}
        first = self.builder.next_id

        def get(what):
            if what in known:
                return known[what]
            place = len(plan)
            plan.append(None)
            known[what] = first + place
            word, *rest = what
            b = self.builder
            if word in ("int", "long"):
                plan[place] = (b.int, word, 4)
            elif word == "enum":
                plan[place] = (b.enum, f"e{rest[0]}", [("A", rest[0])] if known_enums[rest[0]] else [])
            elif word == "array":
                plan[place] = (b.array, get(rest[0]), get(("int",)), 3)
            elif word == "struct" and not full[rest[0]]:
                plan[place] = (lambda name, union: b.fwd(name, union=union), f"s{rest[0]}", self.unions[rest[0]])
            elif word == "struct":
                number = rest[0]
                members = [(name, get(t), 64 * i) for i, (name, t) in enumerate(self.shapes[number][version[number]])]
                plan[place] = (lambda *a, u=self.unions[number]: b.struct(*a, union=u), f"s{number}", 32, members)
            elif word == "inner":
                plan[place] = (b.struct, "", 8, [("x", get(rest[0]), 0)])
            elif word == "callback":
                plan[place] = (b.func_proto, get(rest[0]), [("p", get(("int",)))])
            else:
                make = {"pointer": b.ptr, "const": b.const, "typedef": lambda t: b.typedef("t", t)}[word]
                plan[place] = (make, get(rest[0]))
            return known[what]

        for number in range(self.names):
            if rng.random() < 0.8:
                get(("struct", number))
        for make, *arguments in plan:
            make(*arguments)

    def build(self) -> Btf:
        for _ in range(self.rng.randint(2, 5)):
            self.unit()
        return self.builder.build()


def judged(btf: Btf) -> int:
    """The number of types that are left, proven."""
    done = dedup(btf)
    assert kept(btf, done.btf, done.ids.ids) is None
    assert not leftovers(done.btf)
    return len(done.btf.positions)


def test_units_of_one_program() -> None:
    """One definition of each name: what C demands, and what pahole feeds to dedup."""
    for seed in range(150):
        btf = Units(seed).build()
        assert judged(btf) <= libbpf_types(btf.blob), seed


def test_units_of_several_versions() -> None:
    """Several definitions of most names: which is meant is a guess, for libbpf too, so now and then it is luckier."""
    more = 0
    for seed in range(150):
        btf = Units(seed, versions=3).build()
        more += judged(btf) > libbpf_types(btf.blob)
    assert more <= 2


def split_units(seed: int, *, versions: int, enums: float) -> Btf:
    """Units split on a base of other units of the same program; in the base, `enums` is how often an enum has enumerators."""
    units = Units(seed, versions=versions)
    units.enums = enums
    base = dedup(units.build()).btf
    units.builder, units.enums = Builder(base), 0.6
    return units.build()


def declared_below(split: Btf) -> set[str]:
    """The names that the base only declares and the split defines."""
    declared, defined, below = set(), set(), set()
    for type_ in split:
        is_enum = type_.kind in spec.ENUMS
        if type_.name and (type_.kind in spec.COMPOSITES or is_enum or type_.kind == spec.FWD):
            is_declaration = type_.kind == spec.FWD or (is_enum and not type_.vlen)
            own = type_.id >= split.start_id
            (declared if is_declaration and not own else below if not own else defined).add(type_.name)
    return (declared - below) & defined


@pytest.mark.parametrize(("versions", "enums"), [(1, 1.0), (1, 0.6), (2, 0.6)])
def test_splits_of_one_program(versions, enums) -> None:
    """Never more types than libbpf, except where the base declares what the split defines: there libbpf merges types as if the
    declaration were the definition, although it stays one in the base (docs/differences.md)."""
    more = 0
    for seed in range(90):
        split = split_units(seed, versions=versions, enums=enums)
        if judged(split) > libbpf_split_types(split):
            assert declared_below(split) or versions > 1, seed
            more += 1
    assert more <= 9


def test_libbpf_merges_a_definition_with_a_declaration_of_the_base() -> None:
    """The struct of the split contains an enum with values, that of the base one without: they are not equivalent."""
    b = Builder()
    number = b.int("int", 4)
    there = b.struct("holder", 8, [("e", b.enum("e", []), 0), ("n", number, 32)])
    s = Builder(b.build())
    here = s.struct("holder", 8, [("e", s.enum("e", [("A", 1)]), 0), ("n", number, 32)])
    split = s.build()
    assert not equivalent(split, there, here)
    assert judged(split) == 2
    assert libbpf_split_types(split) == 1


def test_bpf_objects() -> None:
    for path in sorted(glob(os.path.join(DATA, "*.bpf.o"))):
        (obj,) = load_objects(path)
        assert judged(obj.btf) <= libbpf_types(obj.btf.blob), path


@pytest.mark.slow
def test_a_kernel_and_itself() -> None:
    with lzma.open(os.path.join(DATA, "vmlinux-6.12.107+deb13-amd64.btf.xz")) as file:
        blob = file.read()
    done, _ = dedup_all([Btf.from_bytes(blob)] * 2)
    assert len(done.btf.positions) == libbpf_types(blob, blob)
