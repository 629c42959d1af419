"""The symbols of a kernel with their addresses: of System.map, /proc/kallsyms, or a vmlinux with a symbol table."""

from __future__ import annotations

import hashlib
import os
import re

from btfkit.errors import FormatError, NotFoundError, printable
from btfkit.files.container import open_data, source_name
from btfkit.files.elf import Elf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Kind = Literal["system-map", "symtab"]

BANNER = "linux_banner"
SYMBOL = re.compile(rb"^(?:0x)?([0-9a-fA-F]{1,16}) (\S) (\S+)(?:[ \t]+(\[\S+\]))?[ \t\r]*$", re.M)  # a line of a table
_SKIPPED_ELF = {3, 4}  # STT_SECTION, STT_FILE
X86_TEXT = 0xFFFFFFFF81000000  # where Linux for x86-64 is linked to


class KernelSymbols:
    """`addresses` by name; of several symbols with one name, the first global one, else the first.

    `kind` and `digest` (SHA-256 in hexadecimal) are of the file `source`; `banner` is the text of linux_banner, b"" unless the
    file has it.  Symbols of modules are skipped.
    """

    __slots__ = ("addresses", "banner", "digest", "kind", "source")

    def __init__(self, source: str, kind: Kind, digest: str, addresses: dict[bytes, int], banner: bytes = b"") -> None:
        self.source = source
        self.kind: Kind = kind
        self.digest = digest
        self.addresses = addresses
        self.banner = banner

    def __repr__(self) -> str:
        return f"<{len(self.addresses):,} symbols of {self.source}>"

    @property
    def shift(self) -> int:
        """By how much KASLR moved the kernel for x86-64 that the addresses are of; 0 if it did not, or for another machine."""
        text = self.addresses.get(b"_text", 0)
        return text - X86_TEXT if text >> 32 == X86_TEXT >> 32 else 0


def read_kernel_symbols(path: str | os.PathLike[str]) -> KernelSymbols:
    """The symbols in a file, "-" for standard input.

    Raises OSError if it cannot be read, FormatError if it is not such a file or all of its addresses are 0 (without rights,
    /proc/kallsyms hides them), NotFoundError if it is ELF without a symbol table.
    """
    name = os.fspath(path)
    data, source = open_data(name), source_name(name)
    if bytes(data[:4]) == b"\x7fELF":
        return _of_elf(Elf(data, source), name, source)
    whole = bytes(data)
    return KernelSymbols(source, "system-map", hashlib.sha256(whole).hexdigest(), _of_text(whole, source))


def _of_text(data: bytes, source: str) -> dict[bytes, int]:
    found = SYMBOL.findall(data)
    if not found or len(found) != data.count(b"\n") + (data[-1:] != b"\n"):
        _demand_lines(data, source)
    kernel = [(name, int(address, 16), kind) for address, kind, name, module in found if not module]
    if not any(address for _, address, _ in kernel):
        raise FormatError("all addresses are 0: /proc/kallsyms shows them to root only", source=source)
    return _first([(name, address, kind.isupper()) for name, address, kind in kernel])


def _demand_lines(data: bytes, source: str) -> None:
    """Raise FormatError for the first line that is not "ADDRESS TYPE NAME"."""
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip() and not SYMBOL.match(line):
            shown = printable(line[:60].decode("utf-8", "surrogateescape"))
            raise FormatError(
                f"line {number} is {shown!r}: expected lines of System.map or /proc/kallsyms (address, type, name),"
                " or an ELF file",
                source=source,
            )
    if not data.strip():
        raise FormatError("empty: expected the symbols of a kernel", source=source)


def _first(symbols: list[tuple[bytes, int, bool]]) -> dict[bytes, int]:
    """The address of each name: of the first global symbol, or the first one."""
    found: dict[bytes, int] = {}
    local: set[bytes] = set()
    for name, address, is_global in symbols:
        if name not in found:
            found[name] = address
            if not is_global:
                local.add(name)
        elif is_global and name in local:
            found[name] = address
            local.discard(name)
    return found


def _of_elf(elf: Elf, path: str, source: str) -> KernelSymbols:
    symbols: list[tuple[bytes, int, bool]] = []
    banner = b""
    sections = elf.sections
    for symbol in elf.symbols():
        if not symbol.name or not symbol.section or symbol.type in _SKIPPED_ELF:
            continue
        symbols.append((symbol.name.encode("utf-8", "surrogateescape"), symbol.value, symbol.bind != 0))
        if symbol.name == BANNER and symbol.section < len(sections):
            section = sections[symbol.section]
            begin = symbol.value - section.addr
            banner = bytes(elf.raw(section)[begin : begin + symbol.size]) if begin >= 0 else b""
    if not symbols:
        raise NotFoundError("no symbol table: a stripped file; use System.map", source=source)
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return KernelSymbols(source, "symtab", digest, _first(symbols), banner)
