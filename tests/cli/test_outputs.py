"""Where commands write: never over an input, and into directories that are made where they are not there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from cli_inputs import files, fill, run

from btfkit.cli import COMMANDS as COMMAND_NAMES
from btfkit.cli import command
from check_inputs import GUARDS
from check_inputs import kernel as check_kernel

FIELDS = "fields.bpf.o"

# Command lines with the output in place of OUT, and the inputs that it must not be.
COMMANDS = {
    "min": (["min", "vmlinux", "OUT", FIELDS], ["vmlinux"]),
    "min -m": (["min", "vmlinux", "-m", "mods", "--merge", "OUT", FIELDS], ["vmlinux", "mods/mod_one"]),
    "min -B": (["min", "-B", "vmlinux", "mods/mod_one", "OUT", "module.bpf.o"], ["vmlinux", "mods/mod_one"]),
    "min --base-out": (
        ["min", "-B", "vmlinux", "mods/mod_one", "one", "--base-out", "OUT", "module.bpf.o"],
        ["vmlinux", "mods/mod_one", "module.bpf.o"],
    ),
    "min --keep-refs-of": (
        ["min", "vmlinux", "OUT", "--keep-refs-of", "mods/mod_one"],
        ["vmlinux", "mods/mod_one"],
    ),
    "merge": (["merge", "vmlinux", "mods", "-o", "OUT"], ["vmlinux", "mods/mod_one"]),
    "dump": (
        ["dump", "mods/mod_one", "-B", "vmlinux", "--type-of", FIELDS, "-o", "OUT"],
        ["mods/mod_one", "vmlinux", FIELDS],
    ),
    "layout": (["layout", "vmlinux", "-o", "OUT"], ["vmlinux"]),
    "layout --html": (["layout", "mods/mod_one", "-B", "vmlinux", "--html", "OUT"], ["vmlinux", "mods/mod_one"]),
    "diff": (["diff", "vmlinux", "other", "--used-by", FIELDS, "-o", "OUT"], ["vmlinux", "other", FIELDS]),
    "diff -B": (["diff", "mods/mod_one", "mods/mod_two", "-B", "vmlinux", "-o", "OUT"], ["vmlinux", "mods/mod_two"]),
    "diff --html": (["diff", "vmlinux", "other", "--html", "OUT"], ["vmlinux", "other"]),
    "diff --symbols": (["diff", "vmlinux", "other", "--symbols", "old.json", "-o", "OUT"], ["old.json", "vmlinux"]),
    "offset": (["offset", "a.b", "--kernels", "vmlinux", "--format", "c", "-o", "OUT"], ["vmlinux"]),
    "decode": (["decode", "vmlinux", "int", "old.json", "-o", "OUT"], ["vmlinux", "old.json"]),
    "history": (["history", "a", "--kernels", "vmlinux", "--html", "OUT"], ["vmlinux"]),
    "extract": (["extract", "vmlinux", "-o", "OUT"], ["vmlinux"]),
    "check --html": (
        ["check", "guards.bpf.o", "--kernels", "k", "-m", "mods", "--html", "OUT"],
        ["guards.bpf.o", "k/5.10.btf", "mods/mod_one"],
    ),
    "check --baseline": (
        ["check", "guards.bpf.o", "--kernels", "k", "--baseline", "old.json", "--html", "OUT"],
        ["old.json"],
    ),
    "distill": (
        ["distill", "mods/mod_one", "-B", "vmlinux", "-o", "new.btf", "--base-out", "OUT"],
        ["vmlinux", "mods/mod_one"],
    ),
    "distill -o": (["distill", "mods/mod_one", "-B", "vmlinux", "--base-out", "new.base", "-o", "OUT"], ["vmlinux"]),
    "distill --used-by": (
        ["distill", "mods/mod_one", "-B", "vmlinux", "--used-by", FIELDS, "--base-out", "new.base", "-o", "OUT"],
        [FIELDS],
    ),
    "distill of several": (["distill", "mods/mod_one", "mods/mod_two", "-B", "d/mod_one", "-o", "d"], ["d/mod_one"]),
    "distill beside": (["distill", "mods/mod_one", "-B", "d/o.base", "-o", "d/o"], ["d/o.base"]),
    "reconcile": (
        ["reconcile", "mods/mod_one", "-B", "vmlinux", "--distilled-base", "other", "-o", "OUT"],
        ["vmlinux", "other"],
    ),
    "reconcile beside": (["reconcile", "d/m", "-B", "vmlinux", "-o", "OUT"], ["vmlinux", "d/m", "d/m.base"]),
    "dedup": (["dedup", "mods/mod_one", "-B", "vmlinux", "-o", "OUT"], ["vmlinux"]),
    "dedup --distill": (["dedup", "mods/mod_one", "-B", "d/o.base", "--distill", "-o", "d/o"], ["d/o.base"]),
    "dedup of several": (
        ["dedup", "mods/mod_one", "mods/mod_two", "-B", "vmlinux", "-o", "OUT"],
        ["vmlinux", "mods/mod_one"],
    ),
    "sort": (["sort", "mods/mod_one", "-B", "vmlinux", "-o", "OUT"], ["vmlinux"]),
    "sort -m": (["sort", "vmlinux", "-m", "mods", "-o", "."], ["vmlinux"]),
    "sanitize": (["sanitize", "mods/mod_one", "-B", "vmlinux", "--for", "5.10", "-o", "OUT"], ["vmlinux"]),
    "sanitize --base-out": (
        ["sanitize", "mods/mod_one", "-B", "vmlinux", "--for", "5.10", "-o", "sanitized", "--base-out", "OUT"],
        ["vmlinux", "mods/mod_one"],
    ),
    "encode": (["encode", "mods/mod_one", "-B", "vmlinux", "-o", "OUT"], ["vmlinux", "mods/mod_one"]),
    "bundle create": (["bundle", "create", "OUT", "k"], ["k/5.10.btf"]),
    "bundle create --archive": (["bundle", "create", "OUT", "--archive", "k", FIELDS], ["k/5.10.btf", FIELDS]),
    "extract of a directory": (["extract", "mods", "-o", "mods"], ["mods/mod_one"]),
}
# The same output twice.
TWICE = {
    "min": ["min", "-B", "vmlinux", "mods/mod_one", "OUT", "--base-out", "OTHER", "module.bpf.o"],
    "distill": ["distill", "mods/mod_one", "-B", "vmlinux", "-o", "OUT", "--base-out", "OTHER"],
    "sanitize": ["sanitize", "mods/mod_one", "-B", "vmlinux", "--for", "5.10", "-o", "OUT", "--base-out", "OTHER"],
    "layout": ["layout", "vmlinux", "-o", "OUT", "--html", "OTHER"],
    "diff": ["diff", "vmlinux", "other", "-o", "OUT", "--html", "OTHER"],
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    fill(tmp_path)
    (tmp_path / "k").mkdir()
    (tmp_path / "k" / "5.10.btf").write_bytes(check_kernel())
    with open(GUARDS, "rb") as guards:
        (tmp_path / "guards.bpf.o").write_bytes(guards.read())
    (tmp_path / "old.json").write_text('{"programs": []}')
    (tmp_path / "d").mkdir()
    for copy, original in (("m", "mods/mod_one"), ("m.base", "vmlinux"), ("o.base", "vmlinux"), ("mod_one", "vmlinux")):
        (tmp_path / "d" / copy).write_bytes((tmp_path / original).read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
def test_an_input_is_not_overwritten(here, capsys, name) -> None:
    words, inputs = COMMANDS[name]
    for path in inputs:
        before = files(here)
        (here / "elsewhere").mkdir()
        os.link(path, "hard")
        os.symlink(path, "soft")
        os.symlink(os.path.abspath(os.path.dirname(path) or "."), "elsewhere/directory")
        names = (path, "hard", "soft", f"./{path}", f"elsewhere/directory/{os.path.basename(path)}")
        for output in names if "OUT" in words else (path,):
            said = run(capsys, *(output if word == "OUT" else word for word in words))
            assert said.status == 2, (output, said.err)
            assert "would overwrite" in said.err
        os.unlink("hard")
        os.unlink("soft")
        shutil.rmtree("elsewhere")
        assert files(here) == before


@pytest.mark.parametrize("name", TWICE)
def test_two_outputs_are_two_files(here, capsys, name) -> None:
    before = files(here)
    os.symlink(".", "here")
    for other in ("out", "./out", "here/out"):
        said = run(capsys, *({"OUT": "out", "OTHER": other}.get(word, word) for word in TWICE[name]))
        assert said.status == 2, said.err
        assert "two outputs would be written to" in said.err
    os.unlink("here")
    said = run(capsys, *({"OUT": "-", "OTHER": "-"}.get(word, word) for word in TWICE[name]))
    assert said.status == 2, said.err
    assert not said.out
    assert "two outputs would be written to standard output" in said.err
    assert files(here) == before


@pytest.mark.parametrize("command", ["sort", "dedup", "sanitize --for 5.10"])
def test_a_name_that_ends_with_a_slash_is_a_directory(here, capsys, command) -> None:
    assert run(capsys, *command.split(), "mods/mod_one", "-B", "vmlinux", "-o", "deep/new/").status == 0
    assert sorted(files(here / "deep" / "new")) == ["mod_one"]


@pytest.mark.parametrize(
    "words",
    [
        "min vmlinux deep/new/ fields.bpf.o",
        "merge vmlinux mods -o deep/new/",
        "dump vmlinux c -o deep/new/",
        "extract vmlinux -o deep/new/",
    ],
)
def test_one_output_does_not_go_into_a_directory(here, capsys, words) -> None:
    """No directory is made for it either."""
    said = run(capsys, *words.split())
    assert said.status == 3
    assert said.err.endswith("btfkit: deep/new/: Is a directory\n")
    assert not (here / "deep").exists()


def test_every_option_that_names_an_output_is_in_the_table() -> None:
    tested = {(words[0], option) for words, _ in COMMANDS.values() for option in words}
    for name in COMMAND_NAMES:
        spellings = [option.spellings for option in command(name).options] if name != "bpftool" else []
        for option in spellings:
            if option[-1] in ("--output", "--html", "--base-out") and name not in (
                "bundle",
                "atlas",
            ):  # their `get` is below
                assert {(name, one) for one in option} & tested or (name, option[-1]) == ("min", "--output"), (
                    name,
                    option,
                )


@pytest.mark.parametrize("name", [name for name in COMMANDS if "OUT" in COMMANDS[name][0]])
def test_directories_are_made(here, capsys, name) -> None:
    words, _ = COMMANDS[name]
    said = run(capsys, *("new/er/out" if word == "OUT" else word for word in words))
    if name in (
        "reconcile",
        "reconcile beside",
        "check --baseline",
        "encode",
        "diff --symbols",
    ):  # their inputs are of another kind
        assert said.status == 3
        return
    assert said.status in (0, 1) or name == "check --html", said.err  # mods are those of another kernel
    assert (here / "new" / "er" / "out").stat().st_size


def test_an_atlas_is_not_overwritten_by_what_comes_out_of_it(here, capsys) -> None:
    assert run(capsys, "atlas", "add", "a", "k").status == 0
    before = Path("a").read_bytes()
    for path in ("a", "./a"):
        assert run(capsys, "atlas", "get", "a", "5.10", "-o", path).status == 2
        assert Path("a").read_bytes() == before
    assert run(capsys, "atlas", "get", "a", "5.10", "-o", "new/er/out").status == 0
    assert Path("new/er/out").read_bytes() == Path("k/5.10.btf").read_bytes()


def test_a_bundle_is_not_overwritten_by_what_comes_out_of_it(here, capsys) -> None:
    assert run(capsys, "bundle", "create", "b", "k").status == 0
    words = ("bundle", "get", "b", "5.10", "-o")
    assert run(capsys, *words, "b").status == 2
    os.link("b", "hard")
    assert run(capsys, *words, "hard").status == 2
    os.rename("b", "vmlinux")  # as the file is called that goes into a directory
    assert run(capsys, "bundle", "get", "vmlinux", "5.10", "-o", ".").status == 2
    os.rename("vmlinux", "b")
    assert run(capsys, *words, "new/out").status == 0
    assert (here / "new" / "out").read_bytes() == check_kernel()
