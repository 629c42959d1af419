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
    positive,
    refuse_overwriting,
    warn_of_second,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.cli.options import Args
    from btfkit.show.layout import Layouts

OUTPUTS = ("sizes", "nr_members", "names", "html", "at", "compile", "reorganize")  # of which one counts


def run(args: Args) -> int:
    """Print the layouts of the given names, in that order, or all of the file's own."""
    from btfkit.btf_file import load
    from btfkit.show.layout import Layouts

    if args.operands and not _is_pattern(args.operands[0]):
        path, names = file_and_names(args.operands)
    else:
        path, names = demand_running(), args.operands
    _refuse_contradictions(args, names)
    refuse_overwriting([args.output, args.html], [path, args.base])
    if args.html is not None:
        from btfkit.show.html import demand_jinja2

        demand_jinja2()
    if is_directory(path):
        return _run_on_directory(args, path, names)
    btf = load(path, args.base, pointer_size=args.pointer_size)
    warn_of_second(btf)
    return show(args, Layouts(btf, args.cacheline), names)


def _is_pattern(operand: str) -> bool:
    """Whether the first operand is a glob or a regular expression of names, and no file."""
    import os

    is_one = any(letter in operand for letter in "*?[") or (len(operand) > 2 and operand[0] == operand[-1] == "/")
    return is_one and not os.path.exists(operand)


def _refuse_contradictions(args: Args, names: list[str]) -> None:
    if names and args.all:
        raise UsageError("--all and NAME exclude each other")
    given = [option for option in OUTPUTS if getattr(args, option) not in (None, False)]
    if "sizes" in given and "reorganize" in given:
        given.remove("sizes")
    if args.json and not {"at", "reorganize"} & {*given}:
        given.append("json")
    if len(given) > 1:
        first, second = (f"--{option.replace('_', '-')}" for option in given[:2])
        raise UsageError(f"{first} and {second} exclude each other")
    if args.structs and args.unions:
        raise UsageError("--structs and --unions exclude each other")
    if args.steps and not args.reorganize:
        raise UsageError("--steps needs --reorganize")
    if args.at is not None and not names:
        raise UsageError("--at needs NAME")


def _run_on_directory(args: Args, path: str, names: list[str]) -> int:
    """Show types of a kernel and its modules: of the one BTF that has them all."""
    if args.base is not None:
        raise UsageError("-B needs a FILE, not a directory")
    from btfkit.btf import spec
    from btfkit.errors import AmbiguousError, printable
    from btfkit.fleet.kernel_diff import kernel_in
    from btfkit.fleet.owners import KernelTypes
    from btfkit.show.find import is_exact
    from btfkit.show.layout import Layouts

    types = KernelTypes(kernel_in(path))
    exact = [name for name in names if is_exact(name)]
    owners = types.owners(exact, (*spec.COMPOSITES, spec.TYPEDEF)) if exact else {}
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
    status = show(args, layouts, names)
    return FAILED if complain_of_modules(types.errors) else status


def show(args: Args, layouts: Layouts, names: list[str]) -> int:
    """Print, or write the page of, the types that the names and options choose."""
    from btfkit.files.write import write_chunks

    wanted = layouts.named(names)
    if choices := _choices(args):
        from btfkit.show.layout_choice import Choice

        wanted = Choice(**choices).of(layouts, wanted)
    if args.html is not None:
        from btfkit.cli import layout_output as output

        output.page(args, layouts, wanted)
    else:
        write_chunks(_chunks(args, layouts, wanted, b"\n" if names else b""), args.output)
    return DONE


def _choices(args: Args) -> dict[str, Any]:
    """What is set of the options that choose types, by the parameters of `Choice`."""
    choices = {
        "kind": "struct" if args.structs else "union" if args.unions else "",
        "packed": args.packed,
        "flexible": "any" if args.flexible else "",
        "holes": args.holes,
        "bit_holes": args.bit_holes,
        "largest_hole": args.largest_hole,
        "padding": args.padding,
        "contains": args.contains,
        "holds": args.containers,
        "prefixes": args.prefix,
        "exclude": args.exclude,
    }
    return {parameter: value for parameter, value in choices.items() if value}


def _chunks(args: Args, layouts: Layouts, wanted: list[tuple[int, str]], end: bytes) -> Iterator[bytes]:
    from btfkit.cli import layout_output as output

    if args.at is not None:
        return output.at_offset(args, layouts, wanted)
    if args.reorganize:
        return output.smaller(args, layouts, wanted, end)
    if args.compile:
        return output.c_text(layouts, wanted)
    if args.json:
        return output.json(args, layouts, wanted)
    return output.text(args, layouts, wanted, end)


def _cacheline(word: str) -> int:
    from btfkit.show.layout import MAX_CACHELINE

    size = positive(word)
    if size > MAX_CACHELINE:
        raise ValueError(f"expected a number of at most {MAX_CACHELINE}, got {size}")
    return size


def _offset(word: str) -> int:
    """An offset in bytes, in decimal or hexadecimal (0x4a8)."""
    try:
        found = int(word, 0)
    except ValueError:
        found = -1
    if found < 0:
        raise ValueError(f"expected an offset in bytes (decimal, or hexadecimal as 0x4a8), got {word!r}")
    return found


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
        Option("-n", "--nr-members", help="print one line each: name and number of members, separated by a tab"),
        Option("--names", help="print names only, one on each line"),
        Option("--structs", help="show only structs"),
        Option("--unions", help="show only unions"),
        Option("--packed", help="show only packed structs"),
        Option("--flexible", help="show only those that end in a flexible array, or hold a struct that does"),
        Option("-H", "--holes", value="N", help="show only those with at least N holes", convert=positive),
        Option(
            "--bit-holes", value="N", help="show only those with at least N holes between bitfields", convert=positive
        ),
        Option("--largest-hole", value="N", help="show only those with a hole of at least N bytes", convert=positive),
        Option(
            "--padding", value="N", help="show only those with at least N bytes of padding at the end", convert=positive
        ),
        Option(
            "--contains", value="NAME", many=True, help="show only those with a member that is a struct or union NAME"
        ),
        Option(
            "--containers",
            value="NAME",
            many=True,
            help="show only those that hold NAME: also in typedefs, arrays and other structs",
        ),
        Option("--prefix", value="GLOB", many=True, help="show only names that begin so ('tcp_'), or match ('*_ops')"),
        Option("--exclude", value="GLOB", many=True, help="omit names that begin so, or match"),
        Option("--at", value="OFFSET", help="print which members have the byte at this offset", convert=_offset),
        Option(
            "-R", "--reorganize", help="show structs in the smallest order of members; with --sizes, what that saves"
        ),
        Option("-S", "--steps", help="with --reorganize: move members one by one as pahole does, and show each step"),
        Option("--compile", help="print C definitions, with all types that they need"),
        Option("--hex", help="print offsets and sizes of members in hexadecimal"),
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
    details="""NAME is a struct or union ('struct file' selects the kind), a typedef of an anonymous one, a glob ('tcp_*'), or a
regular expression between slashes ('/^sk_.*buf/').
FILE may be the directory of a kernel with its modules; without FILE, the running kernel is shown.

    btfkit layout /sys/kernel/btf/vmlinux task_struct
    btfkit layout /sys/kernel/btf/vmlinux task_struct --at 0x4a8
    btfkit layout /sys/kernel/btf/vmlinux 'tcp_*' --reorganize --sizes
    btfkit layout /sys/kernel/btf/vmlinux sk_buff --html sk_buff.html""",
)
