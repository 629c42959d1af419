"""The drawing of a layout in a real browser."""

from __future__ import annotations

from itertools import pairwise

import pytest

from btfkit.btf.build import Builder
from btfkit.show.layout import Layouts
from btfkit.show.layout_page import layout_page
from hostile import NAMES


@pytest.fixture(scope="module")
def layouts():
    b = Builder()
    b.int("int", 4, encoding=1)
    b.int("char", 1)
    b.int("long", 8, encoding=1)
    pair = b.struct("pair", 8, [("one", 1, 0), ("two", 1, 32)])
    either = b.union("", 8, [("l", 3, 0), ("p", pair, 0)])
    b.struct(
        "thing",
        200,
        [
            ("c", 2, 0),
            ("i", 1, 32),
            ("", either, 64),
            ("a", 1, 128, 3),
            ("b", 1, 131, 2),
            ("big", b.array(2, 1, 100), 160),
        ],
    )
    for name in NAMES:
        b.struct(name, 8, [(name, 1, 0)])
    for number in range(60):
        b.struct(f"many_{number}", 4, [("i", 1, 0)])
    return Layouts(b.build())


def texts(chrome, selector: str) -> list[str]:
    return chrome.execute_script(f"return [...document.querySelectorAll({selector!r})].map((node) => node.textContent)")


def test_bytes_are_drawn(visit, layouts) -> None:
    chrome = visit(layout_page(layouts, layouts.find("thing")))
    assert texts(chrome, ".at") == ["0", "64", "128", "192"]
    cells = chrome.execute_script(
        "return [...document.querySelectorAll('.cell[data-rows]')].map((cell) => [cell.textContent,"
        " Number(cell.dataset.from), Number(cell.dataset.to), cell.classList.contains('unused')])"
    )
    first = cells[:6]
    assert first[0][1:] == [0, 1, False]
    assert first[1][1:] == [1, 4, True]
    assert first[2] == ["i", 4, 8, False]
    assert first[3][:3] == ["l", 8, 16]
    assert first[4][1:] == [16, 17, False]  # both bitfields
    covered = sorted({(start, end) for _, start, end, _ in cells})
    assert covered[0][0] == 0
    assert covered[-1][1] == 200
    assert all(a[1] == b[0] for a, b in pairwise(covered))
    assert "hole" in " ".join(texts(chrome, "tr.hole"))


def test_gaps_within_members_are_counted(visit) -> None:
    b = Builder()
    b.int("char", 1)
    b.int("long", 8)
    inner = b.struct("inner", 16, [("c", 1, 0), ("l", 2, 64)])
    outer = b.struct("outer", 48, [("a", inner, 0), ("c", 1, 128), ("b", inner, 192), ("z", 2, 320)])
    chrome = visit(layout_page(Layouts(b.build()), [outer]))
    assert texts(chrome, ".stats li")[3:] == [
        "1 hole of 7 bytes",
        "2 gaps within members, 14 bytes",
        "14.6 % unused",
    ]


def test_pointing_at_bytes_tells_the_member(visit, layouts) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    chrome = visit(layout_page(layouts, layouts.find("thing")))
    cell = chrome.find_element("css selector", ".cell[data-from='8']")
    ActionChains(chrome).move_to_element(cell).perform()
    tip = chrome.find_element("id", "tip").text
    assert "l" in tip
    assert "p.one" in tip
    assert "bytes 8 to 15, 8 bytes" in tip
    assert len(texts(chrome, "tr.same")) >= 2
    chrome.execute_script("document.querySelector(\".cell[data-from='16']\").focus()")
    assert "3 bits from bit 0 of 16" in chrome.find_element("id", "tip").text


def test_search_over_types_and_members(visit, layouts) -> None:
    chrome = visit(layout_page(layouts, list(layouts.all())))
    assert len(texts(chrome, ".type")) == 30
    box = chrome.find_element("id", "search")
    box.send_keys("many_5\n")
    assert [text.split("_")[0] for text in texts(chrome, ".type h2 .mono")] == ["struct many"] * 11
    box.clear()
    box.send_keys("big\n")
    assert texts(chrome, ".type h2 .mono") == ["struct thing"]
    assert texts(chrome, "tr mark") == ["big"]
    box.send_keys("\ue00c")
    chrome.find_element("id", "holes").click()
    assert texts(chrome, ".type h2 .mono")[0] == "struct thing"
    assert all("unused" in text for text in texts(chrome, ".type h2"))
    chrome.find_element("id", "holes").click()
    chrome.find_element("id", "more").click()
    assert len(texts(chrome, ".type")) == 60


def test_hostile_names(visit, layouts) -> None:
    chrome = visit(layout_page(layouts, list(layouts.all())))
    assert chrome.execute_script("return window.owned") is None
    assert chrome.execute_script("return document.querySelectorAll('script, img, svg').length") == 2
    assert all(text.isprintable() for text in texts(chrome, ".type h2 .mono"))
