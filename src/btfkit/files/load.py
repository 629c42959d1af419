"""`load`: from a path to a `Btf`, with the base that it needs."""

from __future__ import annotations

import os

from btfkit.btf.btf import Btf
from btfkit.btf.header import byte_order
from btfkit.errors import ChainError
from btfkit.files.container import Container, open_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.files.elf import Data

    Path = str | os.PathLike[str]

SYSFS = "/sys/kernel/btf/"


def load(path: Path | Container, base: Btf | Path | None = None) -> Btf:
    """The BTF in a file: raw, in an ELF, in a boot image, packed, or "-" for standard input.

    `base` (a Btf or a path) makes it a split BTF.  A module's BTF in /sys/kernel/btf takes the running vmlinux as its base
    by itself; an ELF file with a `.BTF.base` section and no `base` given comes split on that distilled base.  Raises
    FormatError, ChainError, NotFoundError, UnsupportedError, and OSError where the file cannot be read.
    Rules: libbpf 1.8-dev, btf__parse_split; with both `.BTF.base` and a base given, libbpf relocates, and so has
    `btfkit reconcile` to; here that raises UnsupportedError.
    """
    container = path if isinstance(path, Container) else open_container(path)
    source = container.source
    if base is None and container.base is not None:
        base = Btf.from_bytes(_bytes(container.base), source=f"{source} (.BTF.base)", pointer_size=container.pointer_size)
    elif base is None and _is_running_module(source):
        base = load(SYSFS + "vmlinux")
    elif base is not None and not isinstance(base, Btf):
        base = load(base)
    return from_container(container, base)


def from_container(container: Container, base: Btf | None = None) -> Btf:
    """The `.BTF` of an opened container, split on `base` where one is given, without looking for any other base."""
    _check_order(container, base)
    return Btf.from_bytes(_bytes(container.btf), base, source=container.source, pointer_size=container.pointer_size)


def _check_order(container: Container, base: Btf | None) -> None:
    order = byte_order(container.btf[:2])
    if base is not None and order is not None and order != base.byte_order:
        raise ChainError(
            f"{order}-endian, but its base {base.source or ''} is {base.byte_order}-endian: it is of another machine",
            source=container.source,
        )


def _bytes(blob: Data) -> bytes:
    return blob if isinstance(blob, bytes) else bytes(blob)


def _is_running_module(source: str) -> bool:
    name = source[len(SYSFS) :] if source.startswith(SYSFS) else ""
    return bool(name) and "/" not in name and name != "vmlinux"


