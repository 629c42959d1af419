"""Results as tables: records, and data frames of pandas and polars."""

from __future__ import annotations

import json
import sys

import pytest

import btfkit
from bpf import cases
from btfkit.btf.build import Builder
from btfkit.errors import UnsupportedError
from btfkit.fleet.matrix import LABELS
from btfkit.show.diff_values import DIFFERENCES
from btfkit.tables import Tabular, table_of
from needs import module

LIBRARIES = ["pandas", "polars"]


def kernel(member: str, *, extra: bool = False):
    b = Builder()
    b.int("int", 4)
    fields = [("flags", 1, 0), (member, 1, 32), *([("more", 1, 64)] if extra else [])]
    b.struct("task", 4 * len(fields), fields)
    b.enum("color", [("RED", 1), ("BLUE", 5)])
    b.func("close_task", b.func_proto(0, [("t", b.ptr(2))]))
    if extra:
        b.struct("fresh", 4, [("x", 1, 0)])
    return b.build()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """Kernels 1.0 to 3.0: a member is renamed, then one is added."""
    hub = tmp_path_factory.mktemp("tables") / "hub"
    folder = hub / "debian" / "12" / "x86_64"
    folder.mkdir(parents=True)
    for version, btf in ("1.0", kernel("state")), ("2.0", kernel("__state")), ("3.0", kernel("__state", extra=True)):
        (folder / f"{version}.btf").write_bytes(btf.to_bytes())
    (folder / "4.0.btf").write_bytes(b"no BTF")
    return hub


@pytest.fixture(scope="module")
def made(hub):
    """One result of every kind; of iterators, what makes one."""
    tmp_path = hub.parent
    old, new = kernel("state"), kernel("__state", extra=True)
    (tmp_path / "prog.bpf.o").write_bytes(cases.object_bytes("fields.el"))
    (tmp_path / "vmlinux").write_bytes(cases.target_bytes("a.x86_64")[0])
    objects = btfkit.load_objects(tmp_path / "prog.bpf.o")
    return {
        "layout": btfkit.layout(new, "task"),
        "layouts": btfkit.Layouts(new),
        "find": lambda: btfkit.find(new, "*"),
        "users": lambda: btfkit.users(new, "struct task"),
        "relocations": btfkit.relocations(objects, btfkit.load(tmp_path / "vmlinux")),
        "offsets": btfkit.kernel_offsets(["task.state,task.__state", "task.more"], [hub], workers=1),
        "history": btfkit.history("task.__state", [hub], workers=1),
        "check": btfkit.check([tmp_path / "prog.bpf.o"], [tmp_path / "vmlinux"], workers=1),
        "diff": btfkit.diff(old, new),
        "kernels": btfkit.diff_kernels(hub / "debian/12/x86_64/1.0.btf", hub / "debian/12/x86_64/3.0.btf", workers=1),
    }


@pytest.fixture
def results(made):
    """The same, with new iterators."""
    return {name: result() if callable(result) else result for name, result in made.items()}


NAMES = ["layout", "layouts", "find", "users", "relocations", "offsets", "history", "check", "diff", "kernels"]


@pytest.mark.parametrize("name", NAMES)
def test_each_result_is_a_table(results, name) -> None:
    assert list(results) == NAMES
    result = results[name]
    assert isinstance(result, Tabular)
    records = result.records()
    assert records
    assert len({tuple(record) for record in records}) == 1
    json.dumps(records)
    for column in records[0]:
        kinds = {type(record[column]) for record in records} - {type(None)}
        assert len(kinds) <= 1, column


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_frames_have_what_the_records_have(made, results, name, library) -> None:
    frames = module(library, "frames")
    frame = getattr(results[name], library)()
    again = made[name]() if callable(made[name]) else made[name]
    records = again.records()
    assert list(frame.columns) == list(records[0])
    assert len(frame) == len(records)
    if library == "polars":
        assert frame.to_dicts() == records
        return
    for column in frame.columns:
        cells = [None if frames.isna(value) else value for value in frame[column]]
        assert cells == [record[column] for record in records]


