"""Storage of trees: a directory of this machine, or a URL that fsspec supports (s3://, gs://, https://, memory://, ...).

A `Store` lists, reads, writes and removes files by their path below its root, with "/" between directories.  It is small to send
to another process, and opens its connections there.
"""

from __future__ import annotations

import os
from errno import EIO, ENOENT
from functools import cache
from stat import S_ISREG

from btfkit.errors import BtfError, LimitError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Protocol

    from btfkit.files.elf import Data

    Problem = Callable[[str, str], None]

    class Store(Protocol):
        """A tree of files; `root` as given by the user."""

        root: str

        def walk(self, problem: Problem) -> Iterator[str]:
            """The paths of all regular files below the root, in no particular order; `problem(path, text)` is called for
            others."""
            ...

        def read(self, path: str) -> Data:
            """The bytes of a file."""
            ...

        def write(self, path: str, data: bytes) -> None:
            """Write a file, whole or not at all, with the directories that it needs."""
            ...

        def remove(self, path: str) -> None:
            """Remove a file, and directories that become empty; no error if it does not exist."""
            ...

        def stamp(self, path: str) -> str:
            """A text that changes when the file does, as far as that shows without reading it; "" if there is no file."""
            ...

        def full(self, path: str) -> str:
            """The path or URL of a file, for messages and for `btfkit.load`."""
            ...

        def target(self, path: str) -> str:
            """The name of the file that a link finally leads to, or of the file itself."""
            ...

        def above(self) -> list[str]:
            """The names of the directories that contain the root, and of the root itself, outermost first."""
            ...


ETAG = "etag:"  # begins a stamp that follows the content
_CHUNK = 1 << 20  # bytes read at a time from a file whose size is not known
MAX_LISTING = 64 << 20  # bytes of all pages of a web server that list directories
MAX_DEPTH = 32  # directories within each other on a web server


def open_store(root: str) -> Store:
    """The store for a directory or URL; raises UnsupportedError if fsspec or one of its file systems is not installed."""
    scheme, mark, rest = root.partition("://")
    if not mark or not scheme.isalnum():
        return Folder(root)
    return Folder(rest) if scheme in ("file", "local") else Remote(root)


def is_url(path: str) -> bool:
    """Whether `path` is a URL that needs fsspec."""
    scheme, mark, _ = path.partition("://")
    return bool(mark) and scheme.isalnum() and scheme not in ("file", "local")


def split_url(path: str) -> tuple[str, str]:
    """(directory, name) of a path or URL."""
    directory, _, name = path.rstrip("/").rpartition("/")
    return (directory or ("/" if path.startswith("/") else ".")), name


def write_file(path: str, data: bytes) -> None:
    """Write a file of this machine ("-": standard output) or at a URL, whole or not at all."""
    from btfkit.files.write import write_atomic

    if is_url(path):
        directory, name = split_url(path)
        open_store(directory).write(name, data)
    else:
        write_atomic(path, data)


# ---- this machine ------------------------------------------------------------------------------------------------


class Folder:
    """A directory of this machine."""

    __slots__ = ("root",)

    def __init__(self, root: str) -> None:
        self.root = root

    def full(self, path: str) -> str:
        if self.root == "." and path and path != "-":  # a file called "-" is not standard input
            return path
        return os.path.join(self.root, path) if path else self.root

    def above(self) -> list[str]:
        return [part for part in os.path.abspath(self.root).split(os.sep) if part]

    def target(self, path: str) -> str:
        return os.path.basename(os.path.realpath(self.full(path)))

    def walk(self, problem: Problem) -> Iterator[str]:
        """Links to directories are followed after all real directories, and never to one that was walked already, so that loops
        end and no kernel is listed twice.  Hidden files and directories are skipped."""
        seen: set[tuple[int, int]] = set()
        directories, links = [""], list[str]()
        while directories or links:
            if not directories:
                links.sort(reverse=True)
                directories.append(links.pop())
            directory = directories.pop()
            try:
                status = os.stat(self.full(directory))
                mark = (status.st_dev, status.st_ino)
                if mark in seen:
                    continue
                seen.add(mark)
                entries = sorted(os.scandir(self.full(directory)), key=_name)
            except OSError as error:
                if not directory:
                    raise
                problem(directory, error.strerror or str(error))
                continue
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                path = f"{directory}/{entry.name}" if directory else entry.name
                try:
                    if entry.is_dir():
                        (links if entry.is_symlink() else directories).append(path)
                    elif S_ISREG(entry.stat().st_mode):
                        yield path
                    else:
                        problem(path, "not a regular file")
                except OSError as error:
                    problem(path, "a broken link" if entry.is_symlink() else error.strerror or str(error))

    def read(self, path: str) -> Data:
        from btfkit.files.container import open_bytes

        return open_bytes(self.full(path))

    def write(self, path: str, data: bytes) -> None:
        from btfkit.files.write import write_atomic

        write_atomic(self.full(path), data)

    def remove(self, path: str) -> None:
        try:
            os.unlink(self.full(path))
            directory = os.path.dirname(path)
            while directory:
                os.rmdir(self.full(directory))
                directory = os.path.dirname(directory)
        except OSError:
            return  # it does not exist, or the directory is not empty

    def stamp(self, path: str) -> str:
        try:
            status = os.stat(self.full(path))
        except OSError:
            return ""
        return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ino}"


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


