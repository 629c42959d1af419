"""`btfkit dump`: print the types of a BTF as text, as JSON or as source code."""

from __future__ import annotations

import sys

from btfkit.cli import DONE
from btfkit.cli.options import (
    BASE,
    JSON,
    OUTPUT,
    POINTER_SIZE,
    Command,
    Option,
    UsageError,
    number,
    refuse_overwriting,
    warn_of_second,
)
from btfkit.errors import counted, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.cli.options import Args
    from btfkit.file_ops.dump_forms import Form
    from btfkit.files.kernel_symbols import KernelSymbols

FORMATS: tuple[Form, ...] = ("raw", "c", "json", "rust", "go", "ctypes", "isf")  # those of file_ops/dump_forms.py


def run(args: Args) -> int:
    """Print the types; selected ones once each: those of --id, then of --type, then of --type-of."""
    from btfkit.btf_file import load
    from btfkit.co_re.program import load_objects
    from btfkit.file_ops.dump import dump
    from btfkit.file_ops.dump_forms import OPTIONS, demand_options
    from btfkit.files.write import write_chunks

    paths, form = _operands(args.operands, args.json or args.pretty)
    given = {name: getattr(args, name) for name in OPTIONS}
    try:
        demand_options(form, given, spelled=lambda name: "--" + name)
    except ValueError as error:
        raise UsageError(str(error)) from None
    refuse_overwriting([args.output], [*paths, args.base, *args.type_of, args.symbols])
    size = args.pointer_size
    base = load(args.base, pointer_size=size) if args.base is not None else None
    btfs = [load(path, base, pointer_size=size) for path in paths]
    found = dump(
        btfs,
        form,
        ids=args.id,
        types=args.type,
        read_by=[obj for path in args.type_of for obj in load_objects(path)],
        pretty=args.pretty,
        unsorted=args.unsorted,
        exact=args.exact,
        compat=args.compat,
        without=args.without,
        prefix=args.prefix or "",
        flavor=args.flavor or "",
        symbols=_symbols(args),
        banner=args.banner or "",
        package=args.package or "",
    )
    for name in [] if args.quiet else found.unused:
        print(f"btfkit: --without {printable(name)}: no type or kfunc has that name", file=sys.stderr)
    warn_of_second(*btfs)
    missing = sum(outcome.status != "value" for outcome in found.outcomes)
    if missing and not args.quiet:
        print(
            f"btfkit: {missing:,} of {counted(len(found.outcomes), 'relocation')} without an answer here",
            file=sys.stderr,
        )
    write_chunks(found, args.output)
    return DONE


def _symbols(args: Args) -> KernelSymbols | None:
    """The symbols for ISF; says what Volatility will lack."""
    if not args.symbols:
        return None
    from btfkit.files.kernel_symbols import read_kernel_symbols

    found = read_kernel_symbols(args.symbols)
    if not args.quiet:
        if not (args.banner or found.banner):
            print("btfkit: no banner: Volatility finds no memory image for these symbols (--banner)", file=sys.stderr)
        if found.shift:
            print(
                f"btfkit: KASLR moved these addresses by {found.shift:#x}: they are those of one boot; use System.map",
                file=sys.stderr,
            )
    return found


def _operands(words: list[str], json: bool) -> tuple[list[str], Form]:
    """(the files, the form); bpftool writes "format raw"."""
    paths = list(words)
    form = _form(paths)
    if form is not None:
        paths.pop()
        if len(paths) > 1 and paths[-1] == "format":
            paths.pop()
    elif len(paths) > 1 and (len(paths) == 2 or paths[-2] == "format") and not _may_be_file(paths[-1]):
        from btfkit.btf.suggest import did_you_mean

        raise UsageError(
            f"unknown format {paths[-1]!r} (formats: {', '.join(FORMATS)}){did_you_mean(paths[-1], FORMATS)}"
        )
    if json and form not in (None, "json"):
        raise UsageError(f"JSON (--json, --pretty) and the format {form!r} exclude each other")
    if _form(paths) is not None:
        raise UsageError(f"expected one format, got {paths[-1]!r} and {form!r}")
    return paths, form or ("json" if json else "raw")


def _form(words: list[str]) -> Form | None:
    """The form named by the last of several words."""
    return next((form for form in FORMATS if len(words) > 1 and form == words[-1]), None)


def _may_be_file(word: str) -> bool:
    import os.path

    return "/" in word or "." in word or os.path.exists(word)


COMMAND = Command(
    "dump",
    "print the types of a BTF as text, JSON or source code",
    run,
    operands="FILE... FORMAT?",
    choices={"FORMAT": FORMATS},
    options=(
        BASE,
        POINTER_SIZE,
        JSON,
        Option("-p", "--pretty", help="JSON with each key on its own line"),
        OUTPUT,
        Option("--id", value="N", help="print only this type; may be repeated", many=True, convert=number),
        Option(
            "--type", value="NAME", help="print only types called NAME (or 'struct NAME'); may be repeated", many=True
        ),
        Option(
            "--type-of",
            value="OBJECT",
            help="print only types that the relocations of this BPF object read; may be repeated",
            many=True,
        ),
        Option("--unsorted", help="sort code by type id, not by kind and name"),
        Option(
            "--exact",
            help="write C text that compiles with any compiler, of C11 to C23, and has the exact layout, unlike bpftool's",
        ),
        Option(
            "--without",
            value="NAME",
            help="omit the types and kfuncs called NAME (or 'struct bpf_*'), which another header declares; may be repeated",
            many=True,
        ),
        Option("--prefix", value="TEXT", help="put TEXT before the names of all types and enumerators, without CO-RE"),
        Option("--flavor", value="NAME", help="put ___NAME after the names of all types and enumerators, for CO-RE"),
        Option("--package", value="NAME", help="go: the name of the package (default: types)"),
        Option(
            "--symbols", value="FILE", help="isf: the kernel's System.map, a copy of /proc/kallsyms, or its vmlinux"
        ),
        Option("--banner", value="TEXT", help="isf: the kernel's /proc/version, which a vmlinux as --symbols has"),
        Option(
            "--compat",
            help="write exactly what bpftool writes, defects included (listed in differences.md of the documentation)",
        ),
    ),
    details="""\
FORMAT is one of these, the first three as bpftool prints them:
  raw   (the default) one paragraph per type, without the types of the base
  json  one object, without the types of the base
  c     a C header, with the types of the base; with --id, --type or --type-of, only those and what they need
  rust  the same as Rust: #[repr(C)] types that need nothing but `core`, which assert their layout when they are compiled
  go    the same as Go: structs with explicit padding, enums, unions with methods, bitfields with getters and setters
  ctypes  the same as a module of Python: classes of ctypes, which check their layout when they are imported
  isf   the symbol table of Volatility 3: types and --symbols. BTF lacks, and so does ISF: types of variables other than
        per-CPU ones (known are init_task and some more), the banner, macros, and types that only modules define

Several FILEs give one output: for modules on one base (-B), it contains the types of the base once.""",
)
