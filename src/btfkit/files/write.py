"""Write files completely or not at all: without a name or under a temporary one in the same directory, then renamed.

After any error, including Ctrl-C, the old file is unchanged and nothing else is left.  A process that is killed leaves nothing
either where the file system has files without a name (O_TMPFILE); elsewhere its temporary files are removed by the next write to
that directory (`files/leftovers.py`).  Missing directories are made.
"""

from __future__ import annotations

import os
from stat import S_IMODE, S_ISDIR, S_ISLNK, S_ISREG

from btfkit import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Path = str | os.PathLike[str]
    Content = bytes | bytearray | memoryview | Iterator[bytes]

_STDOUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


def write_atomic(path: Path, data: Content, *, fsync: bool = False) -> None:
    """Write `data` (bytes, or an iterator of bytes) to the file `path`, all of it or nothing; "-" is standard output.

    An existing file keeps its mode, extended attributes and, if permitted, owner; its other hard links keep the old content.
    The target of a symbolic link is replaced, not the link; pipes and devices are written directly.  `fsync` waits for the
    disk.  Raises OSError.
    """
    write_all({os.fspath(path): data}, fsync=fsync)


def write_all(contents: Mapping[str, Content], *, fsync: bool = False) -> None:
    """Write several files, `contents` by path: all are written before the first is renamed, in this order.

    The rules of `write_atomic` apply; standard output, pipes and devices come last.  Raises OSError.
    """
    waiting: list[_New] = []
    direct: list[tuple[str, Content]] = []
    try:
        for path, data in contents.items():
            status, link = _replaced(path)
            if status is None:
                direct.append((path, data))
                continue
            new = _New(path, data, os.path.realpath(path) if link else path)
            waiting.append(new)
            try:
                new.write(status, fsync, unnamed=len(waiting) <= MAX_UNNAMED)
            except OSError as error:
                raise _blaming(path, error) from None
        for new in waiting:
            try:
                new.commit()
            except OSError as error:
                raise _blaming(new.path, error) from None
            log.info("wrote %s: %d bytes", new.path, new.size)
    finally:
        for new in waiting:
            new.discard()
    for path, data in direct:
        try:
            _write_direct(path, data)
        except OSError as error:
            raise _blaming(path, error) from None


def overwritten(outputs: Iterable[str], inputs: Iterable[str | None]) -> tuple[str, str] | None:
    """The first of `outputs` that is the same file as an input or an earlier output, under whatever name, and that file.

    Returns None if all are different.  Directories and devices do not count, and "-" is only an output: standard output, once.
    """
    taken: dict[object, str] = {}
    waiting: Iterable[str | None] = inputs  # until an output is a file that exists: no other can be an input
    directories: Directories = {}
    for path in outputs:
        status = None
        if path == "-":
            key: object = path
        elif (new := real_path_of_new(path, directories)) is not None:
            key = new
        elif (status := _status(path)) is None:
            key = os.path.realpath(path)
        elif S_ISREG(status.st_mode):
            key = status.st_dev, status.st_ino
            taken |= _files(waiting)
            waiting = ()
        else:
            continue  # /dev/null may be several outputs
        if key in taken:
            return path, taken[key]
        taken[key] = path
    return None


def _files(paths: Iterable[str | None]) -> dict[object, str]:
    """The files at `paths`, by device and inode; of one under several names the last."""
    found: dict[object, str] = {}
    for path in paths:
        if path and path != "-" and (status := _status(path)) is not None and S_ISREG(status.st_mode):
            found[status.st_dev, status.st_ino] = path
    return found


def overwriting(outputs: Sequence[str], inputs: Sequence[str | None]) -> str:
    """The error text if an output would take the place of an input, by whatever name, or of another output; else ""."""
    from btfkit.errors import printable

    found = overwritten(outputs, inputs)
    if found is None:
        return ""
    path, other = found
    if path == "-":
        return "two outputs would be written to standard output"
    if other in outputs and other not in inputs:
        return f"two outputs would be written to {printable(path)}"
    return f"the output would overwrite the input {printable(other)}: give another name or directory"


