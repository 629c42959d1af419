"""Standard input as an input: what messages call it, and what cannot be read from it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from cli_inputs import environment, files, fill


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(words: str, content: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "btfkit", *words.split()]
    return subprocess.run(command, input=content, capture_output=True, env=environment(), timeout=60)


READING = (
    "info -",
    "dump -",
    "sort - -o out",
    "dedup - -o out",
    "sanitize - -o out --for 5.10",
    "distill - -B vmlinux -o out",
    "reconcile - -B vmlinux -o out",
    "encode - -o out.btf",
    "explain - -B vmlinux",
    "explain mods/mod_one -B -",
    "min - out fields.bpf.o",
    "relocs - -b vmlinux",
    "relocs fields.bpf.o -b -",
    "check - --kernels vmlinux",
    "merge - mods -o out",
    "extract - -o out",
    "verify -",
    "diff - vmlinux",
    "find - item",
    "layout -",
    "offset - item.i",
    "bundle list -",
    "bundle verify -",
    "bundle get - key",
)


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"\x9f\xeb\1\0", b"\x7fELF\2\1\1"])
@pytest.mark.parametrize("words", READING)
def test_errors_name_it(here, words, content) -> None:
    before = files(here)
    done = run(words, content)
    said = done.stderr.decode()
    if words == "explain - -B vmlinux" and done.returncode == 1:  # no BTF is an answer
        said, said_out = done.stdout.decode(), "standard input on vmlinux:"
        assert said.startswith(said_out)
    else:
        assert done.returncode == 3, said
        (line,) = said.splitlines()
        assert line.startswith(("btfkit: standard input: ", "btfkit: standard input, ")), said
    assert files(here) == before


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("check fields.bpf.o --kernels -", "kernels"),
        ("bundle create out -", "kernels"),
        ("min --archive - -o out fields.bpf.o", "kernels"),
        ("check fields.bpf.o --kernels vmlinux -m -", "modules"),
        ("merge vmlinux - -o out", "modules"),
        ("min vmlinux -m - -o out fields.bpf.o", "modules"),
        ("relocs fields.bpf.o -b vmlinux -m -", "modules"),
    ],
)
def test_what_has_a_name(here, words, what) -> None:
    before = files(here)
    done = run(words, (here / "vmlinux").read_bytes())
    assert done.returncode == 3
    assert (
        done.stderr.decode()
        == f"btfkit: standard input: {what} are read from files and directories, which have names\n"
    )
    assert files(here) == before


def test_it_is_one_input(here) -> None:
    done = run("diff - -", (here / "vmlinux").read_bytes())
    assert done.returncode == 0
    assert b"no differences" in done.stdout


def test_it_is_not_two_things(here) -> None:
    done = run("min - NEW -", (here / "vmlinux").read_bytes())
    assert done.returncode == 2
    assert b"standard input cannot be INPUT and an OBJECT, too" in done.stderr
    assert not (here / "NEW").exists()


@pytest.mark.parametrize(
    "words", ["check NAME --kernels vmlinux -j2", "relocs NAME -b vmlinux", "dedup NAME other -o NEW", "dump NAME"]
)
def test_what_is_read_twice(here, words) -> None:
    """A program's symbols are read after its BTF, workers read what the command has read: pipes give it once."""
    name = "fields.bpf.o" if "vmlinux" in words else "vmlinux"
    content = (here / name).read_bytes()
    right = run(words.replace("NAME", name).replace("NEW", "right"), b"")
    done = run(words.replace("NAME", "-").replace("NEW", "new"), content)
    os.mkfifo(here / "pipe")
    writer = subprocess.Popen(["sh", "-c", f"cat {name} > pipe"])
    piped = run(words.replace("NAME", "pipe").replace("NEW", "piped"), b"")
    assert writer.wait() == 0
    assert right.returncode == done.returncode == piped.returncode
    if "check" in words:  # it shows the object's name
        assert done.stderr == piped.stderr == right.stderr
    elif "relocs" in words:
        rows = right.stdout.splitlines()[1:]
        assert rows[0].split()[0] == b"off_c+0"
        assert done.stdout.splitlines()[1:] == piped.stdout.splitlines()[1:] == rows
    else:
        assert done.stdout == piped.stdout == right.stdout
    if "NEW" in words:
        assert (here / "right").read_bytes() == (here / "new").read_bytes() == (here / "piped").read_bytes()


def test_a_pipe_is_an_output(here) -> None:
    """It is not read, not even to see what is in it."""
    os.mkfifo(here / "pipe")
    reader = subprocess.Popen(["sh", "-c", "cat pipe > piped"])
    done = run("min vmlinux pipe fields.bpf.o", b"")
    reader.wait(60)
    assert done.returncode == 0
    assert run("min vmlinux out fields.bpf.o", b"").returncode == 0
    assert (here / "piped").read_bytes() == (here / "out").read_bytes()


@pytest.mark.parametrize("words", ["sort pipe --in-place", "reconcile pipe -B vmlinux --in-place"])
def test_a_pipe_is_not_changed_in_place(here, words) -> None:
    os.mkfifo(here / "pipe")
    done = run(words, b"")
    assert done.returncode == 2
    assert b"pipe is a pipe or device, which cannot be changed in place: use -o FILE" in done.stderr


@pytest.mark.parametrize("words", ["sort - -o mods", "sort - vmlinux -o out", "sort - -o out/"])
def test_an_output_in_a_directory_has_no_name(here, words) -> None:
    before = files(here)
    done = run(words, (here / "vmlinux").read_bytes())
    assert done.returncode == 2
    assert b"standard input has no name that its output could have in a directory: use -o FILE" in done.stderr
    assert files(here) == before


def test_reports_name_it(here) -> None:
    module = (here / "mods" / "mod_one").read_bytes()
    done = run("distill - -B vmlinux -o out", module)
    assert done.stderr.startswith(b"standard input: ")
    assert run("find - nothing", (here / "vmlinux").read_bytes()).stderr.startswith(
        b"btfkit find: nothing in standard input"
    )
    assert run("explain - -B vmlinux", module).stdout.startswith(b"standard input on vmlinux:\n")
