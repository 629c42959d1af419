"""`btfkit reconcile`: put modules that were distilled on the kernel that is to load them, and prove it."""

from __future__ import annotations

from btfkit.cli import DONE, FAILED, batch
from btfkit.cli.options import BASE, JSON, Command, Option, UsageError
from btfkit.errors import BtfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.cli.options import Args
    from btfkit.files.rewrite import Ids, ModuleFile
    from btfkit.passes.rebase import NameIndex
    from btfkit.passes.reconcile import Misfit, Reconciled

    Job = tuple[str, str, str]

SCHEMA = 1
OTHER = {"strict": "upstream", "upstream": "strict"}
_TAGS = ("func", "struct", "union", "typedef")


class VerificationError(BtfError):
    """The output would mean something else than the input."""


class Common:
    """What all modules of a call have in common, as it goes to each process."""

    __slots__ = ("base", "distilled", "rules", "section", "strip", "verify")

    def __init__(self, args: Args) -> None:
        self.base: str = args.base
        self.distilled: str | None = args.distilled_base
        self.rules: str = args.rules or "strict"
        self.section: str | None = args.section
        self.strip: bool = args.strip_signature
        self.verify: bool = not args.no_verify


class State:
    """`Common`, with the new base read and indexed."""

    __slots__ = ("common", "index")

    def __init__(self, common: Common, index: NameIndex) -> None:
        self.common = common
        self.index = index


def run(args: Args) -> int:
    """Reconcile one module, or many, and say what became of them."""
    if not args.base:
        raise UsageError("with which kernel? -B its vmlinux")
    plan = batch.plan(args, args.distilled_base, base_of_output=False)
    common = Common(args)
    tally = batch.collect(
        plan.jobs, plan.doubles, _one, prepare, common, title="reconciling", quiet=args.quiet, workers=args.jobs
    )
    batch.report(
        plan, tally, args, lambda to: _print_json(tally, common, to=to), lambda: _lines(tally, common, plan.many)
    )
    alone = not plan.many and tally.count(batch.WITHOUT)
    return FAILED if tally.count(batch.FAILED) or alone else DONE


def prepare(common: Common) -> State:
    """Read and index the new base."""
    from btfkit.btf_file import load
    from btfkit.passes.rebase import NameIndex

    return State(common, NameIndex(load(common.base)))


# ---- one module ----------------------------------------------------------------------------------------------------


def _one(state: State, job: Job) -> batch.Result:
    from btfkit.errors import NotFoundError, printable
    from btfkit.files.load import from_container
    from btfkit.files.rewrite import open_module
    from btfkit.passes.reconcile import ReconcileError, reconcile

    path, to, beside = job
    try:
        module = open_module(path)
    except NotFoundError as error:
        return batch.Result(path, batch.WITHOUT, str(error))
    found = _distilled(module, state.common, beside)
    if found is None:
        hint = (
            "no .BTF.base section"
            if module.elf is not None
            else "raw BTF, and no file with its base (--distilled-base)"
        )
        text = f"{path}: {hint}; `btfkit distill` makes it, with the vmlinux that the module was built with"
        return batch.Result(path, batch.WITHOUT, printable(text))
    section, base = found
    split = from_container(module.container, base)
    rules = state.common.rules
    try:
        result = reconcile(split, state.index, rules)
    except ReconcileError as error:
        facts = _refusal(error.findings, _by_rules(split, state.index, OTHER[rules]), rules)
        return batch.Result(path, batch.FAILED, str(error.at(path)) + _differ(facts), facts)
    if state.common.verify:
        _prove(split, result)
    others = _by_rules(split, state.index, OTHER[rules])
    contents, ids = _contents(module, result, state, to, section)
    batch.write(contents)
    return batch.Result(path, batch.DONE, facts=_facts(module, result, ids, others, contents, rules))


def _distilled(module: ModuleFile, common: Common, beside: str) -> tuple[str, Btf] | None:
    """The distilled base of a module, and the section that it is in ("": a file of its own); None where there is none."""
    import os

    from btfkit.btf.btf import Btf
    from btfkit.btf_file import load

    if common.distilled or (module.elf is None and beside and os.path.exists(beside)):
        return "", load(common.distilled or beside)
    if module.elf is None:
        return None
    found = module.base_section()
    if common.section:
        section = module.elf.section(common.section)
        found = (common.section, module.elf.data(section)) if section is not None else None
    if found is None:
        return None
    source = f"{module.source} ({found[0]})"
    return found[0], Btf.from_bytes(bytes(found[1]), source=source, pointer_size=module.container.pointer_size)