# ---- elsewhere ---------------------------------------------------------------------------------------------------


class OneFile:
    """The kernels within the file `root` as files KEY/vmlinux and KEY/MODULE; nothing in it can be written.

    Small, and pickles: another process opens the file again.  `refusal` says why nothing is written.
    """

    refusal = ""

    def __init__(self, root: str) -> None:
        self.root = root

    def __getstate__(self) -> str:
        return self.root

    def __setstate__(self, root: str) -> None:
        self.__init__(root)  # type: ignore[misc]

    def write(self, path: str, data: bytes) -> None:
        raise UnsupportedError(self.refusal, source=self.root)

    def remove(self, path: str) -> None:
        raise UnsupportedError(self.refusal, source=self.root)

    def stamp(self, path: str) -> str:
        try:
            found = os.stat(self.root)
        except OSError:
            return ""
        return f"{found.st_size} {found.st_mtime_ns}"

    def full(self, path: str) -> str:
        return f"{self.root}({path})" if path else self.root

    def target(self, path: str) -> str:
        return path.rpartition("/")[2]

    def above(self) -> list[str]:
        return []


class Remote:
    """A URL, through fsspec."""

    __slots__ = ("_place", "_process", "_system", "_web", "root")

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        self._web = self.root.startswith(("http://", "https://"))  # where names are quoted
        self._system: Any = None
        self._process = 0
        self._place = ""
        self._open()

    def __reduce__(self) -> tuple[Any, ...]:
        return Remote, (self.root,)

    def _open(self) -> Any:
        """The file system: one for each process, as its threads and connections do not outlive a fork."""
        if self._process != os.getpid():
            try:
                from fsspec.core import url_to_fs
            except ImportError:
                raise UnsupportedError("URLs require `pip install btfkit[cloud]`", source=self.root) from None
            try:
                options = {"client_kwargs": {"response_class": _limited_response()}} if self._web else {}
                self._system, place = url_to_fs(self.root, **options)
            except ImportError as error:
                raise UnsupportedError(
                    f"URLs require `pip install btfkit[cloud]`, or another package: {error}", source=self.root
                ) from None
            except ValueError as error:
                raise UnsupportedError(str(error), source=self.root) from None
            self._place = place.rstrip("/")
            self._process = os.getpid()
        return self._system

    def full(self, path: str) -> str:
        return f"{self.root}/{path}" if path else self.root

    def above(self) -> list[str]:
        return [part for part in self.root.partition("://")[2].split("/") if part]

    def target(self, path: str) -> str:
        return path.rpartition("/")[2]

    def _inside(self, path: str) -> str:
        if self._web:
            from urllib.parse import quote

            path = quote(path)
        return f"{self._place}/{path}" if path else self._place

    def walk(self, problem: Problem) -> Iterator[str]:
        system = self._open()
        with _Blaming(self.root):
            system.invalidate_cache()
            _listed.clear()
            found = system.find(self._place, detail=True, **({"maxdepth": MAX_DEPTH} if self._web else {}))
        if not found:
            with _Blaming(self.root):
                if not system.exists(self._place):
                    raise FileNotFoundError(2, os.strerror(2), self.root)
        for name, facts in found.items():
            path = name[len(self._place) :].lstrip("/") if name.startswith(self._place) else name
            if self._web:
                from urllib.parse import unquote

                path = "" if "?" in path or "#" in path else unquote(path)  # links that sort the listing
            if not path or path.endswith("/") or any(part.startswith(".") for part in path.split("/")):
                continue
            if ".." in path.split("/") or "://" in path:
                problem(path, "a name that points outside the tree")
            elif facts.get("type", "file") == "file":
                yield path

    def read(self, path: str) -> Data:
        """Raises LimitError for a file of more bytes than `unpack_limit()`, as soon as that many have come."""
        from btfkit.files.compression import unpack_limit

        with _Blaming(self.full(path)):
            system, place, limit = self._open(), self._inside(path), unpack_limit()
            size = system.size(place)
            if size is not None and size > limit:
                raise self._too_large(path, limit)
            if not self._web and size is not None:
                content: bytes = system.cat_file(place)
                return content
            # a server need not tell the size, nor the truth; without a block size, fsspec reads a URL as a stream
            out = bytearray()
            with system.open(place, "rb", **({"block_size": 0} if self._web else {})) as file:
                while piece := file.read(_CHUNK):
                    out += piece
                    if len(out) > limit:
                        raise self._too_large(path, limit)
            return bytes(out)

    def _too_large(self, path: str, limit: int) -> LimitError:
        from btfkit.files.compression import ENVIRONMENT

        return LimitError(f"more than {limit} bytes, the limit: set {ENVIRONMENT} to raise it", source=self.full(path))

    def write(self, path: str, data: bytes) -> None:
        """Objects of a store appear only when complete; other file systems get the file under a temporary name first."""
        with _Blaming(self.full(path)):
            system, place = self._open(), self._inside(path)
            if _in_one_step(system):
                system.pipe_file(place, bytes(data))
                return
            directory, _ = split_url(place)
            system.makedirs(directory, exist_ok=True)
            temporary = f"{directory}/.btfkit-{os.urandom(6).hex()}.tmp"
            try:
                system.pipe_file(temporary, bytes(data))
                system.mv(temporary, place)
            except BaseException:
                if system.exists(temporary):
                    system.rm_file(temporary)
                raise

    def remove(self, path: str) -> None:
        with _Blaming(self.full(path)):
            try:
                self._open().rm_file(self._inside(path))
            except FileNotFoundError:
                return

    def stamp(self, path: str) -> str:
        try:
            facts = self._open().info(self._inside(path))
        except OSError:
            return ""
        etag = facts.get("ETag") or facts.get("etag")
        if etag:
            return f"{ETAG}{facts.get('size')}:{etag}"
        marks = (facts.get(name) for name in ("checksum", "LastModified", "mtime", "created"))
        return f"{facts.get('size')}:{':'.join(str(mark) for mark in marks if mark is not None)}"


