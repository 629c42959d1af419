"""The page of a diff in a real browser."""

from __future__ import annotations

import pytest

from btfkit.btf.build import Builder
from btfkit.show.diff import diff
from btfkit.show.diff_page import diff_page
from hostile import NAMES


@pytest.fixture(scope="module")
def page():
    def side(size):
        b = Builder()
        b.int("int", 4)
        b.int("long", 8)
        for name in NAMES:
            b.struct(name, size, [(name, size // 4, 0)])
        for number in range(100):
            b.func(f"function_{number}", b.func_proto(0, [("n", size // 4)]))
        b.typedef("came_t" if size == 8 else "went_t", 1)
        return b.build()

    return diff_page(diff(side(4), side(8)))


def names(chrome) -> list[str]:
    return chrome.execute_script(
        "return [...document.querySelectorAll('.item h3 .mono')].map((node) => node.textContent)"
    )


def test_filters_and_search(visit, page) -> None:
    chrome = visit(page)
    assert len(names(chrome)) == 60
    assert chrome.find_element("id", "found").text == f"{len(NAMES) + 102} differences"
    chrome.find_element("css selector", "[data-value='added']").click()
    assert names(chrome) == ["typedef came_t"]
    chrome.find_element("css selector", "[data-value='added']").click()
    chrome.find_element("css selector", "[data-value='function']").click()
    chrome.find_element("id", "search").send_keys("function_42\n")
    assert names(chrome) == ["function function_42"]
    assert "- void function_42(int n)" in chrome.find_element("css selector", ".item pre").text
    chrome.find_element("id", "search").send_keys("\ue00c")
    chrome.find_element("id", "more").click()
    assert len(names(chrome)) == 100


def test_hostile_names(visit, page) -> None:
    chrome = visit(page)
    assert chrome.execute_script("return window.owned") is None
    assert chrome.execute_script("return document.querySelectorAll('script, img, svg').length") == 2
    assert all(name.isprintable() for name in names(chrome))
