"""`btfkit diff`."""

from __future__ import annotations

import json

import cli_inputs
import pytest
from cli_inputs import run, start

from btfkit.btf.build import Builder
from objects import Program


def kernel(extra: bool) -> Builder:
    b = Builder()
    b.int("int", 4, encoding=1)
    b.int("long", 8, encoding=1)
    b.struct("both", 4, [("a", 1, 0)])
    b.struct("grows", 16 if extra else 8, [("a", 2, 0), *([("b", 1, 64)] if extra else [])])
    b.typedef("came_t" if extra else "went_t", 1)
    return b


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    for name, extra in (("old", False), ("new", True)):
        base = kernel(extra).build()
        (tmp_path / name).write_bytes(base.to_bytes())
        top = Builder(base)
        top.struct("mine", 8 * (1 + extra), [("g", base.find("struct grows").id, 0)])
        (tmp_path / f"{name}.mod").write_bytes(top.to_bytes())
    monkeypatch.chdir(tmp_path)


TEXT = """--- old
+++ new

                  same   changed     added   removed
structs              1         1         0         0
typedefs             0         0         1         1
integers             2         0         0         0

layout: 1 type changed size

changed structs (1)

struct grows: 8 -> 16 bytes, padding 0 -> 4
  + b                            int, at 8, 4 bytes

added typedefs (1)
  + came_t

removed typedefs (1)
  - went_t
"""


def test_text(capsys) -> None:
    said = run(capsys, "diff", "old", "new")
    assert (said.status, said.out, said.err) == (1, TEXT, "")
    same = run(capsys, "diff", "old", "old")
    assert same.status == 0
    assert "no difference" in same.out
    assert run(capsys, "diff", "old", "new", "--summary").out == TEXT.partition("\n\nchanged")[0] + "\n"
    assert run(capsys, "diff", "old", "new", "-q").out == ""
    assert run(capsys, "diff", "old", "new", "-q").status == 1


def test_names_and_kinds(capsys) -> None:
    assert run(capsys, "diff", "old", "new", "-C", "both").status == 0
    assert "struct grows" in run(capsys, "diff", "old", "new", "-C", "struct grows").out
    assert "came_t" not in run(capsys, "diff", "old", "new", "--kind", "struct").out
    said = run(capsys, "diff", "old", "new", "-C", "nobody")
    assert said.status == 3
    assert "'nobody'" in said.err


def test_modules(capsys) -> None:
    said = run(capsys, "diff", "old.mod", "new.mod", "-B", "old", "--base-b", "new")
    assert said.status == 1
    assert "struct mine: 8 -> 16 bytes" in said.out
    assert "grows" in said.out
    assert run(capsys, "diff", "old.mod", "old.mod", "-B", "old").status == 0
    assert "-B" in run(capsys, "diff", "old.mod", "new.mod").err


def test_json(capsys, tmp_path) -> None:
    data = json.loads(run(capsys, "diff", "old", "new", "--json").out)
    assert data["counts"]["struct"] == {"same": 1, "changed": 1, "added": 0, "removed": 0}
    assert data["added"] == [{"kind": "typedef", "name": "came_t", "id": 5, "size": 4, "text": "int"}]
    assert run(capsys, "diff", "old", "new", "--json", "-o", "out").out == ""
    assert json.loads((tmp_path / "out").read_text()) == data


def test_html(capsys, tmp_path) -> None:
    said = run(capsys, "diff", "old", "new", "--html", "out.html")
    assert (said.status, said.err) == (1, "out.html: 1 changed, 1 added, 1 removed\n")
    assert b"struct grows" not in (tmp_path / "out.html").read_bytes()  # the name is in the data
    assert b'"grows"' in (tmp_path / "out.html").read_bytes()


@pytest.mark.parametrize(
    "words", [["old"], ["old", "new", "old"], ["old", "new", "--kind", "x"], ["old", "new", "--json", "--summary"]]
)
def test_usage(capsys, words) -> None:
    assert run(capsys, "diff", *words).status == 2


def test_used_by(capsys, tmp_path) -> None:
    cli_inputs.fill(tmp_path)
    everything = json.loads(run(capsys, "diff", "vmlinux", "other", "--json").out)
    said = run(capsys, "diff", "vmlinux", "other", "--used-by", "fields.bpf.o", "--json")
    read = json.loads(said.out)
    assert said.status == 1
    names = {(one["kind"], one["name"]) for one in read["changed"]}
    assert names
    assert names < {(one["kind"], one["name"]) for one in everything["changed"]}
    for one in read["changed"]:
        whole = next(c for c in everything["changed"] if (c["kind"], c["name"]) == (one["kind"], one["name"]))
        assert len(one["changes"]) <= len(whole["changes"])
    assert run(capsys, "diff", "vmlinux", "vmlinux", "--used-by", "fields.bpf.o").status == 0


def test_closed_pipe(tmp_path) -> None:
    b = Builder()
    b.int("char", 1)
    for number in range(20000):
        b.struct(f"s_{number}", 1, [("c", 1, 0)])
    (tmp_path / "big").write_bytes(b.to_bytes())
    process = start(["diff", "old", "big"])
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == b"--- old\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0
    process.stderr.close()


def test_what_programs_attach_to(tmp_path, capsys) -> None:
    """Programs read arguments by their number: changed prototypes count, of what they attach to alone."""

    def having(*arguments):
        b = Builder()
        number = b.int("int", 4, encoding=1)
        b.func("vfs_read", b.func_proto(number, [(name, number) for name in arguments]), linkage=1)
        b.func("vfs_write", b.func_proto(number, [(name, number) for name in arguments]), linkage=1)
        b.typedef("btf_trace_sched_switch", b.ptr(b.func_proto(0, [(name, number) for name in ("data", *arguments)])))
        b.typedef("btf_trace_sched_wakeup", b.ptr(b.func_proto(0, [(name, number) for name in ("data", *arguments)])))
        return b.to_bytes()

    program = Program()
    program.types.int("int", 4)
    program.begin("fexit/vfs_read")
    program.begin("tp_btf/sched_switch")
    program.begin("xdp")
    (tmp_path / "prog.bpf.o").write_bytes(program.elf())
    (tmp_path / "a").write_bytes(having("first", "second"))
    (tmp_path / "b").write_bytes(having("first", "flags", "second"))
    said = run(capsys, "diff", "a", "b", "--used-by", "prog.bpf.o", "--json")
    assert said.status == 1
    assert {row["name"] for row in json.loads(said.out)["changed"]} == {"vfs_read", "btf_trace_sched_switch"}
    shown = run(capsys, "diff", "a", "b", "--used-by", "prog.bpf.o").out
    assert "  - int vfs_read(int first, int second)\n  + int vfs_read(int first, int flags, int second)\n" in shown
    assert run(capsys, "diff", "a", "a", "--used-by", "prog.bpf.o").status == 0
