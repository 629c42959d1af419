"""Kernel modules, by name, from a file, a directory tree or an archive (tar, .deb, .rpm, initramfs).

A directory is one like /lib/modules/R/kernel (*.ko, compressed or not), a collection of *.btf files, or /sys/kernel/btf,
whose files have the bare names of the modules.  Symbolic links to directories are not followed: /lib/modules/R/build leads
into a source tree, and links can form cycles.
"""

from __future__ import annotations

import os
from errno import ELOOP, ENOENT
from stat import S_ISREG

from btfkit import log
from btfkit.errors import BtfError, UnsupportedError
from btfkit.files.container import BTF_MAGICS, PACKED_SUFFIXES, STDIN, open_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfkit.files.archives import Archive
    from btfkit.files.elf import Data

    Path = str | os.PathLike[str]

NO_MODULES = "no modules found: expected *.ko or *.btf, compressed or not, or BTF in files without a suffix"
PACKAGES = (".deb", ".udeb", ".ddeb", ".rpm")
_PACKED = (*PACKED_SUFFIXES.values(), ".lzo")
_SUFFIXES = tuple(kind + packed for kind in (".ko", ".btf") for packed in (*_PACKED, ""))


def module_name(path: Path, *, underscores: bool = False) -> str:
    """The name of the module in the file `path`: without directories, .ko, .btf and the suffix of a compression format.

    `underscores` replaces "-" by "_", as the kernel does.
    """
    name = os.path.basename(os.fspath(path))
    end = name.rfind(".")
    if name[end:] in _PACKED:
        end = name.rfind(".", 0, end)
    if end > 0 and name.endswith(_SUFFIXES):
        name = name[:end]
    return name.replace("-", "_") if underscores else name


def output_name(source: str, module: str | None = None) -> str:
    """The name of the output for the input `source`: its file name without .ko and the suffixes of archives."""
    if "(" in source and source.endswith(")"):  # a member of a tar
        source = source[source.rindex("(") + 1 : -1]
    name = os.path.basename(source.rstrip("/"))
    for suffix in (*PACKED_SUFFIXES.values(), ".tar"):
        name = name.removesuffix(suffix)
    return name.removesuffix(".ko") or module or "vmlinux"


def module_files(
    path: Path,
    *,
    underscores: bool = False,
    on_error: Callable[[OSError], None] | None = None,
    packages: bool = False,
) -> Iterator[tuple[str, str]]:
    """(name, path) of each module in the file or directory `path`, sorted by name and then by path.

    In a directory these are the files called *.ko and *.btf, compressed or not, and files without a suffix that begin with
    BTF's magic, except `vmlinux`; with `packages` also .deb and .rpm files.  Broken links and special files are skipped.
    Raises UnsupportedError for "-", and OSError if `path` or a file or directory below it cannot be read; `on_error` is called
    with the errors below it instead.
    """
    root = os.fspath(path)
    check_modules(root)
    if not os.path.isdir(root):
        yield module_name(root, underscores=underscores), root
        return
    found = ((module_name(file, underscores=underscores), file) for file in _walk(root, on_error, packages))
    yield from sorted(one for one in found if one[0] != "vmlinux")


def check_modules(path: str) -> None:
    """Raise OSError if there is no file or directory at `path`, UnsupportedError for standard input, which has no name."""
    if path == "-":
        raise UnsupportedError("modules are read from files and directories, which have names", source=STDIN)
    os.stat(path)


def has_modules(path: Path) -> bool:
    """Whether a file that may hold modules is at `path` or below it; unreadable ones count.  Raises OSError for `path`."""
    problems: list[OSError] = []
    return next(module_files(path, on_error=problems.append), None) is not None or bool(problems)


def module_blobs(
    path: Path, *, underscores: bool = False, on_error: Callable[[Exception], None] | None = None
) -> Iterator[tuple[str, Data, str]]:
    """(name, unchanged bytes of the file, source for messages) of each module in a directory, a file or an archive.

    An archive's members come in its order, everything else in that of `module_files`.  Raises OSError if a file cannot be
    read, FormatError if an archive is damaged; with `on_error`, it is called with the error and the file, or the rest of the
    archive, is skipped.
    """
    root = os.fspath(path)
    try:
        for name, file in module_files(root, underscores=underscores, on_error=on_error, packages=True):
            try:
                yield from _blobs_of(root, name, file, underscores)
            except (BtfError, OSError) as error:
                if on_error is None:
                    raise
                log.info("skipped: %s", error)
                on_error(error)
    except OSError as error:
        if on_error is None:
            raise
        log.info("skipped: %s", error)
        on_error(error)


def _blobs_of(root: str, name: str, file: str, underscores: bool) -> Iterator[tuple[str, Data, str]]:
    """The module in `file`, or those in it if it is an archive."""
    data = open_bytes(file)
    if os.path.isdir(root) and not file.endswith(PACKAGES):
        yield name, data, file
        return
    from btfkit.files.archives import open_archive

    archive, _ = open_archive(data, file)
    if archive is None:
        yield name, data, file
        return
    for member, content in archived_modules(archive):
        yield module_name(member, underscores=underscores), content, f"{file}({member})"


def archived_modules(archive: Archive) -> Iterator[tuple[str, bytearray]]:
    """(name, content) of the modules in an archive, in its order: files called *.ko and *.btf, and raw BTF without a suffix."""

    from btfkit.files.archives import is_kernel

    def wanted(name: str) -> bool:
        if name.endswith(_SUFFIXES):
            return module_name(name) != "vmlinux"
        return "." not in name.rpartition("/")[2] and not is_kernel(name)

    for name, content in archive.members(wanted):
        if name.endswith(_SUFFIXES) or content[:2] in BTF_MAGICS:
            yield name, content


def _walk(root: str, on_error: Callable[[OSError], None] | None, packages: bool) -> Iterator[str]:
    """The paths of the modules below the directory `root`, and (`packages`) of packages."""
    directories = [root]
    while directories:
        directory = directories.pop()
        try:
            entries = list(os.scandir(directory))
        except OSError as error:
            if directory == root or on_error is None:
                raise
            on_error(error)
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                directories.append(entry.path)
                continue
            try:
                is_module = _is_module(entry, packages)
            except OSError as error:
                if on_error is None:
                    raise
                on_error(error)
            else:
                if is_module:
                    yield entry.path


def _is_module(entry: os.DirEntry[str], packages: bool) -> bool:
    """Whether it is a module by its name or, without a suffix, by its first bytes; or one of `packages`."""
    try:
        if not S_ISREG(entry.stat().st_mode):
            return False
    except OSError as error:
        if error.errno in (ENOENT, ELOOP):  # a broken link
            return False
        raise
    if entry.name.endswith(_SUFFIXES) or (packages and entry.name.endswith(PACKAGES)):
        return True
    if "." in entry.name:
        return False
    with open(entry.path, "rb", buffering=0) as file:
        return file.read(2) in BTF_MAGICS
