"""What an address is answered with; knows nothing of sockets.

answer = App(Catalog("kernels.atlas")).answer("GET", "/struct/task_struct.json", {"host": "localhost"})
"""

from __future__ import annotations

import json

from btfkit.atlas.file import Busy
from btfkit.errors import BtfError, NotFoundError, UnsupportedError, error_text, printable
from btfkit.show.identity import CLASSES
from btfkit.web import definition_views, views
from btfkit.web.pages import Pages
from btfkit.web.request import BadRequest, Request, Response
from btfkit.web.views import Download, View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from btfkit.web.catalog import Catalog, Reader

    Make = Callable[[Reader, Request], View | Download]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
FRESH = {"Cache-Control": "no-cache"}
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
REASONS = {
    400: "Bad request",
    404: "Not found",
    405: "Method not allowed",
    421: "Another host",
    500: "Error",
    503: "Not available now",
}
ROUTES: dict[str, Make] = {
    "": views.start,
    "kernels": views.start,
    "kernel": views.kernel,
    "btf": views.btf,
    "compare": views.compare,
    "search": views.search,
    "member": definition_views.members,
    "name": definition_views.names,
    "diff": definition_views.pair,
    **dict.fromkeys(CLASSES.values(), definition_views.definition),
}


class App:
    """The pages of a catalog.  `hosts` are the names that a Host header may have, None: any; "*" among them stands for all
    addresses of numbers."""

    def __init__(self, catalog: Catalog, hosts: frozenset[str] | None = None) -> None:
        """Raises UnsupportedError without jinja2."""
        self.hosts = hosts
        self._catalog = catalog
        self._pages = Pages(catalog.path)

    def answer(self, method: str, target: str, headers: Mapping[str, str]) -> Response:
        """The answer to a request; the names of `headers` are in lower case."""
        wants_json = "application/json" in headers.get("accept", "") or target.partition("?")[0].endswith(".json")
        try:
            if not self._is_accepted(headers.get("host", "")):
                return self._error(421, "this server has another name: use the address that it printed", wants_json)
            if method not in ("GET", "HEAD"):
                return self._error(
                    405, f"{printable(method[:20])}: only GET and HEAD", wants_json, {"Allow": "GET, HEAD"}
                )
            request = Request(target, headers.get("accept", ""))
            wants_json = request.json
            return self._answered(request, headers)
        except BadRequest as error:
            return self._error(400, error.message, wants_json)
        except (NotFoundError, UnsupportedError) as error:
            return self._error(404, error.message, wants_json)
        except Busy as error:
            return self._error(503, str(error), wants_json, {"Retry-After": "5"})
        except (BtfError, OSError) as error:
            return self._error(503, error_text(error), wants_json)

    def refusal(self, status: int, message: str) -> Response:
        """The answer to what is no request that can be read."""
        return self._error(status, printable(message), wants_json=False)

    def _is_accepted(self, host: str) -> bool:
        if self.hosts is None:
            return True
        name = host.lower()
        bare = name if name.endswith("]") else name.rpartition(":")[0] if _has_port(name) else name
        return bare in self.hosts or ("*" in self.hosts and _is_number(bare))

    def _answered(self, request: Request, headers: Mapping[str, str]) -> Response:
        first = request.segments[0]
        if first == "assets" and len(request.segments) == 3:
            return self._asset(*request.segments[1:])
        if first == "favicon.ico":
            return self._asset("", "icon.svg")
        make = ROUTES.get(first)
        if make is None:
            raise NotFoundError("there is no such page")
        if make is views.search:  # out of memory: without the file
            return self._shown(views.search_in(self._catalog, request), request)
        with self._catalog.reading() as reader:
            found = make(reader, request)
            if isinstance(found, Download):
                return self._download(found, headers)
            return self._shown(found, request)

    def _shown(self, found: View, request: Request) -> Response:
        if request.json:
            body = json.dumps(found.document(), indent=1).encode()
            return Response(200, "application/json", body, HEADERS | FRESH)
        return Response(200, "text/html; charset=utf-8", self._pages.page(found, request), HEADERS | FRESH)

    def _download(self, found: Download, headers: Mapping[str, str]) -> Response:
        from base64 import b64encode

        tag = f'"{found.digest.hex()}"'
        more = HEADERS | FRESH | {"ETag": tag, "Content-Disposition": f'attachment; filename="{found.file_name}"'}
        if tag in headers.get("if-none-match", ""):
            return Response(304, "application/octet-stream", b"", more)
        more["Repr-Digest"] = f"sha-256=:{b64encode(found.digest).decode()}:"  # RFC 9530
        return Response(200, "application/octet-stream", found.read(), more)

    def _asset(self, digest: str, name: str) -> Response:
        found = self._pages.assets.get(name)
        if found is None or digest not in ("", found.digest):
            raise NotFoundError("there is no such page")
        return Response(200, found.kind, found.body, HEADERS | (FOR_EVER if digest else FRESH))

    def _error(self, status: int, message: str, wants_json: bool, headers: Mapping[str, str] | None = None) -> Response:
        reason = REASONS.get(status, "Error")
        more = HEADERS | FRESH | dict(headers or {})
        if wants_json:
            body = json.dumps({"error": message, "status": status}, indent=1).encode()
            return Response(status, "application/json", body, more)
        return Response(status, "text/html; charset=utf-8", self._pages.error(status, reason, message), more)


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdigit() and ":" in host


def _is_number(host: str) -> bool:
    """Whether a host is an address, not a name that somebody's DNS resolves."""
    from ipaddress import ip_address

    try:
        ip_address(host.removeprefix("[").removesuffix("]").partition("%")[0])
    except ValueError:
        return False
    return True
