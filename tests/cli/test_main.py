"""What all commands share: help, version, usage, abbreviations."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cli_inputs import environment, run

from btfkit._version import __version__
from btfkit.cli import COMMANDS, command, options
from btfkit.hot import compiled


def test_version(capsys):
    form = "compiled" if compiled() else "plain Python"
    python = ".".join(map(str, sys.version_info[:3]))
    for word in ("--version", "-V"):
        said = run(capsys, word)
        assert (said.status, said.err) == (0, "")
        assert said.out.startswith(f"btfkit {__version__} ({form} loops, Python {python}")


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_overview(capsys, words):
    said = run(capsys, *words)
    assert said.status == 0
    for name, summary in COMMANDS.items():
        assert f"  {name:10} {summary}" in said.out


def test_no_command(capsys):
    said = run(capsys)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("usage: btfkit COMMAND")


@pytest.mark.parametrize(
    ("word", "guess"), [("mim", "; did you mean 'min'?"), ("infos", "; did you mean 'info'?"), ("frobnicate", "")]
)
def test_unknown_command(capsys, word, guess):
    said = run(capsys, word)
    assert (said.status, said.out) == (2, "")
    assert said.err == f"btfkit: unknown command {word!r}{guess}\n`btfkit --help` lists the commands.\n"


def test_unknown_option_in_front(capsys):
    said = run(capsys, "--frob", "min")
    assert said.status == 2
    assert "unknown option --frob before the command" in said.err


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command(capsys, name):
    said = run(capsys, name, "--help")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(f"usage: btfkit {name}")
    assert run(capsys, "help", name).out == said.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help_and_a_name_of_its_own(name):
    found = command(name).options
    assert all(option.help for option in found)
    spellings = [spelling for option in found for spelling in option.spellings]
    assert len(spellings) == len(set(spellings))


COMMAND = options.Command(
    "made",
    "for the test",
    lambda args: 0,
    operands="A B?",
    options=(
        options.Option("-n", "--number", value="N", help="n", convert=int, default=1),
        options.Option("-w", "--word", value="W", help="w", choices=("one", "two"), many=True),
        options.Option("--flag", help="f"),
        options.BASE,
    ),
)


@pytest.mark.parametrize(
    "line",
    [
        "a",
        "a b",
        "a -n 5",
        "a -n5",
        "a --number=5 b",
        "a --number 5 --flag b",
        "-w one a -w two b",
        "--flag a -B - b",
        "a -- -n",
        "-",
    ],
)
def test_the_quick_reader_and_argparse_agree(line):
    """Both read the same table, so a plain line means the same to both."""
    words = line.split()
    quick = options._plain(COMMAND, words)
    assert quick is not None
    parser = options._argparse(COMMAND)
    assert vars(quick) == vars(parser.parse_intermixed_args(words))


@pytest.mark.parametrize("line", ["", "a b c", "a -n x", "a -w three", "a --flag=1", "a --nosuch", "a -n", "a -w"])
def test_mistakes_end_with_status_2(capsys, line):
    assert options._plain(COMMAND, line.split()) is None
    with pytest.raises(SystemExit) as stop:
        options.parse(COMMAND, line.split())
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("usage: btfkit made [options] A [B]\n")


@pytest.mark.parametrize("line", ["a --num 5", "a --fl", "a --wor one"])
def test_abbreviations(line):
    args = options.parse(COMMAND, line.split())
    assert args.operands == ["a"]


def test_python_m_btfkit():
    done = subprocess.run(
        [sys.executable, "-m", "btfkit", "--version"], env=environment(), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("btfkit ")


# ---- the end of the process ----------------------------------------------------------------------------------------

AT_EXIT = """
import sys
{before}
sys.argv = ["btfkit", "--version"]
from btfkit import cli
status = cli.entry()
print("left to the interpreter", status)
"""


@pytest.mark.parametrize(
    "before",
    [
        "import atexit; atexit.register(print, 'an exit function')",
        "sys.setprofile(lambda *event: None)",
        "sys.settrace(lambda *event: None)",
        "import threading, time; threading.Thread(target=time.sleep, args=[9], daemon=True).start()",
    ],
)
def test_what_runs_at_exit_is_waited_for(before):
    done = subprocess.run(
        [sys.executable, "-c", AT_EXIT.format(before=before)],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=600,
    )
    assert "left to the interpreter 0" in done.stdout, done.stderr
    assert ("an exit function" in done.stdout) == ("atexit" in before)


def test_a_plain_process_ends_quickly():
    code = AT_EXIT.format(before="")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), timeout=600)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("btfkit ")
    assert "left to the interpreter" not in done.stdout


def test_a_profile_is_written(tmp_path):
    profile = tmp_path / "profile"
    command = [sys.executable, "-m", "cProfile", "-o", str(profile), "-m", "btfkit", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=600)
    assert done.returncode == 0, done.stderr
    import pstats

    assert any(name == "version" for _, _, name in pstats.Stats(str(profile)).stats)


@pytest.mark.parametrize(("words", "running"), [(["min", "--help"], False), (["info", "nothing.btf"], True)])
def test_the_garbage_collector_runs_but_in_short_commands(words, running):
    code = (
        f"import sys, gc, os; sys.argv = ['btfkit', *{words}]; from btfkit import cli\n"
        "os._exit = lambda status: None\ncli.entry(); print('collects', gc.isenabled())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), timeout=600)
    assert f"collects {running}" in done.stdout, done.stderr
