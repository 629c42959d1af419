"""The BPF objects among the inputs of `check`: files, and all objects in directories.

    for code in readable_codes(object_files(["build/", "prog.bpf.o"]), on_error): ...

What a file is, is decided by its content: an ELF file for the BPF machine, or an executable that embeds such files.
"""

from __future__ import annotations

import os

from btfkit.errors import BtfError, NotFoundError
from btfkit.files.elf import EM_BPF, ET_DYN, ET_EXEC
from btfkit.files.elf import MAGIC as ELF_MAGIC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from btfkit.programs.code import Code

_HEAD = 20  # bytes of an ELF file up to the machine


def object_files(paths: Iterable[str]) -> list[str]:
    """The files in `paths`, each directory replaced by the objects in it and below it, sorted.

    Raises NotFoundError for a directory without one, OSError for one that cannot be listed.
    """
    files: dict[str, None] = {}
    for path in paths:
        if not os.path.isdir(path):
            files[path] = None
            continue
        found = list(_objects_below(path))
        if not found:
            raise NotFoundError(
                "no BPF objects in this directory: expected ELF files made by clang -target bpf -g", source=path
            )
        files |= dict.fromkeys(found)
    return list(files)


def _objects_below(directory: str) -> Iterator[str]:
    """The objects at any depth below a directory, and what is called like one; links to directories are not followed."""
    listing = os.walk(directory, onerror=_raise)
    for place, directories, names in listing:
        directories.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            if is_object(path) or (name.endswith(".bpf.o") and os.path.isfile(path)):
                yield path


def _raise(error: OSError) -> None:
    raise error


def is_object(path: str) -> bool:
    """Whether a file is a BPF object, compressed or not, or an executable that embeds one; False if it cannot be read."""
    from btfkit.files.compression import sniff
    from btfkit.files.container import open_bytes, read_objects

    if not os.path.isfile(path):  # what a pipe holds is gone once it was read
        return False
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
        if sniff(head) and os.path.splitext(path)[0].endswith(".o"):
            return bool(read_objects(path))
        if head[:4] != ELF_MAGIC or len(head) < _HEAD:
            return False
        order = "big" if head[5] == 2 else "little"
        elf_type, machine = int.from_bytes(head[16:18], order), int.from_bytes(head[18:20], order)  # type: ignore[arg-type]
        if machine == EM_BPF:
            return True
        if elf_type not in (ET_EXEC, ET_DYN):
            return False
        from btfkit.files.elf import Elf

        data = open_bytes(path)
        return Elf(data, path).section(".BTF") is None and bool(read_objects(data, path))  # a vmlinux has a .BTF
    except (BtfError, OSError):
        return False


def readable_codes(paths: Iterable[str], on_error: Callable[[str, Exception], object]) -> Iterator[Code]:
    """The code of each object of the files `paths`; `on_error(path, error)` is called for each that cannot be read."""
    from btfkit.files.container import read_objects
    from btfkit.programs.code import read_code

    for path in paths:
        try:
            found = read_objects(path)
        except (BtfError, OSError) as error:
            on_error(path, error)
            continue
        for one in found:
            try:
                yield read_code(one)
            except BtfError as error:
                on_error(path, error)


def told_apart(words: Iterable[str], *, directories: bool) -> tuple[list[str], list[str]]:
    """(objects, kernels) among `words`, which name both in any order.

    A file is an object by its content.  A directory holds kernels; with `directories`, one without kernels may hold objects.
    """
    objects: list[str] = []
    kernels: list[str] = []
    for word in words:
        if os.path.isdir(word):
            holds_objects = directories and not _has_kernels(word) and next(_objects_below(word), None) is not None
        else:
            holds_objects = is_object(word)
        (objects if holds_objects else kernels).append(word)
    return objects, kernels


def _has_kernels(directory: str) -> bool:
    from btfkit.fleet.tree import find_kernels

    tree = find_kernels([directory])
    return bool(tree.kernels or tree.marks)
