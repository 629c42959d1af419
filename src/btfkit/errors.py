"""The errors of btfkit, in families by what a caller can do about them.

Every error is a `BtfError` and carries its place: the file (or other source), section, byte offset and type id, as far as they
are known.  Its text begins with that place, as compilers do.  A relocation that fails on a kernel is not an error but a
value (see `btfkit.co_re`).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


LONGEST_NAME = 511  # characters of a name that is shown whole; longer ones are in no kernel (KSYM_NAME_LEN - 1)
BEGIN = 60  # characters that are shown of a longer name
CUT = "\N{HORIZONTAL ELLIPSIS}"


class BtfError(Exception):
    """The base of all errors of btfkit.

    `message` has what was found, what was expected, and the likely mistake; `source` names the file, `section` the part of it,
    `offset` the byte in that part, `type_id` the BTF type.  `remedy` is the name of a parameter that would help ("base",
    "strip_signature"), if any; a command adds its own spelling of it.
    """

    def __init__(
        self,
        message: str,
        *,
        source: str | None = None,
        section: str | None = None,
        offset: int | None = None,
        type_id: int | None = None,
        remedy: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.source = source
        self.section = section
        self.offset = offset
        self.type_id = type_id
        self.remedy = remedy

    def at(self, source: str) -> BtfError:
        """This error, with its source set to `source` if it had none."""
        if self.source is None:
            self.source = source
        return self

    def __str__(self) -> str:
        place = [printable(self.source)] if self.source is not None else []
        if self.section is not None:
            place.append(self.section)
        if self.type_id is not None:
            place.append(f"type {self.type_id}")
        if self.offset is not None:
            place.append(f"byte {self.offset:#x}")
        message = printable_lines(self.message)
        return ": ".join([", ".join(place), message] if place else [message])

    def __reduce__(self) -> tuple[object, ...]:
        place = self.source, self.section, self.offset, self.type_id
        return (_rebuild, (type(self), self.message, *place, self.remedy))


def _rebuild(
    cls: type[BtfError],
    message: str,
    source: str | None,
    section: str | None,
    offset: int | None,
    type_id: int | None,
    remedy: str,
) -> BtfError:
    return cls(message, source=source, section=section, offset=offset, type_id=type_id, remedy=remedy)


def printable(text: str) -> str:
    """`text` with control and undecodable characters escaped, safe for a line of a terminal.

    Names in it of more than LONGEST_NAME characters are `shortened`.
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _escaped(c) for c in text)
    if len(text) > LONGEST_NAME:
        import re

        text = re.sub(rf"[^\s/]{{{LONGEST_NAME + 1},}}", lambda found: shortened(found[0]), text)
    return text


def shortened(name: str, most: int = BEGIN) -> str:
    """`name`, or if it has more than `most` characters its beginning and their number."""
    return name if len(name) <= most else f"{name[:BEGIN]}{CUT} ({len(name):,} characters)"


def printable_lines(text: str) -> str:
    """`text` of several lines, each of them `printable`."""
    return "\n".join(map(printable, text.split("\n")))


def _escaped(c: str) -> str:
    if "\udc80" <= c <= "\udcff":  # a byte of a file name that is not UTF-8
        return f"\\x{ord(c) - 0xDC00:02x}"
    return c.encode("unicode_escape", "surrogatepass").decode()


def counted(number: int, noun: str) -> str:
    """ "1 type", "1,234 types"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def some_of(names: Sequence[str], most: int = 3) -> str:
    """ "a, b, c and 5 more": the first `most` of `names`, or all if only one more would be left out."""
    left = len(names) - most
    return ", ".join(names[:most]) + f" and {left:,} more" if left > 1 else ", ".join(names)


def refuse_text(**lists: object) -> None:
    """Raise TypeError if one of `lists` (by the name of the parameter) is a string: its letters would count as names."""
    for parameter, value in lists.items():
        if isinstance(value, str | bytes):
            raise TypeError(f"{parameter} must be a list of names: [{value!r}]")


def refuse_others(parameter: str, given: Iterable[str], allowed: Collection[str]) -> None:
    """Raise ValueError where one of the `given` values is not among those that are `allowed`."""
    for value in given:
        if value not in allowed:
            raise ValueError(f"{parameter} {value!r}: expected one of {', '.join(allowed)}")


class FormatError(BtfError):
    """The bytes are damaged or of another format."""


class LimitError(FormatError):
    """The input is, or unpacks to, more than is allowed; the message says what sets the limit."""


class ChainError(BtfError):
    """A split BTF without its base, or with a base that it was not built on."""


class NotFoundError(BtfError):
    """A name, section or member of a file does not exist."""


class AmbiguousError(BtfError):
    """A name or a container stands for several things."""


class UnsupportedError(BtfError):
    """The input may be valid, but is not supported; the message suggests a way out."""


class VerificationError(BtfError):
    """A proof found that the output does not mean what the input means: do not use it, and report it."""


def error_text(error: Exception, path: str = "") -> str:
    """The text of an error for one line of a report, which begins with the file that it is about: `path` ("-": standard input)
    if it names none."""
    path = "standard input" if path == "-" else path
    if isinstance(error, BtfError):
        return str(error.at(path) if path else error)
    filename = error.filename if isinstance(error, OSError) else None
    name = filename if isinstance(filename, str) else path
    strerror = error.strerror if isinstance(error, OSError) else None
    name = "''" if filename == "" else name
    what = "out of memory" if isinstance(error, MemoryError) else strerror or str(error) or type(error).__name__
    return f"{printable(name)}: {what}" if name else what
