"""Text of `--help` in the width of a terminal."""

from __future__ import annotations

import pytest

from btfkit.cli import COMMANDS, command, main, overview
from btfkit.cli.help_text import MANUAL, fitted

WIDE = 200
WORDS = "the types that a program reads, and those that these refer to, whatever it is that they are for"


def words(text: str) -> list[str]:
    """The words of a text, in order, without the marks of broken command lines."""
    return [word for word in text.split() if word != "\\"]


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_fits(name, width, monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if len(line) > width and " " in line.strip()] == []
    monkeypatch.setenv("COLUMNS", str(WIDE))
    assert main([name, "--help"]) == 0
    wide = capsys.readouterr().out
    assert words(wide) == words(out)


def test_the_overview_fits() -> None:
    assert max(map(len, overview().splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_details_that_fit_stay_as_they_are(name) -> None:
    details = command(name).details.rstrip("\n")
    assert fitted(details, WIDE) == details
    assert all(len(line) <= MANUAL for line in fitted(details, MANUAL).splitlines())


def test_a_sentence_goes_on_in_the_next_line_and_another_begins_one() -> None:
    text = f"{WORDS}\nhere.\nAnother."
    assert fitted(text, 60).splitlines() == [
        "the types that a program reads, and those that these refer",
        "to, whatever it is that they are for here.",
        "Another.",
    ]


def test_rows_keep_their_column() -> None:
    text = f"kinds:\n  raw  {WORDS}\n  long  short\n       and more"
    assert fitted(text, 60).splitlines() == [
        "kinds:",
        "  raw   the types that a program reads, and those that these",
        "        refer to, whatever it is that they are for",
        "  long  short and more",
    ]


def test_a_column_with_too_little_room_goes_below() -> None:
    left = "a row that needs much of it all"
    text = f"  {left}   what it means, in as many words as it takes\n  b{' ' * len(left)}  no"
    assert fitted(text, 60).splitlines() == [
        f"  {left}",
        "      what it means, in as many words as it takes",
        "  b",
        "      no",
    ]


def test_a_command_line_stays_one_for_a_shell() -> None:
    line = "btfkit offset task_struct.pid task_struct.__state,task_struct.state --kernels btfhub-archive/ --format c -o offsets.h"
    lines = fitted(f"Look:\n\n    {line}", 60).splitlines()
    assert max(map(len, lines)) <= 60
    assert not any(one.endswith((" -o \\", " --kernels \\", " --format \\")) for one in lines)
    assert "\n".join(lines[2:]).replace("\\\n", "").split() == line.split()


def test_a_word_that_is_longer_than_the_line_is_not_broken() -> None:
    assert fitted(f"see {'x' * 90} there", 60).splitlines() == ["see", "x" * 90, "there"]
