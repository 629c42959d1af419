"""The documentation site: all pages and names are on it, its links lead somewhere, and it is built without a warning."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

import btfkit
import needs
from btfkit import cli

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs" / "_site"))

import generated  # noqa: E402


def test_each_public_name_is_in_the_reference() -> None:
    """Once.  A name that vanishes from `btfkit.__all__` fails here: docs/versioning.md promises that none does."""
    listed = [name for _, names in generated.API.values() for name in names.split()]
    assert sorted(listed) == sorted(set(btfkit.__all__) - {"__version__"})


def test_each_option_is_in_the_reference() -> None:
    for name in cli.COMMANDS:
        page = generated.command_page(cli.command(name))
        for option in cli.command(name).options:
            assert all(f"`{spelling}" in page for spelling in option.spellings), (name, option.spellings)


def test_docstrings_as_restructured_text() -> None:
    lines = ["A `code` word, a*b and name_.", "", "    code = 1", "", "After it:", "    more", "text"]
    generated.as_rst(None, "", "", None, None, lines)
    assert lines == [
        "A ``code`` word, a\\*b and name\\_.",
        "",
        "::",
        "",
        "    code = 1",
        "",
        "After it:",
        "",
        "::",
        "",
        "    more",
        "",
        "text",
    ]


class Links(HTMLParser):
    """The links and the ids of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                self.ids.add(value)
            elif (tag, name) in (("a", "href"), ("img", "src"), ("link", "href"), ("script", "src")) and value:
                self.links.append(value)


@pytest.mark.slow
def test_site(tmp_path) -> None:
    needs.module("sphinx", "docs")
    site = tmp_path / "site"
    words = ["-q", "-W", "--keep-going", "-d", str(tmp_path / "doctrees"), "docs", str(site)]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *words], cwd=ROOT, capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stderr
    pages = {path: Links(path.read_text()) for path in site.rglob("*.html")}
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} <= {path.stem for path in pages}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            target, _, anchor = link.partition("#")
            if re.match(r"\w+:", link):
                continue
            there = path if not target else Path(os.path.normpath(path.parent / unquote(target.partition("?")[0])))
            if not there.exists() or (anchor and there in pages and unquote(anchor) not in pages[there].ids):
                broken.append((path.relative_to(site).as_posix(), link))
    assert broken == []
