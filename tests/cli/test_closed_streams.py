"""Commands whose standard input, output or error is closed: an error in one line, or the result; never a traceback, and no file
that takes the place of a stream."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cli_inputs import environment, files, fill

FIELDS = "fields.bpf.o"
# What prints or writes to standard output, and the status if it can.
PRINTING = {
    "dump vmlinux": 0,
    "dump vmlinux c": 0,
    "info vmlinux": 0,
    "find vmlinux item": 0,
    "layout vmlinux item": 0,
    "offset vmlinux item.i": 0,
    "diff vmlinux other": 1,
    "relocs -b vmlinux fields.bpf.o": 1,
    "check fields.bpf.o --kernels vmlinux": 1,
    "verify vmlinux": 0,
    "explain mods/mod_one -B vmlinux": None,
    "extract vmlinux -o -": 0,
    "sort vmlinux -o -": 0,
    "merge vmlinux mods -o -": 0,
    "min vmlinux - fields.bpf.o": 0,
    "bpftool btf dump file vmlinux": 0,
    "--help": 0,
    "--version": 0,
    "min --help": 0,
}
# What prints only to standard error.
WRITING = {
    "min vmlinux out fields.bpf.o": 0,
    "sort vmlinux -o out": 0,
    "dedup vmlinux -o out": 0,
    "merge vmlinux mods -o out": 0,
    "extract vmlinux -o out": 0,
    "nonsense": 2,
    "dump missing": 3,
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(words: str, closed: str) -> subprocess.CompletedProcess[str]:
    """The command with these streams closed, by a shell."""
    line = f'exec "$0" -c "import sys; from btfkit.cli import entry; sys.exit(entry())" {words} {closed}'
    return subprocess.run(
        ["sh", "-c", line, sys.executable],
        capture_output=True,
        text=True,
        errors="replace",
        env=environment(),
        timeout=60,
    )


@pytest.mark.parametrize("words", PRINTING)
def test_closed_output(here, words) -> None:
    before = files(here)
    done = run(words, ">&-")
    assert (done.returncode, done.stdout) == (247 if words.startswith("bpftool") else 3, "")  # bpftool: -EBADF
    assert "standard output: Bad file descriptor" in done.stderr
    assert "Traceback" not in done.stderr
    assert files(here) == before


@pytest.mark.parametrize(
    "words", ["dump vmlinux", "extract vmlinux -o -", "bpftool btf dump file vmlinux", "min --help"]
)
def test_full_output(words) -> None:
    done = run(words, ">/dev/full")
    assert done.returncode == (228 if words.startswith("bpftool") else 3), done.stderr
    assert done.stderr.endswith(": standard output: No space left on device\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [*PRINTING, *WRITING])
def test_closed_error(words) -> None:
    expected = {**PRINTING, **WRITING}[words]
    done = run(words, "2>&-")
    assert done.returncode == expected if expected is not None else done.returncode in (0, 1)
    assert done.stderr == ""
    assert "Traceback" not in done.stdout
    assert "btfkit:" not in done.stdout  # no error went where the first file was opened


@pytest.mark.parametrize("words", WRITING)
def test_all_closed(here, words) -> None:
    open_ = run(words, "")
    content = files(here)
    done = run(words, "<&- >&- 2>&-")
    assert done.returncode == open_.returncode == WRITING[words]
    assert files(here) == content


def test_closed_input() -> None:
    done = run("dump -", "<&-")
    assert (done.returncode, done.stderr) == (3, "btfkit: standard input: Bad file descriptor\n")


@pytest.mark.parametrize("words", ["sort vmlinux -o out", "dump missing", "nonsense", "dump vmlinux"])
def test_full_error(here, words) -> None:
    """Nobody reads why, but the status shows that something is wrong."""
    done = run(words, ">/dev/full 2>/dev/full" if words == "dump vmlinux" else "2>/dev/full")
    assert done.returncode == 3
    assert "out" not in files(here) or files(here)["out"]


def test_data_and_messages_in_one_file_are_in_order() -> None:
    """The summary follows the lines that it sums up, as on a terminal."""
    line = "relocs -b vmlinux fields.bpf.o"
    apart, together = run(line, ""), run(line, "2>&1")
    assert apart.stdout
    assert apart.stderr
    assert together.stdout == apart.stdout + apart.stderr
