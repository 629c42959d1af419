"""The server of an atlas: HTTP on loopback, for people who trust each other; it only reads.

    with AtlasServer("kernels.atlas") as server:
        print(server.url)
        server.run()  # until `stop` or KeyboardInterrupt

Behind it is the standard library's server with a thread for each connection: a page takes milliseconds, and nobody should have to
install a framework to look at a file.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from btfkit.errors import error_text, printable
from btfkit.web.app import App
from btfkit.web.catalog import Catalog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

HOST, PORT = "127.0.0.1", 8642
IDLE_SECONDS = 30  # until a connection that asks for nothing is closed
END_SECONDS = 3  # that requests have to end when the server stops
MOST_CONNECTIONS = 64  # at a time


class AtlasServer:
    """Serves the atlas at `path`; see the module."""

    def __init__(self, path: str | os.PathLike[str], host: str = HOST, port: int = PORT) -> None:
        """Open the atlas and the port (0: any that is free).

        Raises what `Atlas.open` raises, OSError if the port cannot be opened, and UnsupportedError without jinja2.
        """
        self._catalog = Catalog(os.fspath(path))
        self.host = host
        try:
            app = App(self._catalog)
            self._server = _Server(host, port, app)
        except BaseException:
            self._catalog.close()
            raise
        self.port: int = self._server.server_address[1]
        app.hosts = accepted_hosts(host, self.port, str(self._server.server_address[0]))

    @property
    def url(self) -> str:
        """The address of the first page."""
        host = {"": "localhost", "0.0.0.0": "localhost", "::": "localhost"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(str(self._server.server_address[0]))

    @property
    def kernels(self) -> int:
        """How many kernels the atlas has."""
        with self._catalog.reading() as reader:
            return len(reader.kernels)

    def run(self) -> None:
        """Answer requests until `stop` is called, from another thread or a signal."""
        self._server.serve_forever(poll_interval=0.2)

    def stop(self) -> None:
        """Have `run` return."""
        self._server.shutdown()

    def close(self) -> None:
        """Close the port, let requests end that have begun, and close the atlas."""
        self._server.server_close()
        self._server.wait_for_requests()
        self._catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    """The server: its threads end with the process, and there are not too many of them."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, host: str, port: int, app: App) -> None:
        self.app = app
        self._slots = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._busy = 0
        self._change = threading.Condition()
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise _port_error(error, host, port) from None
        except OverflowError:
            raise OSError(EADDRNOTAVAIL, "expected a port of 0 to 65535", f"{host}:{port}") from None

    def server_bind(self) -> None:
        """Bind, without a look-up of the machine's name, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, or close the connection if there are too many."""
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The thread of a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is no news; anything else is a line."""
        error = sys.exc_info()[1]
        if isinstance(error, Exception) and not isinstance(error, OSError):
            print(f"btfkit: {printable(error_text(error))}", file=sys.stderr)

    def begin(self) -> None:
        """A request is being answered."""
        with self._change:
            self._busy += 1

    def end(self) -> None:
        """A request was answered."""
        with self._change:
            self._busy -= 1
            self._change.notify_all()

    def wait_for_requests(self) -> None:
        """Wait until all requests are answered, not for ever."""
        with self._change:
            self._change.wait_for(lambda: self._busy == 0, END_SECONDS)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "btfkit"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        """Answer a request."""
        self._answer(True)

    def do_HEAD(self) -> None:
        """Answer without the body."""
        self._answer(False)

    def _other(self) -> None:
        """Any other method."""
        self.close_connection = True  # there may be a body, which is not read
        self._answer(True)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_CONNECT = do_TRACE = _other

    def _answer(self, with_body: bool) -> None:
        self.server.begin()
        try:
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                answer = self.server.app.answer(self.command, self.path, headers)
            except Exception as error:  # a mistake of ours: the connection goes on
                print(f"btfkit: {printable(self.path[:200])}: {printable(repr(error))}", file=sys.stderr)
                answer = self.server.app.refusal(500, "the page could not be made")
            if "content-length" in headers or "transfer-encoding" in headers:
                self.close_connection = True
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 304:
                self.send_header("Content-Length", str(len(answer.body)))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            if with_body and answer.status != 304:
                self.wfile.write(answer.body)
        finally:
            self.server.end()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The answer to what is no request of HTTP."""
        answer = self.server.app.refusal(code, message or "")
        self.request_version = self.protocol_version  # what is taken for HTTP/0.9 has an answer with a status, too
        self.close_connection = True
        self.send_response_only(code)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *values: object) -> None:
        """Nothing is logged."""


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own."""
    from ipaddress import ip_address

    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def accepted_hosts(host: str, port: int, address: str) -> frozenset[str] | None:
    """What a Host header may be, in lower case and without the port; None with addresses of numbers besides these names.

    A page of another site can have its name resolved to this machine (DNS rebinding); its requests carry its own name.
    """
    names = {"localhost", host.lower()}
    if is_loopback(address):
        return frozenset({*names, "127.0.0.1", "[::1]", address, f"[{address}]"})
    names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
    return frozenset({*names, "*"})


def _port_error(error: OSError, host: str, port: int) -> OSError:
    place = f"{host}:{port}"
    if error.errno == EADDRINUSE:
        return OSError(EADDRINUSE, "the port is in use: choose another one, or 0 for any that is free", place)
    if error.errno == EACCES:
        return OSError(EACCES, "not permitted to open this port: choose one above 1023", place)
    if isinstance(error, socket.gaierror) or error.errno == EADDRNOTAVAIL:
        return OSError(EADDRNOTAVAIL, "no such address of this machine", place)
    return OSError(error.errno or EADDRNOTAVAIL, error.strerror or str(error), place)
