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

    Slices, `peek` and `find` read what they need; before anything else is done with a part (a memoryview, `unpack_from`), it has
    to be fetched.
    """

    source: str
    _handle: int
    _read: bytearray  # for each chunk: 1 if it is there
    _last: tuple[int, bytes | bytearray]  # what was searched last, and where it begins

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
                at = chunk * CHUNK
                self._fill(memoryview(self)[at : at + CHUNK], at)
                self._read[chunk] = 1

    def release(self, start: int, end: int) -> int:
        """Give the memory of the bytes from `start` to `end` back, but for chunks that have others too; returns where to go on
        when more are to follow.

        Views of these bytes must not be used before they are fetched again.
        """
        first, last = -(-max(start, 0) // CHUNK), min(end, len(self)) // CHUNK
        if first >= last or not hasattr(self, "madvise"):
            return start
        self._read[first:last] = bytes(last - first)
        self.madvise(mmap.MADV_DONTNEED, first * CHUNK, (last - first) * CHUNK)
        return last * CHUNK

    def peek(self, start: int, end: int) -> bytearray:
        """The bytes from `start` to `end`, as far as they are in the file; nothing is kept."""
        return self._bytes(start, min(end, len(self)))

    def _fill(self, target: memoryview, at: int) -> None:
        """Read as much as `target` holds, from `at` on."""
        while target:
            size = _read_into(self._handle, target, at)
            if not size:
                what = f"cut short while it was read: it had {len(self)} bytes, now {at}"
                raise FormatError(what, source=self.source, offset=at)
            target = target[size:]
            at += size

    def _bytes(self, start: int, end: int) -> bytearray:
        found = bytearray(max(0, end - start))
        self._fill(memoryview(found), start)
        return found

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


class Part:
    """The `size` bytes from `start` on of a large file; places in it count from there.  A slice is read and not kept."""

    __slots__ = ("_large", "_size", "_start")

    def __init__(self, large: LargeFile, start: int, size: int) -> None:
        self._large = large
        self._start = start
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, key: slice) -> bytearray:
        start, stop, _ = key.indices(self._size)
        return self._large.peek(self._start + start, self._start + stop)

    def fetch(self, start: int, end: int) -> None:
        """Read the bytes from `start` to `end`."""
        self._large.fetch(self._start + start, self._start + min(end, self._size))

    def release(self, start: int, end: int) -> int:
        """Give the memory of these bytes back; as `LargeFile.release`."""
        return self._large.release(self._start + start, self._start + min(end, self._size)) - self._start


def _read_into(handle: int, target: memoryview, at: int) -> int:
    """Read bytes into `target`; returns how many there were."""
    if hasattr(os, "preadv"):
        return os.preadv(handle, [target], at)
    if hasattr(os, "pread"):
        data = os.pread(handle, len(target), at)
    else:
        os.lseek(handle, at, os.SEEK_SET)
        data = os.read(handle, len(target))
    target[: len(data)] = data
    return len(data)
