"""The tables of an atlas: whatever the order of adding, they state which kernels have which definitions."""

from __future__ import annotations

import itertools
import os
import re
import sqlite3
from pathlib import Path

import pytest

import corpus
from btfkit import Btf, Builder, load
from btfkit.atlas import encode, schema
from btfkit.atlas.file import Atlas
from btfkit.cli import main
from btfkit.errors import UnsupportedError
from btfkit.fleet.atlas import add_to_atlas, atlas_order
from btfkit.fleet.history import history, states_of
from btfkit.fleet.history_atlas import atlas_history

ROOT = Path(__file__).resolve().parents[2]


def kernel(number):
    """Kernel `number` of a few whose definitions come, go and come back."""
    b = Builder()
    integer = b.int("int", 4, encoding=1)
    task = [("pid", integer, 0)]
    if number != 2:
        task.append(("state" if number < 2 else "__state", integer, 32))
    inner = b.union("", 8, [("a", integer, 0), ("b", b.ptr(integer), 0)])
    task.append(("", inner, 64))
    b.struct("task", 16, task)
    b.enum("mode", [("OFF", 0), ("ON", -1)])
    b.typedef("pid_t", integer)
    if number in (1, 2, 4):
        b.func("comes_and_goes", b.func_proto(integer, [("x", integer)]))
    return b.build()


COUNT = 5
TRUTH = {
    "comes_and_goes": {1, 2, 4},
    "task": set(range(COUNT)),
    "pid_t": set(range(COUNT)),
}


def make(path, order, **options):
    for number in order:
        with Atlas.open(str(path), write=True, create=True, **options) as atlas:
            atlas.add(("debian", "12", "x86_64", f"6.{number}"), kernel(number), None, atlas_order)
    return path


def rows(path, statement, *values):
    with Atlas.open(str(path)) as atlas:
        return atlas.query(statement, values)


def members_of(path):
    """(kernel, struct, member, place, type, size) of all members."""
    return rows(
        path,
        "SELECT k.uname, m.name, m.member, m.bit_offset, m.bits, m.type, m.size FROM member_history m"
        " JOIN kernels k ON k.pos >= m.lo AND k.pos < m.hi ORDER BY 1, 2, 4, 3",
    )


def expected_members():
    found = []
    for number in range(COUNT):
        btf, uname = kernel(number), f"6.{number}"
        for member in btf.struct("task").members:
            if member.name:
                found.append((uname, "task", member.name, member.bit_offset, 0, "int", 4))
        found += [(uname, "task", "a", 64, 0, "int", 4), (uname, "task", "b", 64, 0, "int *", 8)]
        found += [(uname, "mode", "ON", -1, 0, None, None), (uname, "mode", "OFF", 0, 0, None, None)]
    return sorted(found, key=lambda row: (row[0], row[1], row[3], row[2]))


@pytest.mark.parametrize("order", [*itertools.islice(itertools.permutations(range(COUNT)), 0, 120, 13)], ids=str)
def test_any_order_gives_the_truth(tmp_path, order):
    path = make(tmp_path / "a.atlas", order)
    for name, truth in TRUTH.items():
        found = rows(path, "SELECT kernel FROM presence WHERE name = ? ORDER BY pos", name)
        assert found == [(f"debian/12/x86_64/6.{number}",) for number in sorted(truth)]
    assert members_of(path) == expected_members()
    for lo, hi in rows(path, "SELECT lo, hi FROM definitions"):
        assert lo < hi


def test_an_open_end_and_rows_that_an_addition_leaves_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(encode, "LEAST_RECORDS", 1)  # otherwise so few records are stored again
    path = make(tmp_path / "a.atlas", [0, 1])
    before = rows(path, "SELECT * FROM definitions WHERE hi = ?", schema.OPEN_END)
    make(path, [4])
    kept = set(before) & set(rows(path, "SELECT * FROM definitions"))
    assert len(kept) == len(before) - 1  # the struct whose member was renamed


