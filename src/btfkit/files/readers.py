"""Readers of other packages for container formats that btfkit does not know: the entry points of the group "btfkit.containers".

    # pyproject.toml of the other package
    [project.entry-points."btfkit.containers"]
    my-format = "my_package:read"

    # my_package.py
    def read(data, *, source, limit):
        if data[:4] != b"MINE":
            return None        # not this format: another reader is asked
        return unpacked(data)  # raw BTF, an ELF file, or anything else that btfkit reads

`data` is a read-only memoryview of the whole file, `source` its name for messages, `limit` the most bytes that may be returned.
Readers are asked in the order of their names, and only for a file that btfkit does not know by its first bytes.
"""

from __future__ import annotations

from btfkit import log
from btfkit.errors import BtfError, FormatError, LimitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import EntryPoint
    from typing import Any

    from btfkit.files.elf import Data

GROUP = "btfkit.containers"


class Found:
    """What another package's reader found in a file: its `name`, and the `content`, None if no reader knows the file; `broken`
    are the readers that could not be loaded, with the reasons."""

    __slots__ = ("broken", "content", "name")

    def __init__(self) -> None:
        self.name = ""
        self.content: bytes | None = None
        self.broken: list[str] = []

    def complete(self, error: BtfError) -> BtfError:
        """`error`, that nobody knows the file, with the readers that could not be asked."""
        error.message = "; ".join([error.message, *self.broken])
        return error


def read_by_others(data: Data, source: str, limit: int) -> Found:
    """Ask the readers of other packages for the content of a file.

    Raises FormatError with the name of a reader that fails or returns anything but bytes or None, LimitError if it returns more
    than `limit` bytes.
    """
    found = Found()
    for entry in _entry_points():
        try:
            reader = entry.load()
        except Exception as error:
            found.broken.append(f"{_named(entry)} cannot be loaded: {_said(error)}")
            log.info("skipped: %s", found.broken[-1])
            continue
        content = _asked(entry, reader, data, source, limit)
        if content is not None:
            log.info("%s: read by %s", source, _named(entry))
            found.name, found.content = entry.name, content
            break
        log.debug("%s: not known to %s", source, _named(entry))
    return found


def _asked(entry: EntryPoint, reader: Any, data: Data, source: str, limit: int) -> bytes | None:
    try:
        content = reader(memoryview(data).toreadonly(), source=source, limit=limit)
        if content is None:
            return None
        content = bytes(memoryview(content))
    except Exception as error:
        raise FormatError(f"{_named(entry)} failed: {_said(error)}", source=source) from error
    if len(content) > limit:
        raise LimitError(f"{_named(entry)} returned {len(content)} bytes, more than {limit}", source=source)
    return content


def _entry_points() -> Sequence[EntryPoint]:
    from importlib.metadata import entry_points

    return sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value))


def _named(entry: EntryPoint) -> str:
    """The reader for messages: "the reader 'my-format' (package my-package 1.0)"."""
    package = f" (package {entry.dist.name} {entry.dist.version})" if entry.dist is not None else f" ({entry.value})"
    return f"the reader {entry.name!r}{package}"


def _said(error: Exception) -> str:
    """The error of a reader: its own text, and the kind of an error that is not btfkit's."""
    return error.message if isinstance(error, BtfError) else f"{type(error).__name__}: {error}".removesuffix(": ")
