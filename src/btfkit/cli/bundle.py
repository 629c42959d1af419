"""`btfkit bundle`: put the BTF of many kernels into one file, and get it out again."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DIFFERS, DONE, FAILED, in_words
from btfkit.cli.options import (
    ARCHIVE,
    JSON,
    LOADER_TO_KEEP,
    SELECTION,
    Command,
    Option,
    UsageError,
    arguments,
    demand_selection,
    print_findings,
    print_json,
    refuse_other_actions,
    refuse_overwriting,
)
from btfkit.errors import NotFoundError, counted, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from btfkit.cli.options import Args
    from btfkit.fleet.bundle import Bundle, Entry

SCHEMA = 1
ARCHIVE_ONLY = (
    "archive",
    "jobs",
    "scheduler",
    "keep_type",
    "keep_func",
    "closure",
    "loader",
    "no_verify",
    "keep_going",
)
CREATE_ONLY = (*ARCHIVE_ONLY, "ignore_markers", "compressor", "full_digests")
LOOKUP_ONLY = ("os_release", "uname", "arch")


def run(args: Args) -> int:
    """Run the action that the first operand names."""
    action, *operands = args.operands
    refuse_other_actions(action, ACTIONS)
    allowed = {"create": CREATE_ONLY, "lookup": (*LOOKUP_ONLY, "output"), "get": ("output",)}.get(action, ())
    for name in (*CREATE_ONLY, *LOOKUP_ONLY, "output"):
        if getattr(args, name) and name not in allowed:
            raise UsageError(f"--{name.replace('_', '-')} does not go with {action}")
    return ACTIONS[action](args, operands)


def _expect(operands: list[str], names: str) -> None:
    if len(operands) != len(names.split()):
        raise UsageError(f"expected {names}, got {arguments(len(operands))}")


# ---- create ------------------------------------------------------------------------------------------------------


def _create(args: Args, operands: list[str]) -> int:
    from btfkit.cli.min_archive import Monitor, found_kernels, minimizing, refuse_file
    from btfkit.fleet.bundle_create import bundle_kernels, bundle_minimized

    if not operands:
        raise UsageError("OUT is missing")
    out, *rest = operands
    compressor = args.compressor or "xz"
    if args.archive:
        demand_selection(args, rest)
        refuse_file(args.archive)
    else:
        _expect(rest, "TREE")
        for name in ARCHIVE_ONLY:
            if getattr(args, name):
                raise UsageError(f"--{name.replace('_', '-')} requires --archive")
    tree = found_kernels(args, args.archive or rest[0])
    refuse_overwriting([out], [*tree.files(), *rest])
    with Monitor(tree, quiet=args.quiet) as monitor:
        if args.archive:
            options = minimizing(args, monitor)
            created = bundle_kernels(tree, rest, out, compressor=compressor, full_digests=args.full_digests, **options)
        else:
            created = bundle_minimized(
                tree, out, compressor=compressor, full_digests=args.full_digests, on_error=monitor.failed
            )
        for problem in created.problems:
            monitor.problem(problem)
    if not args.quiet:
        print(
            f"{'standard output' if out == '-' else printable(out)}: {counted(created.kernels, 'kernel')}, "
            f"{counted(created.btfs, 'different BTF')} of {created.btf_bytes:,} bytes in {len(created.data):,} bytes",
            file=sys.stderr,
        )
    return FAILED if monitor.problems else DONE


# ---- reading -----------------------------------------------------------------------------------------------------


def _open(path: str) -> Bundle:
    from btfkit.fleet.bundle import Bundle

    return Bundle.open(path)


def _list(args: Args, operands: list[str]) -> int:
    _expect(operands, "BUNDLE")
    bundle = _open(operands[0])
    if args.json:
        print_json({"schema": SCHEMA, **bundle.as_json()})
        return DONE
    for entry in bundle.entries:
        modules = f"  {counted(len(entry.modules), 'module')}" if entry.modules else ""
        print(f"{_shown(entry)}  {bundle.sizes[entry.blob]:,} bytes{modules}")
    if not args.quiet:
        print(
            f"{counted(len(bundle.entries), 'kernel')}, {counted(len(bundle.sizes), 'different BTF')} of"
            f" {sum(bundle.sizes):,} bytes in {bundle.packed_size:,} bytes ({bundle.compressor});"
            f" {counted(len(bundle.objects), 'object')}; made by"
            f" {printable(bundle.tool) or 'an unknown tool'}",
            file=sys.stderr,
        )
    return DONE


def _shown(entry: Entry) -> str:
    return printable(str(entry.key))


def _get(args: Args, operands: list[str]) -> int:
    _expect(operands, "BUNDLE KEY")
    bundle = _open(operands[0])
    try:
        entry = bundle.get(operands[1])
    except NotFoundError as error:
        print(f"btfkit: {in_words(error)}", file=sys.stderr)
        return DIFFERS
    if not args.output:
        raise UsageError("no output: use -o FILE ('-': standard output), or a directory for vmlinux and modules")
    _write(args, bundle, entry)
    return DONE


def _write(args: Args, bundle: Bundle, entry: Entry) -> None:
    """Write a kernel's BTF to the file -o, or with its modules into the directory -o."""
    from btfkit.files.write import write_all

    out = args.output
    refuse_overwriting([out], args.operands[1:2])
    if out == "-" or not (os.path.isdir(out) or out.endswith("/")):
        write_all({out: bundle.blob(entry.blob)})
        if entry.modules and not args.quiet:
            print(
                f"{_shown(entry)} also has {counted(len(entry.modules), 'module')}: -o DIRECTORY/ writes them all",
                file=sys.stderr,
            )
        return
    files = {os.path.join(out, name): blob for name, blob in bundle.files(entry).items()}
    refuse_overwriting(list(files), args.operands[1:2])
    write_all(files)


