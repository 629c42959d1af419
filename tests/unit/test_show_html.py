"""Pages: whole, the same each time, and safe whatever names are in them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from html import unescape

import pytest

from btfkit.errors import UnsupportedError
from btfkit.show.html import TEMPLATES, json_element, page
from hostile import NAMES


def test_page() -> None:
    text = page("base", "a <b> title", {"a": [1, "x"]}).decode()
    assert text.startswith("<!DOCTYPE html>")
    assert "<title>a &lt;b&gt; title</title>" in text
    assert page("base", "a <b> title", {"a": [1, "x"]}).decode() == text


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names(name) -> None:
    text = page("base", name, {name: [name]}).decode()
    assert len(re.findall("<script", text)) == len(re.findall("</script", text)) == 2
    found = re.search('<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found is not None
    assert json.loads(found[1]) == {name: [name]}
    title = re.search("<title>(.*?)</title>", text, re.S)
    assert title is not None
    assert "<" not in title[1]
    assert unescape(title[1]).isprintable()


def test_json_element() -> None:
    assert json_element("</script>&\u2028") == '"\\u003c/script\\u003e\\u0026\\u2028"'
    assert json.loads(json_element({"a": "<&>"})) == {"a": "<&>"}


def test_policy_is_of_what_stands_there() -> None:
    text = page("base", "t", {}).decode()
    policy = unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])  # type: ignore[index]
    for tag in ("script", "style"):
        body = re.search(f"<{tag}>(.*?)</{tag}>", text, re.S)[1]  # type: ignore[index]
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_nothing_is_loaded() -> None:
    from pathlib import Path

    for path in Path(TEMPLATES).iterdir():
        text = path.read_text()
        assert not re.search(
            r"https?:|@import|url\(|<link|src=|fetch\(|XMLHttp|innerHTML|outerHTML|insertAdjacent|eval\(", text
        ), path
        assert "|safe" not in text.replace(" ", ""), path


def test_without_jinja2(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(UnsupportedError, match=r"btfkit\[html\]"):
        page("base", "t", {})
