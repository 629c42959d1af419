"""`btfkit offset`: print the offsets of members, of one kernel or of many."""

from __future__ import annotations

import sys

from btfkit.cli import DIFFERS, DONE, FAILED
from btfkit.cli.kernels import KERNELS, complain_of_modules, file_and_names, is_directory
from btfkit.cli.options import (
    BASE,
    JOBS,
    JSON,
    OUTPUT,
    POINTER_SIZE,
    Command,
    Option,
    UsageError,
    number,
    print_json,
    refuse_overwriting,
    warn_of_second,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.cli.options import Args
    from btfkit.show.offset import Place

# those of fleet/offsets_text.py, which is not imported before it is needed
FORMATS = ("table", "csv", "json", "c", "go", "rust")


def run(args: Args) -> int:
    """Print one line per path, all of them or none; of many kernels, a table."""
    if args.kernels or args.format:
        return _run_on_kernels(args)
    if args.output is not None:
        raise UsageError("-o needs --format")
    from btfkit.btf_file import load
    from btfkit.show.offset import offsets

    path, wanted = file_and_names(args.operands, _root)
    if not wanted:
        raise UsageError(
            "no PATH: expected FILE PATH..., or PATH... (of the running kernel, which has BTF in /sys/kernel/btf)"
        )
    if args.json and args.plain:
        raise UsageError("--json and --plain exclude each other")
    modules = dict.fromkeys(wanted, "")
    skipped: list[str] = []
    if is_directory(path):
        if args.base is not None or args.id is not None:
            raise UsageError("-B and --id need a FILE, not a directory")
        places, modules, skipped = _in_directory(path, wanted)
    else:
        btf = load(path, args.base, pointer_size=args.pointer_size)
        warn_of_second(btf)
        places = offsets(btf, wanted, type_id=args.id)
    if args.json:
        shown = [place.as_json() | ({"module": modules[place.path]} if modules[place.path] else {}) for place in places]
        print_json({"schema": 1, "path": path, "places": shown})
    elif args.plain:
        print("\n".join(str(place.offset) for place in places))
    else:
        rows = [row(place, modules[place.path]) for place in places]
        widths = [max(len(cells[i]) for cells in rows) for i in range(3)]
        for cells in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=False)) + "  " + cells[3])
    return FAILED if complain_of_modules(skipped) else DONE


def _root(path: str) -> str:
    """The name of the struct in a path."""
    return path.partition(",")[0].partition(".")[0].partition("[")[0]


def _in_directory(path: str, wanted: list[str]) -> tuple[list[Place], dict[str, str], list[str]]:
    """The places on the kernel in a directory, the modules of those that are not in the vmlinux, and errors of modules."""
    from btfkit.btf import spec
    from btfkit.errors import AmbiguousError, NotFoundError, printable
    from btfkit.fleet.kernel_diff import kernel_in
    from btfkit.fleet.owners import KernelTypes
    from btfkit.show.offset import offset, parsed

    types = KernelTypes(kernel_in(path))
    roots = {one: parsed(one)[0] for one in wanted}
    owners = types.owners([*roots.values()], (*spec.COMPOSITES, spec.TYPEDEF))
    places: list[Place] = []
    modules: dict[str, str] = {}
    for one, root in roots.items():
        some = [(name, offset(btf, one)) for name, btf in owners[root]]
        if len({(place.bit_offset, place.bits, place.size) for _, place in some}) > 1:
            shown = ", ".join(f"{name}: {place.offset}" for name, place in some[:8])
            raise AmbiguousError(f"{len(some)} modules disagree about {printable(one)} ({shown})", source=path)
        if not some:
            raise NotFoundError(f"no type called {printable(root)!r}", source=path)
        places.append(some[0][1])
        modules[one] = ", ".join(name for name, _ in some)
    return places, modules, types.errors


def row(place: Place, module: str = "") -> tuple[str, str, str, str]:
    """The cells of a line about a place: path, offset, size, type (and module)."""
    from btfkit.errors import counted, printable

    if place.bits:
        size = f"{place.bits} bits from bit {place.bit_offset - 8 * place.offset}"
    else:
        size = "no size" if place.size is None else counted(place.size, "byte")
    return printable(place.path), str(place.offset), size, place.text + (f" [{printable(module)}]" if module else "")


def _run_on_kernels(args: Args) -> int:
    """Print a table of all kernels; exit with 1 if a path is missing everywhere."""
    if args.plain or args.id is not None or args.base is not None:
        raise UsageError("--kernels and --format exclude --plain, --id and -B")
    if args.json and args.format not in (None, "json"):
        raise UsageError(f"--json and --format {args.format} exclude each other")
    paths, kernels = list(args.operands), list(args.kernels)
    if not kernels:
        path, paths = file_and_names(paths, _root)
        kernels = [path]
    if not paths:
        raise UsageError("no PATH: expected PATH... --kernels TREE...")
    from btfkit.cli.kernels import complain, terminal_width
    from btfkit.errors import UnsupportedError, printable
    from btfkit.files.write import write_chunks
    from btfkit.fleet.offsets import kernel_offsets, parse_question
    from btfkit.fleet.offsets_text import WIDTH, lines_of
    from btfkit.fleet.tree import find_kernels
    from btfkit.work.progress import Progress

    try:
        for path in paths:
            parse_question(path)
    except UnsupportedError as error:
        raise UsageError(error.message) from None
    tree = find_kernels(kernels)
    refuse_overwriting([args.output], [*kernels, *tree.files()])
    with Progress(len(tree.kernels), "reading", wanted=not args.quiet, unit="kernels") as progress:
        table = kernel_offsets(paths, tree, workers=args.jobs, observe=progress.at)
    form = args.format or ("json" if args.json else "table")
    lines = lines_of(table, form, terminal_width() or WIDTH)
    write_chunks((line.encode() + b"\n" for line in lines), args.output)
    missing = table.missing_everywhere if table.usable else []
    for question in missing if not args.quiet else ():
        sys.stdout.flush()
        reason = printable(table.reason(question))
        print(f"btfkit offset: {printable(str(question))}: on no kernel: {reason}", file=sys.stderr)
    if complain(table.columns, tree, quiet=args.quiet):
        return FAILED
    return DIFFERS if missing else DONE


COMMAND = Command(
    "offset",
    "print the offset of a member: struct.member.path",
    run,
    operands="FILE? PATH...",
    options=(
        BASE,
        POINTER_SIZE,
        JSON,
        Option("--plain", help="print only the offsets in bytes, one per line"),
        Option("--id", value="N", help="the id of the struct, if several have that name", convert=number),
        KERNELS,
        Option("--format", value="FORMAT", choices=FORMATS, help=f"a table of kernels as {', '.join(FORMATS)}"),
        OUTPUT,
        JOBS,
    ),
    details="""PATH is STRUCT.MEMBER.MEMBER[3]; members of anonymous structs are named as in C. Pointers are not followed.
FILE may be the directory of a kernel with its modules; without FILE, the running kernel is asked.
With --kernels, PATH,PATH are alternatives: the first that exists on a kernel. Exit status 1 if no kernel has any of them.

    btfkit offset /sys/kernel/btf/vmlinux task_struct.pid task_struct.comm[0] sock.__sk_common.skc_family
    btfkit offset task_struct.pid task_struct.__state,task_struct.state --kernels btfhub-archive/ --format c -o offsets.h""",
)
