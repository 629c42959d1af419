"""The matrix of `check` in a real browser."""

from __future__ import annotations

import pytest

from btfkit.fleet.object_verdicts import object_ranges
from btfkit.fleet.report_html import page_bytes
from hostile import NAMES
from matrices import made

CLICK = """
const box = document.getElementById('cells').getBoundingClientRect();
document.getElementById('cells').dispatchEvent(new MouseEvent('click',
  {clientX: box.left + arguments[0], clientY: box.top + arguments[1], bubbles: true}));
return [document.getElementById('said').textContent, document.getElementById('detail').textContent];
"""
SEEN = """
const cells = document.getElementById('cells'), ratio = devicePixelRatio;
return [...cells.getContext('2d').getImageData(arguments[0] * ratio, arguments[1] * ratio, 1, 1).data];
"""
NAMED = "return [...document.querySelectorAll('#names div')].map((node) => node.textContent)"


def page(matrix):
    return page_bytes(matrix, list(matrix.failures()))


def choose(chrome, name, value):
    """Choose an option of a filter."""
    chrome.execute_script(
        "const s = document.getElementById(arguments[0]); s.value = arguments[1]; s.dispatchEvent(new Event('change'))",
        name,
        value,
    )


@pytest.fixture
def shown(visit):
    chrome = visit(page(made(60, 12)))
    assert chrome.find_element("tag name", "body").get_attribute("data-ready") == "yes"
    return chrome


def test_cells_have_their_colours_and_tell_why(shown) -> None:
    said, detail = shown.execute_script(CLICK, 6, 33)  # the first program on the first kernel
    assert said.startswith("handle_0 on amzn x86_64: 4.14.0-0-amzn")
    assert said.endswith(": breaks")
    assert "struct task_struct has no member 'member_0'" in detail
    assert "int value = BPF_CORE_READ(task, member_0);" in detail
    assert "prog0.bpf.c:100" in detail
    assert "((struct task_struct *)0)->member_0" in detail
    assert "First kernel that has it: 5.4.0-" in detail or "First kernel that has it" in detail
    red, green, blue, _ = shown.execute_script(SEEN, 5, 40)
    assert red > 150 > max(green, blue)
    said, detail = shown.execute_script(CLICK, 6, 33 + 18)
    assert said.endswith(": works, guarded")
    assert "not reached" in detail
    said, detail = shown.execute_script(CLICK, 6, 33 + 36)
    assert said.endswith(": works")
    assert "Every read has an answer" in detail


def test_objects_have_verdicts(visit) -> None:
    matrix = made(60, 12)
    chrome = visit(page(matrix))
    entries = (
        "return [...document.querySelectorAll('.program.whole')].map((node) => [node.querySelector('small').textContent,"
        " [...node.querySelectorAll('.pill')].map((pill) => pill.textContent)])"
    )
    found = dict(chrome.execute_script(entries))
    assert list(found) == ["prog0", "prog1"]
    for name, pills in found.items():
        assert {part.status for part in object_ranges(matrix, name)} == {text.rpartition(": ")[2] for text in pills}
    _, detail = chrome.execute_script(CLICK, 6, 33)
    assert f"the object: {object_ranges(matrix, 'prog0')[0].status}" in detail


def test_keys_move(shown) -> None:
    scroller = shown.find_element("id", "scroller")
    scroller.send_keys("\ue014")  # right: the first cell
    first = shown.find_element("id", "said").text
    scroller.send_keys("\ue014\ue015")  # right, down
    assert shown.find_element("id", "said").text != first
    assert "handle_1 on" in shown.find_element("id", "said").text
    assert shown.execute_script("return document.querySelectorAll('#names .at').length") == 1


def test_filters(shown) -> None:
    corner = "return document.getElementById('tally').textContent"
    assert shown.execute_script(corner).startswith("12 programs, 60 kernels")
    choose(shown, "distro", "debian")
    assert shown.execute_script(corner).startswith("12 programs, 20 kernels")
    choose(shown, "arch", "arm64")
    assert shown.execute_script(corner).startswith("12 programs, 10 kernels")
    choose(shown, "from", "5004")
    choose(shown, "to", "5010")
    assert shown.execute_script(corner).startswith("12 programs, 3 kernels")
    for name in ("distro", "arch", "from", "to"):
        choose(shown, name, "")
    choose(shown, "object", "prog1")
    assert shown.execute_script(corner).startswith("6 programs, 60 kernels")
    choose(shown, "object", "")
    choose(shown, "verdict", "2")
    names = shown.execute_script(NAMED)
    assert "handle_0" in names
    assert "handle_1" not in names
    choose(shown, "verdict", "1")
    assert "handle_1" in shown.execute_script(NAMED)
    assert "handle_0" not in shown.execute_script(NAMED)


def test_a_view_can_be_linked(shown) -> None:
    here = shown.execute_script("return location.href")
    choose(shown, "distro", "debian")
    choose(shown, "verdict", "2")
    shown.find_element("id", "search").send_keys("member_0\n")
    said, _ = shown.execute_script(CLICK, 6, 33)
    link = shown.execute_script("return location.href")
    tally = shown.find_element("id", "tally").text
    assert link.startswith(f"{here}#distro=debian&verdict=2&search=member_0&program=prog0%3Ahandle_0&kernel=")
    shown.get("about:blank")
    shown.get(link)
    assert shown.find_element("id", "said").text == said
    assert shown.find_element("id", "tally").text == tally
    assert shown.find_element("id", "search").get_attribute("value") == "member_0"
    shown.execute_script("location.hash = '#distro=no-such&object=prog1'")
    shown.execute_async_script("setTimeout(arguments[0], 50)")
    assert shown.find_element("id", "tally").text.startswith("6 programs, 60 kernels")
    choose(shown, "object", "")
    assert shown.execute_script("return location.href") == here


