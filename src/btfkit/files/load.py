"""`load`: from a path to a `Btf`, with the base that it needs."""

from __future__ import annotations

import os

from btfkit.btf.btf import Btf
from btfkit.btf.header import byte_order
from btfkit.errors import BtfError, ChainError, NotFoundError
from btfkit.files.container import Container, open_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
        base = Btf.from_bytes(
            _bytes(container.base), source=f"{source} (.BTF.base)", pointer_size=container.pointer_size
        )
    elif base is None and _is_running_module(source):
        base = load(SYSFS + "vmlinux")
    elif base is not None and not isinstance(base, Btf):
        base = load(base)
    return from_container(container, base)


def from_container(container: Container, base: Btf | None = None) -> Btf:
    """The `.BTF` of an opened container, split on `base` where one is given, without looking for any other base.

    Raises ChainError also where everything is in range but the evidence says that it was built on another base.
    """
    _check_order(container, base)
    btf = Btf.from_bytes(_bytes(container.btf), base, source=container.source, pointer_size=container.pointer_size)
    if base is None:
        return btf
    from btfkit.btf.evidence import demand_fit

    return demand_fit(btf)


class Modules:
    """The modules that were found: `btfs` and `names`, one each, and `without`, the files that hold no BTF."""

    __slots__ = ("btfs", "names", "without")

    def __init__(self) -> None:
        self.btfs: list[Btf] = []
        self.names: list[str] = []
        self.without: list[str] = []


def load_modules(paths: Sequence[str], base: Btf, on_error: Callable[[Exception], None] | None = None) -> Modules:
    """The modules in files, folders and tars, each split on `base`, in the given order and by name within each.

    Files without BTF are passed over and listed.  An error is raised, or given to `on_error`, and then that file is left out.
    """
    found = Modules()
    if not paths:
        return found
    from btfkit.files.modules import module_blobs

    for path in paths:
        for name, data, source in module_blobs(path):
            try:
                container = open_container(data, source)
                found.btfs.append(from_container(container, base))
                found.names.append(name)
            except NotFoundError:
                found.without.append(source)
            except BtfError as error:
                if on_error is None:
                    raise
                on_error(error)
    return found


def _check_order(container: Container, base: Btf | None) -> None:
    order = byte_order(bytes(container.btf[:2]))
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