def test_positions_never_run_out(tmp_path):
    """Each kernel comes right after the one before it, and before a later one: the gap there is soon used up."""
    path = tmp_path / "a.atlas"
    for number in (0, 40, *range(1, 40)):
        with Atlas.open(str(path), write=True, create=True) as atlas:
            atlas.add(("debian", "12", "x86_64", f"6.{number}"), kernel(number % COUNT), None, atlas_order)
    with Atlas.open(str(path)) as atlas:
        entries = atlas.entries
        assert [entry.uname for entry in entries] == [f"6.{number}" for number in range(41)]
        assert [atlas.get(entry) for entry in entries] == [kernel(number % COUNT).blob for number in range(41)]
    for name, truth in TRUTH.items():
        found = rows(path, "SELECT kernel FROM presence WHERE name = ? ORDER BY pos", name)
        assert found == [(f"debian/12/x86_64/6.{number}",) for number in range(41) if number % COUNT in truth]
    for lo, hi in rows(path, "SELECT lo, hi FROM definitions"):
        assert 0 < lo < hi <= schema.OPEN_END


def split(base, number, which):
    """Module `which` of kernel `number`, or None: types and functions that come, go and move from one to the other."""
    b = Builder(base)
    integer = base.find("int").id
    if which == "one":
        if number == 3:
            return None
        b.struct("of_module", 8, [("a", integer, 0), *([("b", integer, 32)] if number > 1 else [])])
        if number != 2:
            b.func("lookup", b.func_proto(integer, [("x", integer)]))
    else:
        b.struct("task", 4, [("odd", integer, 0)])  # vmlinux has another one
        if number == 2:
            b.func("lookup", b.func_proto(integer, [("x", integer)]))
    return Btf.from_bytes(b.to_bytes(), base)


def modules_of(number):
    base = kernel(number)
    found = [(which, split(base, number, which)) for which in ("one", "two")]
    return base, [pair for pair in found if pair[1] is not None] if number != 4 else None


def module_rows(path):
    functions = rows(path, "SELECT kernel, module FROM presence WHERE name = 'lookup' ORDER BY 1, 2")
    members = rows(
        path,
        "SELECT k.uname, m.module, m.name, m.member, m.bit_offset, m.type FROM module_member_history m"
        " JOIN kernels_with_modules k ON k.pos >= m.lo AND k.pos < m.hi ORDER BY 1, 2, 5",
    )
    return functions, members


@pytest.mark.parametrize("order", [*itertools.islice(itertools.permutations(range(COUNT)), 0, 120, 17)], ids=str)
def test_modules_in_any_order_give_the_truth(tmp_path, order):
    """The modules of one kernel are added later than its vmlinux, and one kernel has none."""
    path = tmp_path / "a.atlas"
    late = order[1]
    for number in (*order, late):
        base, modules = modules_of(number)
        with Atlas.open(str(path), write=True, create=True) as atlas:
            given = None if number == late and not atlas.has(_parts(number), modules=False) else modules
            atlas.add(_parts(number), base, given, atlas_order)
    functions, members = module_rows(path)
    owner = {0: "one", 1: "one", 2: "two"}
    assert functions == [(f"debian/12/x86_64/6.{number}", owner[number]) for number in sorted(owner)]
    expected = []
    for number in range(4):
        if number != 3:
            expected.append((f"6.{number}", "one", "of_module", "a", 0, "int"))
        if number == 2:
            expected.append(("6.2", "one", "of_module", "b", 32, "int"))
        expected.append((f"6.{number}", "two", "task", "odd", 0, "int"))
    assert members == expected
    assert members_of(path) == expected_members()
    with Atlas.open(str(path), write=True) as atlas:
        atlas.index()
    assert module_rows(path) == (functions, members)


def _parts(number):
    return "debian", "12", "x86_64", f"6.{number}"


def test_a_function_whose_name_or_types_have_the_mark_of_names(tmp_path):
    """In `spellings`, @ stands for the name of a function."""
    path = tmp_path / "a.atlas"
    b = Builder()
    odd = b.ptr(b.struct("x@y", 0, []))
    b.func("plain", b.func_proto(odd, [("a", odd)]))
    b.func("odd@name", b.func_proto(0, []))
    b.func("long_one", b.func_proto(0, [(f"argument_{number:060}", odd) for number in range(40)]))
    returned = b.ptr(b.func_proto(0, []))
    b.func("table", b.func_proto(returned, []))
    with Atlas.open(str(path), write=True, create=True) as atlas:
        atlas.add(_parts(1), b.build(), None, atlas_order)
    found = dict(rows(path, "SELECT name, declaration FROM functions"))
    assert found["plain"] == r"struct x\x40y *plain(struct x\x40y *a)"
    assert found["odd@name"] == "void odd@name(void)"
    assert found["table"] == "void (*table(void))(void)"
    assert found["long_one"].startswith(r"void long_one(struct x\x40y *argument_0000")
    assert found["long_one"].endswith("\N{HORIZONTAL ELLIPSIS}")


