"""`btfkit distill`: give modules a small base of their own, so that their BTF outlives the kernel that they were built with."""

from __future__ import annotations

import sys

from btfkit.cli import DONE, FAILED, batch
from btfkit.cli.options import BASE, JSON, Command, Option, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.cli.options import Args
    from btfkit.co_re.program import BpfObject
    from btfkit.files.rewrite import Ids, ModuleFile
    from btfkit.judges.answers import AnswerDifference
    from btfkit.passes.distill import Distilled

    Job = tuple[str, str, str]

SCHEMA = 1
NOT_FOR_KERNELS = (
    "kernels take names and sizes only, hardly ever a base that tells more: "
    "`btfkit reconcile` the module before it is loaded"
)
_DEFINITIONS = {"distilled": "none", "by-value": "by-value", "full": "full"}
SECTIONS = {"distilled": ".BTF.base", "by-value": ".BTF.base", "full": ".BTF.base_minimal"}


class Common:
    """What all modules of a call have in common, as it goes to each process."""

    __slots__ = ("base", "objects", "only_used", "policy", "section", "strip", "verify")

    def __init__(self, args: Args) -> None:
        self.base: str = args.base
        self.policy: str = args.policy or "distilled"
        self.section: str = args.section or SECTIONS[self.policy]
        self.objects: list[str] = args.used_by
        self.only_used: bool = args.only_used
        self.strip: bool = args.strip_signature
        self.verify: bool = not args.no_verify


class State:
    """`Common`, with the base and the objects read."""

    __slots__ = ("base", "common", "objects")

    def __init__(self, common: Common, base: Btf, objects: list[BpfObject]) -> None:
        self.common = common
        self.base = base
        self.objects = objects


def run(args: Args) -> int:
    """Distill one module, or many, and say what became of them."""
    if not args.base:
        raise UsageError("distilled from what? -B the vmlinux that the modules were built with")
    if args.only_used and not args.used_by:
        raise UsageError("--only-used goes with --used-by")
    plan = batch.plan(args, args.base_out, base_of_output=True)
    common = Common(args)
    tally = batch.collect(
        plan.jobs, plan.doubles, _one, prepare, common, title="distilling", quiet=args.quiet, workers=args.jobs
    )
    to_stdout = any(to == "-" for _, to, _ in plan.jobs)
    if args.json:
        _print_json(tally, common, to=sys.stderr if to_stdout else sys.stdout)
    elif not args.quiet:
        for line in _lines(tally, common, plan.many):
            print(line, file=sys.stderr)
    return FAILED if tally.count(batch.FAILED) else DONE


def prepare(common: Common) -> State:
    """Read what every module needs."""
    from btfkit.btf_file import load
    from btfkit.co_re.program import load_objects

    base = load(common.base)
    return State(common, base, [obj for path in common.objects for obj in load_objects(path)])


# ---- one module ----------------------------------------------------------------------------------------------------


def _one(state: State, job: Job) -> batch.Result:
    from btfkit.errors import NotFoundError
    from btfkit.files.rewrite import open_module
    from btfkit.passes.distill import distill

    path, to, beside = job
    try:
        module = open_module(path)
    except NotFoundError as error:
        return batch.Result(path, batch.WITHOUT, str(error))
    if (before := module.base_section()) is not None:
        return _has_one(job, before[0])
    if not len(module.container.btf):
        return batch.Result(path, batch.WITHOUT, f"{path}: an empty .BTF section")
    split = _split(module, state.base)
    keep = "used" if state.common.only_used else "all"
    result = distill(split, state.common.policy, used_by=state.objects, keep=keep)
    if state.common.verify:
        _prove(split, result, state)
    contents, ids = _contents(module, result, state.common, to, beside)
    batch.write(contents)
    return batch.Result(path, batch.DONE, facts=_facts(module, result, ids, contents))


def _has_one(job: Job, section: str) -> batch.Result:
    """A module that is distilled already: nothing to do in place; elsewhere it is not what was asked for."""
    from btfkit.errors import UnsupportedError

    path, to, _ = job
    if path == to:
        return batch.Result(path, batch.SAME, f"{path}: distilled already ({section})")
    raise UnsupportedError(f"distilled already ({section}): `btfkit reconcile` puts it on a kernel", source=path)


