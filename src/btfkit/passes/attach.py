"""`load` with a base for modules that bring a distilled one: split on it, then reconciled to the base that is given."""

from __future__ import annotations

from btfkit.btf.btf import Btf
from btfkit.files import load as _load
from btfkit.files.container import Container, open_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os

    Path = str | os.PathLike[str]

MINIMAL = ".BTF.base_minimal"


def load(path: Path | Container, base: Btf | Path | None = None) -> Btf:
    """The BTF in a file: raw, in an ELF, in a boot image, packed, or "-" for standard input.

    `base` (a Btf or a path) makes it a split BTF.  An ELF file that brings a distilled base (`.BTF.base`, or btfkit's
    `.BTF.base_minimal`) comes split on that where no `base` is given, and reconciled to `base`, by the strict rules, where one
    is.  A module's BTF in /sys/kernel/btf takes the running vmlinux as its base by itself.  Raises FormatError, ChainError
    (ReconcileError among them), NotFoundError, UnsupportedError, and OSError where the file cannot be read.
    Rules: libbpf 1.8-dev, btf__parse_split.
    """
    container = path if isinstance(path, Container) else open_container(path)
    own = distilled_base(container)
    if own is None:
        return _load.load(container, base)
    split = _load.from_container(container, own)
    if base is None:
        return split
    from btfkit.passes.reconcile import reconcile

    return reconcile(split, base if isinstance(base, Btf) else load(base)).btf


def distilled_base(container: Container) -> Btf | None:
    """The distilled base that an ELF file brings along, or None; raises FormatError where that is broken."""
    data, section = container.base, ".BTF.base"
    if data is None and container.elf is not None and container.elf.section(MINIMAL) is not None:
        data, section = container.elf.data(MINIMAL), MINIMAL
    if data is None:
        return None
    source = f"{container.source} ({section})"
    return Btf.from_bytes(bytes(data), source=source, pointer_size=container.pointer_size)
