"""`btfkit completion`: what a command line may go on with, and the real shells."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from glob import escape

import pytest

import btfkit
from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.cli import COMMANDS, command, completion, kernels, main
from btfkit.cli.completion import answer
from btfkit.show import completions
from needs import lacks

OTHER_FILES = {  # values and operands that are names of files
    *(
        "FILE",
        "FILE...",
        "DIR",
        "TREE",
        "PATH",
        "FILE_OR_DIR",
        "SPLIT",
        "OBJECT",
        "OBJECT...",
        "OUT",
        "TARGET",
        "OLD.JSON",
    ),
    *(
        "INPUT",
        "INPUT...",
        "OUTPUT",
        "MODULE",
        "MODULE...",
        "VMLINUX",
        "A",
        "B",
        "FILE|DIRECTORY",
        "OPERAND...",
        "DATA",
    ),
}


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """A small kernel as `k.btf` in the current directory, where no kernel runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kernels, "RUNNING", str(tmp_path / "none"))
    made = Builder()
    number = made.int("int", 4, encoding=spec.INT_SIGNED)
    inner = made.struct("inner", 8, [("low", number, 0), ("high", number, 32)])
    hidden = made.union("", 8, [("left", number, 0), ("right", inner, 0)])
    made.struct(
        "task_struct", 24, [("pid", number, 0), ("parts", inner, 64), ("", hidden, 128), ("again", made.ptr(inner), 0)]
    )
    made.typedef("task_t", number)
    made.func("tcp_sendmsg", made.func_proto(number, []))
    (tmp_path / "k.btf").write_bytes(made.build().to_bytes())
    (tmp_path / "a file").write_bytes(b"")
    return made.build()


def words(*line):
    return list(answer(list(line)).words)


def test_commands():
    assert words("") == list(COMMANDS)
    assert words("d") == words("help", "d") == [name for name in COMMANDS if name.startswith("d")]
    assert answer(["la"]).words == {"layout": COMMANDS["layout"]}
    assert words("--v") == ["--version"]
    assert words("-B", "x.btf", "lay") == words("--base=x.btf", "lay") == ["layout"]
    assert answer(["-B", ""]).files
    assert words("no-such", "") == []


def test_options():
    assert words("layout", "--hole") == ["--holes"]
    assert words("layout", "k.btf", "-q") == ["-q"]
    assert words("layout", "--hel") == ["--help"]
    assert words("layout", "--", "--he") == []
    assert words("min", "--closure", "") == ["direct", "by-value", "full"]
    assert words("min", "--closure=by") == ["--closure=by-value"]
    assert words("min", "--closure", "=", "by") == ["--closure=by-value"]  # as bash splits it
    assert words("min", "--closure=") == ["--closure=" + policy for policy in ("direct", "by-value", "full")]
    assert words("min", "--quiet=") == []
    assert answer(["min", "-o", ""]).files
    assert not answer(["min", "-j", ""]).files


def test_operands(kernel):
    assert words("layout", "k.btf", "ta") == ["task_struct", "task_t"]
    assert words("layout", "k.btf", "inner", "ta") == ["task_struct", "task_t"]
    assert words("find", "k.btf", "in") == ["inner"]
    assert words("find", "k.btf", "inner", "") == []  # one pattern
    assert words("dump", "k.btf", "") == ["raw", "c", "json", "rust", "go", "ctypes", "isf"]
    assert answer(["dump", "k.btf", ""]).files
    assert words("bundle", "l") == ["list", "lookup"]
    assert words("completion", "") == ["bash", "zsh", "fish"]
    assert not answer(["completion", "bash", ""]).files
    assert answer(["pahole", "-J", ""]).files
    assert words("layout", "none.btf", "ta") == [] == words("layout", "a file", "ta")


def test_names_in_values(kernel):
    assert words("min", "k.btf", "--keep-type", "in") == ["inner"]
    assert words("min", "k.btf", "--keep-type", "task_t,in") == ["task_t,inner"]
    assert words("min", "k.btf", "--keep-type=task_t,in") == ["--keep-type=task_t,inner"]
    assert words("min", "k.btf", "--keep-func", "tcp") == ["tcp_sendmsg"]
    assert words("dump", "k.btf", "--type", "in") == ["inner"]
    assert words("extract", "k.btf", "--section", "in") == []


def test_members(kernel):
    assert words("offset", "k.btf", "task") == ["task_struct."]
    assert words("offset", "k.btf", "task_struct.") == [
        "task_struct." + name for name in ("pid", "parts.", "left", "right.", "again")
    ]
    assert words("offset", "k.btf", "task_struct.parts.h") == ["task_struct.parts.high"]
    assert words("offset", "k.btf", "task_struct.pid.") == [] == words("offset", "k.btf", "task_struct.again.")
    assert answer(["offset", "k.btf", "task"]).open
    assert not answer(["offset", "k.btf", "task_struct.pi"]).open
    assert completions.member_paths(kernel, "no[*.") == []
    assert completions.names(kernel, "ta*") == [] == completions.names(kernel, "[t")


def test_the_base_of_a_split(kernel, tmp_path):
    split = Builder(kernel)
    split.struct("of_module", 4, [("x", 1, 0)])
    (tmp_path / "m.btf").write_bytes(split.build().to_bytes())
    for base in (["-B", "k.btf"], ["--base=k.btf"]):
        assert words("layout", *base, "m.btf", "of") == ["of_module"]
    assert words("layout", "m.btf", "of") == []  # cannot be read


