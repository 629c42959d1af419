"""`btfkit sanitize`: BTF for kernels and tools that do not know all of it, and what is lost."""

from __future__ import annotations

import sys

from btfkit.cli import DIFFERS, DONE, FAILED, batch
from btfkit.cli.options import BASE, JSON, Command, Option, UsageError
from btfkit.errors import UnsupportedError
from btfkit.passes.features import FEATURES, NAMES, Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.cli.options import Args
    from btfkit.passes.sanitize import Loss, Sanitized

    Job = tuple[str, str, str]

SCHEMA = 1
JUDGED = 20_000  # own types up to which the rules of the kernel that is meant are asked


class Common:
    """What all files of a call have in common, as it goes to each process."""

    __slots__ = ("base", "strip", "target", "without")

    def __init__(self, args: Args, without: list[str]) -> None:
        self.base: str | None = args.base
        self.target: str | None = getattr(args, "for")
        self.without = without
        self.strip: bool = args.strip_signature


class State:
    """`Common`, with the base read and sanitized."""

    __slots__ = ("base", "common")

    def __init__(self, common: Common) -> None:
        from btfkit.btf_file import load
        from btfkit.passes.sanitize import sanitize

        self.common = common
        self.base: Sanitized | None = None
        if common.base:
            self.base = sanitize(load(common.base), common.without)


def run(args: Args) -> int:
    """Sanitize one file, or many, and say what became of them."""
    without = _without(args)
    if args.base_out and not args.base:
        raise UsageError("--base-out goes with -B")
    plan = batch.plan(args, None, base_of_output=False)
    common = Common(args, without)
    tally = batch.collect(
        plan.jobs, plan.doubles, _one, State, common, title="sanitizing", quiet=args.quiet, workers=args.jobs
    )
    base = State(common).base if args.base_out else None
    if base is not None:
        batch.write({args.base_out: base.btf.to_bytes()})
    if not plan.many:
        for result in tally.of(batch.WITHOUT):
            print(f"btfkit: {result.text}", file=sys.stderr)
    if args.json:
        _print_json(tally, common, to=sys.stderr if args.output == "-" else sys.stdout)
    elif not args.quiet:
        for line in _lines(tally, common, plan.many):
            print(line, file=sys.stderr)
    if tally.count(batch.FAILED) or (not plan.many and tally.count(batch.WITHOUT)):
        return FAILED
    return DIFFERS if any(result.facts["refused"] for result in tally.of(batch.DONE)) else DONE


def _without(args: Args) -> list[str]:
    """The features that are to go: by --for and by name."""
    wanted = [name for name in NAMES if getattr(args, "no_" + name.replace("-", "_"))]
    text = getattr(args, "for")
    if not text and not wanted:
        raise UsageError("for whom? --for 5.10, --for libbpf:0.6, or what is to go, such as --no-enum64")
    try:
        return [name for name in NAMES if name in wanted or (text and name in Target(text).missing())]
    except UnsupportedError as error:
        raise UsageError(error.message) from None


# ---- one file ------------------------------------------------------------------------------------------------------


def _one(state: State, job: Job) -> batch.Result:
    from btfkit.cli.batch import open_file
    from btfkit.errors import NotFoundError
    from btfkit.passes.sanitize import sanitize

    path, to, _ = job
    try:
        container, module = open_file(path)
    except NotFoundError as error:
        return batch.Result(path, batch.WITHOUT, str(error))
    if not len(container.btf):
        return batch.Result(path, batch.WITHOUT, f"{path}: an empty .BTF section")
    from btfkit.btf_file import load
    from btfkit.files.load import from_container
    from btfkit.passes.attach import distilled_base

    common = state.common
    own = distilled_base(container)
    given = state.base.of if state.base is not None else None
    btf = from_container(container, own or given) if own or given is not None else load(container)
    shared = state.base if own is None and state.base is not None else None
    result = sanitize(btf, common.without, base=shared)
    contents = {to: _content(container, module, btf, result, common, to, own)}
    batch.write(contents)
    facts = {
        "output": to,
        "types": len(result.btf.positions),
        "bytes": len(result.btf.blob),
        "lost": _lost(result.lost),
        "base_changed": _changed(result.base),
        "signature_stripped": bool(module is not None and module.signature),
        "unpacked": module is None and container.layers != ("raw",),
        "refused": _refused(result.btf, common),
    }
    return batch.Result(path, batch.DONE, facts=facts)


def _content(
    container: Any, module: Any, btf: Btf, result: Sanitized, common: Common, to: str, own: Btf | None
) -> bytes:
    """The file: the input with its BTF exchanged, and what names types by id where that has moved; or raw BTF."""
    from btfkit.files.rewrite import packings_for, renumbered

    blob = result.btf.to_bytes()
    if module is None:
        return blob
    packings = packings_for(to, module.packings)
    if module.elf is None:
        packed: bytes = module.packed(blob, packings)
        return packed
    sections: dict[str, bytes | memoryview | None] = {".BTF": blob}
    if result.base is not None and result.base.moves:
        sections |= renumbered(container, len(btf), result.ids.translate())
    if own is not None and result.base is not None:
        found = module.base_section()
        sections[found[0]] = result.base.btf.to_bytes()
    written: bytes = module.rewritten(sections, strip_signature=common.strip, packings=packings)
    return written