def _lookup(args: Args, operands: list[str]) -> int:
    from btfkit.fleet.machine import look_up, machine

    _expect(operands, "BUNDLE")
    wanted = machine(args.os_release, args.uname, args.arch)
    bundle = _open(operands[0])
    entry, nearest = look_up(bundle, wanted)
    if args.json:
        print_json(
            {
                "schema": SCHEMA,
                "wanted": dict(zip(("distro", "release", "arch", "uname"), wanted.key.parts, strict=True)),
                "found": bundle.entry_as_json(entry) if entry is not None else None,
                "nearest": [bundle.entry_as_json(one) for one in nearest],
            }
        )
    if entry is None:
        names = "".join(f"\n  {_shown(one)}" for one in nearest[:6]) or " none of this architecture"
        same = any(one.key.uname == wanted.uname for one in nearest)
        what = "several kernels, or those of other distributions, have this name" if same else "the nearest"
        print(f"btfkit: no kernel {printable(str(wanted.key))}; {what}:{names}", file=sys.stderr)
        return DIFFERS
    if args.output:
        _write(args, bundle, entry)
    elif not args.json:
        print(_shown(entry))
    return DONE


def _verify(args: Args, operands: list[str]) -> int:
    _expect(operands, "BUNDLE")
    bundle = _open(operands[0])
    findings = list(bundle.findings())
    checked = f"{counted(len(bundle.entries), 'kernel')}, {counted(len(bundle.sizes), 'BTF')}"
    print_findings(args, {"schema": SCHEMA, "kernels": len(bundle.entries)}, findings, checked)
    return DIFFERS if findings else DONE


ACTIONS: dict[str, Callable[[Args, list[str]], int]] = {
    "create": _create,
    "list": _list,
    "get": _get,
    "lookup": _lookup,
    "verify": _verify,
}
COMMAND = Command(
    "bundle",
    "put the BTF of many kernels into one small file",
    run,
    operands="ACTION OPERAND...?",
    choices={"ACTION": tuple(ACTIONS)},
    options=(
        *ARCHIVE,
        *SELECTION,
        LOADER_TO_KEEP,
        Option(
            "--compressor",
            value="KIND",
            choices=("xz", "zstd", "gzip"),
            help="create: xz (smallest, the default), zstd or gzip",
        ),
        Option("--full-digests", help="create: store the whole SHA-256 of each kernel and object, not only 6 digits"),
        Option(
            "-o", "--output", value="OUT", help="get, lookup: the file to write ('-': standard output), or a directory"
        ),
        Option("--os-release", value="FILE", help="lookup: another machine's /etc/os-release"),
        Option("--uname", value="R", help="lookup: another machine's `uname -r`"),
        Option("--arch", value="A", help="lookup: another machine's architecture (amd64, x86_64 and x86 are one)"),
        JSON,
    ),
    details="""actions:
  create OUT TREE                      from minimized BTF, as written by `btfkit min --archive`
  create OUT --archive TREE OBJECT...  directly from kernels, with the options of `btfkit min --archive`
  list BUNDLE                          list the kernels
  get BUNDLE KEY -o OUT                get one kernel's BTF; KEY is distro/release/arch/uname, or a unique uname
  lookup BUNDLE [-o OUT]               find the kernel of this machine, or that of --os-release, --uname, --arch;
                                       if there is none, list the nearest and exit with status 1
  verify BUNDLE                        unpack everything and check every BTF""",
)
