"""The base of all pages in a real browser: what names may not do, light and dark, search."""

from __future__ import annotations

import json

import pytest

from btfkit.show.html import page
from hostile import NAMES


def test_hostile_names_do_nothing(visit) -> None:
    chrome = visit(page("base", NAMES[0], {"names": list(NAMES)}))
    assert chrome.execute_script("return window.owned") is None
    assert chrome.title == NAMES[0]
    assert chrome.execute_script("return document.querySelectorAll('script').length") == 2
    assert json.loads(chrome.execute_script("return JSON.stringify(btfkit.data.names)")) == list(NAMES)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_as_they_are_shown(visit, name) -> None:
    chrome = visit(page("base", "a title", {"name": name}))
    chrome.execute_script(
        "document.getElementById('main').append(btfkit.el('p.shown', {}, btfkit.shown(btfkit.data.name)))"
    )
    text = chrome.execute_script("return document.querySelector('.shown').textContent")
    assert text.isprintable()
    assert chrome.execute_script("return document.querySelectorAll('.shown *').length") == 0
    assert chrome.execute_script("return window.owned") is None


def test_a_script_that_got_in_would_not_run(browser, tmp_path) -> None:
    """The policy of the page is the second wall."""
    path = tmp_path / "page.html"
    path.write_bytes(page("base", "a title", {}).replace(b"<main ", b"<script>window.owned = 1</script><main "))
    browser.get(path.as_uri())
    assert browser.execute_script("return window.owned") is None
    assert any("Content Security Policy" in line["message"] for line in browser.get_log("browser"))


def test_light_and_dark(visit) -> None:
    chrome = visit(page("base", "a title", {}))
    ground = "return getComputedStyle(document.body).backgroundColor"
    before = chrome.execute_script(ground)
    chrome.find_element("id", "theme").click()
    other = chrome.execute_script(ground)
    assert other != before
    chrome.find_element("id", "theme").click()
    assert chrome.execute_script(ground) == before
    chrome.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    chrome.execute_script("delete document.documentElement.dataset.theme; try { localStorage.clear() } catch {}")
    assert chrome.execute_script(ground) == "rgb(20, 23, 27)"
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_search(visit) -> None:
    chrome = visit(page("base", "a title", {}))
    chrome.execute_script("btfkit.onSearch((words) => { window.searched = words; })")
    chrome.find_element("tag name", "body").send_keys("/")
    assert chrome.execute_script("return document.activeElement.id") == "search"
    chrome.find_element("id", "search").send_keys(" Task_Struct\n")
    assert chrome.execute_script("return window.searched") == "task_struct"
    chrome.find_element("id", "search").send_keys("\ue00c")  # escape
    assert chrome.execute_script("return window.searched") == ""