def _lost(losses: tuple[Loss, ...]) -> list[dict[str, Any]]:
    return [{"feature": loss.feature, "types": loss.count, "examples": loss.examples} for loss in losses]


def _changed(base: Sanitized | None) -> bool:
    """Whether the result belongs to a base that has other bytes than the one that was given."""
    return base is not None and (bool(base.lost) or _changed(base.base))


def _refused(btf: Btf, common: Common) -> list[str]:
    """What the kernel that is meant would still say, for BTF of a program's size."""
    target = Target(common.target) if common.target else None
    if target is None or target.kernel is None or len(btf.positions) > JUDGED or btf.base is not None:
        return []
    from btfkit.judges.kernel import UNSIZED_SECTION, kernel_rules

    found = kernel_rules(btf, release=target.kernel)
    return [str(finding) for finding in found if finding.severity == "error" and finding.rule != UNSIZED_SECTION]


# ---- telling -------------------------------------------------------------------------------------------------------


def _lines(tally: batch.Tally, common: Common, many: bool) -> Iterator[str]:
    from btfkit.errors import printable

    whom = f" for {common.target}" if common.target else ""
    if many:
        yield from _summary(tally, whom)
        return
    for result in tally.of(batch.DONE):
        facts = result.facts
        where = "standard output" if facts["output"] == "-" else facts["output"]
        what = "" if facts["lost"] else "; nothing had to change"
        yield printable(f"{where}: {facts['types']:,} types{whom}, {facts['bytes']:,} bytes{what}")
        for loss in facts["lost"]:
            yield printable(_told(loss))
        if facts["unpacked"]:
            yield printable(f"{where} is the BTF alone: what it came in is not written anew")
        if facts["base_changed"]:
            yield "it belongs to its base sanitized the same way (--base-out writes that)"
        if facts["signature_stripped"]:
            yield "the signature was taken off: it did not hold any more; sign the module again where kernels demand it"
        for text in facts["refused"][:5]:
            yield printable(f"{common.target} would still refuse it: {text}")


def _told(loss: dict[str, Any]) -> str:
    row = next(feature for feature in FEATURES if feature.name == loss["feature"])
    examples = f" ({', '.join(loss['examples'])}{', ...' if loss['types'] > len(loss['examples']) else ''})"
    lost = f"; lost: {row.lost}" if row.lost else ""
    return f"  {loss['types']:,} x {row.what}{examples if loss['examples'] else ''}: now {row.becomes}{lost}"


def _summary(tally: batch.Tally, whom: str) -> Iterator[str]:
    done = tally.of(batch.DONE)
    counts: dict[str, int] = {}
    for result in done:
        for loss in result.facts["lost"]:
            counts[loss["feature"]] = counts.get(loss["feature"], 0) + loss["types"]
    parts = [f"{len(done):,} files sanitized{whom}"]
    for status, text in ((batch.WITHOUT, "without BTF"), (batch.FAILED, "failed")):
        if tally.count(status):
            parts.append(f"{tally.count(status):,} {text}")
    yield ", ".join(parts)
    for row in FEATURES:
        if row.name in counts:
            yield _told({"feature": row.name, "types": counts[row.name], "examples": []})
    if any(result.facts["base_changed"] for result in done):
        yield "they belong to their base sanitized the same way (--base-out writes that)"


def _print_json(tally: batch.Tally, common: Common, *, to: Any) -> None:
    import json

    report = {
        "schema": SCHEMA,
        "for": common.target,
        "without": common.without,
        "base": common.base,
        "files": [{"path": result.path, **result.facts} for result in tally.of(batch.DONE)],
        "without_btf": [result.path for result in tally.of(batch.WITHOUT)],
        "failed": [{"path": result.path, "error": result.text} for result in tally.of(batch.FAILED)],
    }
    print(json.dumps(report, indent=2), file=to)


COMMAND = Command(
    "sanitize",
    "BTF for kernels and tools that do not know all of it",
    run,
    operands="FILE...",
    options=(
        Option("--for", value="VERSION", help="who is to read it: a kernel (5.10), libbpf:0.6 or bpftool:7.1"),
        *(Option(f"--no-{feature.name}", help=f"{feature.what}: {feature.becomes}") for feature in FEATURES),
        BASE,
        Option("--base-out", value="FILE", help="with -B: where the base goes, sanitized the same way"),
        batch.MODULES_OUT,
        batch.IN_PLACE,
        batch.STRIP,
        batch.JOBS,
        JSON,
    ),
    details="""FILE is BTF in any container.  Raw BTF, BPF objects and modules come out as the same file with other BTF in it, of
a kernel's file the raw BTF comes out.  What is not known becomes something older in its place, so ids stay; what was lost is
said.  Exit status 1: a kernel of that version would still refuse it.

  btfkit sanitize vmlinux -o old.btf --for 5.10
  btfkit sanitize prog.bpf.o -o old.bpf.o --for libbpf:0.6
  btfkit sanitize vmlinux -o plain.btf --no-enum64 --no-decl-tag --no-type-tag""",
)
