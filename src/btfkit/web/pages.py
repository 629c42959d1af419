"""Pages out of views: templates, and the style sheet, scripts and picture that all pages share.

The policy of a page (`app.POLICY`) runs only scripts of the server itself, and loads nothing else.
"""

from __future__ import annotations

import os
import re

from btfkit.errors import counted, printable
from btfkit.show import html
from btfkit.show.identity import ENUM
from btfkit.web import addresses
from btfkit.web.definition_views import user_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from btfkit.web.request import Request
    from btfkit.web.views import View

TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
ASSETS = {
    "atlas.css": ("text/css; charset=utf-8", ("base.css", "layout.css", "history.css", "atlas.css")),
    "atlas.js": ("text/javascript; charset=utf-8", ("base.js", "atlas.js")),
    "layout.js": ("text/javascript; charset=utf-8", ("layout.js",)),
    "history.js": ("text/javascript; charset=utf-8", ("history.js",)),
    "icon.svg": ("image/svg+xml", ("icon.svg",)),
}
SCRIPTS = {"definition": "layout.js", "member": "history.js"}
_TAGGED = re.compile(r"\b(struct|union|enum) ([A-Za-z_]\w*)")


class Asset:
    """A file that pages load: its media type (`kind`), `body`, and a `digest` that is part of its address."""

    __slots__ = ("body", "digest", "kind")

    def __init__(self, kind: str, body: bytes) -> None:
        from hashlib import sha256

        self.kind = kind
        self.body = body
        self.digest = sha256(body).hexdigest()[:16]


class Pages:
    """Makes the pages of an atlas."""

    def __init__(self, path: str) -> None:
        """Raises UnsupportedError without jinja2."""
        self._environment = html.template_environment(TEMPLATES, html.TEMPLATES)
        self.assets = {name: Asset(kind, _body(parts)) for name, (kind, parts) in ASSETS.items()}
        self._environment.globals |= {
            "atlas": printable(os.path.basename(path)),
            "asset": lambda name: f"/assets/{self.assets[name].digest}/{name}",
            "address": addresses,
            "user_address": user_address,
            "counted": counted,
            "shown": printable,
            "shift": _shift,
        }
        self._environment.filters["linked"] = self._linked
        self._environment.filters["number"] = lambda value: f"{value:,}"

    def page(self, view: View, request: Request) -> bytes:
        """The page of a view, as UTF-8."""
        markup = self._environment.markup
        data = html.json_element(view.values.get("data", {}))
        template = self._environment.get_template(view.template + ".html")
        script = SCRIPTS.get(view.template, "")
        if script == "layout.js" and not view.values["layouts"]:
            script = ""
        text: str = template.render(
            view.values | {"title": view.title, "page_script": script, "json": _json(request)},
            data=markup(data),
        )
        return text.encode("utf-8", "backslashreplace")

    def error(self, status: int, reason: str, message: str) -> bytes:
        """The page of an error."""
        template = self._environment.get_template("error.html")
        values = {"title": reason, "status": status, "message": message, "page_script": "", "json": ""}
        text: str = template.render(values, data=self._environment.markup("{}"))
        return text.encode("utf-8", "backslashreplace")

    def _linked(self, text: str) -> Any:
        """A type or declaration in C, with a link for each struct, union and enum in it."""
        markup = self._environment.markup
        pieces = []
        at = 0
        shown = printable(text)
        for found in _TAGGED.finditer(shown):
            pieces.append(markup.escape(shown[at : found.start()]))
            address = addresses.definition(found[1], found[2])
            pieces.append(markup('<a href="{}">{}</a>').format(address, found[0]))
            at = found.end()
        pieces.append(markup.escape(shown[at:]))
        return markup("").join(pieces)


def _body(parts: tuple[str, ...]) -> bytes:
    found = []
    for part in parts:
        paths = (os.path.join(folder, part) for folder in (TEMPLATES, html.TEMPLATES))
        found.append(html.template_text(next(path for path in paths if os.path.exists(path))))
    return "\n".join(found).encode()


def _shift(bits: int, kind: str) -> str:
    """How far a member has moved, in bytes, or bits with their word; for an enumerator, how much its value has changed."""
    if kind == ENUM:
        return f"{bits:+d}"
    return f"{bits // 8:+d}" if bits % 8 == 0 else f"{bits:+d} {'bit' if abs(bits) == 1 else 'bits'}"


def _json(request: Request) -> str:
    """The address of the JSON document beside a page."""
    path = request.path
    if path == "/":
        return "/kernels.json"
    from urllib.parse import urlencode

    query = urlencode(request.query, safe="/:@")
    return f"{path}.json" + (f"?{query}" if query else "")  # also "/struct/.json?name=..."