def test_every_word_of_the_help_has_a_meaning():
    for name in COMMANDS:
        one = command(name)
        values = {option.value for option in one.options if option.value and not option.choices}
        operands = {word.rstrip("?") for word in one.operands}
        for word in values | (set() if one.own_parser else operands):
            known = word in completion.MEANINGS or word in one.choices or word in OTHER_FILES or word == "NAME"
            assert known, f"{name}: {word}: say in cli/completion.py what it is"


def test_output_and_mistakes(capsys):
    assert main(["completion", "answer", "--", "la"]) == 0
    assert capsys.readouterr().out == f"-\nlayout\t{COMMANDS['layout']}\n"
    assert main(["completion", "fihs"]) == 2
    assert "unknown shell 'fihs' (shells: bash, zsh, fish); did you mean 'fish'?" in capsys.readouterr().err
    assert main(["completion", "zsh", "bash"]) == 2
    assert "expected one SHELL, got 2 arguments" in capsys.readouterr().err
    for shell in completion.SHELLS:
        assert main(["completion", shell]) == 0
        assert "btfkit completion " in capsys.readouterr().out


# The real shells ----------------------------------------------------------------------------------------------------


def shell_named(name):
    found = shutil.which(name)
    if found is None or not shutil.which("btfkit", path=os.path.dirname(sys.executable)):
        lacks("program", name)
    return found


ENVIRONMENT = {
    "PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", ""),
    "TERM": "dumb",
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
}

# what is typed before TAB, and the words of the line afterwards
LINES = [
    ("btfkit layou", ["btfkit", "layout"]),
    ("btfkit layout k.btf task_s", ["btfkit", "layout", "k.btf", "task_struct"]),
    ("btfkit offset k.btf task_struct.parts.h", ["btfkit", "offset", "k.btf", "task_struct.parts.high"]),
    ("btfkit min --closure=by", ["btfkit", "min", "--closure=by-value"]),
    ("btfkit min --clos", ["btfkit", "min", "--closure"]),
    ("btfkit info a", ["btfkit", "info", "a file"]),
]
STARTS = {
    "bash": (["--norc", "--noprofile", "-i"], "source <(btfkit completion bash)"),
    "zsh": (["-f", "-i"], "autoload -Uz compinit && compinit -u -D && source <(btfkit completion zsh)"),
}


class Terminal:
    """A shell in a terminal of its own."""

    def __init__(self, argv):
        pid, self.handle = pty.fork()
        if not pid:
            os.execve(argv[0], argv, ENVIRONMENT)
        self.pid = pid

    def say(self, text):
        os.write(self.handle, text.encode())

    def until(self, pattern, seconds=60):
        """What the shell prints, up to a match of `pattern`, which is returned."""
        seen, end = "", time.monotonic() + seconds
        while not (match := re.search(pattern, seen)):
            ready, _, _ = select.select([self.handle], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {pattern!r} in {seen!r}"
            seen += os.read(self.handle, 4096).decode(errors="replace")
        return match

    def end(self):
        os.kill(self.pid, 9)
        os.close(self.handle)
        os.waitpid(self.pid, 0)


@pytest.mark.parametrize("shell", STARTS)
def test_bash_and_zsh(shell, kernel):
    options, start = STARTS[shell]
    terminal = Terminal([shell_named(shell), *options])
    try:
        # the line that completion makes is taken apart by the shell itself
        terminal.say(f"show() {{ printf '<%s>' \"$@\"; echo '.'; }}; {start}; echo rea'dy'\n")
        terminal.until(r"ready\r?\n")
        for typed, expected in LINES:
            terminal.say(f"{typed}\t")
            time.sleep(0.2)
            terminal.say("\x01show \x05\n")
            found = terminal.until(r"((?:<[^<>\n]*>)+)\.\r?\n").group(1)
            assert re.findall(r"<([^<>]*)>", found) == expected
    finally:
        terminal.end()


def test_fish(kernel):
    fish = shell_named("fish")
    for typed, expected in LINES:
        script = f"source (btfkit completion fish | psub); complete -C '{typed}'"
        done = subprocess.run([fish, "-N", "-c", script], env=ENVIRONMENT, capture_output=True, text=True, check=True)
        (line,) = done.stdout.splitlines()
        assert line.partition("\t")[0] == expected[-1].replace(" ", "\\ ") or line.partition("\t")[0] == expected[-1]


def test_names_are_those_that_find_has() -> None:
    """Of a module and its base, also where a name is the end of another one's string."""
    b = Builder()
    b.int("int", 4)
    for name in ("task", "sub_task", "table", "été", "_"):
        b.struct(name, 4, [("tail", 1, 0)])
    b.enum("tags", [("TWO", 2)])
    b.func("take", b.func_proto(0, []))
    base = b.build()
    blob = bytearray(base.to_bytes())
    words = memoryview(blob).cast("I")
    at = (24 + 4 * base.positions[base.find_id("task") - 1]) // 4
    words[at] = bytes(base.strings).index(b"sub_task") + 4  # its own string is not used any more
    del words
    base = btfkit.Btf.from_bytes(bytes(blob))
    more = Builder(base)
    more.struct("tapestry", 4, [("tail", 1, 0)])
    module = more.build()
    for btf in base, module:
        for start in ("", "t", "ta", "task", "tail", "sub", "\u00e9", "_", "TWO", "no", "task\0"):
            for kinds in completions.TYPES, ("function",), ("struct",):
                found = btfkit.find(btf, escape(start) + "*", kinds)
                assert completions.names(btf, start, kinds) == sorted({one.name for one in found} - {""})
    assert completions.names(module, "ta") == ["table", "tags", "tapestry", "task"]
