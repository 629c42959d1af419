"""`btfkit history`: members, types and functions on many kernels, as time lines."""

from __future__ import annotations

import json

import pytest
from cli_inputs import run

import kernel_trees
from btfkit.btf.build import Builder
from btfkit.fleet.history import history
from needs import module


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    kernel_trees.fill(tmp_path)
    monkeypatch.chdir(tmp_path)


def lines(capsys, name, *words, status=0):
    said = run(capsys, "history", name, "--kernels", "hub", *words)
    assert said.status == status, said.err
    return said.out.splitlines()


def test_renamed_member(capsys) -> None:
    """What the member was called before is a guess, and is said to be one."""
    assert lines(capsys, "task.__state") == [
        "task.__state: member",
        "  debian arm64, debian x86_64 cloud",
        "    6.1.0-47-arm64, 6.1.0-47-cloud-amd64",
        "        at 16, 4 bytes, int",
        "  debian x86_64",
        "    5.10.0-8-amd64",
        "        absent: task has no member '__state'",
        "    6.1.0-9-amd64 ... 6.12.0-1-amd64 (3 kernels)",
        "        at 16, 4 bytes, int",
        "          guess: renamed from state (int, same type and offset)",
    ]
    said = lines(capsys, "task.state")
    assert "          guess: renamed to __state (int, same type and offset)" in said
    assert said[1] == "  debian arm64, debian x86_64 cloud"  # which have no kernel with the old name
    assert said[4] == "          guess: it is __state (int), as on other kernels"


def test_moved_member(capsys) -> None:
    """Into a struct that is embedded, and out of the one around it."""
    found = lines(capsys, "task.cpu")
    at = found.index("    6.12.0-1-amd64")
    assert found[at : at + 3] == [
        "    6.12.0-1-amd64",
        "        absent: task has no member 'cpu'",
        "          guess: now info.cpu (struct thread_info)",
    ]
    found = lines(capsys, "thread_info.cpu")
    at = found.index("    6.12.0-1-amd64")
    assert found[at : at + 3] == [
        "    6.12.0-1-amd64",
        "        at 8, 4 bytes, int",
        "          guess: was cpu of struct task, which contains struct thread_info",
    ]
    assert "          moved, 24 -> 32" in lines(capsys, "task.pid")


def test_type(capsys) -> None:
    found = lines(capsys, "struct task")
    at = found.index("  debian x86_64")
    assert found[at:] == [
        "  debian x86_64",
        "    5.10.0-8-amd64",
        "        32 bytes, 5 members",
        "    6.1.0-9-amd64 ... 6.1.0-47-amd64",
        "        40 bytes, 5 members",
        "          32 -> 40 bytes",
        "          > 2 members +8 bytes",
        "          guess: state renamed to __state",
        "    6.12.0-1-amd64",
        "        40 bytes, 4 members",
        "          - cpu: int",
        "  debian x86_64 cloud",
        "    6.1.0-47-cloud-amd64",
        "        56 bytes, 5 members",
    ]
    assert "          > ON +1" in lines(capsys, "mode")
    assert lines(capsys, "gone")[-4:] == [
        "    5.10.0-8-amd64 ... 6.1.0-47-amd64 (3 kernels)",
        "        8 bytes, 1 member",
        "    6.12.0-1-amd64",
        "        absent: nothing has this name",
    ]


def test_function(capsys) -> None:
    found = lines(capsys, "wake")
    assert "        int wake(struct task *task, int how)" in found
    assert (
        found[found.index("        int wake(struct task *task, int how)") + 1]
        == "          was int wake(struct task *task)"
    )


def test_renamed_struct(capsys, tmp_path) -> None:
    """The kernels on both sides of the change are compared by the names of members."""
    for uname, name in (("6.1.0-1-amd64", "old_name"), ("6.1.0-2-amd64", "fresh")):
        b = Builder()
        number = b.int("int", 4)
        b.struct(name, 16, [("a", number, 0), ("b", number, 32), ("c", number, 64), ("d", number, 96)])
        b.struct("other", 4, [("a", number, 0)])
        (tmp_path / f"{uname}.btf").write_bytes(b.to_bytes())
    kernels = ["6.1.0-1-amd64.btf", "6.1.0-2-amd64.btf"]
    said = run(capsys, "history", "fresh", "--kernels", *kernels)
    assert "guess: renamed from old_name (100% of the members are called the same)" in said.out
    assert "guess: renamed to fresh" in run(capsys, "history", "old_name", "--kernels", *kernels).out
    assert "guess" not in run(capsys, "history", "fresh", "--no-guesses", "--kernels", *kernels).out


