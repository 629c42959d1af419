"""`-v` and `-vv`: the library's log on standard error; and progress without rich, on a terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys

import pytest
from cli_inputs import environment, fill, run

FIELDS = "fields.bpf.o"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)


def told(said) -> list[str]:
    return [line for line in said.err.splitlines() if line.startswith(("btfkit: info: ", "btfkit: debug: "))]


def test_levels(capsys) -> None:
    words = ["min", "vmlinux", "out.btf", FIELDS]
    silent = run(capsys, *words)
    assert told(silent) == []
    once = run(capsys, *words, "-v")
    assert told(once) == [
        f"btfkit: info: opened the BPF object {FIELDS}",
        f"btfkit: info: opened vmlinux: raw, {os.path.getsize('vmlinux')} bytes of BTF",
        f"btfkit: info: wrote out.btf: {os.path.getsize('out.btf')} bytes",
    ]
    assert [line for line in once.err.splitlines() if line not in told(once)] == silent.err.splitlines()
    assert told(run(capsys, *words)) == []  # the next run in the same process is silent again


@pytest.mark.parametrize("words", [["-vv"], ["-v", "-v"], ["--verbose", "--verbose"], ["-v", "--verbose"]])
def test_twice_shows_each_step(capsys, words) -> None:
    base = ["layout", "mods/mod_one", "-B", "vmlinux"]
    once, twice = run(capsys, *base, "-v"), run(capsys, *base, *words)
    assert told(once)[-1] == "btfkit: info: mods/mod_one: its base is vmlinux"
    assert set(told(once)) < set(told(twice))
    assert any(line.startswith("btfkit: debug: mods/mod_one on the base vmlinux: ") for line in told(twice))


def test_before_the_command_and_with_quiet(capsys) -> None:
    assert told(run(capsys, "-v", "info", "vmlinux")) == told(run(capsys, "info", "vmlinux", "-v"))
    quiet = run(capsys, "min", "vmlinux", "out.btf", FIELDS, "-q", "-v")
    assert quiet.err.splitlines() == told(quiet)  # -q removes the summary, -v adds the log


def test_names_cannot_draw_on_the_terminal(capsys) -> None:
    os.rename("vmlinux", "a\x1b[31mb")
    (line,) = told(run(capsys, "info", "a\x1b[31mb", "-v"))
    assert "a\\x1b[31mb" in line
    assert "\x1b" not in line


SCRIPT = """
import sys, time
sys.modules["rich"] = None  # as if it were not installed
from btfkit.work.progress import Progress
with Progress(50, "reading", wanted=True, unit="kernels") as progress:
    for done in range(51):
        progress.at(done)
        if done == 30:
            time.sleep(1.2)
            progress.at(done)
            print("btfkit: a warning", file=sys.stderr)
            time.sleep(1.2)
print("end", file=sys.stderr)
"""


def on_a_terminal(**env: str) -> str:
    """What the script writes to standard error, a terminal."""
    ours, theirs = pty.openpty()
    variables = {name: value for name, value in environment().items() if name not in ("CI", "TERM")} | env
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], stderr=theirs, stdin=subprocess.DEVNULL, env=variables)
    os.close(theirs)
    said = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # closed at the other end
            break
        if not piece:
            break
        said += piece
    os.close(ours)
    assert process.wait(60) == 0
    return said.decode()


def screen(text: str) -> list[str]:
    """What a terminal shows in the end."""
    lines, column = [""], 0
    for c in text:
        if c == "\n":
            lines.append("")
        elif c == "\r":
            column = 0
        else:
            lines[-1] = lines[-1][:column].ljust(column) + c + lines[-1][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


def test_progress_rewrites_its_line() -> None:
    said = on_a_terminal(TERM="xterm")
    assert "\rreading: 30 of 50 kernels" in said
    assert screen(said) == ["btfkit: a warning", "end", ""]


def test_progress_on_a_dumb_terminal_is_lines() -> None:
    lines = on_a_terminal(TERM="dumb").replace("\r\n", "\n").splitlines()
    assert "\r" not in "".join(lines)
    assert lines[0].startswith("reading: 30 of 50 kernels, ")
    assert lines[-1] == "end"
    assert "btfkit: a warning" in lines


def test_no_progress_in_ci() -> None:
    assert screen(on_a_terminal(TERM="xterm", CI="true")) == ["btfkit: a warning", "end", ""]
    assert "reading" not in on_a_terminal(TERM="xterm", CI="1")
    assert "reading" in on_a_terminal(TERM="xterm", CI="false")
