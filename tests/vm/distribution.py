"""Modules of the distribution, made so that any kernel of their series loads them, with no hardware and to no effect."""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterator
from pathlib import Path

from machine import Kernel

from btfkit.btf_file import open as open_btf

THIS_MODULE = ".rela.gnu.linkonce.this_module"  # where struct module is told its init and exit functions
RELA_SIZE = 24


def modules(kernel: Kernel) -> Iterator[Path]:
    """The files of its modules that need no other module's symbols, in the order of their paths."""
    for path in sorted(kernel.modules.glob("kernel/**/*.ko.xz")):
        if not re.search(rb"\0depends=[^\0]", lzma.decompress(path.read_bytes())):
            yield path


def needed(kernel: Kernel, file: bytes) -> dict[str, bytes]:
    """The kernel's modules that a module needs, unpacked, each after those that it needs itself."""
    found: dict[str, bytes] = {}
    for name in filter(None, (open_btf(file).modinfo("depends") or "").split(",")):
        (path,) = kernel.modules.glob(f"kernel/**/{name}.ko.xz")
        data = lzma.decompress(path.read_bytes())
        found |= needed(kernel, data)
        found[name] = data
    return found


def harmless(file: bytes) -> bytes:
    """The module without its signature, and without functions to be called when it is loaded and taken out."""
    module = open_btf(file)
    elf = module.elf
    assert elf is not None
    data = bytearray(elf.view[: len(elf.view) - module.signature])
    section = elf.section(THIS_MODULE)
    if section is not None:
        for at in range(section.offset, section.offset + section.size, RELA_SIZE):
            data[at + 8 : at + 12] = bytes(4)  # r_info: R_X86_64_NONE
    return bytes(data)
