"""JSON as `json.dumps(document, indent=1)` writes it, in pieces and several times as fast: large reports are mostly numbers."""

from __future__ import annotations

from json import dumps
from json.encoder import encode_basestring_ascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any


def json_pieces(document: Mapping[str, Any]) -> Iterator[str]:
    """The text of an object with at least one key, a piece for each key, and a line break at the end."""
    before = "{\n "
    for key, value in document.items():
        yield f"{before}{encode_basestring_ascii(key)}: {_text(value, chr(10) + ' ')}"
        before = ",\n "
    yield "\n}\n"


def _text(value: Any, margin: str) -> str:
    """A value whose closing bracket follows `margin` (a line break and spaces)."""
    kind = type(value)
    if kind is str:
        return encode_basestring_ascii(value)
    if kind is int:
        return repr(value)
    inner = margin + " "
    if kind is list and value:
        return f"[{inner}{f',{inner}'.join([_text(each, inner) for each in value])}{margin}]"
    if kind is dict and value:
        rows = [f"{encode_basestring_ascii(key)}: {_text(each, inner)}" for key, each in value.items()]
        return f"{{{inner}{f',{inner}'.join(rows)}{margin}}}"
    return dumps(value) if value is not None else "null"
