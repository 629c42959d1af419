"""`load` with a base for modules that bring a distilled one: split on it, then reconciled to the base that is given."""

from __future__ import annotations

from btfkit.btf.btf import Btf
from btfkit.files.container import Container

MINIMAL = ".BTF.base_minimal"


def distilled_base(container: Container) -> Btf | None:
    """The distilled base that an ELF file brings along, or None; raises FormatError where that is broken."""
    data, section = container.base, ".BTF.base"
    if data is None and container.elf is not None and container.elf.section(MINIMAL) is not None:
        data, section = container.elf.data(MINIMAL), MINIMAL
    if data is None:
        return None
    source = f"{container.source} ({section})"
    return Btf.from_bytes(bytes(data), source=source, pointer_size=container.pointer_size)
