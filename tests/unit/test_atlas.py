"""An atlas: whatever BTF goes in comes out again, to the byte; damage, other processes and full disks give clear errors."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from errno import ENOSPC

import pytest
from cli_inputs import environment
from hypothesis import given, settings
from hypothesis import strategies as st

import corpus
import strategies
from bpf import cases
from btfkit import Btf, Builder
from btfkit.atlas import addition, database, encode, schema
from btfkit.atlas.columns import ColumnReader, pack_columns
from btfkit.atlas.file import Atlas, Busy
from btfkit.atlas.packs import words_of
from btfkit.errors import AmbiguousError, BtfError, FormatError, NotFoundError, UnsupportedError
from btfkit.fleet.atlas import atlas_order
from btfkit.hot.order import Aligner, Order
from btfkit.hot.record_store import zeros
from small_modules import kernel, module


def parts(uname, arch="x86_64"):
    return "debian", "12", arch, uname


def put(path, uname, btf, modules=None):
    with Atlas.open(str(path), write=True, create=True) as atlas:
        return atlas.add(parts(uname), btf, modules, atlas_order)


def content(path):
    """{uname: (BTF, modules)} of everything in an atlas."""
    with Atlas.open(str(path)) as atlas:
        return {entry.uname: (atlas.get(entry), atlas.modules(entry)) for entry in atlas.entries}


def is_whole(path, uname, part=0):
    with Atlas.open(str(path)) as atlas:
        entry = atlas.entry(uname)
        return bool(atlas.query("SELECT whole FROM packs WHERE kernel = ? AND part = ?", (entry.id, part))[0][0])


# ---- sequences and columns -----------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 30), max_size=40), st.lists(st.integers(1, 40), max_size=40))
def test_a_sequence_comes_back(reference, numbers):
    """Whatever the order, what is missing and what is new: numbers from 31 on are new ones in order, or known to be anything."""
    numbers, reference = words_of(numbers), words_of(reference)
    match = zeros(len(numbers))
    Aligner(41).align(numbers, reference, match)
    assert all(reference[place - 1] == number for number, place in zip(numbers, match, strict=True) if place)
    used = [place for place in match if place]
    assert len(used) == len(set(used))
    written = Order([zeros(0) for _ in range(6)], 31)
    written.add(numbers, reference, match)
    columns = written.columns()
    out = zeros(len(numbers))
    Order(columns, 31).take(out, reference, 41)
    assert list(out) == list(numbers)


def test_pieces_in_any_order_are_written_by_rank():
    reference = words_of(range(1, 101))
    numbers = words_of([*range(51, 101), *range(1, 51), 101, 102])
    match = zeros(len(numbers))
    assert Aligner(103).align(numbers, reference, match) == 3
    written = Order([zeros(0) for _ in range(6)], 101)
    written.add(numbers, reference, match)
    kinds, lengths, starts, gaps, kept, jumps = map(list, written.columns())
    assert (kinds, lengths, starts) == ([0, 0, 2], [2], [])
    assert (gaps, kept) == ([0, 0], [2, 50, 50])
    assert jumps == [2, 1]  # one piece ahead; then back to the only one that is left, one before the end


@given(st.data())
@settings(max_examples=30)
def test_damaged_columns_of_a_sequence_are_refused_or_give_a_sequence(data):
    columns = [words_of(data.draw(st.lists(st.integers(0, 9), max_size=8))) for _ in range(6)]
    out = zeros(data.draw(st.integers(0, 12)))
    try:
        Order(columns, 8).take(out, words_of([1, 2, 3, 4]), 12)
    except ValueError:
        return
    assert all(0 < number < 12 for number in out)


@given(st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=80), min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_columns_come_back(columns, fill):
    columns = [words_of(column) for column in columns]
    dictionary = words_of([fill] * 32 + [number for column in columns for number in column])
    blob = pack_columns(columns, [dictionary] * len(columns))
    reader = ColumnReader(blob, "blob", 1000, len(columns))
    assert [list(reader.take(number, dictionary)) for number in range(len(columns))] == [list(c) for c in columns]
    for end in range(len(blob)):
        with pytest.raises(FormatError):
            ColumnReader(blob[:end], "blob", 1000, len(columns))


def test_a_column_cannot_be_larger_than_allowed():
    blob = pack_columns([zeros(1 << 20)])
    assert len(blob) < 100
    with pytest.raises(FormatError, match="too long"):
        ColumnReader(blob, "blob", 1 << 19, 1)


# ---- what goes in comes out ------------------------------------------------------------------------------------------


@given(st.data())
@settings(max_examples=12, deadline=None)
def test_random_btf_comes_back(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("atlas") / "a.atlas"
    expected = {}
    for number in range(data.draw(st.integers(1, 3))):
        base = data.draw(strategies.btfs("little"))
        modules = [(f"m{n}", data.draw(strategies.btfs("little", base))) for n in range(data.draw(st.integers(0, 2)))]
        put(path, f"6.{number}", base, modules)
        expected[f"6.{number}"] = base.blob, [(name, one.blob) for name, one in modules]
    assert content(path) == expected


@pytest.mark.parametrize("order", ["little", "big"])
def test_kernels_and_modules_share_records(tmp_path, order):
    path = tmp_path / "a.atlas"
    first, second = kernel(order), kernel(order, mutex=64)
    for uname, btf in (("6.1", first), ("6.2", second)):
        split = Btf.from_bytes(module(btf), btf)
        assert put(path, uname, btf, [("my", split), ("other", split)])
    with Atlas.open(str(path)) as atlas:
        records = atlas.query("SELECT part, records FROM packs ORDER BY id")
    total = len(first.positions)
    assert records[0] == (0, total)
    assert records[2] == (0, total)  # a pack that would give so few records is not referred to
    assert records[1][1] > 0
    assert {uname: one[0] for uname, one in content(path).items()} == {"6.1": first.blob, "6.2": second.blob}
    assert content(path)["6.2"][1] == [("my", module(second)), ("other", module(second))]
    assert not is_whole(path, "6.1")
    assert not is_whole(path, "6.2", part=1)


def large(mutex=32, count=400, extra=0):
    """A kernel of so many structs that its pack is referred to."""
    b = Builder()
    number = b.int("int", 4, encoding=1)
    for at in range(count):
        b.struct(f"s{at}", 8, [(f"a{at}", number, 0), ("b", b.ptr(number), 32)])
    b.struct("mutex", mutex, [("owner", number, 0)])
    for at in range(extra):
        b.func(f"f{at}", b.func_proto(number, [("x", number)]))
    return b.build()


def test_only_what_is_new_is_stored(tmp_path):
    path = tmp_path / "a.atlas"
    put(path, "6.1", large())
    put(path, "6.2", large(mutex=64, extra=2))
    with Atlas.open(str(path)) as atlas:
        (first, *_), (second, names, needs, parent) = atlas.query(
            "SELECT records, names, needs, parent FROM packs ORDER BY id"
        )
    assert first == 403  # int, a pointer that is there 400 times, the structs, mutex
    assert (second, names) == (4, 3)  # mutex, the prototype, f0, f1; "f0", "f1", "x"
    assert (needs, parent) == (b"\1\0\0\0", 1)
    assert content(path)["6.2"][0] == large(mutex=64, extra=2).blob


@pytest.mark.parametrize(
    "change",
    [
        lambda blob: blob[:4] + b"\x20\0\0\0" + blob[8:24] + bytes(8) + blob[24:],  # a longer header
        lambda blob: blob + b"\0\0\0\0",
        lambda blob: blob[:3] + b"\1" + blob[4:],  # flags
    ],
    ids=["header", "trailing", "flags"],
)
def test_what_does_not_fit_is_kept_whole(tmp_path, change):
    path = tmp_path / "a.atlas"
    odd = Btf.from_bytes(change(large().blob))
    put(path, "6.1", odd)
    put(path, "6.2", large())
    put(path, "6.3", odd)
    assert [is_whole(path, uname) for uname in ("6.1", "6.2", "6.3")] == [True, False, True]
    assert {uname: one[0] for uname, one in content(path).items()} == {
        "6.1": odd.blob,
        "6.2": large().blob,
        "6.3": odd.blob,
    }


def test_names_inside_of_strings_are_kept_whole(tmp_path):
    blob = large().blob
    words = memoryview(bytearray(blob[24 : 24 + 4 * len(large().words)])).cast("I")
    words[0] += 1  # "nt" of "int"
    odd = Btf.from_bytes(blob[:24] + bytes(words) + blob[24 + 4 * len(words) :])
    put(tmp_path / "a.atlas", "6.1", odd)
    assert is_whole(tmp_path / "a.atlas", "6.1")
    assert content(tmp_path / "a.atlas")["6.1"][0] == odd.blob


def test_modules_of_a_kernel_that_is_kept_whole_and_modules_that_do_not_fit(tmp_path):
    path = tmp_path / "a.atlas"
    base = kernel()
    odd_base = Btf.from_bytes(base.blob + bytes(4))
    good = module(base)
    odd = good + bytes(4)
    mixed = [("good", Btf.from_bytes(good, base)), ("odd", Btf.from_bytes(odd, base))]
    put(path, "6.1", base, mixed)
    put(path, "6.2", odd_base, [("good", Btf.from_bytes(good, odd_base))])
    put(path, "6.3", base, mixed)
    found = content(path)
    assert found["6.1"] == (base.blob, [("good", good), ("odd", odd)]) == found["6.3"]
    assert found["6.2"] == (odd_base.blob, [("good", good)])


def test_a_circle_of_types_without_a_name_is_kept_whole(tmp_path):
    b = Builder()
    b.int("int", 4)
    b.ptr(3)
    b.const(2)
    put(tmp_path / "a.atlas", "6.1", b.build())
    assert is_whole(tmp_path / "a.atlas", "6.1")
    assert content(tmp_path / "a.atlas")["6.1"][0] == b.build().blob


def test_types_with_equal_labels_and_equal_contents(tmp_path):
    b = Builder()
    number = b.int("int", 4)
    wide = b.int("long", 8)
    twins = [b.struct("s", 8, [("x", one, 0)]) for one in (number, wide, number)]
    for at in (2, 0, 1, 1, 2, 0):
        b.typedef(f"t{at}", b.ptr(twins[at]))
    put(tmp_path / "a.atlas", "6.1", b.build())
    put(tmp_path / "a.atlas", "6.2", b.build())
    assert not is_whole(tmp_path / "a.atlas", "6.1")
    assert {one[0] for one in content(tmp_path / "a.atlas").values()} == {b.build().blob}


@pytest.mark.parametrize("case", ["a.x86_64+modules", "a.s390x", "dup.x86_64"])
def test_cases(tmp_path, case):
    blob, modules = cases.target_bytes(case)
    base = Btf.from_bytes(blob)
    put(tmp_path / "a.atlas", "6.1", base, [(name, Btf.from_bytes(data, base)) for name, data in modules.items()])
    assert content(tmp_path / "a.atlas")["6.1"] == (blob, sorted(modules.items()))


@pytest.mark.slow
def test_the_corpus_comes_back(tmp_path):
    path = tmp_path / "a.atlas"
    corpus.require_corpus()
    for uname in corpus.kernels():
        put(path, uname, Btf.from_bytes(corpus.kernel_btf(uname)))
        assert not is_whole(path, uname)
    for uname, (data, _) in content(path).items():
        assert data == corpus.kernel_btf(uname)


def test_the_same_kernels_give_the_same_packs(tmp_path):
    for name in ("a", "b"):
        for number in range(3):
            base = large(mutex=8 * number, extra=number)
            put(tmp_path / name, f"6.{number}", base, [("m", Btf.from_bytes(Builder(base).to_bytes(), base))])
    packs = []
    for name in ("a", "b"):
        with Atlas.open(str(tmp_path / name)) as atlas:
            packs.append(atlas.query("SELECT * FROM packs ORDER BY id"))
    assert packs[0] == packs[1]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# ---- adding ------------------------------------------------------------------------------------------------------------


def test_adding_again_changes_nothing_and_other_bytes_are_refused(tmp_path):
    path = tmp_path / "a.atlas"
    base = kernel()
    split = [("m", Btf.from_bytes(module(base), base))]
    assert put(path, "6.1", base)
    assert not put(path, "6.1", base)
    assert put(path, "6.1", base, split)
    before = path.read_bytes()
    assert not put(path, "6.1", base, split)
    assert not put(path, "6.1", base)
    with pytest.raises(AmbiguousError, match=r"another debian/12/x86_64/6\.1"):
        put(path, "6.1", kernel(mutex=64))
    with pytest.raises(AmbiguousError, match="other modules"):
        put(path, "6.1", base, [])
    assert path.read_bytes() == before


def test_positions_follow_architecture_flavor_and_version(tmp_path):
    unames = ["6.10-amd64", "6.2-amd64", "6.2-cloud-amd64", "6.3-amd64", "6.1-cloud-amd64"]
    for uname in unames:
        put(tmp_path / "a.atlas", uname, kernel())
    with Atlas.open(str(tmp_path / "a.atlas")) as atlas:
        assert [e.uname for e in atlas.entries] == [
            "6.2-amd64",
            "6.3-amd64",
            "6.10-amd64",
            "6.1-cloud-amd64",
            "6.2-cloud-amd64",
        ]


def test_keys(tmp_path):
    put(tmp_path / "a.atlas", "6.1", kernel())
    with Atlas.open(str(tmp_path / "a.atlas"), write=True) as atlas:
        atlas.add(("ubuntu", "22.04", "x86_64", "6.1"), kernel(mutex=8), None, atlas_order)
        assert atlas.entry("debian/12/x86_64/6.1").distro == "debian"
        with pytest.raises(AmbiguousError, match=r"2 kernels are called 6\.1"):
            atlas.entry("6.1")
        with pytest.raises(NotFoundError, match=r"no kernel 6\.2"):
            atlas.entry("6.2")


def test_a_long_chain_stays_small_and_flat(tmp_path, monkeypatch):
    """Kernels beyond the depth of a chain are written against an ancestor, those of another architecture against their own."""
    monkeypatch.setattr(addition, "DEEPEST", 4)
    monkeypatch.setattr(encode, "LEAST_RECORDS", 1)  # otherwise so few records are stored again
    path = tmp_path / "a.atlas"
    expected = {}
    for arch in ("x86_64", "arm64"):
        for number in range(14):
            b = Builder()
            integer = b.int("int", 4, encoding=1)
            for name in range(400):
                size = 8 + 8 * (name <= number)
                b.struct(f"{arch}_{name}", size, [("x", integer, 0), ("y", integer, 32)])
            btf = b.build()
            with Atlas.open(str(path), write=True, create=True) as atlas:
                atlas.add(parts(f"6.{number}", arch), btf, None, atlas_order)
            expected[f"debian/12/{arch}/6.{number}"] = btf.blob
    with Atlas.open(str(path)) as atlas:
        assert {entry.key: atlas.get(entry) for entry in atlas.entries} == expected
        rows = atlas.query("SELECT depth, records, kernel, parent FROM packs ORDER BY id")
    assert max(depth for depth, *_ in rows) == 4
    assert [records for _, records, *_ in rows[1:14]] == [1] * 13
    assert max(records for _, records, *_ in rows[15:]) <= 2
    assert all(parent > 14 for *_, parent in rows[15:])


# ---- errors ------------------------------------------------------------------------------------------------------------


def test_files_that_are_not_atlases(tmp_path):
    path = tmp_path / "a.atlas"
    with pytest.raises(FileNotFoundError, match="No such file"):
        Atlas.open(str(path))
    path.write_bytes(b"")
    with pytest.raises(FormatError, match="empty file"):
        Atlas.open(str(path))
    path.write_bytes(b"\x9f\xeb\1\0" * 50)
    with pytest.raises(FormatError, match="not an atlas: begins with 9f eb"):
        Atlas.open(str(path))
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(FormatError, match="a SQLite file, but not an atlas"):
        Atlas.open(str(path), write=True, create=True)


def test_another_version(tmp_path):
    path = tmp_path / "a.atlas"
    put(path, "6.1", kernel())
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    other.close()
    with pytest.raises(UnsupportedError, match=f"version {schema.VERSION + 1}, expected {schema.VERSION}"):
        Atlas.open(str(path))


def test_cut_short(tmp_path):
    path = tmp_path / "a.atlas"
    put(path, "6.1", large())
    whole = path.read_bytes()
    for size in (20, 99, 100, 5000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(FormatError):
            content(path)


def test_locked(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "LOCK_SECONDS", 0)
    path = tmp_path / "a.atlas"
    put(path, "6.1", kernel())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy, match="another process is writing"):
        put(path, "6.2", kernel(mutex=8))
    other.execute("ROLLBACK")
    other.close()
    assert put(path, "6.2", kernel(mutex=8))


def test_a_full_disk(tmp_path):
    path = tmp_path / "a.atlas"
    put(path, "6.1", kernel())
    with Atlas.open(str(path), write=True) as atlas:
        atlas.query("PRAGMA max_page_count = 1")  # as many as there are
        with pytest.raises(OSError, match="No space left") as caught:
            atlas.add(parts("6.2"), large(count=3000), None, atlas_order)
        assert caught.value.errno == ENOSPC
        assert caught.value.filename == str(path)
    assert list(content(path)) == ["6.1"]
    assert put(path, "6.2", large(count=3000))


KILLED = """
import os, signal, sys
from test_atlas import *
atlas = Atlas.open(sys.argv[1], write=True)
from btfkit.atlas.addition import Addition
Addition.prove = lambda *about: (atlas.query("PRAGMA cache_spill = 1"), os.kill(os.getpid(), signal.SIGKILL))
atlas.query("PRAGMA cache_size = 1")
atlas.add(parts("6.2"), large(count=3000), None, atlas_order)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_killed_while_adding(tmp_path):
    path = tmp_path / "a.atlas"
    put(path, "6.1", kernel())
    tests = [os.path.dirname(__file__), *(one for one in sys.path if "tests" in one)]
    env = environment() | {"PYTHONPATH": os.pathsep.join([environment()["PYTHONPATH"], *tests])}
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], env=env, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (tmp_path / "a.atlas-journal").exists()
    assert list(content(path)) == ["6.1"]
    assert put(path, "6.2", large(count=3000))
    assert content(path)["6.2"][0] == large(count=3000).blob


