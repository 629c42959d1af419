"""`btfkit encode` of debug packages: an archive of BTF, with one line for each problem."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DONE, FAILED, in_words
from btfkit.cli.options import UsageError
from btfkit.errors import counted, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from btfkit.cli.options import Args
    from btfkit.fleet.packages import EncodedPackage

_NOT_HERE = ("base", "distill", "resolve_ids", "strip_signature", "in_place")


def is_archive(args: Args) -> bool:
    """Whether the operands are debug packages that make an archive: directories with some, several of them, or one with a
    directory as output.  Raises UsageError for a mixture with other files."""
    from btfkit.files.modules import PACKAGES, has_modules

    if not any(path.endswith(PACKAGES) or os.path.isdir(path) for path in args.operands):
        return False
    from btfkit.fleet.packages import find_packages

    having: list[str] = []
    others: list[str] = []
    for path in args.operands:
        if path == "-" or not os.path.isdir(path):
            (having if path.endswith(PACKAGES) else others).append(path)
        elif not os.access(path, os.R_OK | os.X_OK) or not find_packages([path]):
            others.append(path)
        else:
            having.append(path)
            if has_modules(path):
                others.append(path)
    if not having or (len(args.operands) == 1 and not others and not _is_directory(args.operands[0], args.output)):
        return False
    if others:
        mixed = " and ".join(printable(path) for path in dict.fromkeys((having[0], others[0])))
        raise UsageError(f"{mixed}: both debug packages and other files: one kind at a time")
    return True


def _is_directory(operand: str, output: str | None) -> bool:
    return os.path.isdir(operand) or bool(output and (output.endswith("/") or os.path.isdir(output)))


def run_archive(args: Args, **options: Any) -> int:
    """Encode the debug packages and report the results."""
    from btfkit.fleet.packages import FAILED as PACKAGE_FAILED
    from btfkit.fleet.packages import MADE, SAME, WITHOUT, encode_packages, find_packages
    from btfkit.work.progress import Progress

    for name in _NOT_HERE:
        if getattr(args, name):
            raise UsageError(
                f"--{name.replace('_', '-')} does not go with debug packages, of which the kernel alone is encoded"
            )
    if "distilled_base" in options["features"]:
        raise UsageError("distilled_base does not go with debug packages, of which the kernel alone is encoded")
    if not args.output or args.output == "-":
        raise UsageError("no output: use -o DIR, the directory of the archive")
    if os.path.isfile(args.output):
        raise UsageError(f"{printable(args.output)} is a file: debug packages need a directory as output")

    def on_result(one: EncodedPackage) -> None:
        if one.status == PACKAGE_FAILED:
            text = in_words(one.error) if one.error is not None else one.text
            print(f"btfkit: {' '.join(text.split(chr(10)))}", file=sys.stderr)
        elif one.status == MADE and not args.quiet:
            facts = one.record["facts"] if one.record is not None else {}
            print(
                f"{printable(one.path)}: {counted(facts['types'], 'type')} with {counted(facts['functions'], 'function')} in"
                f" {printable(one.output)}",
                file=sys.stderr,
            )

    total = len(find_packages(args.operands))
    with Progress(total, "encoding", wanted=not args.quiet, unit="packages", least=1) as progress:
        result = encode_packages(
            args.operands,
            args.output,
            workers=args.jobs,
            observe=lambda done, _: progress.at(done),
            on_result=on_result,
            **options,
        )
    if args.json:
        from btfkit.cli.options import print_json

        print_json(result.as_json())
    elif not args.quiet:
        sys.stderr.writelines(f"{line}\n" for line in result.summary_lines())
    nothing = not result.of(MADE) and not result.of(SAME)
    if nothing:
        for one in result.of(WITHOUT):
            print(f"btfkit: {printable(one.text)}", file=sys.stderr)
    return FAILED if nothing or result.of(PACKAGE_FAILED) else DONE
