"""`find`, `offset`, `layout` and `history` of a kernel's directory, with its modules, and of the running kernel."""

from __future__ import annotations

import json

import pytest
from cli_inputs import run

import kernel_trees
from btfkit.cli import kernels
from needs import module

HERE = f"tree/{kernel_trees.AMD64[1]}"


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    kernel_trees.fill(tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def running(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(kernels, "RUNNING", str(tmp_path / HERE))


def test_find(capsys) -> None:
    """Which module has the type or function."""
    said = run(capsys, "find", HERE, "conn*")
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines() == [
        "[11] struct conn: 24 bytes [conn]",
        "[14] function struct conn *conn_get(int mark) [conn]",
    ]
    assert "[6] member struct conn.mark: int, at 8 [conn]" not in said.out
    assert "member struct conn.mark: int, at 8 [conn]" in run(capsys, "find", HERE, "mark").out
    assert run(capsys, "find", HERE, "task", "--kind", "struct").out.count("\n") == 1
    data = json.loads(run(capsys, "find", HERE, "/^conn_get$/", "--json").out)
    assert [(one["name"], one["module"]) for one in data["found"]] == [("conn_get", "conn")]
    said = run(capsys, "find", HERE, "nobody")
    assert (said.status, said.out) == (1, "")
    assert f"nothing in {HERE} matches 'nobody'" in said.err


def test_users(capsys) -> None:
    said = run(capsys, "find", HERE, "--users", "struct task")
    assert "member struct conn.task: struct task *, at 16 [conn]" in said.out
    assert "function int wake(struct task *task)\n" in said.out


def test_offset(capsys) -> None:
    said = run(capsys, "offset", HERE, "conn.mark", "task.pid", "other.a")
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines() == [
        "conn.mark  8   4 bytes  int [conn]",
        "task.pid   32  4 bytes  int",
        "other.a    0   4 bytes  int [other]",
    ]
    assert json.loads(run(capsys, "offset", HERE, "conn.mark", "--json").out)["places"][0]["module"] == "conn"
    assert "no struct, union or typedef called 'nope'" in run(capsys, "offset", HERE, "nope.a").err
    assert run(capsys, "offset", HERE, "conn.nope").status == 3


def test_modules_that_disagree(capsys, tmp_path) -> None:
    """Two modules with structs of one name: no answer is better than one of two."""
    import btfkit
    from btfkit.btf.build import Builder

    base = btfkit.load(tmp_path / HERE / "vmlinux")
    for name, place in ("one", 0), ("two", 64):
        b = Builder(base)
        b.struct("private", 16, [("x", base.find_id("int"), place)])
        (tmp_path / HERE / name).write_bytes(b.to_bytes())
    said = run(capsys, "offset", HERE, "private.x")
    assert said.status == 3
    assert "2 modules disagree about private.x (one: 0, two: 8)" in said.err
    assert "2 modules disagree" in run(capsys, "offset", "private.x", "--kernels", HERE).out
    assert "in 2 modules (one, two)" in run(capsys, "layout", HERE, "private").err
    assert run(capsys, "find", HERE, "private").out.count("struct private: 16 bytes") == 2


def test_layout(capsys) -> None:
    said = run(capsys, "layout", HERE, "conn", "task")
    assert said.status == 0
    assert said.err == "btfkit layout: in module conn\n"
    assert "struct conn {" in said.out
    assert "struct task {" in said.out
    assert run(capsys, "layout", HERE, "task", "-q").err == ""
    assert "task\t40\t" in run(capsys, "layout", HERE, "-s").out
    module("jinja2")
    assert run(capsys, "layout", HERE, "conn", "--html", "-").out.startswith("<!DOCTYPE html>")


def test_mistakes(capsys) -> None:
    for words in (
        ["find", HERE, "x", "-B", "y"],
        ["offset", HERE, "x.y", "--id", "3"],
        ["layout", HERE, "x", "-B", "y"],
    ):
        assert run(capsys, *words).status == 2, words
    for command, name in ("find", "x"), ("offset", "x.y"), ("layout", "x"):
        said = run(capsys, command, "tree", name)
        assert said.status == 3
        assert "3 kernels" in said.err
        (said,) = (run(capsys, command, "hub/debian/11/empty/", name),)
        assert said.status == 3


def test_unreadable_module(capsys, tmp_path) -> None:
    (tmp_path / HERE / "conn").write_bytes(b"\x9f\xeb\x01\0conn\0")
    for words in (["find", HERE, "conn"], ["offset", HERE, "task.pid", "conn.mark"]):
        said = run(capsys, *words)
        assert said.status == 3
        assert "conn" in said.err


# ---- the running kernel ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("running")
def test_running_kernel(capsys) -> None:
    assert "[conn]" in run(capsys, "find", "conn_get").out
    assert run(capsys, "offset", "task.pid", "conn.mark", "--plain").out == "32\n8\n"
    assert "struct task {" in run(capsys, "layout", "task").out
    assert "int wake(struct task *task)" in run(capsys, "history", "wake").out
    assert "task\t40\t" in run(capsys, "layout", "-s").out
    assert "task.pid" in run(capsys, "offset", "task.pid", "--format", "csv").out


@pytest.mark.usefixtures("running")
def test_file_or_name(capsys, tmp_path) -> None:
    """A word is a file if there is one; a mistyped file is still reported as one."""
    (tmp_path / "task").write_bytes((tmp_path / HERE / "vmlinux").read_bytes())
    assert run(capsys, "layout", "task", "mode").status == 3  # the file has no struct mode
    assert "No such file" in run(capsys, "layout", "vmlinx", "task").err
    assert "No such file" in run(capsys, "offset", "vmlinx.btf", "task.pid").err
    assert "No such file" in run(capsys, "layout", "./vmlinx", "task").err
    assert "no struct or union called 'vmlinx'" in run(capsys, "layout", "vmlinx").err
    assert run(capsys, "offset", HERE).status == 2
    assert run(capsys, "find", f"{HERE}/vmlinux").status == 2


def test_no_running_kernel(capsys, monkeypatch) -> None:
    monkeypatch.setattr(kernels, "RUNNING", "/nowhere")
    for words in ["find", "x"], ["history", "x"], ["layout"]:
        said = run(capsys, *words)
        assert said.status == 3, words
        assert said.err == "btfkit: no FILE, and the running kernel has no BTF (/nowhere/vmlinux)\n"
    assert "No such file" in run(capsys, "layout", "x").err
