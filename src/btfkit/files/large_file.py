"""A large file in memory, of which only the parts that are asked for are read.

A file that is mapped ends the process (SIGBUS) if another one truncates it meanwhile.  Here the memory belongs to the process,
of the file's size but without pages, and `fetch` reads parts of the file into it: a vmlinux with its debug information costs what
its BTF does, a dump of a whole machine can be searched, and a file that is cut short is an error.
"""

from __future__ import annotations

import mmap
import os
import sys

from btfkit.errors import FormatError

CHUNK = 1 << 20  # bytes that are read at a time
# Without it, Linux refuses an area larger than its memory; Python before 3.13 lacks the name (asm-generic/mman.h).
_GENERIC = sys.platform == "linux" and os.uname().machine in ("x86_64", "aarch64", "riscv64", "s390x", "loongarch64")
_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if _GENERIC else 0)


class LargeFile(mmap.mmap):
    """The memory for the file with the descriptor `handle`, which is duplicated; `size` in bytes, `source` for messages.

    Slices and `find` read what they need; before anything else is done with a part (a memoryview, `unpack_from`), it has to be
    fetched.
    """

    source: str
    _handle: int
    _read: bytearray  # for each chunk: 1 if it is there
    _last: tuple[int, bytes]  # what was searched last, and where it begins

    def __new__(cls, handle: int, size: int, source: str) -> LargeFile:
        if sys.platform == "win32":
            self = super().__new__(cls, -1, size)
        else:
            private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE
            self = super().__new__(cls, -1, size, flags=private)
        self.source = source
        self._handle = os.dup(handle)
        self._read = bytearray(-(-size // CHUNK))
        self._last = (0, b"")
        return self

    def __del__(self) -> None:
        os.close(self._handle)

    def fetch(self, start: int, end: int) -> None:
        """Read the bytes from `start` to `end`, as far as they are in the file; raises FormatError if it has become shorter."""
        last = -(-min(end, len(self)) // CHUNK)
        for chunk in range(max(start, 0) // CHUNK, last):
            if not self._read[chunk]:
                self._fill(chunk * CHUNK, min(CHUNK, len(self) - chunk * CHUNK))
                self._read[chunk] = 1

    def _fill(self, at: int, count: int) -> None:
        target = memoryview(self)[at : at + count]
        target[:] = self._bytes(at, at + count)

    def _bytes(self, start: int, end: int) -> bytes:
        pieces = []
        while start < end:
            piece = _read_at(self._handle, end - start, start)
            if not piece:
                what = f"cut short while it was read: it had {len(self)} bytes, now {start}"
                raise FormatError(what, source=self.source, offset=start)
            pieces.append(piece)
            start += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def __getitem__(self, key: int | slice) -> int | bytes:  # type: ignore[override]
        if isinstance(key, slice):
            start, stop, _ = key.indices(len(self))
            self.fetch(start, stop)
        else:
            self.fetch(key % len(self), key % len(self) + 1)
        return super().__getitem__(key)

    def find(self, sub: bytes, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]
        """As `bytes.find`, part by part; only the last part is kept, where the next search usually starts."""
        end = len(self) if end is None else min(end, len(self))
        while start < end:
            at, piece = self._last
            if not at <= start <= at + len(piece) - len(sub):
                at, piece = self._last = start, self._bytes(start, min(start + CHUNK + len(sub) - 1, end))
            found = piece.find(sub, start - at)
            if found >= 0:
                return at + found if at + found + len(sub) <= end else -1
            start = max(at + len(piece) - len(sub) + 1, start + 1)
        return -1


def _read_at(handle: int, count: int, at: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(handle, count, at)
    os.lseek(handle, at, os.SEEK_SET)
    return os.read(handle, count)
