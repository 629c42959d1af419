"""Layouts as tables: members, and views for notebooks and terminals."""

from __future__ import annotations

from io import StringIO

import pytest

from btfkit.btf.build import Builder
from btfkit.show.layout import Layouts
from hostile import NAMES
from needs import module


@pytest.fixture
def layouts():
    b = Builder()
    b.int("char", 1)
    b.int("long", 8)
    b.struct("s", 24, [("c", 1, 0, 0), ("l", 2, 64, 0), ("f", 2, 128, 3)])
    b.union("u", 8, [("c", 1, 0), ("l", 2, 0)])
    return Layouts(b.build())


def test_members(layouts) -> None:
    table = layouts.table()
    assert table["owner"] == ["s", "s", "s", "u", "u"]
    assert table["kind"] == ["struct"] * 3 + ["union"] * 2
    assert table["member"] == ["c", "l", "f", "c", "l"]
    assert table["type"] == ["char", "long", "long", "char", "long"]
    assert table["offset"] == [0, 8, 16, 0, 0]
    assert table["hole"] == [7, 0, 0, 0, 0]
    assert table["bits"] == [0, 0, 3, 0, 0]
    assert {len(column) for column in table.values()} == {5}
    assert layouts[4].table() == layouts.table([4])


def test_a_notebook(layouts) -> None:
    text = layouts[3]._repr_html_()
    assert "<caption>struct s: 24 bytes, 1 cache line, 3 members, 1 hole of 7 bytes</caption>" in text
    assert "<b>l</b>" in text
    assert "(hole)" in text
    assert "16:0" in text
    assert "3 bits" in text
    assert text.count("<tr>") == 5


def test_rich(layouts) -> None:
    rich = module("rich.console")
    out = StringIO()
    rich.Console(width=80, file=out).print(layouts[3])
    lines = out.getvalue()
    assert "struct s: 24 bytes" in lines
    assert "(hole)" in lines


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names(name) -> None:
    b = Builder()
    b.int(name, 4)
    s = b.struct(name, 4, [(name, 1, 0)])
    text = Layouts(b.build())[s]._repr_html_()
    assert text.count("<table>") == text.count("</table>") == 1
    assert text.count("<td") == 4
    assert text.isprintable()
