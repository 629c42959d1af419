"""The manual pages, made of the tables that define the commands: btfkit(1) and a page for each command.

They are made when a package is built (setup.py) and go to share/man/man1.  Source: man(7).
"""

from __future__ import annotations

from btfkit._version import __version__
from btfkit.cli import COMMANDS, command
from btfkit.cli.help_text import MANUAL, fitted
from btfkit.cli.options import DOCS, Command, documentation, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from btfkit.cli.options import Option

EXIT_STATUS = (
    ("0", "success"),
    ("1", 'the answer is "differs", "not clean", "breaks" or "missing on some kernel"'),
    ("2", "wrong usage"),
    ("3", "an input could not be used, part of a batch failed, or the command was interrupted"),
)


def pages() -> dict[str, str]:
    """The text of each page in the format of man(7), by the name of its file ("btfkit-min.1")."""
    result = {"btfkit.1": _overview()}
    for name in COMMANDS:
        result[f"btfkit-{name}.1"] = _page(command(name))
    return result


def write_pages(directory: str) -> list[str]:
    """Write the pages to `directory`, which is created; returns their paths.  Raises OSError."""
    import os

    os.makedirs(directory, exist_ok=True)
    paths = []
    for name, text in pages().items():
        paths.append(os.path.join(directory, name))
        with open(paths[-1], "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    return paths


def _overview() -> str:
    lines = _head("btfkit", "read, minimize, check and make BTF, the type information of the Linux kernel")
    lines += [".SH SYNOPSIS", ".B btfkit", r"\fICOMMAND\fR [\fIoptions\fR] \&..."]
    lines += [".SH COMMANDS"]
    for name, summary in COMMANDS.items():
        lines += _tagged(rf"\fBbtfkit\-{_plain(name)}\fR(1)", _plain(summary))
    lines += [".SH OPTIONS"]
    lines += _tagged(r"\fB\-h\fR, \fB\-\-help\fR", "show the commands; after a command, its options")
    lines += _tagged(r"\fB\-V\fR, \fB\-\-version\fR", "show the version, and whether the loops are compiled")
    return "\n".join([*lines, *_exit_status(), ".SH SEE ALSO", _plain(DOCS), ""])


def _page(one: Command) -> str:
    lines = _head(f"btfkit-{one.name}", one.summary)
    words = usage(one).split()
    shown = [rf"\fI{_plain(word)}\fR" for word in words[2:]]
    lines += [".SH SYNOPSIS", rf".B btfkit {_plain(one.name)}", " ".join(shown)]
    lines += [".SH OPTIONS"]
    for option in one.options:
        lines += _tagged(_spelled(option), _plain(with_choices(option)))
    lines += _tagged(r"\fB\-h\fR, \fB\-\-help\fR", "show the options")
    if one.details:
        lines += [".SH NOTES", ".nf", *map(_line, fitted(one.details, MANUAL).splitlines()), ".fi"]
    lines += _exit_status()
    return "\n".join([*lines, ".SH SEE ALSO", r".BR btfkit (1)", ".br", _plain(documentation(one)), ""])


def _head(name: str, summary: str) -> list[str]:
    title = _plain(name.upper())
    return [
        f'.TH "{title}" 1 "" "btfkit {__version__}" "User Commands"',
        ".SH NAME",
        rf"{_plain(name)} \- {_plain(summary)}",
    ]


def _tagged(tag: str, text: str) -> list[str]:
    return [".TP", tag, text]


def _spelled(option: Option) -> str:
    value = rf" \fI{_plain(option.value)}\fR" if option.value else ""
    more = r" \&..." if option.several else ""
    return ", ".join(rf"\fB{_plain(spelling)}\fR{value}{more}" for spelling in option.spellings)


def with_choices(option: Option) -> str:
    """The help of an option, with the values that it can have unless it names them."""
    unsaid = [choice for choice in option.choices if choice not in option.help]
    return option.help + (f" ({', '.join(option.choices)})" if unsaid else "")


def _exit_status() -> Iterable[str]:
    lines = [".SH EXIT STATUS"]
    for status, meaning in EXIT_STATUS:
        lines += _tagged(status, _plain(meaning))
    return lines


def _plain(text: str) -> str:
    """`text` as it is, for troff: backslashes, hyphens that are typed, and the characters that begin a request."""
    text = (
        text.replace("\\", r"\e").replace("-", r"\-").replace("`", r"\(ga").replace("^", r"\(ha").replace("~", r"\(ti")
    )
    return r"\&" + text if text.startswith((".", "'")) else text


def _line(text: str) -> str:
    return _plain(text) or ".sp"
