"""What relocations read, by name: as when each is followed by itself, in fewer steps."""

import random

import pytest

import growth
from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.co_re import kinds as k
from btfkit.errors import FormatError
from btfkit.show.used_by import read_types
from objects import Choose, Program, scene
from reference import used_by as slow

INT = 1


def start(order="little"):
    b = Builder(order=order)
    b.int("int", 4, encoding=spec.INT_SIGNED)
    return b


def program(fill, order="little"):
    made = Program(order)
    made.types.int("int", 4, encoding=spec.INT_SIGNED)
    fill(made)
    return made.build()


@pytest.mark.parametrize("seed", range(40))
def test_random_programs(seed) -> None:
    made = scene(Choose(random.Random(seed)))
    btfs, objects = [made.vmlinux, *made.modules], made.objects
    assert read_types(objects, btfs) == slow.read_types(objects, btfs)


def test_types_of_one_name_are_followed_together() -> None:
    """Members of several types, in anonymous members, behind arrays and typedefs, missing in some."""
    b = start()
    deep = [b.struct("deep", 8, [(f"d{n}", INT, 0), ("both", INT, 32)]) for n in range(3)]
    nameless = b.struct("", 4, [("n0", INT, 0), ("deep", deep[0], 0)])
    for n in range(3):
        b.struct(
            "same",
            24,
            [(f"a{n}", b.array(b.typedef(f"t{n}", deep[n]), 1, 2), 0), ("", nameless, 128), ("in", nameless, 160)],
        )
    b.typedef("same", nameless)
    b.typedef("same", deep[2])
    vmlinux = b.build()

    def fill(made):
        b = made.types
        deep = b.struct("deep", 8, [*((f"d{n}", INT, 32 * n) for n in range(4)), ("both", INT, 128)])
        inner = b.struct("", 4, [("n0", INT, 0), ("deep", deep, 0)])
        same = b.struct("same", 24, [*((f"a{n}", b.array(deep, 1, 2), 64 * n) for n in range(4)), ("in", inner, 320)])
        typedef = b.typedef("same", inner)
        for n in range(4):
            for m in range(5):
                made.relo(k.FIELD_EXISTS, same, f"0:{n}:1:{m}")
            made.relo(k.FIELD_EXISTS, same, f"0:4:1:{n}")
        made.relo(k.FIELD_EXISTS, same, "1:4:0")
        made.relo(k.FIELD_EXISTS, typedef, "0:0")
        made.relo(k.TYPE_SIZE, typedef)

    objects = [program(fill)]
    found = read_types(objects, [vmlinux])
    assert found == slow.read_types(objects, [vmlinux])
    assert found["struct", "same"] >= {"a3", "in.n0", "in.deep", "<size>"}
    assert found["struct", "deep"] == {"d0", "d1", "d2", "d3", "both", "n0", "<size>"}
    assert found["typedef", "same"] == {"n0", "<size>"}


def test_damage_is_reported_where_it_is_met() -> None:
    """A member before the damage is found, however often one asks; another is an error."""
    b = start()
    inner = b.struct("", 4, [("x", INT, 0)])
    for _ in range(70):
        inner = b.struct("", 4, [("", inner, 0)])
    for n in range(2):
        b.struct("same", 8, [(f"a{n}", INT, 0), ("", inner, 32)])
    b.struct("same", 8, [(f"a{n}", INT, 32 * n) for n in range(3)])
    vmlinux = b.build()

    def asking(*names):
        def fill(made):
            root = made.types.struct("same", 16, [(name, INT, 32 * n) for n, name in enumerate(names)])
            for n in range(len(names)):
                made.relo(k.FIELD_EXISTS, root, f"0:{n}")

        return [program(fill)]

    with pytest.raises(FormatError, match="nested too deeply"):
        read_types(asking("a0"), [vmlinux])
    b = start()
    deep = b.struct("", 4, [("x", INT, 0)])
    for _ in range(70):
        deep = b.struct("", 4, [("", deep, 0)])
    b.struct("same", 8, [("a0", INT, 0), ("a1", INT, 0), ("", deep, 32)])
    b.struct("same", 8, [("a1", INT, 0), ("a0", INT, 32)])
    found = read_types(asking("a0", "a1", "a0", "a1"), [b.build()])
    assert found == {("struct", "same"): {"a0", "a1"}}


@pytest.mark.parametrize("kind", [k.FIELD_EXISTS, k.TYPE_SIZE, k.TYPE_MATCHES])
def test_n_types_of_one_name_and_n_relocations_take_linear_work(kind) -> None:
    def work(n):
        b = start()
        for number in range(n):
            b.struct("same", 4, [(f"a{number}", INT, 0)])

        def fill(made):
            for number in range(n):
                root = made.types.struct("same", 4, [(f"a{number}", INT, 0)])
                made.relo(kind, root, "0:0" if kind == k.FIELD_EXISTS else "0")

        vmlinux, objects = b.build(), [program(fill)]
        return lambda: read_types(objects, [vmlinux])

    assert growth.exponent(work, 64) < 1.15
