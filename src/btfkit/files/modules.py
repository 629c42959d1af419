"""Kernel modules, by name, from a file, a folder tree or a tar.

A folder is one like /lib/modules/R/kernel (*.ko, packed or not), a collection of *.btf files, or /sys/kernel/btf, whose
files have the bare names of the modules.  Symbolic links to folders are not followed: /lib/modules/R/build leads into a
source tree, and links can lead in circles.
"""

from __future__ import annotations

import os
from errno import ELOOP, ENOENT
from stat import S_ISREG

from btfkit.errors import BtfError
from btfkit.files.container import open_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfkit.files.elf import Data

    Path = str | os.PathLike[str]

MAX_ARCHIVE = 8 << 30  # bytes that a tar of modules may unpack to; it is never in memory at once
_PACKED = ("", ".gz", ".xz", ".zst", ".bz2", ".lzma", ".lz4", ".lzo")
_SUFFIXES = tuple(kind + packed for kind in (".ko", ".btf") for packed in reversed(_PACKED))  # the long ones first
_BTF_MAGICS = (b"\x9f\xeb", b"\xeb\x9f")


def module_name(path: Path, *, underscores: bool = False) -> str:
    """The name of the module in the file `path`: without folders, .ko, .btf and the suffix of a packing.

    With `underscores` as the kernel calls it, "-" being "_".
    """
    name = os.path.basename(os.fspath(path))
    if name.endswith(_SUFFIXES):
        suffix = next((one for one in _SUFFIXES if name.endswith(one) and name != one), "")
        name = name[: len(name) - len(suffix)]
    return name.replace("-", "_") if underscores else name


def output_name(source: str, module: str | None = None) -> str:
    """The name of an output for the input `source`: its file name without packing, a kernel module's without .ko."""
    if "(" in source and source.endswith(")"):  # a member of a tar
        source = source[source.rindex("(") + 1 : -1]
    name = os.path.basename(source.rstrip("/"))
    for suffix in (".gz", ".bz2", ".xz", ".lzma", ".zst", ".lz4", ".tar"):
        name = name.removesuffix(suffix)
    return name.removesuffix(".ko") or module or "vmlinux"


def module_files(
    path: Path, *, underscores: bool = False, on_error: Callable[[OSError], None] | None = None
) -> Iterator[tuple[str, str]]:
    """(name, path) of each module in the file or directory `path`, sorted by name and then by path.

    In a directory files called *.ko and *.btf count, packed or not, and files without such a suffix that begin with BTF's
    magic; `vmlinux` does not.  Links that lead nowhere and special files are skipped.  Raises OSError where `path` itself
    cannot be read, and for a file or a directory below it that cannot; with `on_error` that is given those errors.
    """
    root = os.fspath(path)
    if not os.path.isdir(root):
        os.stat(root)
        yield module_name(root, underscores=underscores), root
        return
    found = ((module_name(file, underscores=underscores), file) for file in _walk(root, on_error))
    yield from sorted(one for one in found if one[0] != "vmlinux")


def module_blobs(
    path: Path, *, underscores: bool = False, on_error: Callable[[Exception], None] | None = None
) -> Iterator[tuple[str, Data, str]]:
    """(name, bytes of the file as it is, source for messages) of each module in a directory, a file or a tar, packed or not.

    A tar's members come in the tar's order, everything else as `module_files` has it.  Raises OSError where a file
    cannot be read, FormatError where a tar or its packing is broken; with `on_error` that is given the error in place of
    raising it, and the file, or what is left of the tar, is skipped.
    """
    root = os.fspath(path)
    try:
        for name, file in module_files(root, underscores=underscores, on_error=on_error):
            try:
                yield from _blobs_of(root, name, file, underscores)
            except (BtfError, OSError) as error:
                if on_error is None:
                    raise
                on_error(error)
    except OSError as error:
        if on_error is None:
            raise
        on_error(error)


def _blobs_of(root: str, name: str, file: str, underscores: bool) -> Iterator[tuple[str, Data, str]]:
    """The one module in `file`, or those in it where it is a tar."""
    data = open_bytes(file)
    inside = None if os.path.isdir(root) else _tar_members(data, file)
    if inside is None:
        yield name, data, file
        return
    for member, content in inside:
        one = module_name(member, underscores=underscores)
        if one != "vmlinux" and (_has_suffix(member) or content[:2] in _BTF_MAGICS):
            yield one, content, f"{file}({member})"


def _has_suffix(name: str) -> bool:
    return name.endswith(_SUFFIXES)


def _tar_members(data: Data, source: str) -> Iterator[tuple[str, Data]] | None:
    """The members of a tar, packed or not; None where `data` is none."""
    from btfkit.files.compression import pieces, sniff
    from btfkit.files.tar import BLOCK, is_tar, members

    def stream() -> Iterator[bytes | memoryview]:
        return pieces(data, source, limit=MAX_ARCHIVE) if sniff(data) else iter((memoryview(data),))

    head = b""
    for piece in stream():
        head += piece[:BLOCK]
        if len(head) >= BLOCK:
            break
    return members(stream(), source) if is_tar(head) else None


def _walk(root: str, on_error: Callable[[OSError], None] | None) -> Iterator[str]:
    """The files of modules below the directory `root`."""
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
                is_module = _is_module(entry)
            except OSError as error:
                if on_error is None:
                    raise
                on_error(error)
            else:
                if is_module:
                    yield entry.path


def _is_module(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file of a module by its name or, without a suffix, by its first bytes."""
    try:
        if not S_ISREG(entry.stat().st_mode):
            return False
    except OSError as error:
        if error.errno in (ENOENT, ELOOP):  # a link that leads nowhere
            return False
        raise
    if entry.name.endswith(_SUFFIXES):
        return True
    if "." in entry.name:
        return False
    with open(entry.path, "rb", buffering=0) as file:
        return file.read(2) in _BTF_MAGICS
