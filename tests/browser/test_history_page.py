"""The page of a history in a real browser: the picture, the search, hostile names."""

from __future__ import annotations

import pytest

from btfkit.fleet.history_page import history_page
from btfkit.fleet.history_values import History, Part, State
from btfkit.fleet.keys import Key
from btfkit.fleet.matrix import Column
from hostile import NAMES


def made(name: str, kind: str, states) -> bytes:
    keys = [Key("debian", "12", "x86_64" if n < 6 else "arm64", f"6.{n}.0-1-amd64") for n in range(len(states))]
    columns = [Column(key, key.uname, f"/{key.uname}") for key in keys]
    return history_page(History(name, columns, [{kind: state} for state in states]))


def member(offset: int) -> State:
    parts = (Part("first", 0, 32, 0, "int"), Part("pid", 8 * offset, 32, 0, "pid_t"))
    return State("pid_t", offset, 4, parts=parts, holder="struct task", holder_size=128)


@pytest.fixture(scope="module")
def member_page() -> bytes:
    absent = State(absent="task has no member 'pid'", parts=(Part("nr", 320, 32, 0, "pid_t"),), holder_size=100)
    return made("task.pid", "member", [absent, absent, *[member(40)] * 3, *[member(64)] * 3])


def test_picture(visit, member_page) -> None:
    """A box of the member for each layout, at its place: further down at a larger offset."""
    chrome = visit(member_page)
    boxes = chrome.find_elements("css selector", ".box.wanted")
    assert len(boxes) == 3  # one layout of arm64, two of x86_64
    tops = [float(box.get_attribute("y")) for box in boxes]
    assert tops[1] < tops[2] == tops[0]
    assert len(chrome.find_elements("css selector", ".absent .body")) == 1
    assert chrome.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_tip_and_table(visit, member_page) -> None:
    chrome = visit(member_page)
    chrome.execute_script("document.querySelector('.box.wanted').focus()")
    assert "pid pid_t\nat 64, 4 bytes" in chrome.find_element("id", "tip").text
    rows = [row.text for row in chrome.find_elements("css selector", ".spans tbody tr")]
    assert len(rows) == 4
    assert "absent task has no member 'pid'" in rows[1]
    assert "a guess: renamed from nr" in rows[2]
    assert "moved, 40 -> 64" in rows[3]


def test_search(visit, member_page) -> None:
    chrome = visit(member_page)
    chrome.find_element("id", "search").send_keys("6.6.0\n")
    assert chrome.find_element("id", "found").text == "1 series with such a kernel"
    assert len(chrome.find_elements("css selector", ".series")) == 1
    assert len(chrome.find_elements("css selector", "tr.hit")) == 1


def test_hostile_names(visit) -> None:
    parts = tuple(Part(name, 256 * number, 256, 0, name) for number, name in enumerate(NAMES))
    chrome = visit(made("task", "struct", [State(size=32 * len(NAMES), parts=parts)] * 8))
    assert len(chrome.find_elements("css selector", ".box")) == 2 * len(NAMES)
    assert chrome.execute_script("return window.owned") is None
    assert chrome.execute_script("return document.querySelectorAll('script, img').length") == 2
