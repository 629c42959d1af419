"""A folder with small kernels, modules and programs, and a way to run the command in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import btfkit
import json_schemas
from bpf import cases
from btfkit.cli import main

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(btfkit.__file__)))
OBJECTS = ("fields.el", "types.el", "module.el", "ambiguous.el", "enums.el")


def fill(folder) -> None:
    """vmlinux, other (another kernel), mods/mod_one, mods/mod_two, and programs NAME.bpf.o."""
    blob, modules = cases.target_bytes("a.x86_64+modules")
    (folder / "vmlinux").write_bytes(blob)
    (folder / "other").write_bytes(cases.target_bytes("b.x86_64")[0])
    (folder / "dup").write_bytes(cases.target_bytes("dup.x86_64")[0])
    (folder / "big").write_bytes(cases.target_bytes("a.s390x")[0])
    (folder / "mods").mkdir()
    for name, content in modules.items():
        (folder / "mods" / name).write_bytes(content)
    for name in OBJECTS:
        (folder / f"{name[:-3]}.bpf.o").write_bytes(cases.object_bytes(name))
    (folder / "fields.eb.bpf.o").write_bytes(cases.object_bytes("fields.eb"))


def put(path, data: bytes, root: str = "tree") -> None:
    """Write a file below `root`, with the directories that it needs."""
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as file:
        file.write(data)


class Said:
    """What a run of the command gave: exit `status`, `out` and `err`."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


def files(folder) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def run(capsys, *words: object) -> Said:
    """Run the command in this process; what it prints with --json fits its schema."""
    capsys.readouterr()
    status = main([str(word) for word in words])
    said = capsys.readouterr()
    if "--json" in words and status != 2:
        for text in (said.out, said.err):
            if text.startswith("{") and words[0] not in json_schemas.FREE:
                json_schemas.check(str(words[0]), text)
    return Said(status, said.out, said.err)


def refused(capsys, *words: object, status: int = 3) -> str:
    """Run a command that has to fail, with one line (a usage error: two) and nothing written; returns what it says."""
    before = files(HERE())
    said = run(capsys, *words)
    assert said.status == status, said.err
    assert said.out == ""
    lines = said.err.splitlines()
    if status == 2:
        assert lines[0].startswith("usage: "), said.err
        del lines[0]
    assert len(lines) == 1, said.err
    assert lines[0].startswith("btfkit")
    assert "Traceback" not in said.err
    assert files(HERE()) == before
    return lines[0]


def HERE():
    from pathlib import Path

    return Path.cwd()


def environment() -> dict[str, str]:
    """For child processes: the btfkit that is tested."""
    return {**os.environ, "PYTHONPATH": SOURCE, "PYTHONDONTWRITEBYTECODE": "1"}


def start(words: Sequence[object], **options) -> subprocess.Popen[bytes]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "btfkit", *map(str, words)]
    return subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