def test_the_index_can_be_made_again(tmp_path):
    path = make(tmp_path / "a.atlas", [3, 0, 4, 1, 2])
    found = members_of(path), rows(path, "SELECT name, kernel FROM presence ORDER BY 1, 2")
    size = os.path.getsize(path)
    with Atlas.open(str(path), write=True) as atlas:
        atlas.index(tables=False)
        assert not atlas.has_tables
        assert os.path.getsize(path) < size
        assert [atlas.get(entry) for entry in atlas.entries] == [kernel(number).blob for number in range(COUNT)]
        atlas.index()
        assert atlas.has_tables
    assert (members_of(path), rows(path, "SELECT name, kernel FROM presence ORDER BY 1, 2")) == found


def test_without_tables(tmp_path):
    path = make(tmp_path / "a.atlas", [0, 1], tables=False)
    with Atlas.open(str(path), write=True) as atlas:
        assert not atlas.has_tables
        assert atlas.query("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1") == [
            ("kernels",),
            ("meta",),
            ("packs",),
        ]
        atlas.index()
    make(path, [2])
    assert len(rows(path, "SELECT * FROM presence WHERE name = 'task'")) == 3


def test_a_kernel_that_is_kept_whole_has_no_definitions(tmp_path):
    path = make(tmp_path / "a.atlas", [0, 4])
    with Atlas.open(str(path), write=True) as atlas:
        odd = Btf.from_bytes(kernel(1).blob + bytes(4))
        atlas.add(("debian", "12", "x86_64", "6.2"), odd, None, atlas_order)
    found = rows(path, "SELECT kernel FROM presence WHERE name = 'task' ORDER BY pos")
    assert found == [("debian/12/x86_64/6.0",), ("debian/12/x86_64/6.4",)]


def test_names_that_are_not_utf_8(tmp_path):
    path = tmp_path / "a.atlas"
    b = Builder()
    b.struct(b"\xff\xfe'; DROP TABLE kernels --".decode("utf-8", "surrogateescape"), 0, [])
    with Atlas.open(str(path), write=True, create=True) as atlas:
        atlas.add(("debian", "12", "x86_64", "6.1"), b.build(), None, atlas_order)
    assert rows(path, "SELECT name FROM types") == [("\\udcff\\udcfe'; DROP TABLE kernels --",)]


def test_the_sql_of_the_document_runs(tmp_path):
    """Each example gives rows on the kernel in tests/data, with a module, and a later one without a function."""
    path = tmp_path / "kernels.atlas"
    btf = load(ROOT / "tests" / "data" / "vmlinux-6.12.107+deb13-amd64.btf.xz")
    with Atlas.open(str(path), write=True, create=True) as atlas:
        b = Builder(btf)
        integer = btf.find("int").id
        b.struct("flow_offload_work", 16, [("cmd", integer, 0), ("priority", integer, 32)])
        b.func("bpf_xdp_flow_lookup", b.func_proto(integer, [("ctx", integer)]))
        module = Btf.from_bytes(b.to_bytes(), btf)
        atlas.add(("debian", "13", "x86_64", "6.12.107"), btf, [("nf_flow_table", module)], atlas_order)
        atlas.add(("debian", "13", "x86_64", "6.13"), kernel(4), None, atlas_order)
    examples = re.findall(r"^```sql\n(.*?)^```", (ROOT / "docs" / "atlas.md").read_text(), re.M | re.S)
    assert len(examples) >= 9
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    for example in examples:
        assert database.execute(example).fetchall(), example
    (row,) = database.execute(examples[0]).fetchall()
    place = btf.struct("task_struct").offset("pid") if hasattr(btf.struct("task_struct"), "offset") else row[1]
    assert row == ("debian/13/x86_64/6.12.107", place, "pid_t")
    database.close()


HUB = (
    "task_struct.pid",
    "task_struct.__state",
    "sk_buff",
    "tcp_sendmsg",
    "bpf_task_acquire",
    "list_head",
    "pid_type",
    "nothing",
)


