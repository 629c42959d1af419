"""`btfkit sanitize`: rewrite BTF for older kernels and tools, and report what is lost."""

from __future__ import annotations

from btfkit.cli import DIFFERS, file_work
from btfkit.cli import DONE as EXIT_DONE
from btfkit.cli.options import Command, Option, UsageError
from btfkit.errors import UnsupportedError, counted, printable, shortened
from btfkit.file_ops.operation import DONE, FAILED, WITHOUT
from btfkit.file_ops.sanitize import LostFeature, SanitizedFile, SanitizeFiles
from btfkit.files.write import write_all
from btfkit.passes.features import BY_NAME, FEATURES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.cli.options import Args
    from btfkit.work.files import Tally

LISTS = {"files": DONE, "without_btf": WITHOUT}
ITS_BASE = "the base sanitized in the same way (use --base-out)"


def run(args: Args) -> int:
    """Sanitize one file, or many, and report the results."""
    if args.base_out and not args.base:
        raise UsageError("--base-out needs -B")
    operation = _operation(args)
    plan = file_work.plan(args, operation, outputs=[args.base_out])
    tally = file_work.run(args, operation, plan, "sanitizing")
    base = operation.sanitized_base() if args.base_out else None
    if base is not None:
        write_all({args.base_out: base.btf.to_bytes()})
    head = {"for": operation.target, "without": operation.without, "base": args.base}
    target = f" for {operation.target}" if operation.target else ""
    lines = _summary(tally, target) if plan.many else _lines(tally, target)
    status = file_work.report(args, plan, tally, head, LISTS, lines)
    refused = any(record.refused for record in tally.records(SanitizedFile))
    return DIFFERS if status == EXIT_DONE and refused else status


def _operation(args: Args) -> SanitizeFiles:
    """The operation, with the features to remove: by --for and by name."""
    wanted = [feature.name for feature in FEATURES if getattr(args, "no_" + feature.name.replace("-", "_"))]
    target = getattr(args, "for")
    if not target and not wanted:
        raise UsageError(
            "no target: use --for 5.10 or --for libbpf:0.6, or name a feature to remove, such as --no-enum64"
        )
    try:
        return SanitizeFiles(target, args.base, without=wanted, strip_signature=args.strip_signature)
    except UnsupportedError as error:
        raise UsageError(error.message) from None


def _lines(tally: Tally, target: str) -> Iterator[str]:
    for record in tally.records(SanitizedFile):
        what = "" if record.lost else "; nothing to change"
        yield f"{file_work.where(record.output)}: {counted(record.types, 'type')}{target}, {record.bytes:,} bytes{what}"
        yield from map(_loss, record.lost)
        if record.base_changed:
            yield f"it needs {ITS_BASE}"
        yield from file_work.notes(record)
        for text in record.refused[:5]:
            yield f"{target.removeprefix(' for ')} would still reject it: {text}"


def _loss(loss: LostFeature) -> str:
    row = BY_NAME[loss.feature]
    names = ", ".join(printable(shortened(name)) for name in loss.examples)
    examples = f" ({names}{', ...' if loss.types > len(loss.examples) else ''})"
    lost = f"; lost: {row.lost}" if row.lost else ""
    return f"  {loss.types:,} x {row.what}{examples if loss.examples else ''}: now {row.becomes}{lost}"


def _summary(tally: Tally, target: str) -> Iterator[str]:
    counts: dict[str, int] = {}
    for record in tally.records(SanitizedFile):
        for loss in record.lost:
            counts[loss.feature] = counts.get(loss.feature, 0) + loss.types
    first = f"{counted(tally.count(DONE), 'file')} sanitized{target}"
    yield file_work.totals(first, tally, {WITHOUT: "without BTF", FAILED: "failed"})
    for feature in FEATURES:
        if feature.name in counts:
            yield _loss(LostFeature(feature=feature.name, types=counts[feature.name], examples=[]))
    if any(record.base_changed for record in tally.records(SanitizedFile)):
        yield f"they need {ITS_BASE}"


COMMAND = Command(
    "sanitize",
    "rewrite BTF for older kernels and tools",
    run,
    operands="FILE...",
    options=file_work.rewriting(
        Option("--for", value="VERSION", help="the kernel (5.10) or tool (libbpf:0.6, bpftool:7.1) that will read it"),
        *(Option(f"--no-{feature.name}", help=f"{feature.what}: {feature.becomes}") for feature in FEATURES),
        Option("--base-out", value="FILE", help="with -B: the file for the base, sanitized in the same way"),
        proves=False,
    ),
    details="""FILE is BTF in any container.  Raw BTF, BPF objects and modules are rewritten with the new BTF; for a kernel file,
the output is raw BTF.  Unsupported kinds are replaced in place, so ids stay the same; losses are reported.  Exit status 1: a
kernel of that version would still reject it.

  btfkit sanitize vmlinux -o old.btf --for 5.10
  btfkit sanitize prog.bpf.o -o old.bpf.o --for libbpf:0.6
  btfkit sanitize vmlinux -o plain.btf --no-enum64 --no-decl-tag --no-type-tag""",
)
