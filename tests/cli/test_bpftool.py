"""`btfkit bpftool`: bpftool's own spelling."""

from __future__ import annotations

import json

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


@pytest.mark.parametrize(
    ("words", "own"),
    [
        (["format", "c"], ["c"]),
        (["fo", "c", "unsorted"], ["c", "--unsorted"]),
        (["uns", "form", "c"], ["c", "--unsorted"]),
        (["root_id", "2", "format", "c", "r", "0x1"], ["c", "--id", "2", "--id", "1"]),
        (["format", "c", "--compat"], ["c", "--compat"]),
        (["root_id", "01", "-dd"], ["--id", "1"]),
        (["unsorted"], []),
    ],
)
def test_btf_dump_options(capsys, words, own):
    expected = run(capsys, "dump", "vmlinux", *own).out
    assert run(capsys, "bpftool", "btf", "dump", "-d", "file", "vmlinux", *words).out == expected != ""


def test_c_is_not_json(capsys):
    said = run(capsys, "bpftool", "-j", "btf", "dump", "file", "vmlinux", "format", "c")
    assert (said.status, said.out) == (161, '{"error":"JSON output for C-syntax dump is not supported"}\n')


def test_btf_dump_of_a_split_and_of_one_type(capsys):
    expected = run(capsys, "dump", "mods/mod_one", "-B", "vmlinux").out
    assert run(capsys, "bpftool", "-B", "vmlinux", "btf", "dump", "file", "mods/mod_one").out == expected
    assert run(capsys, "bpftool", "btf", "dump", "file", "mods/mod_one", "--base-btf", "vmlinux").out == expected
    assert run(capsys, "bpftool", "btf", "dump", "file", "vmlinux", "root_id", "1").out.startswith("[1] ")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["gen", "min_core_btf", "vmlinux", "out"], 255, "'min_core_btf' needs at least 3 arguments, 2 found"),
        (["-B"], 255, "option '-B' needs a value"),
        (["--nonsense", "btf"], 255, "unrecognized option '--nonsense'"),
        (["-x", "btf"], 255, "unrecognized option '-x'"),
        (["prog", "list"], 161, "prog list: not supported by btfkit"),
        (["gen", "skeleton", "x.o"], 161, "gen skeleton: not supported by btfkit"),
        (["gen"], 161, "gen: not supported by btfkit"),
        (["btf", "dump", "pinned", "x"], 161, "btf dump pinned: not supported by btfkit"),
        (["btf", "dump"], 255, "'dump' needs at least 2 arguments, 0 found"),
        (["btf", "dump", "file", "vmlinux", "nope"], 234, "unrecognized option: 'nope'"),
        (["btf", "dump", "file", "vmlinux", "format", "x"], 234, "unrecognized format specifier: 'x'"),
        (["btf", "dump", "file", "vmlinux", "format"], 234, "expecting value for 'format' option"),
        (["btf", "dump", "file", "vmlinux", "root_id", "99999"], 234, "invalid root ID: 99999"),
        (["btf", "dump", "file", "vmlinux", "root_id", "x"], 255, "can't parse x as root ID"),
        (["btf", "dump", "file", "vmlinux", "r", "1", "r", "0x1"], 234, "duplicate root_id 1 supplied"),
        (["btf", "dump", "file", "vmlinux", "file", "vmlinux"], 234, "base BTF is required when merging"),
        (["btf", "dump", "file", "none"], 254, "none: No such file or directory"),
        (["btf", "dump", "file", "fields.bpf.o", "-B", "none"], 254, "none: No such file or directory"),
        (["btf", "dump", "file", "mods/mod_one"], 234, "needs its base"),
        (["gen", "min_core_btf", "none", "out", "fields.bpf.o"], 254, "none: No such file or directory"),
    ],
)
def test_what_it_does_not_do(capsys, words, status, said):
    found = run(capsys, "bpftool", *words)
    assert (found.status, found.out) == (status, "")
    assert said in found.err
    assert found.err.startswith("Error: ")
    if status != 255 or "usage" not in found.err:
        for option, indent in (("-j", None), ("-p", 4)):
            found = run(capsys, "bpftool", option, *words)
            assert (found.status, found.err) == (status, "")
            assert said in json.loads(found.out)["error"]
            assert found.out.count("\n") == (3 if indent else 1)


@pytest.mark.parametrize("word", ["help", "--help", "-h"])
def test_help(capsys, word):
    said = run(capsys, "bpftool", word)
    assert said.status == 0
    assert "gen min_core_btf INPUT OUTPUT OBJECT..." in said.out


def test_version(capsys):
    assert run(capsys, "bpftool", "version").out == run(capsys, "--version").out