@pytest.mark.slow
def test_the_history_of_an_atlas_is_that_of_its_kernels(tmp_path):
    """On all kernels of the corpus; guesses are of the kernels only."""
    tree = os.path.join(corpus.require_corpus(), "hub")
    path = str(tmp_path / "a.atlas")
    add_to_atlas(path, [tree])
    for name in HUB:
        ours, theirs = atlas_history(path, name), history(name, [path], guesses=False, workers=1)
        for line in theirs.lines:
            line.states = [state and state._replace(elsewhere="") for state in line.states]
        assert [line.states for line in ours.lines] == [line.states for line in theirs.lines]
        assert [column.key for column in ours.columns] == [column.key for column in theirs.columns]


def test_a_struct_that_is_contained_by_name_may_change_its_size(tmp_path):
    """The definition that contains it is the same record in both kernels."""
    path = tmp_path / "a.atlas"
    for number, size in enumerate((4, 8)):
        b = Builder()
        integer = b.int("int", 4, encoding=1)
        inner = b.struct("inner", size, [("x", integer, 0)])
        b.struct("outer", 64, [("one", inner, 0), ("two", b.array(inner, integer, 2), 64)])
        with Atlas.open(str(path), write=True, create=True) as atlas:
            atlas.add(("debian", "12", "x86_64", f"6.{number}"), b.build(), None, atlas_order)
    for name in ("outer.one", "outer.two", "outer"):
        assert str(atlas_history(path, name).lines[0].states) == str(
            history(name, [path], guesses=False).lines[0].states
        )
    assert [state.size for state in atlas_history(path, "outer.two").lines[0].states] == [8, 16]


@pytest.mark.parametrize(
    "name", ["task", "task.__state", "task.state", "task.nothing", "list_head", "start", "nothing"]
)
def test_a_kernel_that_is_kept_whole_has_a_history(tmp_path, name):
    """It is not in the tables: what it has is read, and nothing is said to be absent that it has."""
    path = make(tmp_path / "a.atlas", [0, 4])
    with Atlas.open(str(path), write=True) as atlas:
        odd = Btf.from_bytes(kernel(1).blob + bytes(4))
        atlas.add(("debian", "12", "x86_64", "6.2"), odd, None, atlas_order)
    ours, theirs = atlas_history(path, name), history(name, [path], guesses=False, workers=1)
    for line in theirs.lines:
        line.states = [state and state._replace(elsewhere="") for state in line.states]
    assert [line.states for line in ours.lines] == [line.states for line in theirs.lines]
    for line in ours.lines:
        assert bool(line.states[1]) == bool(states_of(kernel(1), name).get(line.kind))


def test_modules_that_are_all_kept_whole_have_a_history(tmp_path):
    path = make(tmp_path / "a.atlas", [0])
    with Atlas.open(str(path), write=True) as atlas:
        base = Btf.from_bytes(kernel(1).blob + bytes(4))
        b = Builder(base)
        b.struct("driver", 8, [("x", base.find_id("int"), 0)])
        modules = [("one", Btf.from_bytes(b.to_bytes(), base))]
        atlas.add(("debian", "12", "x86_64", "6.2"), base, modules, atlas_order)
    assert atlas_history(path, "task")
    with pytest.raises(UnsupportedError, match="modules that are kept whole"):
        atlas_history(path, "driver")


@pytest.mark.parametrize("name", ["task.a.b", "pid_t", "pid_t.x", "task[1]"])
def test_what_only_kernels_can_answer(tmp_path, name):
    path = make(tmp_path / "a.atlas", [0])
    with pytest.raises(UnsupportedError):
        atlas_history(path, name)


def test_history_without_tables(tmp_path, capsys):
    path = make(tmp_path / "a.atlas", [0, 4], tables=False)
    with pytest.raises(UnsupportedError, match="no tables"):
        atlas_history(path, "task.pid")
    assert main(["history", "-q", "task.__state", "--atlas", str(path)]) == 0
    said = capsys.readouterr().out
    assert main(["atlas", "index", "-q", str(path)]) == 0
    assert main(["history", "-q", "task.__state", "--atlas", str(path), "--no-guesses"]) == 0
    assert "at 4, 4 bytes, int" in said
    assert "at 4, 4 bytes, int" in capsys.readouterr().out
    assert main(["history", "-q", "task.nothing", "--atlas", str(path)]) == 1
    assert main(["atlas", "index", "-q", str(path), "--no-tables"]) == 0
