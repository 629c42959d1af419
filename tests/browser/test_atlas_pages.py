"""The pages of `atlas serve` in a real browser: search by keyboard, light and dark, a phone, contrast, hostile names."""

from __future__ import annotations

import threading
import time

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from btfkit import Builder
from btfkit.atlas.file import Atlas
from btfkit.fleet.atlas import atlas_order
from btfkit.web import addresses
from btfkit.web.server import AtlasServer
from hostile import NAMES

UNAMES = [f"6.{number}.0-{number}-amd64" for number in range(1, 5)]
KEYS = [f"debian/12/x86_64/{uname}" for uname in UNAMES]
LONG = "long_name_" * 60


def kernel(number):
    b = Builder()
    integer = b.int("int", 4, encoding=1)
    before = [("before", integer, 0)] if number > 1 else []
    at = 32 * len(before)
    task = b.struct("task", 16 if before else 12, [*before, ("pid", integer, at), ("flags", integer, at + 32)])
    for name in ("task_work", "task_group", "my_task"):
        b.struct(name, 8, [("task", b.ptr(task), 0)])
    b.func("task_start", b.func_proto(integer, [("t", b.ptr(task))]))
    b.enum("task_mode", [("OFF", 0), ("ON", 1)])
    for name in (*NAMES, LONG):
        b.struct(name, 8, [(name, integer, 0), ("x", integer, 32)])
    return b.build()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("pages") / "k.atlas")
    with Atlas.open(path, write=True, create=True) as atlas:
        for number, uname in enumerate(UNAMES):
            atlas.add(("debian", "12", "x86_64", uname), kernel(number), None, atlas_order)
    with AtlasServer(path, port=0) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        yield server.url.rstrip("/")
        server.stop()
        thread.join()


@pytest.fixture
def chrome(browser, address):
    """The browser; afterwards it must not have complained, nor loaded anything from elsewhere."""
    browser.get_log("browser")
    yield browser
    assert browser.get_log("browser") == []
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert all(one.startswith(address) for one in loaded)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


PAGES = {
    "start": "/",
    "search": "/search?q=task",
    "struct": "/struct/task",
    "function": "/function/task_start",
    "enum": "/enum/task_mode",
    "member": "/struct/task/pid",
    "kernel": addresses.kernel(KEYS[0]),
    "compare": addresses.compare(KEYS[0], KEYS[3]),
    "pair": addresses.pair("struct", "task", KEYS[0], KEYS[3]),
    "members": "/member/pid",
    "nothing": "/struct/nothing",
}


def hits(chrome, count=1):
    """The suggestions, once there are some."""
    deadline = time.monotonic() + 20
    while True:
        found = chrome.execute_script(
            "const list = document.getElementById('hits');"
            "return list.hidden ? null : [...list.querySelectorAll('a')].map((one) => one.firstChild.textContent)"
        )
        if found is not None and len(found) >= count:
            return found
        assert time.monotonic() < deadline
        time.sleep(0.05)


def arrives(chrome, address):
    """The browser comes to an address."""
    deadline = time.monotonic() + 20
    while chrome.current_url != address:
        assert time.monotonic() < deadline, chrome.current_url
        time.sleep(0.05)


def test_search_by_keyboard(chrome, address):
    chrome.get(f"{address}/struct/task_group")
    chrome.find_element(By.TAG_NAME, "body").send_keys("/")
    box = chrome.switch_to.active_element
    assert box.get_attribute("id") == "names"
    box.send_keys("TASK_")
    assert hits(chrome)[:3] == ["task_group", "task_mode", "task_work"]
    assert box.get_attribute("aria-expanded") == "true"
    box.send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP)
    chosen = chrome.find_element(By.CSS_SELECTOR, '#hits a[aria-selected="true"]')
    assert chosen.text.startswith("task_mode")
    assert box.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    box.send_keys(Keys.ESCAPE)
    assert not chrome.find_element(By.ID, "hits").is_displayed()
    box.send_keys(Keys.ARROW_DOWN)
    hits(chrome)
    box.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    arrives(chrome, f"{address}/struct/task_group")


def test_search_with_enter_and_of_members(chrome, address):
    chrome.get(address)
    box = chrome.switch_to.active_element  # the start page has it in focus
    box.send_keys("task.p")
    assert hits(chrome)[0] == "task.pid"
    box.send_keys(Keys.ENTER)
    arrives(chrome, f"{address}/search?q=task.p")
    chrome.find_element(By.LINK_TEXT, "task.pid").click()
    arrives(chrome, f"{address}/struct/task/pid")
    assert len(chrome.find_elements(By.CSS_SELECTOR, ".box.wanted")) == 2


def test_a_struct(chrome, address):
    chrome.get(f"{address}/struct/task")
    cells = [one.text for one in chrome.find_elements(By.CSS_SELECTOR, ".cell:not(.out):not(.unused)")]
    assert cells == ["before", "pid", "flags"]
    strips = chrome.find_elements(By.CSS_SELECTOR, ".line svg[data-line]")
    assert len(strips) == 3
    shown = chrome.execute_script(
        "const box = arguments[0].getBoundingClientRect();"
        "const at = {bubbles: true, clientX: box.left + box.width / 10, clientY: box.top + 2};"
        "arguments[0].dispatchEvent(new PointerEvent('pointermove', at));"
        "return document.getElementById('tip').textContent",
        strips[1],
    )
    assert shown == f"{UNAMES[0]}\nat 0, int"
    select = chrome.find_element(By.NAME, "kernel")
    chrome.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'))", select, KEYS[0]
    )
    deadline = time.monotonic() + 20
    while "kernel=" not in chrome.current_url:
        assert time.monotonic() < deadline
    cells = [one.text for one in chrome.find_elements(By.CSS_SELECTOR, ".cell:not(.out):not(.unused)")]
    assert cells == ["pid", "flags"]


