"""A request as the pages see it, and the answer."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote_to_bytes

from btfkit.errors import BtfError
from btfkit.web import addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_TARGET = 8192  # bytes of a path with its query
LONGEST_TEXT = 200  # characters of a text that is searched for
LONGEST_NAME = 4096  # characters of a name
MOST_ROWS = 1000  # that one answer lists
MOST_FIELDS = 16


class BadRequest(BtfError):
    """The request cannot be understood: status 400."""


class Request:
    """What is asked for: the `segments` of the path, the `query`, and whether JSON is wanted (`json`)."""

    def __init__(self, target: str, accept: str = "") -> None:
        """`target` is the path with its query, as in the first line of a request.  Raises BadRequest."""
        if len(target) > LONGEST_TARGET:
            raise BadRequest(f"an address of {len(target):,} characters: expected at most {LONGEST_TARGET:,}")
        path, _, query = target.partition("#")[0].partition("?")
        if not path.startswith("/"):
            raise BadRequest("expected a path that begins with a slash")
        self.json = _wants_json(accept)
        segments = path[1:].split("/")
        if segments[-1].endswith(".json"):
            segments[-1] = segments[-1].removesuffix(".json")
            self.json = True
        self.segments = [_text(segment) for segment in segments]
        self.path = path
        try:
            fields = parse_qsl(query, keep_blank_values=True, errors="surrogateescape", max_num_fields=MOST_FIELDS)
        except ValueError as error:
            raise BadRequest(f"the query cannot be read: {error}") from None
        self.query: dict[str, str] = {}
        for key, value in fields:
            if "\0" in value:
                raise BadRequest("a NUL character in the query")
            if len(value) > LONGEST_NAME:
                raise BadRequest(f"a value of {len(value):,} characters: expected at most {LONGEST_NAME:,}")
            self.query.setdefault(key, addresses.plain(value))

    def text(self, key: str) -> str:
        """A value of the query, "" if there is none."""
        return self.query.get(key, "")

    def number(self, key: str, default: int, most: int) -> int:
        """A number of the query.  Raises BadRequest."""
        value = self.query.get(key, "")
        if not value:
            return default
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            raise BadRequest(f"{key}: expected a number of 0 to {most:,}")
        return min(int(value), most)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """A value that is one of `choices`, or "".  Raises BadRequest."""
        value = self.query.get(key, "")
        if value and value not in choices:
            raise BadRequest(f"{key}: expected one of {', '.join(choices)}")
        return value


class Response:
    """An answer: its `status`, `headers` and `body`."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, kind: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """`kind` is the media type."""
        self.status = status
        self.body = body
        self.headers = {"Content-Type": kind, **(headers or {})}


def _text(segment: str) -> str:
    raw = unquote_to_bytes(segment)
    if b"\0" in raw:
        raise BadRequest("a NUL character in the path")
    return addresses.plain(raw.decode("utf-8", "surrogateescape"))


def _wants_json(accept: str) -> bool:
    """Whether an Accept header asks for JSON rather than for a page."""
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return "application/json" in kinds and "text/html" not in kinds
