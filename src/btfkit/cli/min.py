"""`btfkit min`: cut vmlinux and module BTF down to what CO-RE programs read, and prove it."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DONE, FAILED, in_words
from btfkit.cli.options import BASE, JOBS, JSON, Command, Option, UsageError, refuse_overwriting
from btfkit.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.cli.options import Args
    from btfkit.co_re.program import BpfObject
    from btfkit.co_re.relocations import Counts
    from btfkit.passes.minimize import Minimized


class Job:
    """What one call has to do: the objects, the chain, and where each output goes.

    `outputs` are (path, BTF of the input, new BTF); `failures` are the messages of what was left out (--keep-going).
    """

    __slots__ = ("args", "failures", "modules", "names", "objects", "outputs", "vmlinux", "without")

    def __init__(self, args: Args) -> None:
        self.args = args
        self.failures: list[str] = []
        self.objects: list[BpfObject] = []
        self.modules: list[Btf] = []
        self.names: dict[Btf, str] = {}
        self.without: list[str] = []
        self.outputs: list[tuple[str, Btf, Btf]] = []
        self.vmlinux: Btf

    def excuse(self, error: Exception) -> None:
        """Note an error and go on (--keep-going), or raise it."""
        if not self.args.keep_going:
            raise error
        self.failures.append(in_words(error))


def run(args: Args) -> int:
    """Run the command."""
    if args.archive or args.modules:  # long enough for the garbage collector to pay
        import gc

        gc.enable()
    if args.archive:
        if args.merge:
            raise UsageError("--merge goes with -m or -B, not with --archive")
        from btfkit.cli.min_archive import run_archive

        return run_archive(args)
    from btfkit.file_ops.minimize import merge_minimized, minimize
    from btfkit.files.write import write_all

    job = Job(args)
    input_path, output, objects = _operands(args)
    _read_objects(job, objects)
    _read_chain(job, input_path)
    result = minimize(
        job.vmlinux,
        job.objects,
        job.modules,
        keep_types=names(args.keep_type),
        keep_funcs=names(args.keep_func),
        keep_refs_of=_references(job),
        closure=args.closure,
        all_modules=args.all_modules or bool(args.base),
        prove=not (args.no_verify or args.merge),
    )
    if args.merge:
        merged = merge_minimized(result, job.objects, job.names, prove=not args.no_verify)
        job.outputs.append((_path(args, output, job.vmlinux.source or "vmlinux"), job.vmlinux, merged))
    else:
        _place_outputs(job, result, output)
    _refuse_inputs(job)
    blobs = {path: new.to_bytes() for path, _, new in job.outputs}
    write_all(blobs)
    _report(job, result, blobs)
    return FAILED if job.failures else DONE


# ---- input -----------------------------------------------------------------------------------------------------


def _operands(args: Args) -> tuple[str, str | None, list[str]]:
    """(INPUT, OUTPUT or None with -o, OBJECTS)."""
    for name in ("jobs", "scheduler", "pack", "ignore_markers"):
        if getattr(args, name):
            raise UsageError(f"--{name.replace('_', '-')} goes with --archive")
    operands = list(args.operands)
    if not operands:
        raise UsageError("INPUT is missing")
    input_path = operands.pop(0)
    output = "-" if args.output == "-" else None
    if args.output is None:
        if not operands:
            raise UsageError("OUTPUT is missing (or -o DIR)")
        output = operands.pop(0)
        _refuse_program(output)
    if args.merge and not (args.modules or args.base):
        raise UsageError("--merge: with what? -m MODULE, or -B VMLINUX with a module as INPUT")
    if args.merge and (args.base_out or args.all_modules):
        raise UsageError("--merge writes one file: --base-out and --all-modules do not go with it")
    if args.modules and output is not None and not args.merge:
        raise UsageError("-m gives several outputs: say -o DIR in place of OUTPUT, or --merge")
    if args.base_out and not args.base:
        raise UsageError("--base-out goes with -B")
    if args.base and args.modules:
        raise UsageError("-B takes one MODULE as INPUT; with -m INPUT is the vmlinux")
    if not (operands or args.keep_type or args.keep_func or args.keep_refs_of):
        raise UsageError("nothing to keep: name at least one OBJECT, or --keep-type, --keep-func or --keep-refs-of")
    return input_path, output, operands


def _refuse_program(output: str) -> None:
    """An OUTPUT that is an ELF file already: OUTPUT was forgotten, and the first object stands in its place."""
    try:
        with open(output, "rb") as file:
            is_elf = os.path.isfile(output) and file.read(4) == b"\x7fELF"
    except OSError:
        return
    if is_elf:
        raise UsageError(
            f"OUTPUT is {printable(output)}, an ELF file that is there already and would be overwritten; "
            "is OUTPUT missing in INPUT OUTPUT OBJECT...?"
        )


def _read_objects(job: Job, paths: list[str]) -> None:
    from btfkit.co_re.program import load_objects
    from btfkit.errors import BtfError

    for path in paths:
        try:
            job.objects += load_objects(path)
        except (BtfError, OSError) as error:
            job.excuse(error)


def _read_chain(job: Job, input_path: str) -> None:
    """Load vmlinux and modules; with -B, INPUT is the one module."""
    from btfkit.btf_file import load, load_modules

    args = job.args
    if args.base:
        job.vmlinux = load(args.base)
        module = load(input_path, job.vmlinux)
        job.modules = [module]
        job.names[module] = input_path
        return
    job.vmlinux = load(input_path)
    if job.vmlinux.base is not None:
        raise UsageError(
            f"{input_path} is a module: say -B VMLINUX {input_path}, or -m {input_path} with the vmlinux as INPUT"
        )
    found = load_modules(args.modules, job.vmlinux, job.excuse if args.keep_going else None)
    job.modules, job.without = found.modules, found.without
    job.names = dict(zip(found.modules, found.names, strict=True))


def _references(job: Job) -> list[Btf]:
    if not job.args.keep_refs_of:
        return []
    from btfkit.btf_file import load

    return [load(path, job.vmlinux) for path in job.args.keep_refs_of]


def names(lists: list[str]) -> list[str]:
    """The names in values of an option that takes "NAME,NAME" and may be repeated."""
    return [name.strip() for text in lists for name in text.split(",") if name.strip()]


# ---- output ----------------------------------------------------------------------------------------------------


def _place_outputs(job: Job, result: Minimized, output: str | None) -> None:
    """Decide which layer is written where."""
    args = job.args

    def place(path: str, btf: Btf, clash: str) -> None:
        if any(path == other for other, _, _ in job.outputs):
            raise UsageError(clash)
        job.outputs.append((path, btf, result.layers[btf].btf))

    if args.base:
        module = job.modules[0]
        path = _path(args, output, job.names[module])
        place(path, module, "")
        if args.base_out:
            place(args.base_out, job.vmlinux, f"two outputs would be written to {printable(path)}")
        return
    place(_path(args, output, job.vmlinux.source or "vmlinux"), job.vmlinux, "")
    for module in result.used:
        path = _path(args, None, module.source or job.names[module], job.names[module])
        clash = f"two inputs are called {os.path.basename(path)!r}: their outputs would be one file"
        place(path, module, clash)


def _path(args: Args, output: str | None, source: str, module: str | None = None) -> str:
    """The output for the input `source`: `output`, or below the directory of -o."""
    if output is not None:
        return output
    from btfkit.files.modules import output_name

    return os.path.join(args.output, output_name(source, module))


def _refuse_inputs(job: Job) -> None:
    """No output may take the place of an input."""
    args = job.args
    first, *others = args.operands
    objects = others if args.output is not None else others[1:]
    inputs = [first, args.base, *objects, *args.keep_refs_of, *(module.source for module in job.modules)]
    refuse_overwriting([path for path, _, _ in job.outputs], inputs)


# ---- report ----------------------------------------------------------------------------------------------------


def _report(job: Job, result: Minimized, blobs: dict[str, bytes]) -> None:
    args = job.args
    if args.json:
        _print_json(job, result, blobs)
    for message in job.failures:
        print(f"btfkit: left out: {message}", file=sys.stderr)
    if args.report and not args.json:
        from btfkit.co_re.relocations import STATUSES, WITHOUT_ANSWER, relocated, relocation_lines

        statuses = STATUSES if args.report == "all" else WITHOUT_ANSWER
        for line in relocation_lines(relocated(job.objects, result.outcomes), statuses):
            print(line, file=sys.stderr)
    if not args.quiet:
        for line in _summary(job, result, blobs):
            print(line, file=sys.stderr)


def _counts(result: Minimized) -> Counts:
    from btfkit.co_re.relocations import Counts

    return Counts(outcome for answers in result.outcomes for outcome in answers)


def _summary(job: Job, result: Minimized, blobs: dict[str, bytes]) -> Iterator[str]:
    counts = _counts(result)
    for path, btf, new in job.outputs:
        count = counts.by_btf.get(btf, 0)
        yield (
            f"{'standard output' if path == '-' else printable(path)}: "
            f"{_count(len(new.positions), 'type')}, {len(blobs[path]):,} bytes"
            f" (of {_count(len(btf.positions), 'type')}, {_size(btf):,} bytes)"
            + (f"; {_count(count, 'relocation')} read{'s' * (count == 1)} it" if len(job.outputs) > 1 else "")
        )
    if job.modules and not job.args.base:
        without = f", {_count(len(job.without), 'file')} without BTF passed over" if job.without else ""
        what = "merged with it" if job.args.merge else "written"
        yield f"modules: {len(job.modules):,} searched, {len(result.used):,} {what}{without}"
    if job.objects:
        proof = "not verified (--no-verify)"
        if result.new_ids is not None:
            proof = "every answer the same as on the input (verified"
            ids = len(result.new_ids)
            proof += f"; {_count(ids, 'type id')} {'is' if ids == 1 else 'are'} new)" if ids else ")"
        yield f"{counts}; {proof}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _size(btf: Btf) -> int:
    """The bytes of the blob that `btf` was read from."""
    return btf.header.length + 4 * len(btf.words) + len(btf.layout) + len(btf.strings)


def _print_json(job: Job, result: Minimized, blobs: dict[str, bytes]) -> None:
    from json import dumps

    from btfkit.co_re.relocations import STATUSES, WITHOUT_ANSWER, relocated

    counts = _counts(result)
    statuses = STATUSES if job.args.report == "all" else WITHOUT_ANSWER
    listed = [row.as_json() for row in relocated(job.objects, result.outcomes) if row.status in statuses]
    merge = job.args.merge
    outputs: list[dict[str, Any]] = [
        {
            "path": path,
            "input": btf.source,
            "types": len(new.positions),
            "bytes": len(blobs[path]),
            "input_types": len(btf.positions),
            "input_bytes": _size(btf),
            "relocations_answered_here": counts.by_status["value"] if merge else counts.by_btf.get(btf, 0),
        }
        for path, btf, new in job.outputs
    ]
    if merge:
        outputs[0]["modules_merged"] = [job.names[module] for module in result.used]
    report = {
        "schema": 1,
        "outputs": outputs,
        "relocations": counts.as_json(),
        "verified": None if result.new_ids is None else True,
        "new_type_ids": None if result.new_ids is None else len(result.new_ids),
        "all" if job.args.report == "all" else "without_answer": listed,
        "modules_searched": len(job.modules),
        "modules_without_btf": len(job.without),
        "left_out": job.failures,
    }
    print(dumps(report, indent=2), file=sys.stderr if "-" in blobs else sys.stdout)


COMMAND = Command(
    "min",
    "cut vmlinux and module BTF down to what CO-RE programs read",
    run,
    operands="INPUT? OUTPUT? OBJECT...?",
    options=(
        Option(
            "-m",
            "--modules",
            value="FILE_OR_DIR",
            many=True,
            help="module BTF (.ko or raw, packed or not, a folder, a tar) to cut along",
        ),
        Option(
            "--archive",
            value="TREE",
            help="in place of INPUT: every kernel of a folder or URL, into the same layout below -o",
        ),
        JOBS,
        Option("--scheduler", value="ADDRESS", help="with --archive: on the Dask cluster there (tcp://HOST:8786)"),
        Option(
            "--pack", value="KIND", choices=("xz", "zst", "gz", "tar.xz"), help="with --archive: pack what is written"
        ),
        Option(
            "--ignore-markers",
            help="with --archive: take kernels that are marked .hasbtf or .failed, if they are there",
        ),
        Option("-o", "--output", value="DIR", help="in place of OUTPUT: one file for each input, under its own name"),
        BASE,
        Option("--base-out", value="FILE", help="with -B: where the matching base goes"),
        Option("--merge", help="with -m or -B: write what is left of vmlinux and modules as one BTF that stands alone"),
        Option("--all-modules", help="write a file for every module, not only for those that are read"),
        Option("--keep-type", value="NAME[,NAME]", many=True, help="keep these types too ('struct file', 'pid_t')"),
        Option("--keep-func", value="NAME[,NAME]", many=True, help="keep these functions with their prototypes"),
        Option("--keep-refs-of", value="SPLIT", many=True, help="keep all that this split BTF refers to"),
        Option(
            "--closure",
            value="POLICY",
            choices=("direct", "by-value", "full"),
            help="what comes along: direct (names and sizes), by-value (all that is embedded), full (all that can be reached)",
        ),
        Option("--no-verify", help="do not relocate the objects on the output to prove it"),
        Option("--keep-going", help="leave bad objects and modules out, and exit with 3"),
        Option(
            "--report", value="WHAT", choices=("missing", "all"), help="list relocations: those without answer, or all"
        ),
        JSON,
    ),
    details="""INPUT is a vmlinux BTF in any container (raw, ELF, vmlinuz, BTFHub's .btf.tar.xz, packed), an OBJECT is a BPF
object or an executable that embeds some.

  btfkit min vmlinux min.btf prog.bpf.o                        as `bpftool gen min_core_btf`
  btfkit min -m /sys/kernel/btf -o out /sys/kernel/btf/vmlinux prog.bpf.o
                                                               vmlinux and modules, cut together
  btfkit min -m modules --merge vmlinux min.btf prog.bpf.o     ... and written as one file
  btfkit min -B vmlinux nf_conntrack.ko out.btf prog.bpf.o     one module's part alone
  btfkit min --archive btfhub-archive -o out prog.bpf.o        every kernel of a tree""",
    collects=False,
)
