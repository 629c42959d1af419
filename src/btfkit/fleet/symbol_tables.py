"""Finds the symbol tables of kernels: a System.map or a copy of /proc/kallsyms, given by name or beside the kernel."""

from __future__ import annotations

import os

from btfkit.errors import NotFoundError
from btfkit.files import sysfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from btfkit.fleet.tree import Kernel

STEMS = ("kallsyms", "System.map")
RUNNING_TABLE = "/proc/kallsyms"


def demand_symbol_tables(paths: Iterable[str]) -> None:
    """Raise NotFoundError for a file or directory that does not exist."""
    for path in paths:
        if not os.path.exists(path):
            raise NotFoundError("no such file or directory", source=path)


def symbol_table_of(kernel: Kernel, given: Sequence[str], *, single: bool, beside: bool = True) -> str:
    """The path of a kernel's symbol table, "" if there is none.

    `given` are files (one of several kernels has to be named like its kernel, as in System.map-RELEASE) and directories.
    Without one in these, it is looked for `beside` the kernel's BTF: with its release in the name, or without it in a directory
    that is named like the kernel.
    """
    uname = kernel.key.uname
    for path in given:
        if os.path.isdir(path):
            found = _first(path, _named(uname))
            if found:
                return found
        elif single or (uname and os.path.basename(path).endswith("-" + uname)):
            return path
    source = kernel.source
    if not beside or not os.path.isfile(source):
        return ""
    if os.path.abspath(source) == sysfs.VMLINUX:
        return RUNNING_TABLE if os.access(RUNNING_TABLE, os.R_OK) else ""
    directory = os.path.dirname(source)
    is_own = os.path.basename(os.path.abspath(directory)) == uname
    return _first(directory, [*_named(uname), *(STEMS if is_own else ())])


def _named(uname: str) -> list[str]:
    return [f"{stem}-{uname}" for stem in STEMS] if uname else []


def _first(directory: str, names: Iterable[str]) -> str:
    return next((path for name in names if os.path.isfile(path := os.path.join(directory, name))), "")
