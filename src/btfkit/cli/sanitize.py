"""`btfkit sanitize`: rewrite BTF for older kernels and tools, and report what is lost."""

from __future__ import annotations

from btfkit.cli import DIFFERS, file_work
from btfkit.cli import DONE as EXIT_DONE
from btfkit.cli.options import BASE, JOBS, JSON, Command, Option, UsageError
from btfkit.errors import UnsupportedError
from btfkit.file_ops.operation import DONE, FAILED, WITHOUT
from btfkit.file_ops.sanitize import LostFeature, SanitizedFile, SanitizeFiles
from btfkit.files.write import write_all
from btfkit.passes.features import FEATURES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.cli.options import Args
    from btfkit.work.files import Tally

LISTS = {"files": DONE, "without_btf": WITHOUT}
ITS_BASE = "its base sanitized the same way (--base-out writes that)"


def run(args: Args) -> int:
    """Sanitize one file, or many, and report what became of them."""
    if args.base_out and not args.base:
        raise UsageError("--base-out goes with -B")
    operation = _operation(args)
    plan = file_work.plan(args, operation, outputs=[args.base_out])
    tally = file_work.run(args, operation, plan, "sanitizing")
    base = operation.sanitized_base() if args.base_out else None
    if base is not None:
        write_all({args.base_out: base.btf.to_bytes()})
    head = {"schema": 1, "for": operation.target, "without": operation.without, "base": args.base}
    whom = f" for {operation.target}" if operation.target else ""
    lines = _summary(tally, whom) if plan.many else _lines(tally, whom)
    status = file_work.report(args, plan, tally, lambda: head | file_work.records(tally, LISTS), lines)
    refused = any(record.refused for record in _records(tally))
    return DIFFERS if status == EXIT_DONE and refused else status


def _operation(args: Args) -> SanitizeFiles:
    """The operation, with the features that are to go: by --for and by name."""
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


def _records(tally: Tally) -> Iterator[SanitizedFile]:
    for result in tally.of(DONE):
        assert isinstance(result.record, SanitizedFile)
        yield result.record


def _lines(tally: Tally, whom: str) -> Iterator[str]:
    for record in _records(tally):
        what = "" if record.lost else "; nothing had to change"
        yield f"{file_work.where(record.output)}: {record.types:,} types{whom}, {record.bytes:,} bytes{what}"
        yield from map(_loss, record.lost)
        if record.base_changed:
            yield f"it belongs to {ITS_BASE}"
        yield from file_work.notes(record)
        for text in record.refused[:5]:
            yield f"{whom.removeprefix(' for ')} would still refuse it: {text}"


def _loss(loss: LostFeature) -> str:
    row = next(feature for feature in FEATURES if feature.name == loss.feature)
    examples = f" ({', '.join(loss.examples)}{', ...' if loss.types > len(loss.examples) else ''})"
    lost = f"; lost: {row.lost}" if row.lost else ""
    return f"  {loss.types:,} x {row.what}{examples if loss.examples else ''}: now {row.becomes}{lost}"


def _summary(tally: Tally, whom: str) -> Iterator[str]:
    counts: dict[str, int] = {}
    for record in _records(tally):
        for loss in record.lost:
            counts[loss.feature] = counts.get(loss.feature, 0) + loss.types
    first = f"{tally.count(DONE):,} files sanitized{whom}"
    yield file_work.counted(first, tally, {WITHOUT: "without BTF", FAILED: "failed"})
    for feature in FEATURES:
        if feature.name in counts:
            yield _loss(LostFeature(feature=feature.name, types=counts[feature.name], examples=[]))
    if any(record.base_changed for record in _records(tally)):
        yield f"they belong to {ITS_BASE}"


COMMAND = Command(
    "sanitize",
    "rewrite BTF for older kernels and tools",
    run,
    operands="FILE...",
    options=(
        Option("--for", value="VERSION", help="who is to read it: a kernel (5.10), libbpf:0.6 or bpftool:7.1"),
        *(Option(f"--no-{feature.name}", help=f"{feature.what}: {feature.becomes}") for feature in FEATURES),
        BASE,
        Option("--base-out", value="FILE", help="with -B: where the base goes, sanitized the same way"),
        file_work.MODULES_OUT,
        file_work.IN_PLACE,
        file_work.STRIP,
        JOBS,
        JSON,
    ),
    details="""FILE is BTF in any container.  Raw BTF, BPF objects and modules come out as the same file with other BTF in it, of
a kernel's file the raw BTF comes out.  Unsupported kinds are replaced in place, so ids stay; losses are reported.  Exit
status 1: a kernel of that version would still refuse it.

  btfkit sanitize vmlinux -o old.btf --for 5.10
  btfkit sanitize prog.bpf.o -o old.bpf.o --for libbpf:0.6
  btfkit sanitize vmlinux -o plain.btf --no-enum64 --no-decl-tag --no-type-tag""",
)