_listed: list[int] = []  # bytes of each page that was read


@cache
def _limited_response() -> type[Any]:
    """A response of aiohttp that is read whole (a page that lists a directory) only up to a limit for all of them.

    fsspec reads such pages whole, and follows their links; files are read in pieces (`Remote.read`).
    """
    from aiohttp import ClientResponse

    class LimitedResponse(ClientResponse):
        _body: bytes | None

        async def read(self) -> bytes:
            if self._body is None:
                body = bytearray()
                async for piece in self.content.iter_chunked(_CHUNK):
                    body += piece
                    if sum(_listed) + len(body) > MAX_LISTING:
                        self.close()
                        raise LimitError(
                            f"its directories are more than {MAX_LISTING} bytes of HTML", source=str(self.url)
                        )
                _listed.append(len(body))
                self._body = bytes(body)
            return self._body

    return LimitedResponse


def _in_one_step(system: Any) -> bool:
    """Whether a file of this file system appears at once or not at all: object stores, and memory."""
    protocol = system.protocol if isinstance(system.protocol, str) else system.protocol[0]
    return protocol in [
        "s3",
        "s3a",
        "gs",
        "gcs",
        "abfs",
        "abfss",
        "az",
        "adl",
        "oci",
        "ossfs",
        "oss",
        "memory",
        "http",
        "https",
    ]


class _Blaming:
    """Turns any error of a foreign file system into an OSError that names the file."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or not isinstance(error, Exception) or isinstance(error, BtfError | MemoryError):
            return
        if isinstance(error, NotImplementedError):
            raise UnsupportedError("this kind of URL is read-only", source=self._path) from None
        number = getattr(error, "errno", None) or (ENOENT if isinstance(error, FileNotFoundError) else EIO)
        has_number = isinstance(error, FileNotFoundError) or getattr(error, "errno", None)
        text = os.strerror(number) if has_number else str(error) or type(error).__name__
        raise OSError(number, text, self._path) from error
