"""`btfkit dump`: the types of a BTF as text."""

from __future__ import annotations

import sys

from btfkit.cli import DONE
from btfkit.cli.options import BASE, JSON, OUTPUT, Command, Option, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from btfkit.btf.btf import Btf
    from btfkit.cli.options import Args

FORMATS = ("raw", "c", "json")
LATER = {"c": "C declarations"}


def run(args: Args) -> int:
    """Print the types; each type once, those of --id before those of --type."""
    path, *rest = args.operands
    form = _format(rest, args.json or args.pretty)
    if form in LATER:
        from btfkit.errors import UnsupportedError

        raise UnsupportedError(
            f"{LATER[form]} come(s) with a later release; this one prints raw text: btfkit dump {path} raw"
        )
    from btfkit.files.load import load

    btf = load(path, args.base)
    _write(_text(btf, form, args), args.output)
    return DONE


def _text(btf: Btf, form: str, args: Args) -> Iterable[bytes]:
    ids = _wanted(btf, args.id, args.type)
    if form == "json":
        from btfkit.show.json import json_text

        return json_text(btf, ids, pretty=args.pretty, compat=args.compat)
    from btfkit.show.raw import raw_text

    return raw_text(btf, ids, compat=args.compat)


def _format(words: list[str], json: bool) -> str:
    """What form is asked for; "format raw" is bpftool's way to say it."""
    if words[:1] == ["format"] and len(words) > 1:
        words = words[1:]
    if len(words) > 1:
        raise UsageError(f"one file and one format at a time, not also {' '.join(words[1:])!r}")
    form = words[0] if words else ("json" if json else "raw")
    if form not in FORMATS:
        raise UsageError(f"no format {form!r}; formats are {', '.join(FORMATS)}")
    if json and form != "json":
        raise UsageError(f"JSON (--json, --pretty) and the format {form!r} at once")
    return form


def _wanted(btf: Btf, ids: list[int], names: list[str]) -> list[int] | None:
    """The ids that are asked for, each once, in the order asked; None where all types are wanted."""
    if not ids and not names:
        return None
    found = dict.fromkeys(ids)
    for name in names:
        matches = dict.fromkeys(btf.find_ids(name))
        if not matches:
            btf.find(name)  # says that there is none
        found.update(matches)
    return list(found)


def _write(chunks: Iterable[bytes], output: str | None) -> None:
    if output in (None, "-"):
        out = sys.stdout.buffer
        for chunk in chunks:
            out.write(chunk)
        out.flush()
    else:
        from btfkit.files.write import write_atomic

        write_atomic(output, b"".join(chunks))


COMMAND = Command(
    "dump",
    "print the types of a BTF",
    run,
    operands="FILE [FORMAT]...?",
    options=(
        BASE,
        JSON,
        Option("-p", "--pretty", help="JSON with each key on a line of its own"),
        OUTPUT,
        Option("--id", value="N", help="only this type; may be repeated", many=True, convert=int),
        Option(
            "--type", value="NAME", help="only the types called NAME ('struct file' too); may be repeated", many=True
        ),
        Option("--compat", help="the very bytes that bpftool writes, its defects included (docs/differences.md)"),
    ),
    details="FORMAT is raw (the default): one record a paragraph, or json: one object; both as bpftool prints them.",
)
