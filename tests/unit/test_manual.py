"""The manual pages: they say what `--help` says, and troff has nothing to complain of."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from btfkit.cli import COMMANDS, command
from btfkit.cli.help_text import MANUAL, fitted
from btfkit.cli.manual import pages, write_pages
from needs import lacks, needs

PAGES = pages()


def shown(text):
    """A page as a terminal shows it, in lines of 2,000 characters."""
    if shutil.which("groff") is None:
        lacks("program", "groff")
    words = ["groff", "-man", "-ww", "-Tutf8", "-P-cbou", "-rLL=2000n", "-rHY=0"]
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return " ".join(done.stdout.split())


def test_a_page_for_each_command():
    assert list(PAGES) == ["btfkit.1", *(f"btfkit-{name}.1" for name in COMMANDS)]


def test_overview():
    text = shown(PAGES["btfkit.1"])
    for name, summary in COMMANDS.items():
        assert f"btfkit-{name}(1) {summary}" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_pages_say_what_the_help_says(name):
    text, one = shown(PAGES[f"btfkit-{name}.1"]), command(name)
    assert f"btfkit-{name} - {one.summary}" in text
    for option in one.options:
        for spelling in option.spellings:
            assert f"{spelling}{option.value and ' ' + option.value}" in text
        assert " ".join(option.help.split()) in text
        assert all(choice in text for choice in option.choices)
    assert " ".join(fitted(one.details, MANUAL).split()) in text
    assert "0 success 1 the answer is" in text


def test_pages_are_written_and_the_same_each_time(tmp_path):
    first = [Path(path).read_bytes() for path in write_pages(str(tmp_path / "a" / "b"))]
    assert first == [text.encode() for text in PAGES.values()]
    assert pages() == PAGES


@needs("installed", Path(sys.prefix, "share/man/man1/btfkit.1").exists())
def test_pages_are_installed():
    for name, text in PAGES.items():
        assert Path(sys.prefix, "share/man/man1", name).read_text("utf-8") == text