def _by_rules(split: Btf, index: NameIndex, rules: str) -> Sequence[Misfit]:
    """What the other rules find wrong: nothing where they take the module."""
    from btfkit.passes.reconcile import ReconcileError, reconcile

    try:
        reconcile(split, index, rules)
    except ReconcileError as error:
        return error.findings
    return ()


def _prove(split: Btf, result: Reconciled) -> None:
    """Raise VerificationError where the result does not mean what the input did, found out by other code."""
    from btfkit.judges.reconciled import compare

    comparison = compare(split, result.btf)
    if comparison:
        return
    why = "a bug of btfkit; please report it"
    if result.report.rules == "upstream":
        why = "upstream's rules take it nevertheless; --no-verify writes it"
    raise VerificationError(
        f"not written, for it would mean something else: {comparison.differences[0]} ({why})", source=split.source
    )


def _contents(
    module: ModuleFile, result: Reconciled, state: State, to: str, section: str
) -> tuple[dict[str, bytes], Ids | None]:
    """The files to write, by path; and what became of `.BTF_ids`."""
    from btfkit.files.rewrite import IDS, packings_for, translated_ids

    blob = result.btf.to_bytes()
    packings = packings_for(to, module.packings)
    if module.elf is None:
        return {to: module.packed(blob, packings)}, None
    sections: dict[str, bytes | None] = {".BTF": blob}
    if section:
        sections[section] = None

    def translate(old: int, kind: str, name: str) -> int:
        return result.ids[old] or _by_name(result.btf, kind, name)

    ids = translated_ids(module.elf, translate)
    if ids is not None:
        sections[IDS] = ids.content
    return {to: module.rewritten(sections, strip_signature=state.common.strip, packings=packings)}, ids


def _by_name(btf: Btf, kind: str, name: str) -> int:
    """The id that resolve_btfids would put for a symbol of `.BTF_ids`, 0 where there is none."""
    return (btf.find_id(name, kind) or 0) if kind in _TAGS else 0


# ---- what it came to -----------------------------------------------------------------------------------------------


def as_object(finding: Misfit) -> dict[str, Any]:
    """A finding for JSON."""
    from btfkit.btf.spec import kind_name

    found: dict[str, Any] = {
        "reason": finding.reason,
        "type": finding.title,
        "type_id": finding.type_id,
        "message": str(finding),
        "embedded": finding.embedded,
    }
    if finding.type_id:
        found |= {
            "kind": kind_name(finding.kind),
            "held_in": finding.path or None,
            "size": finding.size,
            "sizes_now": list(finding.sizes),
            "kinds_now": [kind_name(kind) for kind in finding.kinds],
            "candidates": list(finding.candidates),
        }
    if finding.changes:
        found["changes"] = [
            {"path": change.path, "what": change.what, "then": change.then, "now": change.now}
            for change in finding.changes
        ]
    return found


def _refusal(findings: Sequence[Misfit], others: Sequence[Misfit], rules: str) -> dict[str, Any]:
    return {
        "findings": [as_object(finding) for finding in findings],
        "rules": rules,
        "other_rules": {"rules": OTHER[rules], "fits": not others, "findings": [as_object(f) for f in others]},
    }


def _facts(
    module: ModuleFile,
    result: Reconciled,
    ids: Ids | None,
    others: Sequence[Misfit],
    contents: dict[str, bytes],
    rules: str,
) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "output": next(iter(contents)),
        "types": len(result.btf.positions),
        "bytes": len(result.btf.blob),
        "signature_stripped": bool(module.signature),
        "other_rules": {"rules": OTHER[rules], "fits": not others, "findings": [as_object(f) for f in others]},
    }
    if result.report.carried:
        facts["carried"] = list(result.report.carried)
    if result.report.notes:
        facts["notes"] = [as_object(finding) for finding in result.report.notes]
    if ids is not None and ids.lost:
        facts["ids_lost"] = list(ids.lost)
    return facts


def _differ(facts: dict[str, Any]) -> str:
    """What to add to a refusal where the other rules would take the module."""
    other = facts["other_rules"]
    if not other["fits"]:
        return ""
    if other["rules"] == "upstream":
        return " (the kernel's own rules, --rules upstream, would let this pass)"
    return " (the strict rules take it: these are defects of the kernel's rules)"