@pytest.mark.parametrize("page", PAGES)
def test_on_a_phone_and_a_desk_in_light_and_dark(chrome, address, page):
    """Nothing is wider than the screen, all text has a contrast of 4.5, and nothing moves after it is shown."""
    for width, scheme in ((390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")):
        chrome.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        chrome.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        chrome.get(address + PAGES[page])
        assert chrome.execute_script("return document.documentElement.scrollWidth <= innerWidth"), (width, scheme)
        assert chrome.execute_script(CONTRAST) == [], (width, scheme)
        assert chrome.execute_async_script(SHIFTS) < 0.01, (width, scheme)
    if page == "nothing":  # a browser notes the status of the page
        assert all("404" in line["message"] for line in chrome.get_log("browser"))


def test_both_sides_on_a_phone(chrome, address):
    """Two definitions side by side are both on the screen, without scrolling to the right."""
    chrome.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    )
    chrome.get(address + PAGES["pair"])
    heads = chrome.find_elements(By.CSS_SELECTOR, ".pair thead th")
    assert len(heads) == 2
    for head in heads:
        left, right = chrome.execute_script(
            "const box = arguments[0].getBoundingClientRect(); return [box.left, box.right];", head
        )
        assert 0 <= left < right <= 390


# Text whose contrast with what is behind it is less than 4.5 (WCAG 2.1, 1.4.3); of colours without transparency.
CONTRAST = """
const channels = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
const behind = (node) => {
  for (; node; node = node.parentElement) {
    const ground = channels(getComputedStyle(node).backgroundColor);
    if (ground.length === 3 || ground[3] === 1) return ground;
  }
  return [255, 255, 255];
};
const bad = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const node = walk.currentNode.parentElement;
  if (!walk.currentNode.data.trim() || !node.checkVisibility({visibilityProperty: true})) continue;
  if (node.closest('script, noscript, svg, .skip')) continue;
  if (getComputedStyle(node).backgroundImage !== 'none' || node.closest('.unused')) continue;
  const two = [light(channels(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
  const ratio = (two[0] + 0.05) / (two[1] + 0.05);
  if (ratio < 4.5) bad.push([walk.currentNode.data.trim().slice(0, 30), node.className, ratio.toFixed(2)]);
}
return bad;
"""
SHIFTS = """
const done = arguments[0];
let sum = 0;
const add = (list) => { for (const one of list.getEntries()) sum += one.value; };
new PerformanceObserver(add).observe({type: 'layout-shift', buffered: true});
setTimeout(() => done(sum), 250);
"""


@pytest.mark.parametrize("name", [*NAMES, LONG], ids=range(len(NAMES) + 1))
def test_hostile_names(chrome, address, name):
    plain = addresses.plain(name)
    chrome.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    )
    for page in (
        addresses.definition("struct", plain),
        addresses.definition("struct", plain, plain),
        addresses.search(plain[:200]),
        addresses.pair("struct", plain, KEYS[0], KEYS[3]),
        addresses.members(plain),
    ):
        chrome.get(address + page)
        assert chrome.execute_script("return window.owned") is None
        assert chrome.execute_script("return document.querySelectorAll('main script, main img').length") == 0
        assert chrome.execute_script("return document.documentElement.scrollWidth <= innerWidth"), page
        assert "Not found" not in chrome.title
    chrome.get(address)
    box = chrome.switch_to.active_element
    chrome.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))", box, plain[:20]
    )
    hits(chrome, 1 if plain.isprintable() and "\\" not in plain else 0)
    assert chrome.execute_script("return window.owned") is None


def test_a_script_that_got_in_would_not_run(browser, address):
    browser.get(f"{address}/struct/task")
    browser.execute_script(
        "const one = document.createElement('div'); one.innerHTML = '<img src=x onerror=\"window.owned = 1\">';"
        "document.body.append(one)"
    )
    time.sleep(0.3)
    assert browser.execute_script("return window.owned") is None
    assert any("Content Security Policy" in line["message"] for line in browser.get_log("browser"))


def test_without_scripts(browser, address):
    """Everything but the pictures is there: search is a form, and the layout is text."""
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(f"{address}/struct/task")
        assert "struct task {" in browser.find_element(By.CSS_SELECTOR, "noscript pre").text
        box = browser.find_element(By.ID, "names")
        box.send_keys("task_st\n")
        arrives(browser, f"{address}/search?q=task_st")
        browser.find_element(By.LINK_TEXT, "task_start").click()
        assert "int task_start(struct task *t)" in browser.find_element(By.TAG_NAME, "main").text
        browser.get(f"{address}/struct/task/pid")
        assert "at 4, 4 bytes, int" in browser.find_element(By.TAG_NAME, "main").text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    browser.get_log("browser")


def test_the_focus_is_visible(chrome, address):
    chrome.get(f"{address}/struct/task")
    body = chrome.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert chrome.switch_to.active_element.text == "Skip to the page"
    for _ in range(12):
        chrome.switch_to.active_element.send_keys(Keys.TAB)
        style = chrome.execute_script(
            "const s = getComputedStyle(document.activeElement); return [s.outlineStyle, parseFloat(s.outlineWidth)]"
        )
        assert style[0] != "none", chrome.switch_to.active_element.get_attribute("outerHTML")[:100]
        assert style[1] >= 1
