"""`btfkit dump`: the types of a BTF as text, as JSON or as a C header."""

from __future__ import annotations

import sys

from btfkit.cli import DONE
from btfkit.cli.options import BASE, JSON, OUTPUT, Command, Option, UsageError, refuse_overwriting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.cli.options import Args
    from btfkit.file_ops.dump import Form

FORMATS: tuple[Form, ...] = ("raw", "c", "json")  # those of file_ops/dump.py


def run(args: Args) -> int:
    """Print the types; of those that are asked for each once: those of --id, then of --type, then of --type-of."""
    from btfkit.btf_file import load
    from btfkit.co_re.program import load_objects
    from btfkit.file_ops.dump import dump
    from btfkit.files.write import write_chunks

    paths, form = _operands(args.operands, args.json or args.pretty)
    if args.exact and (form != "c" or args.compat):
        raise UsageError("--exact is for C text, and not with --compat")
    refuse_overwriting([args.output], [*paths, args.base, *args.type_of])
    base = load(args.base) if args.base is not None else None
    found = dump(
        [load(path, base) for path in paths],
        form,
        ids=args.id,
        types=args.type,
        read_by=[obj for path in args.type_of for obj in load_objects(path)],
        pretty=args.pretty,
        unsorted=args.unsorted,
        exact=args.exact,
        compat=args.compat,
    )
    missing = sum(outcome.status != "value" for outcome in found.outcomes)
    if missing and not args.quiet:
        print(
            f"btfkit: {missing} of {len(found.outcomes)} relocations have no answer here, and no types", file=sys.stderr
        )
    write_chunks(found, args.output)
    return DONE


def _operands(words: list[str], json: bool) -> tuple[list[str], Form]:
    """(the files, the form); "format raw" is bpftool's way to say it."""
    paths = list(words)
    form = _form(paths)
    if form is not None:
        paths.pop()
        if len(paths) > 1 and paths[-1] == "format":
            paths.pop()
    elif len(paths) > 1 and (len(paths) == 2 or paths[-2] == "format") and not _may_be_file(paths[-1]):
        from btfkit.btf.suggest import did_you_mean

        raise UsageError(f"no format {paths[-1]!r}; formats are {', '.join(FORMATS)}{did_you_mean(paths[-1], FORMATS)}")
    if json and form not in (None, "json"):
        raise UsageError(f"JSON (--json, --pretty) and the format {form!r} at once")
    if _form(paths) is not None:
        raise UsageError(f"one format at a time, not {paths[-1]!r} and {form!r}")
    return paths, form or ("json" if json else "raw")


def _form(words: list[str]) -> Form | None:
    """The form that the last of several words names."""
    return next((form for form in FORMATS if len(words) > 1 and form == words[-1]), None)


def _may_be_file(word: str) -> bool:
    import os.path

    return "/" in word or "." in word or os.path.exists(word)


COMMAND = Command(
    "dump",
    "print the types of a BTF: as text, JSON or a C header",
    run,
    operands="FILE... FORMAT?",
    options=(
        BASE,
        JSON,
        Option("-p", "--pretty", help="JSON with each key on a line of its own"),
        OUTPUT,
        Option("--id", value="N", help="only this type; may be repeated", many=True, convert=int),
        Option(
            "--type", value="NAME", help="only the types called NAME ('struct file' too); may be repeated", many=True
        ),
        Option(
            "--type-of",
            value="OBJECT",
            help="only the types that the relocations of a BPF object are answered from; may be repeated",
            many=True,
        ),
        Option("--unsorted", help="C text of all types in the order of their ids, not by kind and name"),
        Option("--exact", help="C text that gives every layout in any compiler, also where bpftool's does not"),
        Option("--compat", help="the very bytes that bpftool writes, its defects included (docs/differences.md)"),
    ),
    details="""\
FORMAT is one of these, all as bpftool prints them:
  raw   (the default) one record a paragraph, the own types of FILE
  json  one object, likewise
  c     a C header, of the base's types too; with --id, --type or --type-of those and what they need

Several FILEs give one text: modules on one base (-B) have the base's types in it once.""",
)
