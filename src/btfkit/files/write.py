"""Write files completely or not at all: under a temporary name in the same directory, then renamed.

After any error, including Ctrl-C, the old file is unchanged and the temporary file is removed.  Missing directories are made.
"""

from __future__ import annotations

import os
from stat import S_IMODE, S_ISDIR, S_ISREG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Path = str | os.PathLike[str]
    Content = bytes | bytearray | memoryview

_STDOUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


def write_atomic(path: Path, data: Content, *, fsync: bool = False) -> None:
    """Write `data` (bytes) to the file `path`, all of it or nothing; "-" is standard output.

    An existing file keeps its mode; the target of a symbolic link is replaced, not the link; pipes and devices are
    written directly.  `fsync` waits for the disk.  Raises OSError.
    """
    write_all({os.fspath(path): data}, fsync=fsync)


def write_all(contents: Mapping[str, Content], *, fsync: bool = False) -> None:
    """Write several files, `contents` by path: all are written before the first is renamed.

    The rules of `write_atomic` apply; standard output, pipes and devices come last.  Raises OSError.
    """
    waiting: list[tuple[str, str]] = []  # (temporary name, name)
    direct: list[tuple[str, Content]] = []
    try:
        for path, data in contents.items():
            mode = _mode(path)
            if mode is None:
                direct.append((path, data))
                continue
            name = os.path.realpath(path) if os.path.islink(path) else path
            temporary = _temporary_name(name)
            waiting.append((temporary, name))
            with _Blaming(path):
                _write_temporary(temporary, data, mode, fsync)
        while waiting:
            with _Blaming(waiting[0][1]):
                os.replace(*waiting[0])
            del waiting[0]
    finally:
        for temporary, _ in waiting:
            _remove(temporary)
    for path, data in direct:
        with _Blaming(path):
            _write_direct(path, data)


def overwritten(outputs: Iterable[str], inputs: Iterable[str | None]) -> tuple[str, str] | None:
    """The first of `outputs` that is the same file as an input or an earlier output, under whatever name, and that file.

    Returns None if all are different; "-" and directories do not count.
    """
    taken: dict[object, str] = {}
    for path in inputs:
        if path and path != "-" and (status := _status(path)) is not None and S_ISREG(status.st_mode):
            taken[status.st_dev, status.st_ino] = path
    directories: dict[str, str] = {}
    for path in outputs:
        if path == "-":
            continue
        status = _status(path)
        if status is None:
            key: object = real_path(path, directories)
        elif S_ISREG(status.st_mode):
            key = status.st_dev, status.st_ino
        else:
            continue  # /dev/null may be several outputs
        if key in taken:
            return path, taken[key]
        taken[key] = path
    return None


def overwriting(outputs: Sequence[str], inputs: Sequence[str | None]) -> str:
    """The error text if an output would take the place of an input, by whatever name, or of another output; else ""."""
    from btfkit.errors import printable

    found = overwritten(outputs, inputs)
    if found is None:
        return ""
    path, other = found
    if other in outputs and other not in inputs:
        return f"two outputs would be written to {printable(path)}"
    return f"the output would overwrite the input {printable(other)}: give another name or directory"


def refuse_overwriting(outputs: Sequence[str], inputs: Sequence[str | None]) -> None:
    """Raise UnsupportedError if an output would take the place of an input, by whatever name, or of another output."""
    from btfkit.errors import UnsupportedError

    if text := overwriting(outputs, inputs):
        raise UnsupportedError(text)


def real_path(path: str, directories: dict[str, str]) -> str:
    """As `os.path.realpath`, for many files of few `directories`, whose real paths are kept there."""
    directory, name = os.path.split(path)
    if name in ("", ".", "..") or os.path.islink(path):
        return os.path.realpath(path)
    real = directories.get(directory)
    if real is None:
        real = directories[directory] = os.path.realpath(directory)
    return os.path.join(real, name)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


class _Blaming:
    """Makes an OSError raised within name the path that the user gave, not a temporary file."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, OSError) or isinstance(error, BrokenPipeError) or error.errno is None:
            return
        name = "standard output" if self._path == "-" else self._path
        raise OSError(error.errno, os.strerror(error.errno), name) from None


def _mode(path: str) -> int | None:
    """The mode for the file (0: umask decides), or None for what cannot be replaced by renaming."""
    if path in _STDOUT or path.startswith(("/dev/fd/", "/proc/self/fd/", "/dev/stderr")):
        return None
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return 0
    if S_ISDIR(status.st_mode):
        from errno import EISDIR

        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), path)
    return S_IMODE(status.st_mode) if S_ISREG(status.st_mode) else None


def _temporary_name(name: str) -> str:
    directory, base = os.path.split(name)
    return os.path.join(directory, f".{base[:60]}.{os.urandom(6).hex()}.tmp")


def _write_temporary(name: str, data: Content, mode: int, fsync: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(name, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.realpath(os.path.dirname(name)), exist_ok=True)
        handle = os.open(name, flags, 0o666)
    try:
        _write_whole(handle, data)
        if mode:
            os.chmod(name, mode)
        if fsync:
            os.fsync(handle)
    finally:
        os.close(handle)


def _write_whole(handle: int, data: Content) -> None:
    view = memoryview(data).cast("B")
    while view:
        view = view[os.write(handle, view) :]


def _write_direct(path: str, data: Content) -> None:
    if path in _STDOUT:
        import sys

        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    handle = os.open(path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
    try:
        _write_whole(handle, data)
    finally:
        os.close(handle)


def write_chunks(chunks: Iterable[bytes], path: str | None = None) -> None:
    """Write `chunks` to standard output as they come if `path` is None or "-", else to a file, all or nothing."""
    if path is None or path in _STDOUT:
        import sys

        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
    else:
        write_atomic(path, b"".join(chunks))


def _remove(name: str) -> None:
    try:
        os.unlink(name)
    except OSError:
        return
