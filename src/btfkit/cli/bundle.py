"""`btfkit bundle`: the BTF of many kernels in one file, and out of it again."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DIFFERS, DONE, FAILED, in_words
from btfkit.cli.options import JOBS, JSON, Command, Option, UsageError, refuse_overwriting
from btfkit.errors import NotFoundError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from btfkit.cli.options import Args
    from btfkit.fleet.bundle import Bundle, Entry
    from btfkit.fleet.bundle_write import Content

SCHEMA = 1
COMPRESSORS = ("xz", "zstd", "gzip")
CUT_ONLY = (
    "archive",
    "jobs",
    "scheduler",
    "keep_type",
    "keep_func",
    "closure",
    "no_verify",
    "keep_going",
)  # create --archive
CREATE_ONLY = (*CUT_ONLY, "ignore_markers", "compressor", "full_digests")
LOOKUP_ONLY = ("os_release", "uname", "arch")


def run(args: Args) -> int:
    """Run the action that the first operand names."""
    action, *operands = args.operands
    actions: dict[str, Callable[[Args, list[str]], int]] = {
        "create": _create,
        "list": _list,
        "get": _get,
        "lookup": _lookup,
        "verify": _verify,
    }
    if action not in actions:
        from btfkit.btf.suggest import did_you_mean

        close = did_you_mean(action, actions)
        raise UsageError(f"no action {printable(action)!r}: it is one of {', '.join(actions)}{close}")
    allowed = {"create": CREATE_ONLY, "lookup": (*LOOKUP_ONLY, "output"), "get": ("output",)}.get(action, ())
    for name in (*CREATE_ONLY, *LOOKUP_ONLY, "output"):
        if getattr(args, name) and name not in allowed:
            raise UsageError(f"--{name.replace('_', '-')} does not go with {action}")
    return actions[action](args, operands)


def _wanted(operands: list[str], names: str) -> None:
    if len(operands) != len(names.split()):
        raise UsageError(f"wanted are {names}")


# ---- create ------------------------------------------------------------------------------------------------------


def _create(args: Args, operands: list[str]) -> int:
    from btfkit.fleet.bundle_write import make_bundle
    from btfkit.fleet.store import is_url, open_store, split_url

    if not operands:
        raise UsageError("OUT is missing")
    out, *rest = operands
    lines: list[str] = []
    content = _from_archive(args, rest, lines) if args.archive else _from_tree(args, rest, out, lines)
    if not content.entries:
        raise NotFoundError("no kernel is left to put into a bundle", source=args.archive or rest[0])
    bundle = make_bundle(content, compressor=args.compressor or "xz", full_digests=args.full_digests)
    if is_url(out):
        folder, name = split_url(out)
        open_store(folder).write(name, bundle)
    else:
        from btfkit.files.write import write_atomic

        write_atomic(out, bundle)
    if not args.quiet:
        unique = sum(map(len, content.blobs))
        kernels = len(content.entries)
        print(
            f"{'standard output' if out == '-' else printable(out)}: {kernels:,} kernel{'s' * (kernels != 1)}, "
            f"{len(content.blobs):,} different BTFs of {unique:,} bytes in {len(bundle):,} bytes",
            file=sys.stderr,
        )
    return FAILED if lines else DONE


def _from_archive(args: Args, objects: list[str], lines: list[str]) -> Content:
    """Straight from a tree of kernels: cut them, and keep the bytes."""
    from btfkit.cli.min_archive import Watch, Workers, demand_kernels, shrink_options
    from btfkit.fleet.archive import minimize_archive
    from btfkit.fleet.bundle_write import content_of_archive
    from btfkit.fleet.tree import find_kernels

    if not objects and not args.keep_type and not args.keep_func:
        raise UsageError("nothing to keep: name at least one OBJECT, or --keep-type or --keep-func")
    if os.path.isfile(args.archive):
        raise UsageError(f"{printable(args.archive)} is a file: --archive takes a folder or a URL")
    tree = find_kernels([args.archive], heed_markers=not args.ignore_markers)
    demand_kernels(tree, args.archive)
    with Watch(tree, quiet=args.quiet) as watch, Workers(args) as workers:
        result = minimize_archive(
            tree,
            None,
            objects,
            executor=workers.executor,
            workers=args.jobs,
            observe=watch.observe,
            on_error=watch.failed,
            **shrink_options(args),
        )
        for made in result.made:
            for text in made.left_out:
                watch.say(f"left out: {text}")
        content = content_of_archive(result, watch.refused)
    lines += watch.lines
    return content


def _from_tree(args: Args, rest: list[str], out: str, lines: list[str]) -> Content:
    """From BTF that is minimized already, as it is."""
    from btfkit.cli.min_archive import Watch, demand_kernels
    from btfkit.errors import FormatError
    from btfkit.fleet.bundle_write import content_of_tree
    from btfkit.fleet.manifest import read_manifest
    from btfkit.fleet.store import open_store
    from btfkit.fleet.tree import find_kernels

    _wanted(rest, "TREE")
    for name in CUT_ONLY:
        if getattr(args, name):
            raise UsageError(f"--{name.replace('_', '-')} goes with --archive")
    tree = find_kernels(rest, heed_markers=not args.ignore_markers)
    demand_kernels(tree, rest[0])
    refuse_overwriting([out], [kernel.store.full(path) for kernel in tree.kernels for path in kernel.paths])
    with Watch(tree, quiet=args.quiet) as watch:
        manifest = None
        try:
            manifest = read_manifest(open_store(rest[0])) if not os.path.isfile(rest[0]) else None
        except FormatError as error:
            watch.say(f"where the BTF comes from is not known: {error}")
        content = content_of_tree(tree, manifest, watch.refused)
    lines += watch.lines
    return content


# ---- reading -----------------------------------------------------------------------------------------------------


def _open(path: str) -> Bundle:
    from btfkit.fleet.bundle import Bundle

    return Bundle.open(path)


def _list(args: Args, operands: list[str]) -> int:
    _wanted(operands, "BUNDLE")
    bundle = _open(operands[0])
    if args.json:
        _print_json(bundle.as_json())
        return DONE
    for entry in bundle.entries:
        modules = f"  {len(entry.modules):,} modules" if entry.modules else ""
        print(f"{_shown(entry)}  {bundle.sizes[entry.blob]:,} bytes{modules}")
    if not args.quiet:
        print(
            f"{len(bundle.entries):,} kernels, {len(bundle.sizes):,} different BTFs of {sum(bundle.sizes):,} bytes in"
            f" {bundle.packed_size:,} bytes ({bundle.compressor}); {len(bundle.objects):,} objects; made by"
            f" {printable(bundle.tool) or 'an unknown tool'}",
            file=sys.stderr,
        )
    return DONE


def _shown(entry: Entry) -> str:
    return printable(str(entry.key))


def _print_json(report: dict[str, Any]) -> None:
    from json import dumps

    print(dumps({"schema": SCHEMA, **report}, indent=2))


def _get(args: Args, operands: list[str]) -> int:
    _wanted(operands, "BUNDLE KEY")
    bundle = _open(operands[0])
    try:
        entry = bundle.get(operands[1])
    except NotFoundError as error:
        print(f"btfkit: {in_words(error)}", file=sys.stderr)
        return DIFFERS
    if not args.output:
        raise UsageError("where to? -o FILE ('-': standard output), or a folder for vmlinux and modules")
    _write(args, bundle, entry)
    return DONE


def _write(args: Args, bundle: Bundle, entry: Entry) -> None:
    """Write a kernel's BTF to the file -o, or with its modules into the folder -o."""
    from btfkit.files.write import write_all

    out = args.output
    refuse_overwriting([out], args.operands[1:2])
    if out == "-" or not (os.path.isdir(out) or out.endswith("/")):
        write_all({out: bundle.blob(entry.blob)})
        if entry.modules and not args.quiet:
            print(
                f"{_shown(entry)} has {len(entry.modules):,} modules too: -o FOLDER/ writes them all", file=sys.stderr
            )
        return
    write_all({os.path.join(out, name): blob for name, blob in bundle.files(entry).items()})