def test_nothing(capsys) -> None:
    said = run(capsys, "history", "struct tusk", "--kernels", "hub")
    assert (said.status, said.out) == (1, "")
    assert said.err == "btfkit history: no kernel has struct tusk: no type called 'struct tusk'; did you mean 'task'?\n"
    said = run(capsys, "history", "task.pidd", "--kernels", "hub")
    assert said.status == 1
    assert "did you mean 'pid'" in said.err
    for words in ([], ["a", "b", "--kernels", "hub"], ["a..b", "--kernels", "hub"]):
        assert run(capsys, "history", *words).status == 2
    assert run(capsys, "history", "a", "--kernels", "nowhere").status == 3


def test_modules(capsys) -> None:
    """Which module has a function or type."""
    said = run(capsys, "history", "conn_get", "--kernels", "tree")
    assert "        struct conn *conn_get(int mark), in conn" in said.out
    assert "24 bytes, 2 members, in conn" in run(capsys, "history", "conn", "--kernels", "tree").out
    assert "at 8, 4 bytes, int, in conn" in run(capsys, "history", "conn.mark", "--kernels", "tree").out


def test_json(capsys) -> None:
    data = json.loads("\n".join(lines(capsys, "task.low", "--json")))
    assert (data["schema"], data["name"], len(data["kernels"])) == (1, "task.low", 6)
    (line,) = data["lines"]
    assert line["kind"] == "member"
    assert line["spans"][0]["state"] == {"text": "int", "offset": 20, "bit": 0, "bits": 3, "size": 4}
    assert line["spans"][0]["series"] == {"distro": "debian", "arch": "arm64", "flavor": ""}
    assert sorted(column for span in line["spans"] for column in span["kernels"]) == list(range(6))
    data = json.loads("\n".join(lines(capsys, "mode", "--json")))
    assert data["lines"][0]["spans"][0]["state"] == {"size": 4, "enumerators": {"OFF": 0, "ON": 1}}
    data = json.loads("\n".join(lines(capsys, "thread_info", "--json")))
    assert data["lines"][0]["spans"][0]["state"]["members"] == [
        {"name": "flags", "bit_offset": 0, "type": "unsigned long", "bits": 64}
    ]


def test_unreadable_kernel(capsys, tmp_path) -> None:
    (tmp_path / "hub/debian/12/x86_64/6.1.0-50-amd64.btf").write_bytes(b"\x9f\xeb\x01\0")
    said = run(capsys, "history", "task.pid", "--kernels", "hub")
    assert said.status == 3
    assert "6.1.0-50-amd64.btf" in said.err
    assert "at 32, 4 bytes" in said.out


def test_page(capsys, tmp_path) -> None:
    module("jinja2")
    lines(capsys, "task.pid", "--html", "page.html")
    first = (tmp_path / "page.html").read_bytes()
    assert b"History of task.pid" in first
    lines(capsys, "task.pid", "--html", "page.html", "-j", "2")
    assert (tmp_path / "page.html").read_bytes() == first
    assert run(capsys, "history", "task", "--kernels", "hub", "--html", "-").out.startswith("<!DOCTYPE html>")


def test_colours(capsys) -> None:
    found = lines(capsys, "task", "--color", "always")
    assert found[0] == "\x1b[1mtask: struct\x1b[0m"
    assert any(line.startswith(("\x1b[32m", "\x1b[31m")) for line in found)


def test_workers_do_not_matter() -> None:
    for name in ("task.__state", "task", "gone"):
        one, two = (history(name, ["hub", "tree"], workers=workers) for workers in (1, 2))
        for left, right in zip(one.lines, two.lines, strict=True):
            assert left.states == right.states
            assert [(span.columns, span.changes, span.guesses) for span in left.spans] == [
                (span.columns, span.changes, span.guesses) for span in right.spans
            ]
