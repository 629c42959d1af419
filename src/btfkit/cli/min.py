"""`btfkit min`: minimize vmlinux and module BTF to what CO-RE programs read, and prove it."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DIFFERS, DONE, FAILED, in_words
from btfkit.cli.options import (
    ARCHIVE,
    BASE,
    JSON,
    LOADER_TO_KEEP,
    SELECTION,
    Command,
    Option,
    UsageError,
    demand_selection,
    names,
    warn_of_second,
    warn_without_modules,
)
from btfkit.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.cli.options import Args
    from btfkit.co_re.relocations import Relocated
    from btfkit.file_ops.minimize import MinimizedFiles


def run(args: Args) -> int:
    """Run the command."""
    if args.archive or args.modules:  # these take long enough for the garbage collector to pay
        import gc

        gc.enable()
    if args.archive:
        if args.merge:
            raise UsageError("--merge goes with -m or -B, not with --archive")
        from btfkit.cli.min_archive import run_archive

        return run_archive(args)
    from btfkit.file_ops.minimize import PathError, minimize_files

    path, output, objects = _operands(args)
    try:
        done = minimize_files(
            path,
            objects,
            output,
            directory=args.output,
            modules=args.modules,
            base=args.base,
            base_output=args.base_out,
            merge=args.merge,
            keep_types=names(args.keep_type),
            keep_funcs=names(args.keep_func),
            keep_refs_of=args.keep_refs_of,
            closure=args.closure,
            all_modules=args.all_modules,
            loader=args.loader,
            prove=not args.no_verify,
            keep_going=args.keep_going,
        )
    except PathError as error:
        raise UsageError(in_words(error)) from None
    warn_without_modules(done.empty)
    if done.result is not None:
        warn_of_second(*done.result.layers)
    for obj in done.objects:
        for note in obj.notes:
            print(f"btfkit: {printable(obj.source)}: {note}", file=sys.stderr)
    _report(args, done)
    faults = done.faults()
    for fault in faults[:1]:
        print(f"btfkit: {fault.place}: {printable(fault.outcome.misread or _refused(fault))}", file=sys.stderr)
    return FAILED if done.skipped else DIFFERS if faults else DONE


def _refused(row: Relocated) -> str:
    return f"{row.outcome.detail}: libbpf refuses the object"


def _operands(args: Args) -> tuple[str, str | None, list[str]]:
    """(INPUT, OUTPUT or None with -o, OBJECTS)."""
    for name in ("jobs", "scheduler", "pack", "ignore_markers"):
        if getattr(args, name):
            raise UsageError(f"--{name.replace('_', '-')} requires --archive")
    operands = list(args.operands)
    if not operands:
        raise UsageError("INPUT is missing")
    path = operands.pop(0)
    output = "-" if args.output == "-" else None
    if args.output is None:
        if not operands:
            raise UsageError("OUTPUT is missing (or -o DIR)")
        output = operands.pop(0)
        _refuse_program(output)
    if path == "-" and "-" in operands:
        raise UsageError("standard input cannot be INPUT and an OBJECT, too")
    if args.merge and not (args.modules or args.base):
        raise UsageError("--merge requires -m MODULE, or -B VMLINUX with a module as INPUT")
    if args.merge and (args.base_out or args.all_modules):
        raise UsageError("--merge writes one file: --base-out and --all-modules do not go with it")
    if args.modules and output is not None and not args.merge:
        raise UsageError("-m gives several outputs: use -o DIR in place of OUTPUT, or --merge")
    if args.base_out and not args.base:
        raise UsageError("--base-out requires -B")
    if args.base and args.modules:
        raise UsageError("-B takes one MODULE as INPUT; with -m INPUT is the vmlinux")
    if not args.keep_refs_of:
        demand_selection(args, operands)
    return path, output, operands


def _refuse_program(output: str) -> None:
    """Raise UsageError if OUTPUT is an existing ELF file: OUTPUT was forgotten, and the first object stands in its place."""
    if not os.path.isfile(output):  # reading a pipe would wait for data
        return
    try:
        with open(output, "rb") as file:
            is_elf = file.read(4) == b"\x7fELF"
    except OSError:
        return
    if is_elf:
        raise UsageError(
            f"OUTPUT is {printable(output)}, an existing ELF file that would be overwritten; expected INPUT OUTPUT OBJECT..."
        )


def _report(args: Args, done: MinimizedFiles) -> None:
    all_relocations = args.report == "all"
    if args.json:
        from json import dumps

        to_stdout = any(output.path == "-" for output in done.outputs)
        report = done.as_json(all_relocations=all_relocations)
        print(dumps(report, indent=2), file=sys.stderr if to_stdout else sys.stdout)
    for error in done.skipped:
        print(f"btfkit: skipped: {in_words(error)}", file=sys.stderr)
    if args.report and not args.json:
        from btfkit.co_re.relocations import relocation_lines

        for line in relocation_lines(done.relocations(all=all_relocations)):
            print(line, file=sys.stderr)
    if not args.quiet:
        for line in done.summary_lines(with_modules=not args.base):
            print(line, file=sys.stderr)


COMMAND = Command(
    "min",
    "minimize vmlinux and module BTF to what CO-RE programs read",
    run,
    operands="INPUT? OUTPUT? OBJECT...?",
    options=(
        Option(
            "-m",
            "--modules",
            value="FILE_OR_DIR",
            many=True,
            help="module BTF to minimize with the vmlinux (.ko or raw, compressed or not, a directory, a tar)",
        ),
        *ARCHIVE,
        Option(
            "--pack", value="KIND", choices=("xz", "zst", "gz", "tar.xz"), help="with --archive: compress the outputs"
        ),
        Option("-o", "--output", value="DIR", help="in place of OUTPUT: one file for each input, under its own name"),
        BASE,
        Option("--base-out", value="FILE", help="with -B: write the matching base to FILE"),
        Option("--merge", help="with -m or -B: write vmlinux and modules as one BTF that stands alone"),
        Option("--all-modules", help="write a file for every module, not only for those that are read"),
        Option("--keep-refs-of", value="SPLIT", many=True, help="keep everything that this split BTF refers to"),
        *SELECTION,
        LOADER_TO_KEEP,
        Option(
            "--report",
            value="WHAT",
            choices=("missing", "all"),
            help="list relocations: those without an answer, or all",
        ),
        JSON,
    ),
    details="""INPUT is a vmlinux BTF in any container (raw, ELF, vmlinuz, BTFHub's .btf.tar.xz, compressed), an OBJECT is a BPF
object or an executable that embeds some.

  btfkit min vmlinux min.btf prog.bpf.o                        as `bpftool gen min_core_btf`
  btfkit min -m /sys/kernel/btf -o out /sys/kernel/btf/vmlinux prog.bpf.o
                                                               vmlinux and modules, minimized together
  btfkit min -m modules --merge vmlinux min.btf prog.bpf.o     ... and written as one file
  btfkit min -B vmlinux nf_conntrack.ko out.btf prog.bpf.o     one module's part alone
  btfkit min --archive btfhub-archive -o out prog.bpf.o        every kernel of a tree""",
    collects=False,
)
