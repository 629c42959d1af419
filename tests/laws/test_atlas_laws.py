"""An atlas, read by its slow twin in `tests/reference/atlas.py`: random BTF, and kernels that differ a little, with modules."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

import corpus
import strategies
from btfkit import Btf, Builder
from btfkit.atlas.file import Atlas
from btfkit.fleet.atlas import add_to_atlas, atlas_order
from reference.atlas import PlainAtlas


def parts(number):
    return "debian", "12", "x86_64", f"6.{number}"


def assert_as_plain(path):
    """Everything in an atlas is what the twin reads."""
    plain = PlainAtlas(path)
    with Atlas.open(path) as atlas:
        entries = atlas.entries
        for entry in entries:
            assert atlas.get(entry) == plain.get(entry.id)
            if entry.modules:
                assert {os.fsencode(name): data for name, data in atlas.modules(entry)} == plain.modules(entry.id)
    plain.db.close()
    return len(entries)


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_random_btf_is_what_the_twin_reads(tmp_path_factory, data):
    path = str(tmp_path_factory.mktemp("a") / "a.atlas")
    for number in range(2):
        base = data.draw(strategies.btfs("little"))
        modules = [(f"m{n}", data.draw(strategies.btfs("little", base))) for n in range(data.draw(st.integers(0, 2)))]
        with Atlas.open(path, write=True, create=True) as atlas:
            atlas.add(parts(number), base, modules, atlas_order)
    assert assert_as_plain(path) == 2


def test_kernels_and_modules_are_what_the_twin_reads(tmp_path):
    """With equal names, functions of one name and different types, and a module that is kept whole."""
    path = str(tmp_path / "a.atlas")
    for number in range(4):
        base = several(number)
        odd = Btf.from_bytes(Builder(base).to_bytes() + bytes(4), base)
        modules = [("n", of_several(base, number))]
        with Atlas.open(path, write=True, create=True) as atlas:
            atlas.add(parts(number), base, [*modules, *([("odd", odd)] if number % 2 else [])], atlas_order)
    assert assert_as_plain(path) == 4


def several(number):
    b = Builder()
    integer = b.int("int", 4, encoding=1)
    for count in range(300):
        pointer = b.ptr(
            b.struct(f"s{count}", 8 + 8 * (count % 7 == number), [("x", integer, 0), (f"y{number}", integer, 32)])
        )
        b.func(f"f{count % 40}", b.func_proto(pointer, [("a", integer), (f"b{count % 3}", pointer)]))
    return b.build()


def of_several(base, number):
    b = Builder(base)
    found = base.find("s1").id
    for count in range(20):
        pointer = b.ptr(found)
        b.func(f"f{count % 5}", b.func_proto(pointer, [(f"own{count * number}", pointer)]))
    return Btf.from_bytes(b.to_bytes(), base)


def test_the_corpus_is_what_the_twin_reads(tmp_path):
    """Two kernels of the corpus, one of them sorted by name, and one in the other byte order."""
    path = str(tmp_path / "a.atlas")
    tree = os.path.join(corpus.require_corpus(), "hub", "debian")
    wanted = ("13/s390x", "14/x86_64")
    add_to_atlas(path, [os.path.join(tree, one) for one in wanted])
    assert assert_as_plain(path) == 2
