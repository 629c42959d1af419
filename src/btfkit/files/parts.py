"""Bytes that are read part by part, in order: a file of any size, or a pipe that may never end, in the memory of one part."""

from __future__ import annotations

import os
from stat import S_ISREG

from btfkit.files.container import STDIN, open_data

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.files.large_file import LargeFile

PART = 1 << 22  # bytes that are kept at a time, unless more are asked for at once


class Parts:
    """The bytes of `data`.  `size` is their number, None for a pipe."""

    size: int | None

    def __init__(self, data: bytes) -> None:
        self._data: bytes | bytearray = data
        self._start = 0  # where `_data` begins
        self.size = len(data)

    def part(self, at: int, size: int, least: int | None = None) -> tuple[bytes | bytearray, int, int]:
        """(bytes, the place of byte `at` in them, how many of `size` bytes there are from that place on).

        They are fewer than `size` at the end of the data, and when a pipe has no more yet, but not fewer than `least`.  What
        is before `at` is not asked for again.
        """
        if at + size > self._start + len(self._data):
            self._read(at, size, size if least is None else least)
        place = at - self._start
        return self._data, place, max(0, min(size, len(self._data) - place))

    def _read(self, at: int, size: int, least: int) -> None:
        """Have the bytes from `at` on, `size` or as many as there are."""


class FileParts(Parts):
    """The bytes of a large file."""

    def __init__(self, large: LargeFile) -> None:
        super().__init__(b"")
        self._large = large
        self.size = len(large)

    def _read(self, at: int, size: int, least: int) -> None:
        self._data, self._start = self._large.peek(at, at + max(size, PART)), at


class PipeParts(Parts):
    """The bytes of a pipe or device with the descriptor `handle`, as they come."""

    def __init__(self, handle: int, source: str) -> None:
        super().__init__(b"")
        self._handle = handle
        self._source = source
        self.size = None

    def __del__(self) -> None:
        if self._handle > 2:
            os.close(self._handle)

    def _read(self, at: int, size: int, least: int) -> None:
        kept, start = bytearray(self._data), self._start
        while True:
            unwanted = min(at - start, len(kept))
            del kept[:unwanted]
            start += unwanted
            if start + len(kept) >= at + least:
                break
            try:
                chunk = os.read(self._handle, PART)
            except OSError as error:
                raise OSError(error.errno, error.strerror, self._source) from None
            if not chunk:
                break
            kept += chunk
        self._data, self._start = kept, start


def open_parts(path: str) -> Parts:
    """The bytes of the file `path` ("-": standard input); raises as `open_data`."""
    if path == "-":
        return PipeParts(0, STDIN)
    status = os.stat(path)
    if not S_ISREG(status.st_mode) and not os.path.isdir(path):
        return PipeParts(os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)), path)
    data = open_data(path)
    return Parts(data) if isinstance(data, bytes) else FileParts(data)