@pytest.mark.parametrize("seed", range(4))
def test_damage_is_an_error_and_never_other_bytes(tmp_path, seed):
    path = tmp_path / "a.atlas"
    base = large()
    put(path, "6.1", base, [("m", Btf.from_bytes(Builder(base).to_bytes(), base))])
    put(path, "6.2", large(mutex=64, extra=30))
    good, right = path.read_bytes(), content(path)
    chance = random.Random(seed)
    errors = 0
    for _ in range(40):
        bad = bytearray(good)
        for _ in range(chance.choice((1, 8, 64))):
            bad[chance.randrange(100, len(bad))] = chance.randrange(256)
        path.write_bytes(bad)
        try:
            assert {u: one for u, one in content(path).items() if u in right}.items() <= right.items()
        except BtfError:
            errors += 1
    assert errors > 5


@pytest.mark.parametrize("column", ["columns", "texts", "recipe", "needs"])
@pytest.mark.parametrize("value", [b"", b"\0", b"\xff" * 40, None, 7, "text"])
def test_rows_of_another_form(tmp_path, column, value):
    path = tmp_path / "a.atlas"
    put(path, "6.1", large())
    put(path, "6.2", large(mutex=64))
    other = sqlite3.connect(path)
    other.execute("PRAGMA writable_schema = 1")
    try:
        other.execute(f"UPDATE packs SET {column} = ?", (value,))
    except sqlite3.IntegrityError:
        assert value is None
        return
    other.commit()
    other.close()
    if column == "needs" and value == b"":
        with Atlas.open(str(path)) as atlas, pytest.raises(FormatError):
            atlas.get(atlas.entry("6.2"))
        return
    with pytest.raises(FormatError, match="damaged"):
        content(path)


