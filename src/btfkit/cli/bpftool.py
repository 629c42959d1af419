"""`btfkit bpftool ARGS...`: bpftool's own spelling of what btfkit does.

Keywords may be cut short as far as they stay clear, options may stand anywhere, as in bpftool 7.8.
"""

from __future__ import annotations

import sys

from btfkit.cli import DONE, FAILED, USAGE, run_command
from btfkit.cli.options import Command

TYPE_CHECKING = False

HELP = """usage: btfkit bpftool [-B BASE] gen min_core_btf INPUT OUTPUT OBJECT...
       btfkit bpftool [-j | -p] [-B BASE] btf dump file FILE [format raw] [root_id N]...

What bpftool does beyond these (programs, maps, skeletons, C dumps) it has to do itself."""


def run(argv: list[str]) -> int:
    """Translate the command line and run what it means."""
    base: list[str] = []  # options of `btfkit dump`
    words: list[str] = []
    rest = iter(argv)
    for word in rest:
        if word in ("-B", "--base-btf"):
            value = next(rest, None)
            if value is None:
                return _wrong("-B without a file")
            base += ["-B", value]
        elif word in ("-h", "--help", "help"):
            print(HELP)
            return DONE
        elif word in ("-V", "--version", "version"):
            from btfkit.cli import version

            print(version())
            return DONE
        elif word in ("-j", "--json"):
            base.append("--json")
        elif word in ("-p", "--pretty"):
            base.append("--pretty")
        elif word in ("-d", "--debug", "-L", "--use-loader"):
            continue
        else:
            words.append(word)
    return _dispatch(base, words)


def _dispatch(base: list[str], words: list[str]) -> int:
    if len(words) < 2:
        return _wrong("a command is missing")
    if _is(words[0], "gen") and _is(words[1], "min_core_btf"):
        if len(words) < 5:
            return _wrong("min_core_btf takes INPUT OUTPUT OBJECT...")
        from btfkit.cli.min import COMMAND

        return run_command(COMMAND, ["-q", "--", *words[2:]])  # as there, -B is not for this command
    if _is(words[0], "btf") and _is(words[1], "dump"):
        return _dump(base, words[2:])
    return _cannot(" ".join(words[:2]))


def _dump(base: list[str], words: list[str]) -> int:
    if len(words) < 2 or not _is(words[0], "file"):
        return _cannot(f"btf dump {words[0]}" if words else "btf dump without a source")
    options = list(base)
    rest = iter(words[2:])
    for word in rest:
        value = next(rest, None)
        if value is not None and _is(word, "format"):
            if value != "raw":
                return _cannot(f"format {value}")
        elif value is not None and word.startswith("r") and _is(word, "root_id"):
            options += ["--id", value]
        else:
            return _cannot(word)
    from btfkit.cli.dump import COMMAND

    return run_command(COMMAND, [*options, "--", words[1]])


def _is(word: str, keyword: str) -> bool:
    return bool(word) and keyword.startswith(word)


def _wrong(message: str) -> int:
    print(f"btfkit bpftool: {message}\n{HELP}", file=sys.stderr)
    return USAGE


def _cannot(what: str) -> int:
    print(f"btfkit bpftool: {what}: btfkit does not do that (`btfkit bpftool help` says what it does)", file=sys.stderr)
    return FAILED


COMMAND = Command("bpftool", "take bpftool's spelling of what btfkit does", run, operands="ARGS...?")
