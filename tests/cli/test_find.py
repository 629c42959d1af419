"""`btfkit find` and `btfkit offset`."""

from __future__ import annotations

import json

import pytest
from cli_inputs import run, start

from btfkit.btf.build import Builder


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    b = Builder()
    b.int("int", 4, encoding=1)
    b.struct("file", 16, [("f_count", 1, 0), ("f_next", 3, 64)])
    b.ptr(2)
    b.func("file_open", b.func_proto(1, [("file", 3)]))
    base = b.build()
    (tmp_path / "vmlinux").write_bytes(base.to_bytes())
    top = Builder(base)
    top.struct("mine", 24, [("file", 2, 0), ("low", 1, 128, 5)])
    (tmp_path / "module").write_bytes(top.to_bytes())
    monkeypatch.chdir(tmp_path)


def test_find(capsys) -> None:
    said = run(capsys, "find", "vmlinux", "f*")
    assert (said.status, said.err) == (0, "")
    assert said.out == (
        "[2] struct file: 16 bytes\n"
        "[2] member struct file.f_count: int, at 0\n"
        "[2] member struct file.f_next: struct file *, at 8\n"
        "[5] function int file_open(struct file *file)\n"
    )
    assert run(capsys, "find", "vmlinux", "f*", "--kind", "function").out == said.out.splitlines(True)[-1]


def test_nothing(capsys) -> None:
    said = run(capsys, "find", "vmlinux", "nobody")
    assert (said.status, said.out) == (1, "")
    assert "nothing in vmlinux matches 'nobody'" in said.err
    assert run(capsys, "find", "vmlinux", "nobody", "-q").err == ""
    assert run(capsys, "find", "vmlinux", "/[/").status == 3
    assert run(capsys, "find", "vmlinux", "a", "b").status == 2


def test_users(capsys) -> None:
    said = run(capsys, "find", "--users", "vmlinux", "struct file")
    assert said.out == (
        "[2] member struct file.f_next: struct file *, at 8\n[5] function int file_open(struct file *file)\n"
    )
    assert run(capsys, "find", "--users", "vmlinux", "nobody").status == 1


def test_module(capsys) -> None:
    said = run(capsys, "find", "-B", "vmlinux", "module", "file")
    assert said.out == "[6] member struct mine.file: struct file, at 0\n"
    assert run(capsys, "find", "-B", "vmlinux", "module", "file", "--all").out.startswith("[2] struct file")
    assert "--all" in run(capsys, "find", "-B", "vmlinux", "module", "file_open").err
    assert run(capsys, "find", "-B", "vmlinux", "module", "--users", "struct file", "-a").out.count("\n") == 3


def test_json(capsys) -> None:
    data = json.loads(run(capsys, "find", "vmlinux", "file", "--json").out)
    assert data["schema"] == 1
    assert data["found"] == [{"kind": "struct", "name": "file", "id": 2, "size": 16}]
    assert json.loads(run(capsys, "find", "vmlinux", "nobody", "--json").out)["found"] == []


def test_offset(capsys) -> None:
    said = run(capsys, "offset", "module", "-B", "vmlinux", "mine.file.f_next", "mine.low", "file")
    assert (said.status, said.err) == (0, "")
    assert said.out == (
        "mine.file.f_next  8   8 bytes            struct file *\n"
        "mine.low          16  5 bits from bit 0  int\n"
        "file              0   16 bytes           struct file\n"
    )
    assert run(capsys, "offset", "vmlinux", "file.f_next", "file", "--plain").out == "8\n0\n"
    data = json.loads(run(capsys, "offset", "vmlinux", "file.f_next", "--json").out)
    assert data["places"] == [
        {"path": "file.f_next", "offset": 8, "size": 8, "type": "struct file *", "type_id": 3, "root_id": 2}
    ]


def test_no_offset(capsys) -> None:
    said = run(capsys, "offset", "vmlinux", "file.f_count", "file.f_next.f_count")
    assert (said.status, said.out) == (3, "")
    assert "use file.f_count there" in said.err
    assert run(capsys, "offset", "vmlinux", "file", "--plain", "--json").status == 2
    assert run(capsys, "offset", "vmlinux", "file", "--id", "99").status == 3


def test_closed_pipe(tmp_path) -> None:
    b = Builder()
    for number in range(20000):
        b.struct(f"s_{number}", 0)
    (tmp_path / "big").write_bytes(b.to_bytes())
    process = start(["find", "big", "*"])
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == b"[1] struct s_0: 0 bytes\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0
    process.stderr.close()