def test_offsets(results) -> None:
    records = results["offsets"].records()
    assert [(r["path"], r["uname"], r["answer"], r["offset"]) for r in records] == [
        ("task.state", "1.0", "task.state", 4),
        ("task.state", "2.0", "task.__state", 4),
        ("task.state", "3.0", "task.__state", 4),
        ("task.state", "4.0", None, None),
        ("task.more", "1.0", None, None),
        ("task.more", "2.0", None, None),
        ("task.more", "3.0", "task.more", 8),
        ("task.more", "4.0", None, None),
    ]
    assert {r["distro"] for r in records} == {"debian"}
    assert records[4]["absent"] == "task has no member 'more'"
    assert "not BTF" in records[3]["absent"]
    assert records[0]["absent"] == ""


def test_history(results) -> None:
    records = results["history"].records()
    assert [(r["uname"], r["offset"], r["guesses"]) for r in records] == [
        ("1.0", None, ""),
        ("2.0", 4, "renamed from state (int, same type and offset)"),
        ("3.0", 4, ""),
    ]
    assert list(records[0])[2:7] == list(LABELS)


def test_check(results) -> None:
    matrix = results["check"]
    records = matrix.records()
    assert len(records) == len(matrix.programs) * len(matrix.columns)
    for record, program in zip(records, matrix.programs, strict=True):
        assert (record["program"], record["status"]) == (program.name, matrix.status(matrix.programs.index(program), 0))
        assert bool(record["reasons"]) >= (record["status"] == "breaks")


def test_relocations_are_a_list_as_well(results) -> None:
    rows = results["relocations"]
    assert isinstance(rows, list)
    assert [record["answer"] for record in rows.records()] == [row.answer for row in rows]
    assert [record["value"] for record in rows.records()] == [row.value for row in rows]


def test_matches_are_an_iterator_as_well() -> None:
    found = btfkit.find(kernel("state"), "*")
    assert next(found).name == "int"
    names = [one.name for one in btfkit.find(kernel("state"), "*")]
    assert [record["name"] for record in found.records()] == names[1:]
    assert list(found) == []


def test_diffs(results) -> None:
    rows = {(r["kind"], r["name"], r["what"], r["path"]): r for r in results["diff"].records()}
    assert rows["struct", "fresh", "added", ""]["new_size"] == 4
    assert rows["struct", "task", "changed", ""]["old_size"] == 8
    assert rows["struct", "task", "changed", ""]["new_size"] == 12
    assert rows["struct", "task", "renamed", "__state"]["old_name"] == "state"
    assert rows["struct", "task", "added", "more"]["new_offset"] == 8
    assert len(rows) == 4
    assert list(results["diff"].records()[0]) == list(DIFFERENCES)
    records = results["kernels"].records()
    assert [record.pop("module") for record in records] == [""] * 4
    assert records == results["diff"].records()


def test_only_some_layouts(results) -> None:
    layouts = results["layouts"]
    assert [record["owner"] for record in layouts.records([2])] == ["task"] * 3
    for library in LIBRARIES:
        module(library, "frames")
        assert len(getattr(layouts, library)([2])) == 3


class Numbers(Tabular):
    """A column of integers."""

    __slots__ = ("values",)

    def __init__(self, *values: int | None) -> None:
        self.values = values

    def table(self):
        return table_of(["n"], [[value] for value in self.values])


@pytest.mark.parametrize(
    "values",
    [
        (1, None, -3),
        (None, None),
        (),
        (2**64 - 1, 0),
        (2**64 - 1, None),
        (2**64 - 1, -1),
        (-(2**63), 2**63 - 1, None),
        (*[None] * 500, 7),
    ],
)
def test_integers_stay_what_they_are(values) -> None:
    pandas, _ = module("pandas", "frames"), module("polars", "frames")
    numbers = Numbers(*values)
    assert numbers.polars()["n"].to_list() == list(values)
    cells = [None if pandas.isna(value) else value for value in numbers.pandas()["n"]]
    assert cells == list(values)
    assert not any(isinstance(value, float) for value in cells)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_that_is_not_installed(library, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UnsupportedError, match=rf"^{library} is not installed: pip install 'btfkit\[{library}\]'$"):
        getattr(Numbers(1), library)()


def test_what_says_nothing_about_its_table() -> None:
    with pytest.raises(NotImplementedError):
        Tabular().records()
