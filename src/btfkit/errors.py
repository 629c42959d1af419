"""What can go wrong, in families by what a caller can do about it.

Every error of btfkit is a `BtfError`.  An error carries its place: the file (or other source), the section,
the byte offset and the type id, each where it is known, and its text begins with that place, the way compilers
write it.  "This relocation has no answer on that kernel" is no error but a value (see `btfkit.co_re`).
"""

from __future__ import annotations


class BtfError(Exception):
    """The root of all errors of btfkit.

    `message` says what was found and what was allowed, and guesses the mistake; `source` names the file,
    `section` the part of it, `offset` the byte offset within that part, `type_id` the BTF type.  `remedy` is the name of the
    parameter that would help ("base", "strip_signature"), where there is one: a command adds its own spelling of it.
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
        """This error, with `source` filled in where it was not known yet."""
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
        return ": ".join([", ".join(place), self.message] if place else [self.message])

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
    """`text` safe for one line of a terminal: control and undecodable characters are escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def counted(number: int, noun: str) -> str:
    """ "1 type", "1,234 types"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def refuse_text(**lists: object) -> None:
    """Raise TypeError where a string is given for one of `lists` (by the names of the parameters): its letters would count
    as names."""
    for parameter, value in lists.items():
        if isinstance(value, str | bytes):
            raise TypeError(f"{parameter} is a list of names, not one: [{value!r}]")


class FormatError(BtfError):
    """The bytes are not what they claim to be: get other bytes."""


class ChainError(BtfError):
    """A split BTF without its base, or with a base it was not built on: pass the right base."""


class NotFoundError(BtfError):
    """A name, a section or a file member that was asked for is not there."""


class AmbiguousError(BtfError):
    """A name or a container stands for several things: say which one."""


class UnsupportedError(BtfError):
    """The input is (or may be) valid, but this build cannot do that with it: see the message for the way out."""


class VerificationError(BtfError):
    """The output does not mean what the input means, as the proof found: do not use it, and report it."""


def error_text(error: Exception) -> str:
    """The text of an error for one line of a report, with the file that it is about."""
    if isinstance(error, OSError) and not isinstance(error, BtfError):
        name = error.filename if isinstance(error.filename, str) else ""
        what = error.strerror or str(error) or type(error).__name__
        return f"{printable(name)}: {what}" if name else what
    return "out of memory" if isinstance(error, MemoryError) else str(error)