def _split(module: ModuleFile, base: Btf) -> Btf:
    """The module's BTF on the kernel's; raises ChainError, with the signs, where that is not the one it was built with."""
    from btfkit.errors import ChainError, FormatError
    from btfkit.files.load import from_container
    from btfkit.judges.on_kernel import examine

    try:
        return from_container(module.container, base)
    except (ChainError, FormatError) as error:
        found = examine(bytes(module.container.btf), base, module.source)
        if found.unreadable or not found.count:
            raise error.at(module.source) from None
        raise ChainError(
            f"not built on {base.source or 'this base'}: {found}; -B has to be the vmlinux that the module was built with",
            source=module.source,
        ) from None


def _prove(split: Btf, result: Distilled, state: State) -> None:
    """Raise VerificationError where the result does not mean what the input did, or does not answer as it did."""
    from btfkit.cli.reconcile import VerificationError
    from btfkit.judges.reconciled import compare

    wrong: list[object] = []
    if not state.common.only_used:
        # the kernel's base tells all elements; which of them the new one has to tell as well, the policy says
        policy = state.common.policy
        wrong += compare(split, result.btf, contents="none", definitions=_DEFINITIONS[policy]).differences
    if state.objects:
        wrong += _answered_otherwise(split, result, state.objects)
    if wrong:
        raise VerificationError(
            f"not written, for it would mean something else: {wrong[0]} (a bug of btfkit; please report it)",
            source=split.source,
        )


def _answered_otherwise(split: Btf, result: Distilled, objects: list[BpfObject]) -> list[AnswerDifference]:
    """The relocations of `objects` that are answered otherwise than on the kernel's base."""
    from btfkit.co_re.relocate import relocate
    from btfkit.co_re.target import Target
    from btfkit.judges.answers import compare

    original = Target(split.chain[0], split.chain[1:])
    return compare(objects, relocate(objects, original), original, Target(result.base, [result.btf])).differences


def _contents(
    module: ModuleFile, result: Distilled, common: Common, to: str, beside: str
) -> tuple[dict[str, bytes], Ids | None]:
    """The files to write, by path; and what became of `.BTF_ids`."""
    from btfkit.errors import UnsupportedError
    from btfkit.files.rewrite import IDS, packings_for, translated_ids

    base, blob = result.base.to_bytes(), result.btf.to_bytes()
    packings = packings_for(to, module.packings)
    if module.elf is None:
        if not beside:
            raise UnsupportedError("raw BTF becomes two files: say --base-out BASE", source=module.source)
        return {beside: base, to: module.packed(blob, packings)}, None
    sections: dict[str, bytes] = {".BTF": blob, common.section: base}
    ids = translated_ids(module.elf, lambda old, kind, name: result.ids[old])
    if ids is not None:
        sections[IDS] = ids.content
    new = module.rewritten(sections, strip_signature=common.strip, packings=packings)
    return {to: new}, ids


def _facts(module: ModuleFile, result: Distilled, ids: Ids | None, contents: dict[str, bytes]) -> dict[str, Any]:
    types, sizes = result.report.types, result.report.bytes
    facts: dict[str, Any] = {
        "output": list(contents)[-1],
        "types": types["split"],
        "moved": types["moved"],
        "base_types": types["base"],
        "base_bytes": sizes["base"],
        "bytes_before": sizes["split"],
        "bytes": sizes["distilled"],
        "signature_stripped": bool(module.signature),
    }
    if len(contents) > 1:
        facts["base_output"] = next(iter(contents))
    declarations = result.report.declarations
    if declarations:
        facts["declarations_copied"] = len(declarations)
    if ids is not None and ids.lost:
        facts["ids_lost"] = list(ids.lost)
    return facts


# ---- telling -------------------------------------------------------------------------------------------------------


