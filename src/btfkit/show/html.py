"""Pages: self-contained HTML files that show data which they include as JSON.

A page is `templates/NAME.html` (which extends `base.html`) with `NAME.css` and `NAME.js`, if they exist, after `base.css` and
`base.js`.  Those have the colours for light and dark, the search box, the tooltip, and `btfkit`, the object through which a
script reads the data and makes elements.  Names from a BTF can be hostile: templates escape them, the data cannot end its
element, scripts set text and never HTML, and the page's policy (CSP) runs only its own scripts and loads nothing.
"""

from __future__ import annotations

import os

from btfkit.errors import UnsupportedError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")


def page(name: str, title: str, data: object, **values: Any) -> bytes:
    """The page `templates/NAME.html` as UTF-8, with its `title`, and `data` (a JSON document) for its script.

    `values` are more variables for the template.  Equal arguments give equal bytes.  Raises UnsupportedError without jinja2.
    """
    environment = template_environment(TEMPLATES)
    script, style = _part(name, "js"), _part(name, "css")
    text: str = environment.get_template(name + ".html").render(
        title=title,
        data=environment.markup(json_element(data)),
        script=environment.markup(script),
        style=environment.markup(style),
        policy=_policy(script, style),
        **values,
    )
    return text.encode()


def json_element(data: object) -> str:
    """`data` as JSON that is safe within a `<script type="application/json">`: ASCII, no `<`, `>` or `&`."""
    import json

    text = json.dumps(data, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def demand_jinja2() -> Any:
    """jinja2, which makes the pages.  Raises UnsupportedError without it: call this before the work for a page begins."""
    try:
        import jinja2
    except ImportError:
        raise UnsupportedError("HTML needs jinja2, which is not installed: pip install 'btfkit[html]'") from None
    return jinja2


def template_environment(*folders: str) -> Any:
    """The templates in some directories, which escape what they show.  Raises UnsupportedError without jinja2."""
    jinja2 = demand_jinja2()
    from markupsafe import Markup

    environment: Any = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.markup = Markup
    return environment


def _shown(value: object) -> object:
    """A value as a template prints it: control and undecodable characters are escaped."""
    if type(value) is str and not value.isprintable():
        return printable(value)
    return value


def _part(name: str, kind: str) -> str:
    """The shared script or style sheet, followed by the page's own."""
    paths = [os.path.join(TEMPLATES, f"{part}.{kind}") for part in dict.fromkeys(("base", name))]
    return "".join(template_text(path) for path in paths if os.path.exists(path))


def template_text(path: str) -> str:
    """The text of a script or style sheet."""
    with open(path, encoding="utf-8", newline="\n") as file:
        return file.read()


def _policy(script: str, style: str) -> str:
    """The policy that loads nothing and allows only this script and this style sheet."""
    return f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    from base64 import b64encode
    from hashlib import sha256

    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