def refuse_overwriting(outputs: Sequence[str], inputs: Sequence[str | None]) -> None:
    """Raise UnsupportedError if an output would take the place of an input, by whatever name, or of another output."""
    from btfkit.errors import UnsupportedError

    if text := overwriting(outputs, inputs):
        raise UnsupportedError(text)


Directories = dict[str, tuple[str, bool]]  # by path: the real path, and whether there is such a directory


def real_path(path: str, directories: Directories) -> str:
    """As `os.path.realpath`, for many files of few `directories`, which are kept there."""
    directory, name = os.path.split(path)
    if name in ("", ".", "..") or os.path.islink(path):
        return os.path.realpath(path)
    return os.path.join(_directory(directory, directories)[0], name)


def real_path_of_new(path: str, directories: Directories) -> str | None:
    """The real path of a file that does not exist; None if there is anything at `path`, or if its name is not a plain one."""
    directory, name = os.path.split(path)
    if name in ("", ".", ".."):
        return None
    real, exists = _directory(directory, directories)
    if exists:
        try:
            os.lstat(path)
        except OSError:
            pass
        else:
            return None
    return os.path.join(real, name)


def _directory(path: str, directories: Directories) -> tuple[str, bool]:
    known = directories.get(path)
    if known is None:
        known = directories[path] = os.path.realpath(path), os.path.isdir(path or ".")
    return known


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _blaming(path: str, error: OSError) -> OSError:
    """`error` with the path that the user gave, not that of a temporary file."""
    if isinstance(error, BrokenPipeError) or error.errno is None:
        return error
    return OSError(error.errno, os.strerror(error.errno), "standard output" if path == "-" else path)


NEW = os.stat_result((0,) * 10)  # in place of the status of a file that does not exist
MAX_UNNAMED = 64  # each needs an open file


def _replaced(path: str) -> tuple[os.stat_result | None, bool]:
    """(the status of the file that is replaced, NEW if there is none, or None for what cannot be replaced by renaming; whether
    the path is a symbolic link)."""
    link = False
    if path in _STDOUT or path.startswith(("/dev/fd/", "/proc/self/fd/", "/dev/stderr")):
        return None, link
    try:
        status = os.lstat(path)
        if link := S_ISLNK(status.st_mode):
            status = os.stat(path)
        directory = S_ISDIR(status.st_mode)
    except FileNotFoundError:
        status, directory = NEW, path.endswith("/")
    if directory:
        from errno import EISDIR

        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), path)
    return (status if status is NEW or S_ISREG(status.st_mode) else None), link


