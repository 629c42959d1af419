"""`btfkit dump`: the types of a BTF as text, as JSON or as a C header."""

from __future__ import annotations

import sys

from btfkit.cli import DONE
from btfkit.cli.options import BASE, JSON, OUTPUT, Command, Option, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.cli.options import Args
    from btfkit.passes.idmap import IdMap

FORMATS = ("raw", "c", "json")


def run(args: Args) -> int:
    """Print the types; of those that are asked for each once: those of --id, then of --type, then of --type-of."""
    paths, form = _operands(args.operands, args.json or args.pretty)
    if args.exact and (form != "c" or args.compat):
        raise UsageError("--exact is for C text, and not with --compat")
    btfs = _load(paths, args.base)
    btf, maps = merged(btfs)
    ids = _wanted(btf, args, form)
    if args.type_of:
        ids = list(dict.fromkeys((ids or []) + _touched(btf, btfs, maps, args.type_of, form, quiet=args.quiet)))
    chunks = text(btf, form, ids, pretty=args.pretty, unsorted=args.unsorted, exact=args.exact, compat=args.compat)
    write(chunks, args.output)
    return DONE


def _operands(words: list[str], json: bool) -> tuple[list[str], str]:
    """(the files, the form); "format raw" is bpftool's way to say it."""
    paths = list(words)
    form = ""
    if len(paths) > 1 and paths[-1] in FORMATS:
        form = paths.pop()
        if len(paths) > 1 and paths[-1] == "format":
            paths.pop()
    elif len(paths) > 1 and (len(paths) == 2 or paths[-2] == "format") and not _may_be_file(paths[-1]):
        raise UsageError(f"no format {paths[-1]!r}; formats are {', '.join(FORMATS)}")
    if json and form not in ("", "json"):
        raise UsageError(f"JSON (--json, --pretty) and the format {form!r} at once")
    if len(paths) > 1 and paths[-1] in FORMATS:
        raise UsageError(f"one format at a time, not {paths[-1]!r} and {form!r}")
    return paths, form or ("json" if json else "raw")


def _may_be_file(word: str) -> bool:
    import os.path

    return "/" in word or "." in word or os.path.exists(word)


def _load(paths: Sequence[str], base_path: str | None) -> list[Btf]:
    """The BTFs, those that are split all on the one base."""
    from btfkit.files.load import load

    base = load(base_path) if base_path is not None else None
    return [load(path, base) for path in paths]


def merged(btfs: Sequence[Btf]) -> tuple[Btf, list[Callable[[int], int]]]:
    """One BTF of all of them, what they share once; and, if they are several, for each its ids to those of the whole."""
    if len(btfs) == 1:
        return btfs[0], []
    from btfkit.passes.append import append
    from btfkit.passes.dedup import dedup
    from btfkit.passes.idmap import Spans

    whole, maps = append(*btfs)
    result = dedup(whole)
    first = Spans([(0, len(btfs[0]), 0)])
    return result.btf, [_then(place, result.id_map) for place in (first, *maps)]


def _then(place: IdMap, whole: IdMap) -> Callable[[int], int]:
    return lambda old: whole[place[old]]


def text(
    btf: Btf,
    form: str,
    ids: list[int] | None = None,
    *,
    pretty: bool = False,
    unsorted: bool = False,
    exact: bool = False,
    compat: bool = False,
) -> Iterable[bytes]:
    """What `btfkit dump` prints, in chunks."""
    if form == "c":
        from btfkit.show.c import c_text

        return c_text(btf, ids, unsorted=unsorted, exact=exact, compat=compat)
    if form == "json":
        from btfkit.show.json import json_text

        return json_text(btf, ids, pretty=pretty, compat=compat)
    from btfkit.show.raw import raw_text

    return raw_text(btf, ids, compat=compat)


def _wanted(btf: Btf, args: Args, form: str) -> list[int] | None:
    """The ids that are asked for, each once, in the order asked; None where all types are wanted."""
    if not args.id and not args.type:
        return None
    found = dict.fromkeys(args.id)
    for name in args.type:
        matches = dict.fromkeys(_declared(btf, btf.find_ids(name), form))
        if not matches:
            _refuse_name(btf, name)
        found.update(matches)
    return list(found)


def _declared(btf: Btf, ids: Iterable[int], form: str) -> list[int]:
    """Those of `ids` that have a text in that form."""
    if form != "c":
        return list(ids)
    from btfkit.show.c import DECLARED

    return [type_id for type_id in ids if btf.kind(type_id) in DECLARED]


def _refuse_name(btf: Btf, name: str) -> None:
    """Say that there is no such type, or none that C has a declaration for."""
    from btfkit.errors import NotFoundError, printable

    kind = btf.find(name).kind_name
    raise NotFoundError(f"{printable(name)!r} is a {kind}, and no type that C text declares", source=btf.source)


def _touched(
    btf: Btf, btfs: Sequence[Btf], maps: Sequence[Callable[[int], int]], paths: Sequence[str], form: str, *, quiet: bool
) -> list[int]:
    """The ids of the types that the relocations of the objects at `paths` are answered from, ascending."""
    from btfkit.co_re.program import load_objects
    from btfkit.co_re.relocate import relocate
    from btfkit.co_re.target import Target

    objects = [obj for path in paths for obj in load_objects(path)]
    bases = [below for below in btfs if below.base is None] or [btfs[0].chain[-2]]
    modules = [module for module in btfs if module.base is not None]
    outcomes = [outcome for answers in relocate(objects, Target(bases[0], modules)) for outcome in answers]
    places = dict(zip(btfs, maps, strict=True)) if maps else {}
    found = set()
    for match in (match for outcome in outcomes for match in outcome.matches):
        for type_id in (match.type_id, *match.witness.types):
            found.add(places[match.btf](type_id) if match.btf in places else type_id)
    missing = sum(outcome.status != "value" for outcome in outcomes)
    if missing and not quiet:
        print(f"btfkit: {missing} of {len(outcomes)} relocations have no answer here, and no types", file=sys.stderr)
    return _declared(btf, sorted(found - {0}), form)


def write(chunks: Iterable[bytes], output: str | None) -> None:
    """Write the text to a file, or where that is None or "-" to standard output."""
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
