"""Options, choices, actions and formats that do not exist: the close one is suggested."""

import pytest

from btfkit.cli import main


@pytest.mark.parametrize(
    ("words", "close"),
    [
        ("min --keep-tpye x a b c", "--keep-type"),
        ("min a b c --keep-typo=x", "--keep-type"),
        ("min a b c --closure by-vlaue", "by-value"),
        ("min --closure full a b c --report=mising", "missing"),
        ("diff a b --kind strukt", "struct"),
        ("verify x --kernal", "--kernel"),
        ("bundle lst x", "list"),
        ("dump a jsn", "json"),
        ("--hlp", "--help"),
        ("--versoin", "--version"),
        ("--bas x min", "--base"),
    ],
)
def test_a_close_name_is_suggested(words, close, capsys) -> None:
    assert main(words.split()) == 2
    assert f"did you mean '{close}'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", ["min --frobnicate a b c", "min a b c --closure zzz", "bundle frob x", "--frobnicate", "-Z"]
)
def test_nothing_is_close(words, capsys) -> None:
    assert main(words.split()) == 2
    assert "did you mean" not in capsys.readouterr().err
