"""`btfkit merge`: a vmlinux and its modules in one BTF, for consumers that take a single file."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DONE, FAILED, in_words
from btfkit.cli.options import JSON, OUTPUT, Command, Option, UsageError, refuse_overwriting
from btfkit.errors import BtfError, NotFoundError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.cli.options import Args
    from btfkit.files.container import Container
    from btfkit.passes.merge import Double, Merged
    from btfkit.passes.rebase import NameIndex

SCHEMA = 1
SHOWN = 6  # inputs that are named of those that have a type


class Inputs:
    """The modules as they come: `names` and `sources` of those that were taken, files `without` BTF, and messages of
    `failures` (--keep-going).  Nothing of a module is kept once the next is asked for."""

    def __init__(self, args: Args, base: Btf) -> None:
        self.keep_going: bool = args.keep_going
        self.paths: list[str] = args.operands[1:]
        self.base = base
        self.names: list[str] = []
        self.sources: list[str] = []
        self.without: list[str] = []
        self.failures: list[str] = []
        self._index: NameIndex | None = None

    def __iter__(self) -> Iterator[Btf]:
        from btfkit.files.container import open_container
        from btfkit.files.modules import module_blobs

        for path in self.paths:
            try:
                for name, data, source in module_blobs(path, underscores=True):
                    try:
                        btf = self._load(open_container(data, source))
                    except NotFoundError:
                        self.without.append(source)
                        continue
                    except BtfError as error:
                        self._excuse(error)
                        continue
                    self.names.append(name)
                    self.sources.append(source)
                    yield btf
            except (BtfError, OSError) as error:
                self._excuse(error)

    def _load(self, container: Container) -> Btf:
        """A module's BTF on the vmlinux; a distilled one is reconciled to it."""
        from btfkit.files.load import from_container
        from btfkit.passes.attach import distilled_base

        own = distilled_base(container)
        if own is None:
            if not len(container.btf):
                raise NotFoundError("an empty .BTF section")
            return from_container(container, self.base)
        from btfkit.passes.rebase import NameIndex
        from btfkit.passes.reconcile import reconcile

        self._index = self._index or NameIndex(self.base)
        return reconcile(from_container(container, own), self._index).btf

    def _excuse(self, error: Exception) -> None:
        if not self.keep_going:
            raise error
        self.failures.append(in_words(error))


def run(args: Args) -> int:
    """Merge, write, and say what became of it."""
    from btfkit.btf_file import load
    from btfkit.files.write import write_atomic
    from btfkit.passes.merge import merge

    if not args.output:
        raise UsageError("where to? -o FILE ('-' for standard output)")
    _refuse_inputs(args)
    base = load(args.operands[0])
    if base.base is not None:
        raise UsageError(f"{args.operands[0]} is a module: the vmlinux comes first, then its modules")
    inputs = Inputs(args, base)
    merged = merge(
        base,
        inputs,
        names=inputs.names,
        dedup=not args.no_dedup,
        prefer=[_input_name(name, args.operands[0]) for name in args.prefer],
    )
    blob = merged.btf.to_bytes()
    write_atomic(args.output, blob)
    for message in inputs.failures:
        print(f"btfkit: left out: {message}", file=sys.stderr)
    if args.json:
        _print_json(args, inputs, merged, blob)
    elif args.report:
        for line in report_lines(merged):
            print(line, file=sys.stderr)
    if not args.quiet and not args.json:
        for line in _summary(args, inputs, merged, blob):
            print(line, file=sys.stderr)
    return FAILED if inputs.failures else DONE


def _input_name(text: str, vmlinux: str) -> str:
    """The input that is meant by a name, or by the path that it was given by."""
    from btfkit.files.modules import module_name
    from btfkit.passes.merge import BASE

    return BASE if text in (BASE, vmlinux) else module_name(text, underscores=True)


def _refuse_inputs(args: Args) -> None:
    """The output may not take the place of an input."""
    from btfkit.files.modules import module_files

    inputs = [file for path in args.operands if os.path.exists(path) for _, file in module_files(path)]
    refuse_overwriting([args.output], inputs)


# ---- telling -------------------------------------------------------------------------------------------------------


def report_lines(merged: Merged) -> Iterator[str]:
    """Which types share a name, and where each of them comes from."""
    for double in merged.doubles:
        yield printable(f"{double.title}: {len(double.types)} types")
        for origin in double.types:
            yield printable(
                f"  {origin.type_id:>8}  {_described(merged.btf, origin.type_id)}; {_inputs(origin.inputs)}"
            )
    for renamed in merged.renamed:
        yield printable(f"{renamed.name} of {_inputs(renamed.inputs)} is called {renamed.now} now")


