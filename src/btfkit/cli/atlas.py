"""`btfkit atlas`: keep the BTF of many kernels in one file, and ask questions of it."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DIFFERS, DONE, FAILED, in_words
from btfkit.cli.options import (
    JSON,
    Command,
    Option,
    UsageError,
    arguments,
    number,
    positive,
    print_findings,
    print_json,
    refuse_other_actions,
    refuse_overwriting,
)
from btfkit.errors import BtfError, NotFoundError, counted, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from btfkit.atlas.file import Atlas, Entry
    from btfkit.cli.options import Args

SCHEMA = 1
OPTIONS = {
    "add": ("modules", "ignore_markers", "no_tables", "jobs", "scheduler"),
    "get": ("output",),
    "index": ("no_tables",),
    "serve": ("host", "port", "open"),
}


def run(args: Args) -> int:
    """Run the action that the first operand names."""
    action, *operands = args.operands
    refuse_other_actions(action, ACTIONS)
    for name in {name for names in OPTIONS.values() for name in names} - set(OPTIONS.get(action, ())):
        if getattr(args, name) is not None and getattr(args, name) is not False:
            raise UsageError(f"--{name.replace('_', '-')} does not go with {action}")
    if not operands:
        raise UsageError("FILE is missing: expected the atlas, such as kernels.atlas")
    return ACTIONS[action](args, operands)


def port(text: str) -> int:
    """The number of a port; raises ValueError with a message."""
    found = number(text)
    if not 0 <= found <= 65535:
        raise ValueError(f"expected a port of 0 to 65535, got {found}")
    return found


def _expect(operands: list[str], names: str) -> None:
    if len(operands) != len(names.split()):
        raise UsageError(f"expected {names}, got {arguments(len(operands))}")


def _add(args: Args, operands: list[str]) -> int:
    from btfkit.cli.min_archive import Monitor
    from btfkit.fleet.atlas import add_to_atlas
    from btfkit.fleet.tree import find_kernels
    from btfkit.work.executors import dask_executor

    path, *paths = operands
    if not paths:
        raise UsageError("no kernels: expected TREE, FILE or PACKAGE after the atlas")
    tree = find_kernels(paths, heed_markers=not args.ignore_markers)
    tree.demand_kernels()
    refuse_overwriting([path], tree.files())
    with Monitor(tree, quiet=args.quiet) as monitor, dask_executor(args.scheduler) as executor:
        added = add_to_atlas(
            path,
            tree,
            modules=args.modules,
            tables=not args.no_tables,
            executor=executor,
            workers=args.jobs,
            observe=monitor.observe,
            on_error=monitor.failed,
            on_skipped=lambda error: monitor.problem(in_words(error)),
        )
    if args.json:
        print_json(
            {
                "schema": SCHEMA,
                "atlas": path,
                "added": added.kernels,
                "present": added.present,
                "failed": [str(kernel.key) for kernel, _ in added.failed],
                "skipped_modules": len(added.skipped),
            }
        )
    if not args.quiet:
        present = f", {added.present:,} present" if added.present else ""
        failed = f", {len(added.failed):,} failed" if added.failed else ""
        print(
            f"{printable(path)}: {counted(len(added.kernels), 'kernel')} added{present}{failed};"
            f" {os.path.getsize(path):,} bytes",
            file=sys.stderr,
        )
    return FAILED if monitor.problems else DONE


def _index(args: Args, operands: list[str]) -> int:
    from btfkit.atlas.file import Atlas
    from btfkit.work.progress import Progress

    _expect(operands, "FILE")
    with Atlas.open(operands[0], write=True) as atlas:
        total = len(atlas.entries)
        with Progress(total, "indexing", wanted=not args.quiet, unit="kernels") as progress:
            atlas.index(tables=not args.no_tables, observe=lambda done, total: progress.at(done))
    if not args.quiet:
        what = "tables removed" if args.no_tables else f"tables of {counted(total, 'kernel')} made"
        print(f"{printable(operands[0])}: {what}; {os.path.getsize(operands[0]):,} bytes", file=sys.stderr)
    return DONE


def _open(path: str) -> Atlas:
    from btfkit.atlas.file import Atlas

    return Atlas.open(path)


def _list(args: Args, operands: list[str]) -> int:
    _expect(operands, "FILE")
    with _open(operands[0]) as atlas:
        entries = atlas.entries
    if args.json:
        print_json({"schema": SCHEMA, "atlas": operands[0], "kernels": [_as_json(entry) for entry in entries]})
        return DONE
    for entry in entries:
        modules = f"  {counted(entry.modules, 'module')}" if entry.modules is not None else ""
        print(f"{printable(entry.key)}  {entry.size:,} bytes{modules}")
    if not args.quiet:
        size = os.path.getsize(operands[0])
        print(
            f"{counted(len(entries), 'kernel')} of {sum(entry.size for entry in entries):,} bytes in {size:,} bytes",
            file=sys.stderr,
        )
    return DONE


def _as_json(entry: Entry) -> dict[str, object]:
    names = ("distro", "release", "arch", "uname")
    parts = dict(zip(names, entry.parts, strict=True))
    return {"key": entry.key, **parts, "position": entry.pos, "bytes": entry.size, "modules": entry.modules}


def _get(args: Args, operands: list[str]) -> int:
    from btfkit.files.write import write_all

    _expect(operands, "FILE KEY")
    if not args.output:
        raise UsageError("no output: use -o FILE ('-': standard output), or a directory for vmlinux and modules")
    out = args.output
    refuse_overwriting([out], operands[:1])
    with _open(operands[0]) as atlas:
        try:
            entry = atlas.entry(operands[1])
        except NotFoundError as error:
            print(f"btfkit: {in_words(error)}", file=sys.stderr)
            return DIFFERS
        files: dict[str, bytes | memoryview] = {out: atlas.read(entry)}
        if out != "-" and (os.path.isdir(out) or out.endswith("/")):
            files = {os.path.join(out, "vmlinux"): files[out]}
            for name, data in atlas.modules(entry):
                if name.startswith("/") or ".." in name.split("/"):
                    raise UsageError(f"{printable(name)}: a module's name that points outside of the directory")
                files[os.path.join(out, name)] = data
        elif entry.modules and not args.quiet:
            print(
                f"{printable(entry.key)} also has {counted(entry.modules, 'module')}: -o DIRECTORY/ writes them all",
                file=sys.stderr,
            )
    refuse_overwriting(list(files), operands[:1])
    write_all(files)
    return DONE


def _verify(args: Args, operands: list[str]) -> int:
    _expect(operands, "FILE")
    findings: list[str] = []
    with _open(operands[0]) as atlas:
        findings += atlas.findings()
        entries = atlas.entries
        for entry in entries:
            try:
                atlas.verify(entry)
            except BtfError as error:
                findings.append(f"{printable(entry.key)}: {in_words(error)}")
    document = {"schema": SCHEMA, "kernels": len(entries)}
    print_findings(args, document, findings, counted(len(entries), "kernel"))
    return DIFFERS if findings else DONE


def _serve(args: Args, operands: list[str]) -> int:
    import signal

    from btfkit.web.server import HOST, PORT, AtlasServer

    _expect(operands, "FILE")
    port = PORT if args.port is None else args.port
    with AtlasServer(operands[0], args.host or HOST, port) as server:
        if hasattr(signal, "SIGTERM"):
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        if not args.quiet:
            kernels = counted(server.kernels, "kernel")
            print(f"{printable(operands[0])}: {kernels} at {server.url} (Ctrl-C ends)", file=sys.stderr, flush=True)
            if not server.is_loopback:
                print("btfkit: other machines can connect, too: no one is asked for a password", file=sys.stderr)
        if args.open:
            import webbrowser

            webbrowser.open(server.url)
        try:
            server.run()
        except KeyboardInterrupt:
            if not args.quiet:
                print("ended", file=sys.stderr)
    return DONE


ACTIONS: dict[str, Callable[[Args, list[str]], int]] = {
    "add": _add,
    "list": _list,
    "get": _get,
    "index": _index,
    "verify": _verify,
    "serve": _serve,
}
COMMAND = Command(
    "atlas",
    "keep the BTF of many kernels in one file, and ask questions of it",
    run,
    operands="ACTION OPERAND...?",
    choices={"ACTION": tuple(ACTIONS)},
    options=(
        Option("-m", "--modules", help="add: also add the modules of each kernel"),
        Option("--ignore-markers", help="add: read files that .hasbtf and .failed markers stand for"),
        Option(
            "-j", "--jobs", value="N", help="add: processes that read kernels (default: one per CPU)", convert=positive
        ),
        Option("--scheduler", value="ADDRESS", help="add: read kernels on the Dask cluster at tcp://HOST:8786"),
        Option("--no-tables", help="add: create an atlas without tables for queries; index: remove them"),
        Option("-o", "--output", value="OUT", help="get: the file to write ('-': standard output), or a directory"),
        Option("--host", value="ADDRESS", help="serve: the address to listen on (default: 127.0.0.1)"),
        Option("--port", value="N", help="serve: the port (default: 8642; 0: any that is free)", convert=port),
        Option("--open", help="serve: open the first page in a browser"),
        JSON,
    ),
    details="""actions:
  add FILE TREE|FILE|PACKAGE...       add kernels to an atlas, which is created if there is none; kernels that it has
                                      already are skipped, so that an interrupted run can be repeated
  list FILE                           list the kernels
  get FILE KEY -o OUT                 write the BTF of one kernel, the very bytes that were added; KEY is
                                      distro/release/arch/uname, or a unique uname
  index FILE                          make the tables again, or remove them (--no-tables), for a file to ship
  verify FILE                         rebuild everything, and compare it with the SHA-256 of what was added
  serve FILE                          show it as web pages, with search, layouts, histories and differences; only this
                                      machine can connect, unless --host is another address""",
)