def _lines(tally: batch.Tally, common: Common, many: bool) -> Iterator[str]:
    from btfkit.errors import printable

    done = tally.of(batch.DONE)
    if many:
        yield from _summary(tally, common)
        return
    for result in done:
        facts = result.facts
        where = f" in {common.section}" if "base_output" not in facts else f" in {facts['base_output']}"
        yield printable(
            f"{result.path}: {facts['types']:,} types; its base is now {facts['base_types']:,} types,"
            f" {facts['base_bytes']:,} bytes{where}, in place of {common.base}"
        )
        if facts["signature_stripped"]:
            yield "the signature was taken off: it did not hold any more; sign the module again where kernels demand it"
        if common.policy != "distilled":
            yield NOT_FOR_KERNELS
        yield from (printable(line) for line in _notes(facts))
    for result in tally.of(batch.SAME) + tally.of(batch.WITHOUT):
        yield printable(result.text)


def _notes(facts: dict[str, Any]) -> Iterator[str]:
    if lost := facts.get("ids_lost"):
        yield (
            f"of .BTF_ids, {', '.join(lost[:3])}{'...' if len(lost) > 3 else ''}: types of the kernel that the module's BTF does"
            " not refer to, 0 until `btfkit reconcile` finds them by name"
        )


def _summary(tally: batch.Tally, common: Common) -> Iterator[str]:
    done = tally.count(batch.DONE)
    parts = [f"{done:,} modules distilled"]
    if done:
        types, size = tally.sum("base_types") / done, tally.sum("base_bytes") / done
        parts[0] += f" ({common.policy}; a base of {types:,.1f} types, {size:,.0f} bytes on average)"
    signed = tally.sum("signature_stripped")
    if signed:
        parts.append(f"{signed:,} signatures taken off")
    for status, text in ((batch.SAME, "distilled already"), (batch.WITHOUT, "without BTF"), (batch.FAILED, "failed")):
        if tally.count(status):
            parts.append(f"{tally.count(status):,} {text}")
    yield ", ".join(parts)
    lost = sum(1 for result in tally.by_status[batch.DONE] if "ids_lost" in result.facts)
    if lost:
        yield f"{lost:,} with types in .BTF_ids that their BTF does not refer to: 0 until `btfkit reconcile` finds them by name"


def _print_json(tally: batch.Tally, common: Common, *, to: Any) -> None:
    import json

    report = {
        "schema": SCHEMA,
        "base": common.base,
        "policy": common.policy,
        "section": common.section,
        "modules": [{"path": result.path, **result.facts} for result in tally.of(batch.DONE)],
        "distilled_already": [result.path for result in tally.of(batch.SAME)],
        "without_btf": [result.path for result in tally.of(batch.WITHOUT)],
        "failed": [{"path": result.path, "error": result.text} for result in tally.of(batch.FAILED)],
    }
    print(json.dumps(report, indent=2), file=to)


COMMAND = Command(
    "distill",
    "give modules a small base, so that their BTF outlives kernel updates",
    run,
    operands="MODULE...",
    options=(
        BASE,
        batch.MODULES_OUT,
        batch.IN_PLACE,
        Option("--base-out", value="FILE", help="for raw BTF: where the distilled base goes (else OUT.base)"),
        Option(
            "--policy",
            value="POLICY",
            choices=tuple(SECTIONS),
            help="what the base tells of the kernel's types: distilled (names and sizes, the default), by-value (also"
            " definitions of all that the module holds by value), full (of all that it can reach)",
        ),
        Option("--section", value="NAME", help="the section of the base (.BTF.base; full: .BTF.base_minimal)"),
        Option("--used-by", value="OBJECT", many=True, help="keep also what this BPF object's relocations read"),
        Option("--only-used", help="with --used-by: keep nothing else"),
        batch.STRIP,
        batch.NO_VERIFY,
        batch.JOBS,
        JSON,
    ),
    details="""MODULE is a .ko (packed or not), raw split BTF, or a folder of them; -B is the vmlinux that it was built with.

  btfkit distill my.ko -B vmlinux --in-place         as kbuild does it for external modules since Linux 6.11
  btfkit distill -B vmlinux /lib/modules/R -o out    a whole folder; the files keep their places
  btfkit distill my.btf -B vmlinux -o my.split --base-out my.base

Then `btfkit reconcile` puts the module on any kernel, and `btfkit explain` says what a kernel makes of it.""",
)
