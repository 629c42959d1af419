"""What `kabi` is given: the symbols that are to stay stable, and the differences that are accepted."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import NamedTuple

from btfkit.errors import FormatError, printable, refuse_text
from btfkit.show.identity import CLASSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Export(NamedTuple):
    """What Module.symvers states of a symbol: its `crc` (0: none), whether only `gpl` modules may use it, its `namespace`."""

    crc: int
    gpl: bool
    namespace: str


class Symbols:
    """A list of what is to be kept stable: `names` of functions, variables and types ("struct file"), with the module that has
    each ("": unknown or vmlinux), and what Module.symvers states of it (`exports`)."""

    __slots__ = ("exports", "modules", "names", "source")

    def __init__(
        self,
        names: Iterable[str],
        source: str = "",
        modules: dict[str, str] | None = None,
        exports: dict[str, Export] | None = None,
    ) -> None:
        refuse_text(names=names)
        self.exports = exports or {}
        self.names = list(dict.fromkeys(names))
        self.modules = modules or {}
        self.source = source

    def __repr__(self) -> str:
        return f"<Symbols {printable(self.source)}: {len(self.names)}>"


def read_symbols(path: str) -> Symbols:
    """The list in a file: Module.symvers (CRC, symbol, module, export type, separated by tabs), or a name on each line.

    Text after "#" is a comment, a line in square brackets a heading, as in the stable lists of distributions.  Raises OSError,
    and FormatError for a file that is not text or has no names.
    """
    with open(path, "rb") as file:
        content = file.read(MAX_LIST + 1)
    if len(content) > MAX_LIST or b"\0" in content:
        raise FormatError("expected a list of symbols: Module.symvers, or a name on each line", source=path)
    names: dict[str, str] = {}
    exports: dict[str, Export] = {}
    for number, line in enumerate(content.decode("utf-8", "surrogateescape").split("\n"), 1):
        fields = line.rstrip("\r").split("\t")
        if len(fields) >= 3 and re.fullmatch(r"0x[0-9a-fA-F]{1,16}", fields[0]) and fields[1]:
            module = fields[2].rpartition("/")[2]
            names[fields[1]] = "" if module == "vmlinux" else module.replace("-", "_").removesuffix(".ko")
            how, namespace, *_ = *fields[3:5], "", ""
            exports[fields[1]] = Export(int(fields[0], 16), "_GPL" in how, namespace)
            continue
        word = line.partition("#")[0].strip()
        if not word or (word[0] == "[" and word[-1] == "]"):
            continue
        kind, *rest = word.split()
        if rest and (len(rest) > 1 or kind not in CLASSES.values()):
            raise FormatError(
                f"line {number}: expected a name, or CRC, symbol and module separated by tabs, found {printable(word[:80])}",
                source=path,
            )
        names.setdefault(" ".join((kind, *rest)), "")
    if not names:
        raise FormatError("no symbols in this list", source=path)
    return Symbols(names, path, names, exports)


MAX_LIST = 64 << 20  # bytes of a list


class Suppression:
    """A difference that is accepted: globs for the `type` ("struct file", or a bare name), the `member` (or enumerator) and the
    `symbol`, the kinds of `change` (of `Change.what`, and "size"), and the `reason`.  What is not given matches everything;
    `uses` counts what it matched."""

    __slots__ = ("change", "member", "reason", "symbol", "type", "uses")

    def __init__(
        self, type: str = "*", member: str = "*", symbol: str = "*", change: Sequence[str] = (), reason: str = ""
    ) -> None:
        self.type = type
        self.member = member
        self.symbol = symbol
        self.change = tuple(change)
        self.reason = reason
        self.uses = 0

    def __repr__(self) -> str:
        return f"<Suppression of {self.type}.{self.member}>"

    @property
    def text(self) -> str:
        """What it is about, for messages."""
        parts = [f"{key} = {value!r}" for key in ("type", "member", "symbol") if (value := getattr(self, key)) != "*"]
        return ", ".join([*parts, *([f"change = {', '.join(self.change)}"] if self.change else [])])

    def matches(self, kind: str, name: str, what: str, member: str, symbols: Sequence[str]) -> bool:
        """Whether it covers a difference; with a `symbol`, only what is reached by matching symbols alone."""
        is_type = fnmatchcase(name, self.type) or fnmatchcase(f"{kind} {name}", self.type)
        if not is_type or not fnmatchcase(member, self.member) or (self.change and what not in self.change):
            return False
        return self.symbol == "*" or (bool(symbols) and all(fnmatchcase(one, self.symbol) for one in symbols))


CHANGES = ("removed", "added", "renamed", "retyped", "grown", "moved", "width", "value", "size", "missing", "changed")


def read_suppressions(path: str) -> list[Suppression]:
    """The suppressions in a TOML file: a table `[[suppress]]` for each, with the keys type, member, symbol, change and reason.

    Raises OSError, and FormatError (with the line, if it is found) for a file that is not TOML, is larger than MAX_TOML bytes,
    or has other tables, keys or values.
    """
    import tomllib

    with open(path, "rb") as file:
        content = file.read(MAX_TOML + 1)
    if len(content) > MAX_TOML:
        raise FormatError(f"expected a file of suppressions of at most {MAX_TOML:,} bytes", source=path)
    try:
        lines = content.decode().replace("\r\n", "\n")
        document = tomllib.loads(lines)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"not TOML: {error}", source=path) from None
    except RecursionError:
        raise FormatError("not TOML that can be read: nested too deeply", source=path) from None
    tables = document.pop("suppress", [])
    if document or not isinstance(tables, list):
        key = next(iter(document), "suppress")
        where = _line_of(lines, rf"\[*\s*[\"']?{re.escape(key)}\b")
        raise FormatError(f"{where}{printable(key)}: expected only tables [[suppress]]", source=path)
    headers = [_line(lines, found.start()) for found in re.finditer(_SUPPRESS, lines)]
    shown = headers if len(headers) == len(tables) else []  # not if they are an array, or in a text of several lines
    return [
        _suppression(table, f"{shown[at] if shown else ''}[[suppress]] number {at + 1}", path)
        for at, table in enumerate(tables)
    ]


_SUPPRESS = re.compile(r"^[ \t]*\[\[[ \t]*[\"']?suppress[\"']?[ \t]*\]\]", re.MULTILINE)
MAX_TOML = 4 << 20  # bytes of a file of suppressions


def _line(lines: str, at: int) -> str:
    return f"line {lines.count(chr(10), 0, at) + 1}: "


def _line_of(lines: str, pattern: str) -> str:
    """ "line 3: " for the first line that begins with a pattern, or "" """
    found = re.search(rf"^[ \t]*{pattern}", lines, re.MULTILINE)
    return _line(lines, found.start()) if found else ""


def _suppression(table: object, where: str, path: str) -> Suppression:
    """The suppression of a table; `where` it is, for messages."""
    if not isinstance(table, dict) or not table:
        raise FormatError(f"{where}: expected type, member, symbol, change or reason", source=path)
    values = dict(table)
    change = values.pop("change", list(CHANGES))
    change = [change] if isinstance(change, str) else change
    if not isinstance(change, list) or not change or any(one not in CHANGES for one in change):
        raise FormatError(f"{where}: change: expected some of {', '.join(CHANGES)}", source=path)
    for key, value in values.items():
        if key not in ("type", "member", "symbol", "reason"):
            raise FormatError(f"{where}: unknown key {printable(key)}", source=path)
        if not isinstance(value, str):
            raise FormatError(f"{where}: {key}: expected a string", source=path)
    if not values.keys() & {"type", "member", "symbol"}:
        raise FormatError(f"{where}: type, member or symbol is missing", source=path)
    return Suppression(change=change if "change" in table else (), **values)


# ---- findings --------------------------------------------------------------------------------------------------------