def _lookup(args: Args, operands: list[str]) -> int:
    from btfkit.fleet.machine import look_up, machine

    _wanted(operands, "BUNDLE")
    wanted = machine(args.os_release, args.uname, args.arch)
    bundle = _open(operands[0])
    entry, near = look_up(bundle, wanted)
    if args.json:
        _print_json(
            {
                "wanted": dict(zip(("distro", "release", "arch", "uname"), wanted.key.parts, strict=True)),
                "found": bundle.entry_as_json(entry) if entry is not None else None,
                "nearest": [bundle.entry_as_json(one) for one in near],
            }
        )
    if entry is None:
        names = ", ".join(map(_shown, near[:6])) or "none of this architecture"
        same = any(one.key.uname == wanted.uname for one in near)
        what = "several or others' kernels have this name" if same else "the nearest"
        print(f"btfkit: no kernel {printable(str(wanted.key))}; {what}: {names}", file=sys.stderr)
        return DIFFERS
    if args.output:
        _write(args, bundle, entry)
    elif not args.json:
        print(_shown(entry))
    return DONE


def _verify(args: Args, operands: list[str]) -> int:
    _wanted(operands, "BUNDLE")
    bundle = _open(operands[0])
    findings = list(bundle.findings())
    if args.json:
        _print_json({"kernels": len(bundle.entries), "clean": not findings, "findings": findings})
    else:
        for finding in findings:
            print(finding)
        if not args.quiet:
            word = f"{len(findings):,} findings" if findings else "clean"
            print(f"{len(bundle.entries):,} kernels, {len(bundle.sizes):,} BTFs: {word}", file=sys.stderr)
    return DIFFERS if findings else DONE