def test_others_read_until_a_kernel_is_committed(tmp_path):
    """However much a kernel changes, the file is locked only at the end."""
    path = tmp_path / "a.atlas"
    put(path, "6.1", large())
    with Atlas.open(str(path), write=True) as writer, Atlas.open(str(path), shared=True) as reader:
        writer.query("BEGIN IMMEDIATE")
        writer.query("CREATE TABLE more AS WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
                     " SELECT zeroblob(1000) FROM n")  # fmt: skip
        assert [entry.uname for entry in reader.entries] == ["6.1"]
        found = []
        thread = threading.Thread(target=lambda: found.append(reader.get(reader.entries[0])))
        thread.start()
        thread.join()
        assert found == [large().blob]
        writer.query("ROLLBACK")
        assert reader.digest(reader.entries[0]) == hashlib.sha256(large().blob).digest()


def test_read_gives_memory_that_cannot_be_written_to(tmp_path):
    """`get` without a copy, of a kernel in either byte order."""
    path = tmp_path / "a.atlas"
    blobs = {order: kernel(order, filler=3).blob for order in ("little", "big")}
    for order, blob in blobs.items():
        put(path, order, Btf.from_bytes(blob))
    with Atlas.open(str(path)) as atlas:
        for order, blob in blobs.items():
            entry = atlas.entry(f"debian/12/x86_64/{order}")
            assert bytes(atlas.read(entry)) == atlas.get(entry) == blob
            assert isinstance(atlas.get(entry), bytes)
            assert memoryview(atlas.read(entry)).readonly
