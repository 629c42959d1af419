"""A module on many kernels: which of them accept its BTF, as it is and after it is reconciled."""

from __future__ import annotations

import os

from btfkit.btf_file import load
from btfkit.errors import ChainError, FormatError, NotFoundError, counted, printable
from btfkit.file_ops.module_on_kernel import IGNORES, NONE, REFUSES, TAKES, WRONG, judge, read_module, summary
from btfkit.file_ops.operation import DONE, FAILED, WITHOUT, FileJob, FileResult
from btfkit.file_ops.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.file_ops.module_on_kernel import Module
    from btfkit.work.files import Plan

SIZE = 1  # kernels that a process takes at a time
ALONE = 3  # kernels below which starting processes does not pay

_WORDS = {
    TAKES: "accepts it",
    REFUSES: "rejects it",
    WRONG: "accepts it, wrong",
    NONE: "no BTF",
    IGNORES: "ignores it",
}


class ModuleOnKernel(Record):
    """The verdict of one kernel on the module, as it is and after `btfkit reconcile`."""

    kernel: str
    path: str
    verdict: str
    reason: str | None
    knows: str
    after_reconcile: bool | None
    reconcile_reason: str | None


class OnKernels:
    """The work: the module is read once, and judged on each kernel."""

    def __init__(self, module: tuple[str, str | None, str | None], tree: str) -> None:
        self.module = module
        self.tree = tree

    def prepare(self) -> Module:
        return read_module(*self.module)

    def run(self, module: Module, job: FileJob) -> FileResult:
        try:
            new = load(job.path)
        except (NotFoundError, ChainError, FormatError) as error:  # no BTF in it, a module's, or not a kernel at all
            return FileResult(job.path, WITHOUT, str(error))
        answer = judge(module, new)
        record = ModuleOnKernel(
            kernel=_label(os.path.relpath(job.path, self.tree)),
            path=job.path,
            verdict=answer.verdict,
            reason=answer.reason or None,
            knows=answer.knows,
            after_reconcile=answer.can_reconcile,
            reconcile_reason=summary(answer.strict) if answer.strict else None,
        )
        return FileResult(job.path, DONE, record=record)


def plan_kernels(tree: str) -> Plan:
    """The kernels below `tree` as jobs of `OnKernels`."""
    from btfkit.fleet.tree import find_kernels
    from btfkit.work.files import Plan

    found = find_kernels([tree], heed_markers=False)
    problems = [FileResult(path, FAILED, f"{printable(path)}: {text}") for path, text in found.problems]
    return Plan([FileJob(path, "") for path in sorted(kernel.source for kernel in found.kernels)], problems, True)


def explain_on_kernels(
    module: str,
    tree: str,
    *,
    built_with: str | None = None,
    distilled_base: str | None = None,
    workers: int | None = None,
) -> list[ModuleOnKernel]:
    """The verdict of each kernel below the directory `tree` on `module`, a file, by the kernels' paths.

    `built_with` and `distilled_base` are those of `explain`; files that cannot be read, or without a kernel's BTF, are skipped.
    The work is done by `workers` processes (None: one per CPU).
    """
    from btfkit.work.files import run_plan

    work = OnKernels((module, distilled_base, built_with), tree)
    tally = run_plan(work, plan_kernels(tree), workers=workers, size=SIZE, alone=ALONE)
    return [result.record for result in tally.of(DONE) if isinstance(result.record, ModuleOnKernel)]


def _label(name: str) -> str:
    for suffix in (".gz", ".xz", ".zst", ".bz2", ".lz4", ".tar", ".btf"):
        name = name.removesuffix(suffix)
    return name


def table(rows: Sequence[ModuleOnKernel], tree: str) -> Iterator[str]:
    """A line for each kernel, and the totals."""
    if not rows:
        yield f"no kernel with BTF below {tree}"
        return
    is_distilled = any(row.after_reconcile is not None for row in rows)
    width = max(len(row.kernel) for row in rows)
    yield f"{'kernel'.ljust(width)}  {'as it is'.ljust(17)}  {'after btfkit reconcile' if is_distilled else 'why'}"
    for row in rows:
        after = row.reason or ""
        if is_distilled:
            after = "fits" if row.after_reconcile else f"does not fit: {row.reconcile_reason}"
        yield f"{row.kernel.ljust(width)}  {_WORDS[row.verdict].ljust(17)}  {after}".rstrip()
    taking = sum(1 for row in rows if row.verdict == TAKES)
    yield f"{taking:,} of {counted(len(rows), 'kernel')} accept it as it is" + (
        f", {sum(1 for row in rows if row.after_reconcile):,} after `btfkit reconcile`" if is_distilled else ""
    )
    if is_distilled:
        yield "(BTF does not state the architecture: kernels of another one may be among those that fit.)"