COMMAND = Command(
    "bundle",
    "the BTF of many kernels in one small file",
    run,
    operands="ACTION OPERAND...?",
    options=(
        Option("--archive", value="TREE", help="create: cut the kernels of this tree (folder or URL) for the OBJECTs"),
        JOBS,
        Option("--scheduler", value="ADDRESS", help="create --archive: on the Dask cluster there (tcp://HOST:8786)"),
        Option("--ignore-markers", help="create: take kernels that are marked .hasbtf or .failed, if they are there"),
        Option("--keep-type", value="NAME[,NAME]", many=True, help="create --archive: keep these types too"),
        Option("--keep-func", value="NAME[,NAME]", many=True, help="create --archive: keep these functions"),
        Option(
            "--closure",
            value="POLICY",
            choices=("direct", "by-value", "full"),
            help="create --archive: what comes along (see min)",
        ),
        Option("--no-verify", help="create --archive: do not prove each result"),
        Option("--keep-going", help="create --archive: leave bad modules out in place of their kernel"),
        Option(
            "--compressor", value="KIND", choices=COMPRESSORS, help="create: xz (smallest, the default), zstd or gzip"
        ),
        Option("--full-digests", help="create: the whole SHA-256 of each kernel and object, not 6 digits of it"),
        Option(
            "-o", "--output", value="OUT", help="get, lookup: the file to write ('-': standard output), or a folder"
        ),
        Option("--os-release", value="FILE", help="lookup: another machine's /etc/os-release"),
        Option("--uname", value="R", help="lookup: another machine's `uname -r`"),
        Option("--arch", value="A", help="lookup: another architecture (amd64, x86_64 and x86 are one)"),
        JSON,
    ),
    details="""actions:
  create OUT TREE                     from BTF that is minimized already, as `btfkit min --archive` leaves it
  create OUT --archive TREE OBJECT... straight from kernels
  list BUNDLE                         the kernels in it
  get BUNDLE KEY -o OUT               one kernel's BTF; KEY is distro/release/arch/uname, or a uname that only one has
  lookup BUNDLE [-o OUT]              the one for this machine, or that of --os-release, --uname, --arch;
                                      exit status 1 where there is none, with the nearest named
  verify BUNDLE                       unpack all of it, and check every BTF""",
)