class _New:
    """A new file on its way: written without a name (`handle`) or under the name `temporary`, then put in its place."""

    __slots__ = ("data", "handle", "name", "path", "size", "temporary")

    def __init__(self, path: str, data: Content, name: str) -> None:
        self.path = path
        self.data = data
        self.name = name  # not that of a symbolic link
        self.handle = -1
        self.size = 0
        self.temporary = ""

    def write(self, old: os.stat_result, fsync: bool, unnamed: bool) -> None:
        """Write it whole, with the attributes of the file that it replaces."""
        directory = os.path.dirname(self.name)
        try:
            self._open(directory or ".", unnamed)
        except FileNotFoundError:
            os.makedirs(os.path.realpath(directory), exist_ok=True)
            self._open(directory, unnamed)
        self.size = _write_whole(self.handle, self.data)
        if old is not NEW:
            _copy_attributes(self.name, old, self.handle)
        if fsync:
            os.fsync(self.handle)
        if self.temporary:
            self._close()

    def _open(self, directory: str, unnamed: bool) -> None:
        if directory not in _swept:
            _sweep(directory)
        if unnamed and hasattr(os, "O_TMPFILE") and (_handles or _can_name_handles())[0]:
            try:
                self.handle = os.open(directory, _FLAGS | os.O_TMPFILE, 0o666)
            except OSError as error:
                from errno import EINVAL, EISDIR, ENOSYS, EOPNOTSUPP

                if error.errno not in (EISDIR, EOPNOTSUPP, EINVAL, ENOSYS):  # no files without a name there
                    raise
            else:
                return
        from btfkit.files.leftovers import temporary_name

        self.temporary = temporary_name(directory)
        try:
            self.handle = os.open(self.temporary, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
        except BaseException:
            self.temporary = ""
            raise

    def commit(self) -> None:
        """Give it its name; another file of that name is replaced in one step."""
        if self.handle >= 0:
            try:
                self._link(self.name)
            except FileExistsError:
                from btfkit.files.leftovers import temporary_name

                temporary = temporary_name(os.path.dirname(self.name) or ".")
                self._link(temporary)
                self.temporary = temporary
            self._close()
        if self.temporary:
            os.replace(self.temporary, self.name)
            self.temporary = ""

    def _link(self, name: str) -> None:
        """Give a name to the file without one."""
        os.link(f"{_HANDLES}/{self.handle}", name, src_dir_fd=self.handle)  # with a directory, linkat follows the link

    def discard(self) -> None:
        """Remove what was not put in its place."""
        if self.handle >= 0:
            self._close()
        if self.temporary:
            _remove(self.temporary)

    def _close(self) -> None:
        handle, self.handle = self.handle, -1
        os.close(handle)


_FLAGS = os.O_WRONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_HANDLES = "/proc/self/fd"
_handles: list[bool] = []  # whether that exists, once it is known
LEFT = ".btfkit-new-"  # begins the names of temporary files
_swept: set[str] = set()  # absolute paths


def _can_name_handles() -> list[bool]:
    """Whether a file without a name can be given one, by way of /proc."""
    _handles.append(os.path.isdir(_HANDLES))
    return _handles


def _sweep(directory: str) -> None:
    """Remove temporary files that killed processes left in a directory; once in each process."""
    key = os.path.abspath(directory)
    if key in _swept:
        return
    try:
        names = os.listdir(directory)
    except PermissionError:
        names = []  # files may be made there all the same
    _swept.add(key)
    if left := [name for name in names if name.startswith(LEFT)]:
        from btfkit.files.leftovers import remove

        remove(directory, left)


def _copy_attributes(path: str, old: os.stat_result, handle: int) -> None:
    """Owner, extended attributes and mode of the old file, as far as this user may set them."""
    if hasattr(os, "fchown") and (old.st_uid, old.st_gid) != (os.geteuid(), os.fstat(handle).st_gid):
        for owner in ((old.st_uid, old.st_gid), (-1, old.st_gid)):
            try:
                os.fchown(handle, *owner)
                break
            except OSError:
                continue
    if hasattr(os, "listxattr"):
        try:
            for name in os.listxattr(path):
                os.setxattr(handle, name, os.getxattr(path, name))
        except OSError:
            pass  # not supported there, or not permitted
    os.chmod(handle, S_IMODE(old.st_mode))


def _write_whole(handle: int, data: Content) -> int:
    """Write all of it; returns how many bytes."""
    size = 0
    if isinstance(data, bytes):
        size = os.write(handle, data)
        if size == len(data):
            return size
        data = memoryview(data)[size:]
    for part in (data,) if isinstance(data, bytes | bytearray | memoryview) else data:
        view = memoryview(part).cast("B")
        size += len(view)
        while view:
            view = view[os.write(handle, view) :]
    return size


def _write_direct(path: str, data: Content) -> None:
    if path in _STDOUT:
        import sys

        sys.stdout.flush()
        for part in (data,) if isinstance(data, bytes | bytearray | memoryview) else data:
            sys.stdout.buffer.write(part)
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
        write_atomic(path, iter(chunks))


def _remove(name: str) -> None:
    try:
        os.unlink(name)
    except OSError:
        return
