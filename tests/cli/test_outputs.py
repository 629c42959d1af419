"""Where commands write: never over an input, and into directories that are made where they are not there."""

from __future__ import annotations

import os

import pytest
from cli_inputs import fill, run

from check_inputs import GUARDS
from check_inputs import kernel as check_kernel

FIELDS = "fields.bpf.o"

# Command lines with the output in place of OUT, and the inputs that it must not be.
COMMANDS = {
    "min": (["min", "vmlinux", "OUT", FIELDS], ["vmlinux"]),
    "min -B": (["min", "-B", "vmlinux", "mods/mod_one", "OUT", "module.bpf.o"], ["vmlinux", "mods/mod_one"]),
    "min --base-out": (
        ["min", "-B", "vmlinux", "mods/mod_one", "one", "--base-out", "OUT", "module.bpf.o"],
        ["vmlinux", "mods/mod_one", "module.bpf.o"],
    ),
    "merge": (["merge", "vmlinux", "mods", "-o", "OUT"], ["vmlinux", "mods/mod_one"]),
    "dump": (
        ["dump", "mods/mod_one", "-B", "vmlinux", "--type-of", FIELDS, "-o", "OUT"],
        ["mods/mod_one", "vmlinux", FIELDS],
    ),
    "layout": (["layout", "vmlinux", "-o", "OUT"], ["vmlinux"]),
    "layout --html": (["layout", "mods/mod_one", "-B", "vmlinux", "--html", "OUT"], ["vmlinux", "mods/mod_one"]),
    "diff": (["diff", "vmlinux", "other", "--used-by", FIELDS, "-o", "OUT"], ["vmlinux", "other", FIELDS]),
    "diff --html": (["diff", "vmlinux", "other", "--html", "OUT"], ["vmlinux", "other"]),
    "extract": (["extract", "vmlinux", "-o", "OUT"], ["vmlinux"]),
    "check --html": (["check", "guards.bpf.o", "--kernels", "k", "--html", "OUT"], ["guards.bpf.o"]),
    "distill": (
        ["distill", "mods/mod_one", "-B", "vmlinux", "-o", "new.btf", "--base-out", "OUT"],
        ["vmlinux", "mods/mod_one"],
    ),
    "distill -o": (["distill", "mods/mod_one", "-B", "vmlinux", "--base-out", "new.base", "-o", "OUT"], ["vmlinux"]),
    "dedup": (["dedup", "mods/mod_one", "-B", "vmlinux", "-o", "OUT"], ["vmlinux"]),
    "dedup of several": (
        ["dedup", "mods/mod_one", "mods/mod_two", "-B", "vmlinux", "-o", "OUT"],
        ["vmlinux", "mods/mod_one"],
    ),
    "sort": (["sort", "mods/mod_one", "-B", "vmlinux", "-o", "OUT"], ["vmlinux"]),
    "sanitize": (["sanitize", "mods/mod_one", "-B", "vmlinux", "--for", "5.10", "-o", "OUT"], ["vmlinux"]),
    "sanitize --base-out": (
        ["sanitize", "mods/mod_one", "-B", "vmlinux", "--for", "5.10", "-o", "sanitized", "--base-out", "OUT"],
        ["vmlinux", "mods/mod_one"],
    ),
    "bundle create": (["bundle", "create", "OUT", "k"], ["k/5.10.btf"]),
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    fill(tmp_path)
    (tmp_path / "k").mkdir()
    (tmp_path / "k" / "5.10.btf").write_bytes(check_kernel())
    with open(GUARDS, "rb") as guards:
        (tmp_path / "guards.bpf.o").write_bytes(guards.read())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
def test_an_input_is_not_overwritten(here, capsys, name) -> None:
    words, inputs = COMMANDS[name]
    for path in inputs:
        before = (here / path).read_bytes()
        os.link(path, "another")
        for output in (path, "another"):
            said = run(capsys, *(output if word == "OUT" else word for word in words))
            assert said.status == 2, (output, said.err)
            assert "would overwrite" in said.err
        assert (here / path).read_bytes() == before
        os.unlink("another")


@pytest.mark.parametrize("name", COMMANDS)
def test_directories_are_made(here, capsys, name) -> None:
    words, _ = COMMANDS[name]
    said = run(capsys, *("new/er/out" if word == "OUT" else word for word in words))
    assert said.status in (0, 1), said.err
    assert (here / "new" / "er" / "out").stat().st_size


def test_a_bundle_is_not_overwritten_by_what_comes_out_of_it(here, capsys) -> None:
    assert run(capsys, "bundle", "create", "b", "k").status == 0
    words = ("bundle", "get", "b", "5.10", "-o")
    assert run(capsys, *words, "b").status == 2
    assert run(capsys, *words, "new/out").status == 0
    assert (here / "new" / "out").read_bytes() == check_kernel()
