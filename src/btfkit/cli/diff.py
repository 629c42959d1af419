"""`btfkit diff`: compare two kernels or modules, and show the effect on layouts."""

from __future__ import annotations

import sys

from btfkit.cli import DIFFERS, DONE, FAILED
from btfkit.cli.kernels import complain_of_modules, is_directory
from btfkit.cli.options import (
    BASE,
    COLOR,
    JOBS,
    JSON,
    OUTPUT,
    POINTER_SIZE,
    Command,
    Option,
    UsageError,
    has_colours,
    refuse_overwriting,
    warn_of_second,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.btf.btf import Btf
    from btfkit.cli.options import Args
    from btfkit.co_re.program import BpfObject

# those of show/diff.py, which is not imported before it is needed
KINDS = ("struct", "union", "enum", "typedef", "function", "variable", "int", "float")


def run(args: Args) -> int:
    """Compare, print the differences, and exit with 1 if there are any."""
    if len(args.operands) > 2:
        raise UsageError(f"expected A and B, got {len(args.operands)} files")
    if args.json and (args.html is not None or args.summary):
        raise UsageError("--json excludes --html and --summary")
    inputs = [*args.operands, args.base, args.base_b, *args.used_by, args.symbols, args.symbols_b, *args.suppress]
    refuse_overwriting([args.output, args.html], inputs)
    if args.suppress and args.symbols is None:
        raise UsageError("--suppress needs --symbols")
    if args.symbols_b is not None and args.symbols is None:
        raise UsageError("--symbols-b needs --symbols")
    if args.symbols is not None:
        return _kabi(args)
    if any(map(is_directory, args.operands)):
        return _run_on_directories(args)
    from btfkit.show.diff import diff

    if args.html is not None:
        from btfkit.show.html import demand_jinja2

        demand_jinja2()
    old, new = _load(args)
    warn_of_second(old, new)
    _check_names(args.name, old, new)
    scope = _attached(args.used_by) if args.used_by else None
    found = diff(old, new, names=args.name, kinds=args.kind, used_by=_objects(args.used_by), scope=scope)
    if args.html is not None:
        from btfkit.files.write import write_atomic
        from btfkit.show.diff_page import diff_page

        write_atomic(args.html, diff_page(found))
        if not args.quiet and args.html != "-":
            counts = f"{len(found.changed):,} changed, {len(found.added):,} added, {len(found.removed):,} removed"
            from btfkit.errors import printable

            print(f"{printable(args.html)}: {counts}", file=sys.stderr)
    elif not (args.quiet and args.output is None):
        from btfkit.show.diff_text import diff_lines

        lines = diff_lines(found, summary=args.summary)
        _print(_dumped(found.as_json()) if args.json else _dyed(lines, args), args)
    return DIFFERS if found else DONE


def _run_on_directories(args: Args) -> int:
    """Compare two kernels with their modules."""
    if args.base or args.base_b or args.name or args.kind or args.used_by:
        raise UsageError("directories are compared whole: without -B, --base-b, -C, --kind and --used-by")
    if args.html is not None:
        from btfkit.show.html import demand_jinja2

        demand_jinja2()
    from btfkit.fleet.kernel_diff import diff_kernels, kernel_in
    from btfkit.fleet.kernel_diff_text import kernel_diff_lines, kernel_summary
    from btfkit.work.progress import Progress

    old, new = map(kernel_in, args.operands)
    inputs = [kernel.store.full(path) for kernel in (old, new) for path in (*kernel.paths, *kernel.modules)]
    refuse_overwriting([args.output, args.html], inputs)
    with Progress(max(len(old.modules), 1), "comparing", wanted=not args.quiet, unit="modules") as progress:
        found = diff_kernels(old, new, workers=args.jobs, observe=progress.at)
    if args.html is not None:
        from btfkit.errors import printable
        from btfkit.files.write import write_atomic
        from btfkit.show.diff_page import diff_page

        write_atomic(args.html, diff_page(found.vmlinux, found.modules))
        if not args.quiet and args.html != "-":
            print(f"{printable(args.html)}: {kernel_summary(found)}", file=sys.stderr)
    elif not (args.quiet and args.output is None):
        lines = kernel_diff_lines(found, summary=args.summary)
        _print(_dumped(found.as_json()) if args.json else _dyed(lines, args), args)
    complain_of_modules(found.skipped)
    return FAILED if found.skipped else DIFFERS if found else DONE


def _kabi(args: Args) -> int:
    """Report what breaks the symbols of --symbols; exit with 1 if anything does."""
    if args.html is not None or args.name or args.kind or args.used_by or args.base or args.base_b:
        raise UsageError("--symbols excludes --html, -C, --kind, --used-by, -B and --base-b")
    from btfkit.errors import FormatError, error_text, printable
    from btfkit.fleet.kernel_diff import kabi_of
    from btfkit.show.kabi_lists import read_suppressions, read_symbols
    from btfkit.show.kabi_text import as_json, kabi_lines

    symbols = read_symbols(args.symbols)
    exported = read_symbols(args.symbols_b) if args.symbols_b is not None else None
    if exported is not None and not exported.exports:
        raise FormatError("expected the Module.symvers of B", source=args.symbols_b)
    suppressions = [one for path in args.suppress for one in read_suppressions(path)]
    skipped: list[Exception] = []
    old, new = args.operands
    found = kabi_of(old, new, symbols, suppressions, skipped.append, exported)
    if not (args.quiet and args.output is None):
        _print(_dumped(as_json(found)) if args.json else _dyed(kabi_lines(found, summary=args.summary), args), args)
    for one in found.unused if not args.quiet else ():
        print(f"btfkit diff: this suppression matches nothing: {printable(one.text)}", file=sys.stderr)
    complain_of_modules([error_text(error) for error in skipped])
    return FAILED if skipped else DIFFERS if found.breaks else DONE


def _print(chunks: Iterator[bytes], args: Args) -> None:
    from btfkit.files.write import write_chunks

    write_chunks(chunks, args.output)


def _load(args: Args) -> tuple[Btf, Btf]:
    """Both, each on its base; -B is the base of both unless --base-b is given."""
    from btfkit.btf_file import load

    size = args.pointer_size
    old_base = load(args.base, pointer_size=size) if args.base is not None else None
    new_base = load(args.base_b, pointer_size=size) if args.base_b not in (None, args.base) else old_base
    old, new = args.operands
    return load(old, old_base, pointer_size=size), load(new, new_base, pointer_size=size)


def _check_names(names: list[str], old: Btf, new: Btf) -> None:
    """Raise NotFoundError for a name that is in neither."""
    for name in names:
        if old.find_id(name) is None and new.find_id(name) is None:
            from btfkit.btf.suggest import did_you_mean_type
            from btfkit.errors import NotFoundError, printable

            hint = did_you_mean_type(new, name)
            raise NotFoundError(f"neither {old.source} nor {new.source} has a type called {printable(name)!r}{hint}")


def _objects(paths: list[str]) -> list[BpfObject]:
    from btfkit.co_re.program import load_objects

    return [obj for path in paths for obj in load_objects(path)]


def _attached(paths: list[str]) -> dict[tuple[str, str], None]:
    """What the programs of BPF objects attach to and call; of one whose code cannot be read, only its reads are compared."""
    from btfkit.errors import BtfError
    from btfkit.programs.attachments import attached_scope
    from btfkit.programs.code import load_code

    found: dict[tuple[str, str], None] = {}
    for path in paths:
        try:
            found |= attached_scope(load_code(path))
        except BtfError as error:
            print(f"btfkit: {error.at(path)}: what its programs attach to is not compared", file=sys.stderr)
    return found


def _dyed(lines: Iterator[str], args: Args) -> Iterator[bytes]:
    from btfkit.show.diff_text import coloured

    dye = has_colours(args.color, args.output)
    for line in lines:
        yield (coloured(line) if dye else line).encode() + b"\n"


def _dumped(document: object) -> Iterator[bytes]:
    from json import dumps

    yield dumps(document, indent=1).encode() + b"\n"


COMMAND = Command(
    "diff",
    "compare two kernels or modules, and show the effect on layouts",
    run,
    operands="A B",
    options=(
        BASE,
        POINTER_SIZE,
        Option("--base-b", value="FILE", help="the base of B, if it differs from that of A (-B)"),
        Option(
            "-C",
            "--name",
            value="NAME",
            many=True,
            help="compare only types called NAME (or 'struct NAME'); may be repeated",
        ),
        Option(
            "--kind", value="KIND", many=True, choices=KINDS, help="compare only types of this kind; may be repeated"
        ),
        Option(
            "--used-by",
            value="OBJECT",
            many=True,
            help="compare only what this BPF object reads (CO-RE), attaches to and calls",
        ),
        Option(
            "--symbols",
            value="FILE",
            help="report only what breaks these symbols: Module.symvers, or a function, variable or type on each line",
        ),
        Option(
            "--symbols-b", value="FILE", help="with --symbols: the Module.symvers of B, which has to export them, too"
        ),
        Option("--suppress", value="FILE", many=True, help="with --symbols: TOML with differences that are accepted"),
        Option("--summary", help="print only the numbers"),
        JSON,
        OUTPUT,
        Option("--html", value="FILE", help="write a searchable HTML page"),
        COLOR,
        JOBS,
    ),
    details="""A and B are each a vmlinux, a module (with -B, and --base-b if the kernels differ), any other file with BTF, or a
directory with a vmlinux and all modules.
+ added in B, - removed, ~ changed, > moved together. Exit status 1 if anything differs.

    btfkit diff old-vmlinux new-vmlinux -C sk_buff
    btfkit diff old-vmlinux new-vmlinux --used-by prog.bpf.o
    btfkit diff old-vmlinux new-vmlinux --symbols Module.symvers --suppress accepted.toml""",
)
