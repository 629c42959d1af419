"""`btfkit layout`: show the memory layout of structs and unions, as pahole does."""

from __future__ import annotations

import sys

from btfkit.cli import DONE, FAILED
from btfkit.cli.kernels import complain_of_modules, demand_running, file_and_names, is_directory
from btfkit.cli.options import (
    BASE,
    COLOR,
    JSON,
    OUTPUT,
    POINTER_SIZE,
    Command,
    Option,
    UsageError,
    has_colours,
    positive,
    refuse_overwriting,
    warn_of_second,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.cli.options import Args
    from btfkit.show.layout import Layouts


def run(args: Args) -> int:
    """Print the layouts of the given names, in that order, or all of the file's own."""
    from btfkit.btf_file import load
    from btfkit.show.layout import Layouts

    path, names = file_and_names(args.operands) if args.operands else (demand_running(), [])
    if names and args.all:
        raise UsageError("--all and NAME exclude each other")
    if (args.json, args.sizes, args.html is not None).count(True) > 1:
        raise UsageError("--json, --sizes and --html exclude each other")
    refuse_overwriting([args.output, args.html], [path, args.base])
    if args.html is not None:
        from btfkit.show.html import demand_jinja2

        demand_jinja2()
    if is_directory(path):
        return _run_on_directory(args, path, names)
    btf = load(path, args.base, pointer_size=args.pointer_size)
    warn_of_second(btf)
    layouts = Layouts(btf, args.cacheline)
    return _show(args, layouts, _wanted(layouts, names), names)


def _run_on_directory(args: Args, path: str, names: list[str]) -> int:
    """Show types of a kernel and its modules: of the one BTF that has them all."""
    if args.base is not None:
        raise UsageError("-B needs a FILE, not a directory")
    from btfkit.btf import spec
    from btfkit.errors import AmbiguousError, printable
    from btfkit.fleet.kernel_diff import kernel_in
    from btfkit.fleet.owners import KernelTypes
    from btfkit.show.layout import Layouts

    types = KernelTypes(kernel_in(path))
    owners = types.owners(names, (*spec.COMPOSITES, spec.TYPEDEF)) if names else {}
    by_module = {module: btf for some in owners.values() for module, btf in some} or {"": types.vmlinux}
    own = [module for module in by_module if module]
    if len(own) > 1:
        raise AmbiguousError(
            f"in {len(own)} modules ({', '.join(map(printable, own[:4]))}): name the file of one (with its base)",
            source=path,
        )
    layouts = Layouts(
        by_module[own[0]] if own else types.vmlinux, args.cacheline
    )  # a module's chain has the vmlinux too
    if own and not args.quiet:
        print(f"btfkit layout: in module {printable(own[0])}", file=sys.stderr)
    status = _show(args, layouts, _wanted(layouts, names), names)
    return FAILED if complain_of_modules(types.errors) else status


def _show(args: Args, layouts: Layouts, wanted: list[tuple[int, str]], names: list[str]) -> int:
    """Print, or write the page of, what is wanted."""
    from btfkit.files.write import write_chunks

    chunks: Iterator[bytes]
    if args.holes:
        wanted = [(type_id, name) for type_id, name in wanted if layouts.gaps(type_id)[1] >= args.holes]
    if args.html is not None:
        return _page(args, layouts, wanted)
    if args.json:
        chunks = (chunk.encode() for chunk in _json(args, layouts, wanted))
    else:
        chunks = _text(args, layouts, wanted, b"\n" if names else b"")
    write_chunks(chunks, args.output)
    return DONE


def _wanted(layouts: Layouts, names: list[str]) -> list[tuple[int, str]]:
    """(id, the name that was given) of each type once; the name is "" if all are wanted."""
    if not names:
        return [(type_id, "") for type_id in layouts.all()]
    found: dict[int, str] = {}
    for name in names:
        for type_id in layouts.find(name):
            found.setdefault(type_id, name)
    return list(found.items())


def _text(args: Args, layouts: Layouts, wanted: list[tuple[int, str]], end: bytes) -> Iterator[bytes]:
    from btfkit.show.layout_text import LayoutText, coloured

    writer = LayoutText(layouts, expand=args.expand)
    if args.sizes:
        return writer.sizes(wanted)
    if not has_colours(args.color, args.output):
        return writer.pictures(wanted, end)
    return (coloured(writer.picture(type_id, name)).encode() + end for type_id, name in wanted)


def _json(args: Args, layouts: Layouts, wanted: list[tuple[int, str]]) -> Iterator[str]:
    """One object, with one type per line."""
    from json import dumps

    from btfkit.show.layout_data import SCHEMA, LayoutData

    data = LayoutData(layouts, expand=args.expand)
    head: dict[str, object] = {
        "schema": SCHEMA,
        "path": layouts.btf.source,
        "cacheline": layouts.cacheline,
        "types": [],
    }
    yield dumps(head)[:-2]
    between = "\n"
    for type_id, _ in wanted:
        yield between + dumps(data.of(type_id))
        between = ",\n"
    yield "\n]}\n"


def _page(args: Args, layouts: Layouts, wanted: list[tuple[int, str]]) -> int:
    from btfkit.errors import counted, printable
    from btfkit.files.write import write_atomic
    from btfkit.show.layout_page import layout_page

    write_atomic(args.html, layout_page(layouts, [type_id for type_id, _ in wanted], names=dict(wanted)))
    if not args.quiet and args.html != "-":
        print(f"{printable(args.html)}: {counted(len(wanted), 'type')}", file=sys.stderr)
    return DONE


def _cacheline(word: str) -> int:
    from btfkit.show.layout import MAX_CACHELINE

    size = positive(word)
    if size > MAX_CACHELINE:
        raise ValueError(f"expected a number of at most {MAX_CACHELINE}, got {size}")
    return size


COMMAND = Command(
    "layout",
    "show offsets, holes and cache lines of structs and unions",
    run,
    operands="FILE? NAME...?",
    options=(
        BASE,
        POINTER_SIZE,
        JSON,
        OUTPUT,
        Option("-E", "--expand", help="also show the members of members"),
        Option("-a", "--all", help="show all named structs and unions (the default without NAME)"),
        Option("-s", "--sizes", help="print one line each: name, size and number of holes, separated by tabs"),
        Option("-H", "--holes", value="N", help="show only those with at least N holes", convert=positive),
        Option(
            "-c",
            "--cacheline",
            value="BYTES",
            help="the size of a cache line (default: 64)",
            convert=_cacheline,
            default=64,
        ),
        Option("--html", value="FILE", help="write an HTML page that draws the bytes of each cache line"),
        COLOR,
    ),
    details="""NAME is a struct or union ('struct file' selects the kind), or a typedef of an anonymous one.
FILE may be the directory of a kernel with its modules; without FILE, the running kernel is shown.

    btfkit layout /sys/kernel/btf/vmlinux task_struct
    btfkit layout /sys/kernel/btf/vmlinux sk_buff --html sk_buff.html""",
)