def _described(btf: Btf, type_id: int) -> str:
    from btfkit.btf import spec

    kind, size = btf.kind(type_id), btf.word(type_id, 2)
    if kind == spec.TYPEDEF:
        return f"of type {size}"
    count = btf.word(type_id, 1) & spec.MAX_VLEN
    what = {spec.INT: "", spec.FLOAT: ""}.get(kind, f", {count:,} {spec.KINDS[kind].vlen}")
    return f"{size:,} bytes{what}"


def _inputs(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN + 1 else ""
    return ", ".join(names[: SHOWN if more else None]) + more


def _summary(args: Args, inputs: Inputs, merged: Merged, blob: bytes) -> Iterator[str]:
    where = "standard output" if args.output == "-" else args.output
    before, after = sum(merged.before), len(merged.btf.positions)
    modules = f"{len(inputs.names):,} module{'s' * (len(inputs.names) != 1)}"
    of = f"of {before:,} of vmlinux and {modules}" if before != after else f"of vmlinux and {modules}"
    yield printable(f"{where}: {after:,} types {of}, {len(blob):,} bytes")
    if inputs.without:
        yield f"{len(inputs.without):,} files without BTF passed over"
    if merged.renamed:
        yield (
            f"{len(merged.renamed):,} types are not found by their names any more (NAME__MODULE in place of NAME), for "
            f"{', '.join(args.prefer)} {'has' if len(args.prefer) == 1 else 'have'} others of these names"
        )
    yield from _warning(merged.doubles)


def _warning(doubles: tuple[Double, ...]) -> Iterator[str]:
    new = [double for double in doubles if not double.is_of_base]
    old = len(doubles) - len(new)
    if new:
        here = sum(1 for double in new if "vmlinux" in double.types[0].inputs)
        yield (
            f"{len(new):,} names stand for several types (--report lists them), {here:,} of them names of vmlinux: what CO-RE"
            " finds there on vmlinux and modules may be ambiguous on this file (--prefer vmlinux decides)"
        )
    if old:
        yield f"{old:,} names stand for several types of vmlinux itself"


def _print_json(args: Args, inputs: Inputs, merged: Merged, blob: bytes) -> None:
    import json

    report: dict[str, Any] = {
        "schema": SCHEMA,
        "output": args.output,
        "types": len(merged.btf.positions),
        "bytes": len(blob),
        "dedup": merged.report is not None,
        "inputs": [
            {"name": name, "path": path, "types": count}
            for name, path, count in zip(merged.names, (args.operands[0], *inputs.sources), merged.before, strict=True)
        ],
        "duplicates": [
            {
                "kind": double.group,
                "name": double.name,
                "types": [{"id": origin.type_id, "inputs": list(origin.inputs)} for origin in double.types],
            }
            for double in merged.doubles
        ],
        "renamed": [
            {"id": one.type_id, "kind": one.group, "name": one.name, "now": one.now, "inputs": list(one.inputs)}
            for one in merged.renamed
        ],
        "without_btf": inputs.without,
        "left_out": inputs.failures,
    }
    print(json.dumps(report, indent=2), file=sys.stderr if args.output == "-" else sys.stdout)


COMMAND = Command(
    "merge",
    "a vmlinux and its modules as one BTF that stands alone",
    run,
    operands="VMLINUX MODULE...",
    options=(
        OUTPUT,
        Option(
            "--prefer",
            value="NAME",
            many=True,
            help="where types of one name differ, this input's (vmlinux, or a module) keep the name; may be repeated",
        ),
        Option("--no-dedup", help="keep all types, equivalent ones too"),
        Option("--report", help="list the names of several types, with the inputs that each comes from"),
        Option("--keep-going", help="leave bad modules out, and exit with 3"),
        JSON,
    ),
    details="""VMLINUX is a kernel's BTF in any container, MODULE a .ko or raw split BTF, a folder of them, or a tar.

  btfkit merge vmlinux /lib/modules/R -o whole.btf
  btfkit merge vmlinux nf_conntrack.ko xfs.ko -o three.btf --prefer vmlinux

Equivalent types become one; types of one name that differ all stay.  CO-RE looks for a type in vmlinux first and in modules
only where vmlinux has none, but in one file all are candidates: --prefer vmlinux keeps the answers as they were.  Those that are
not preferred stay, since others refer to them, under the name NAME__MODULE.""",
)
