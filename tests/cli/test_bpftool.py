"""`btfkit bpftool`: bpftool's own spelling."""

from __future__ import annotations

import pytest
from cli_inputs import fill, run


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", [["gen", "min_core_btf"], ["gen", "min"], ["g", "m"], ["-d", "gen", "min_core_btf"]])
def test_gen_min_core_btf(capsys, here, words):
    said = run(capsys, "bpftool", *words, "vmlinux", "out.btf", "fields.bpf.o", "enums.bpf.o")
    assert (said.status, said.out, said.err) == (0, "", "")
    run(capsys, "min", "vmlinux", "own.btf", "fields.bpf.o", "enums.bpf.o")
    assert (here / "out.btf").read_bytes() == (here / "own.btf").read_bytes()


@pytest.mark.parametrize(
    "words",
    [
        ["btf", "dump", "file", "vmlinux"],
        ["b", "d", "f", "vmlinux"],
        ["btf", "dump", "file", "vmlinux", "format", "raw"],
    ],
)
def test_btf_dump(capsys, words):
    assert run(capsys, "bpftool", *words).out == run(capsys, "dump", "vmlinux").out != ""


@pytest.mark.parametrize("option", ["-j", "--json", "-p", "--pretty"])
def test_btf_dump_as_json(capsys, option):
    expected = run(capsys, "dump", "vmlinux", "json", *(["-p"] if "p" in option else [])).out
    assert run(capsys, "bpftool", option, "btf", "dump", "file", "vmlinux").out == expected != ""
    assert run(capsys, "bpftool", "btf", "dump", "file", "vmlinux", option).out == expected


def test_btf_dump_of_a_split_and_of_one_type(capsys):
    expected = run(capsys, "dump", "mods/mod_one", "-B", "vmlinux").out
    assert run(capsys, "bpftool", "-B", "vmlinux", "btf", "dump", "file", "mods/mod_one").out == expected
    assert run(capsys, "bpftool", "btf", "dump", "file", "mods/mod_one", "--base-btf", "vmlinux").out == expected
    assert run(capsys, "bpftool", "btf", "dump", "file", "vmlinux", "root_id", "1").out.startswith("[1] ")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([], 2, "a command is missing"),
        (["gen"], 2, "a command is missing"),
        (["gen", "min_core_btf", "vmlinux", "out"], 2, "min_core_btf takes INPUT OUTPUT OBJECT..."),
        (["-B"], 2, "-B without a file"),
        (["prog", "list"], 3, "prog list: btfkit does not do that"),
        (["gen", "skeleton", "x.o"], 3, "gen skeleton: btfkit does not do that"),
        (["btf", "dump", "id", "1"], 3, "btf dump id: btfkit does not do that"),
        (["btf", "dump", "file", "vmlinux", "format", "c"], 3, "format c: btfkit does not do that"),
        (["gen", "min_core_btf", "none", "out", "fields.bpf.o"], 3, "btfkit: none: No such file or directory"),
    ],
)
def test_what_it_does_not_do(capsys, words, status, said):
    found = run(capsys, "bpftool", *words)
    assert (found.status, found.out) == (status, "")
    assert said in found.err


@pytest.mark.parametrize("word", ["help", "--help", "-h"])
def test_help(capsys, word):
    said = run(capsys, "bpftool", word)
    assert said.status == 0
    assert "gen min_core_btf INPUT OUTPUT OBJECT..." in said.out


def test_version(capsys):
    assert run(capsys, "bpftool", "version").out == run(capsys, "--version").out
