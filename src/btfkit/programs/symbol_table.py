"""A kernel's symbol table, which has the addresses of externs that BTF does not describe: /proc/kallsyms or a System.map.

Rule: libbpf_kallsyms_parse and kallsyms_cb (libbpf 1.8-dev).
"""

from __future__ import annotations

from typing import NamedTuple

from btfkit.btf import spec
from btfkit.errors import FormatError
from btfkit.files.kernel_symbols import SYMBOL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from btfkit.co_re.loaders import Loader
    from btfkit.programs.code import Code


class SymbolTable(NamedTuple):
    """The `names` that are in a symbol table, of those that were asked for; `source` is its file, and `has_modules` whether it
    has symbols of modules, too, as /proc/kallsyms does."""

    source: str
    names: frozenset[str]
    has_modules: bool


def read_symbol_table(data: bytes, wanted: Iterable[str], source: str) -> SymbolTable:
    """The symbol table in the bytes of a file; raises FormatError if it is none."""
    if SYMBOL.match(data) is None:
        raise FormatError(
            "expected a symbol table (System.map or /proc/kallsyms): lines of ADDRESS TYPE NAME", source=source
        )
    found = frozenset(name for name in wanted if _has(data, name.encode("utf-8", "surrogateescape")))
    return SymbolTable(source, found, b"\t[" in data)


def _has(data: bytes, name: bytes) -> bool:
    at = data.find(name)
    while at > 0:
        end = at + len(name)
        if data[at - 1 : at] == b" " and (
            data[end : end + 1] in (b"", b"\n", b"\t", b"\r")
            or (data[at - 3 : at] == b" d " and data.startswith(b".llvm.", end))
        ):
            return True
        at = data.find(name, at + 1)
    return False


def symbols_wanted(code: Code, loader: Loader) -> list[str]:
    """The externs of an object that a loader looks for in the symbol table."""
    btf = code.object.btf
    return [
        name
        for name, extern in code.externs.items()
        if extern.section == ".ksyms"
        and btf.kind(extern.type_id) == spec.VAR
        and (not loader.typed_ksyms or btf.strip(btf.word(extern.type_id, 2)) == 0)
    ]