def _lines(tally: batch.Tally, common: Common, many: bool) -> Iterator[str]:
    from btfkit.errors import printable

    if many:
        yield from _summary(tally, common)
        return
    for result in tally.of(batch.DONE):
        facts = result.facts
        yield printable(f"{result.path}: {facts['types']:,} types, now on {common.base}; written to {facts['output']}")
        if facts["signature_stripped"]:
            yield "the signature was taken off: it did not hold any more; sign the module again where kernels demand it"
        if carried := facts.get("carried"):
            yield f"it keeps its own {', '.join(carried)}, which this kernel has with another signedness"
        for note in facts.get("notes", [])[:5]:
            yield printable(f"note: {note['message']}; only behind pointers")
        if lost := facts.get("ids_lost"):
            yield printable(f"in .BTF_ids, not in this kernel and now 0: {', '.join(lost)}")
        other = facts["other_rules"]
        if not other["fits"]:
            yield printable(_told_difference(other, common.rules))


def _told_difference(other: dict[str, Any], rules: str) -> str:
    first = other["findings"][0]["message"]
    if other["findings"][0]["reason"] == "not-distilled" and rules == "strict":
        first = "it takes names and sizes only there, not definitions (policy by-value or full)"
    more = f" and {len(other['findings']) - 1} more" if len(other["findings"]) > 1 else ""
    if rules == "strict":
        return f"with its .BTF.base the kernel itself (rules upstream) would refuse it: {first}{more}; as written it does not"
    return f"beware: the strict rules refuse it: {first}{more}"


def _summary(tally: batch.Tally, common: Common) -> Iterator[str]:
    parts = [f"{tally.count(batch.DONE):,} modules now on {common.base}"]
    signed = tally.sum("signature_stripped")
    if signed:
        parts.append(f"{signed:,} signatures taken off")
    for status, text in ((batch.WITHOUT, "without .BTF.base, left alone"), (batch.FAILED, "failed, left as they were")):
        if tally.count(status):
            parts.append(f"{tally.count(status):,} {text}")
    yield ", ".join(parts)
    if carried := sum(1 for result in tally.by_status[batch.DONE] if "carried" in result.facts):
        yield f"{carried:,} keep their own char, which this kernel has with another signedness"
    other = OTHER[common.rules]
    if count := _counted(tally.of(batch.DONE), lambda facts: not facts["other_rules"]["fits"]):
        yield f"{count[0]:,} that the rules {other} would refuse: {count[1]}"
    refused = [result for result in tally.of(batch.FAILED) if "findings" in result.facts]
    if count := _counted(refused, lambda facts: bool(facts["other_rules"]["fits"])):
        yield f"{count[0]:,} of the failed would pass by the rules {other}"


def _counted(results: Sequence[batch.Result], which: Any) -> tuple[int, str] | None:
    """How many results are meant, and on what types their findings are, the most frequent first."""
    meant = [result.facts for result in results if which(result.facts)]
    counts: dict[str, int] = {}
    for facts in meant:
        for name in {finding["type"] for finding in facts["other_rules"]["findings"]}:
            counts[name] = counts.get(name, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    told = ", ".join(f"{name} ({count:,})" for name, count in ranked[:4]) + (", ..." if len(ranked) > 4 else "")
    return (len(meant), told) if meant else None


def _print_json(tally: batch.Tally, common: Common, *, to: Any) -> None:
    import json

    report = {
        "schema": SCHEMA,
        "base": common.base,
        "rules": common.rules,
        "modules": [{"path": result.path, **result.facts} for result in tally.of(batch.DONE)],
        "without_base": [result.path for result in tally.of(batch.WITHOUT)],
        "failed": [{"path": r.path, "error": r.text, **r.facts} for r in tally.of(batch.FAILED)],
    }
    print(json.dumps(report, indent=2), file=to)


COMMAND = Command(
    "reconcile",
    "put distilled modules on another kernel, so that it takes their BTF",
    run,
    operands="MODULE...",
    options=(
        BASE,
        batch.MODULES_OUT,
        batch.IN_PLACE,
        Option("--distilled-base", value="FILE", help="the distilled base, where it is no section (else FILE.base)"),
        Option("--section", value="NAME", help="the section of the distilled base (.BTF.base, .BTF.base_minimal)"),
        Option(
            "--rules",
            value="RULES",
            choices=("strict", "upstream"),
            help="strict (the default): what is right; upstream: what the kernel and libbpf do, defects included",
        ),
        batch.STRIP,
        batch.NO_VERIFY,
        batch.JOBS,
        JSON,
    ),
    details="""MODULE is a .ko (packed or not) or raw split BTF that `btfkit distill` (or kbuild, since Linux 6.11) has given a
base, or a folder of them; -B is the vmlinux of the kernel that is to load it, in any container.  The base's section goes: the
module then loads on this kernel whether that knows .BTF.base or not.  What does not fit is left as it was, and exit status is 3.

  btfkit reconcile my.ko -B /sys/kernel/btf/vmlinux -o /lib/modules/R/updates/my.ko""",
)