def test_heads_have_a_row_for_each_part_of_the_name(shown) -> None:
    rows = "return [...document.querySelectorAll('#corner div')].map((node) => node.textContent)"
    assert shown.execute_script(rows) == ["distribution", "architecture", "version"]
    tip = """
    const heads = document.getElementById('heads'), box = heads.getBoundingClientRect();
    heads.dispatchEvent(new PointerEvent('pointermove', {clientX: box.left + 6, clientY: box.top + 5, bubbles: true}));
    return document.getElementById('tip').textContent"""
    assert shown.execute_script(tip).startswith("amzn x86_64: 4.14.0-0-amzn")


def test_text_can_be_read_against_its_ground(visit) -> None:
    """WCAG's ratio of contrast is at least 4.5, in light and in dark."""
    matrix = made(60, 12)
    matrix.require(["handle_1"])  # the others are faint
    chrome = visit(page(matrix))
    ratio = """
    const channel = (v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const light = (text) => {
      const [r, g, b] = text.match(/[0-9.]+/g).map(Number);
      return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    };
    const node = document.querySelector(arguments[0]);
    let ground = node;
    while (/^rgba\\(.*, 0\\)$/.test(getComputedStyle(ground).backgroundColor)) ground = ground.parentElement;
    const two = [light(getComputedStyle(node).color), light(getComputedStyle(ground).backgroundColor)].sort((a, b) => a - b);
    return (two[1] + 0.05) / (two[0] + 0.05);"""
    for _ in range(2):
        for selector in (".foot", ".lead", ".note", "#names .faint", "#tally", "#corner div", ".badge", ".pill"):
            if chrome.execute_script("return document.querySelector(arguments[0]) !== null", selector):
                assert chrome.execute_script(ratio, selector) >= 4.5, selector
        chrome.find_element("id", "theme").click()


def test_without_a_script_a_table_says_what_breaks(browser, tmp_path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(page(made(60, 12)))
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(path.as_uri())
        rows = [row.text for row in browser.find_elements("css selector", "noscript tbody tr")]
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert any(row.startswith("prog0 handle_0") and "struct task_struct has no member" in row for row in rows)
    assert not any("handle_1 " in row for row in rows)  # guarded


def test_search(shown) -> None:
    box = shown.find_element("id", "search")
    box.send_keys("handle_7\n")
    assert shown.execute_script(NAMED) == ["handle_7"]
    assert shown.execute_script("return document.querySelector('#names mark').textContent") == "handle_7"
    box.clear()
    box.send_keys("6.1.0-\n")  # kernels
    assert "12 programs" in shown.find_element("id", "tally").text
    assert "60 kernels" not in shown.find_element("id", "tally").text
    box.clear()
    box.send_keys("member_1\n")  # a reason
    names = shown.execute_script(NAMED)
    assert names
    assert all(int(name.split("_")[1]) % 3 == 0 for name in names if name.startswith("handle"))
    box.clear()
    box.send_keys("nothing has this\n")
    assert shown.find_element("id", "said").text == "Nothing fits these filters."


def test_ranges_in_words(shown) -> None:
    pills = shown.execute_script("return [...document.querySelectorAll('.program:not(.whole)')][0].textContent")
    assert "amzn x86_64: 4.14.0-0-amzn ... " in pills
    assert ": works" in pills
    shown.execute_script("document.querySelector('button.pill').click()")
    assert "handle_0 on" in shown.find_element("id", "said").text
    assert "member_0" in shown.find_element("id", "detail").text


def test_light_and_dark(shown) -> None:
    picture = "return document.getElementById('cells').toDataURL()"
    before = shown.execute_script(picture)
    shown.find_element("id", "theme").click()
    shown.execute_async_script("const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))")
    assert shown.execute_script(picture) != before


def test_hostile_names(visit) -> None:
    chrome = visit(page(made(30, len(NAMES), names=NAMES)))
    for y in range(20, 300, 18):
        chrome.execute_script(CLICK, 6, y)
    chrome.find_element("id", "search").send_keys("script\n")
    assert chrome.execute_script("return window.owned") is None
    assert chrome.execute_script("return document.querySelectorAll('script, img, svg').length") == 2
    texts = chrome.execute_script(
        "return [document.body.innerText, ...[...document.querySelectorAll('[title]')].map((n) => n.title)]"
    )
    assert all(part.isprintable() for text in texts for part in text.replace("\t", " ").split("\n"))


def test_five_thousand_kernels(visit) -> None:
    """Large archives stay light: a small file, and little to draw at a time."""
    data = page(made(5000, 60))
    assert len(data) < 2_000_000
    chrome = visit(data)
    assert chrome.find_element("id", "tally").text.startswith("60 programs, 5,000 kernels")
    assert chrome.execute_script("return document.querySelectorAll('*').length") < 6000
    width, height = chrome.execute_script("const c = document.getElementById('cells'); return [c.width, c.height]")
    assert width * height < 4_000_000
    chrome.execute_script("document.getElementById('scroller').scrollLeft = 1e6")
    chrome.execute_async_script("const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))")
    said, _ = chrome.execute_script(CLICK, 40, 33)
    assert said.startswith("handle_0 on ubuntu x86_64: ")
    choose(chrome, "distro", "debian")
    assert (
        "1,667 kernels" in chrome.find_element("id", "tally").text or "1,66" in chrome.find_element("id", "tally").text
    )


def test_nothing_to_show(visit) -> None:
    matrix = made(3, 2)
    for column in matrix.columns:
        column.error = "not BTF"
    chrome = visit(page(matrix))
    assert chrome.find_element("id", "said").text == "Nothing fits these filters."
    assert "3 kernels could not be read" in chrome.find_element("id", "problems").text
