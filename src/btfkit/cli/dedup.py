"""`btfkit dedup`: of equivalent types one stays, in one file, in several that become one, or in all modules of a kernel."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DONE, FAILED, batch
from btfkit.cli.options import BASE, JSON, Command, Option, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.cli.options import Args
    from btfkit.files.container import Container
    from btfkit.files.rewrite import ModuleFile
    from btfkit.judges.deduped import Below
    from btfkit.passes.dedup import Deduped, DedupReport
    from btfkit.passes.known import Known

    Job = tuple[str, str, str]

SCHEMA = 1
NAMES = 20  # lines of what nearly was merged, and of declarations


class Common:
    """What all files of a call have in common, as it goes to each process."""

    __slots__ = ("base", "distill", "in_place", "report", "strip", "verify")

    def __init__(self, args: Args) -> None:
        self.base: str | None = args.base
        self.distill: bool = args.distill
        self.in_place: bool = args.in_place
        self.report: bool = args.report
        self.strip: bool = args.strip_signature
        self.verify: bool = not args.no_verify


class State:
    """`Common`, with the base read, its types known, and ready to be compared with."""

    __slots__ = ("_below", "_known", "base", "common")

    def __init__(self, common: Common) -> None:
        from btfkit.btf_file import load

        self.common = common
        self.base: Btf | None = load(common.base) if common.base else None
        self._known: Known | None = None
        self._below: Below | None = None

    def known(self, base: Btf | None) -> Known | None:
        """What is known of a base, where it is that of all files."""
        if base is None or base is not self.base:
            return None
        if self._known is None:
            from btfkit.passes.known import Known

            self._known = Known(base)
        return self._known

    def below(self, base: Btf | None) -> Below | None:
        """The base for the proof, where it is that of all files."""
        if base is None or base is not self.base:
            return None
        if self._below is None:
            from btfkit.judges.deduped import Below

            self._below = Below(base)
        return self._below


def run(args: Args) -> int:
    """Dedup one file, several as one, or many, and say what became of them."""
    common = Common(args)
    if _as_one(args):
        return _joined(args, common)
    plan = batch.plan(args, None, base_of_output=True)
    if args.distill and any(to == "-" for _, to, _ in plan.jobs):
        raise UsageError("--distill: standard output has no place for the base as well, -o FILE")
    tally = batch.collect(
        plan.jobs, plan.doubles, _one, State, common, title="deduplicating", quiet=args.quiet, workers=args.jobs
    )
    batch.report(
        plan, tally, args, lambda to: _print_json(tally, common, to=to), lambda: _lines(tally, common, plan.many)
    )
    alone = not plan.many and tally.count(batch.WITHOUT)
    return FAILED if tally.count(batch.FAILED) or alone else DONE


def _as_one(args: Args) -> bool:
    """Whether several files are to become one."""
    if len(args.operands) < 2 or args.in_place or any(os.path.isdir(path) for path in args.operands):
        return False
    return bool(args.output) and not os.path.isdir(args.output) and not args.output.endswith(os.sep)


# ---- one file ------------------------------------------------------------------------------------------------------


def _one(state: State, job: Job) -> batch.Result:
    from btfkit.btf.ext import Ext
    from btfkit.errors import NotFoundError, printable
    from btfkit.passes.dedup import dedup

    path, to, beside = job
    common = state.common
    try:
        container, module = batch.open_file(path)
    except NotFoundError as error:
        return batch.Result(path, batch.WITHOUT, str(error))
    if not len(container.btf):
        return batch.Result(path, batch.WITHOUT, f"{path}: an empty .BTF section")
    btf = batch.load_on(container, state.base)
    has_ext = container.ext is not None and len(container.ext) > 0
    ext = Ext.from_bytes(container.ext, source=container.source) if has_ext and container.ext is not None else None
    done = dedup(btf, ext=ext, known=state.known(btf.base))
    if common.verify:
        _prove(btf, done, state.below(btf.base))
    facts = _facts(done.report, to, btf)
    if common.report:
        facts["nearly"] = _nearly(done.btf)
    if common.in_place and not common.distill and done.report.types[0] == done.report.types[1]:
        return batch.Result(path, batch.SAME, printable(f"{path}: nothing to merge"), facts)
    contents = _contents(container, module, btf, done, common, (to, beside), facts)
    batch.write(contents)
    facts["signature_stripped"] = bool(module is not None and module.signature)
    facts["unpacked"] = module is None and container.layers != ("raw",)
    return batch.Result(path, batch.DONE, facts=facts)


def _prove(btf: Btf, done: Deduped, below: Below | None, first: int | None = None) -> None:
    """Raise VerificationError where a type means something else now, found out by other code."""
    from btfkit.cli.reconcile import VerificationError
    from btfkit.judges.deduped import kept

    wrong = kept(btf, done.btf, done.id_map.ids, first, below)
    if wrong is not None:
        raise VerificationError(
            f"not written, for it would mean something else: {wrong} (a bug of btfkit; please report it)",
            source=btf.source,
        )


def _contents(
    container: Container,
    module: ModuleFile | None,
    btf: Btf,
    done: Deduped,
    common: Common,
    places: tuple[str, str],
    facts: dict[str, Any],
) -> dict[str, bytes]:
    """The files to write, by path: the input with its BTF, and what refers to it, exchanged; or raw BTF."""
    from btfkit.errors import UnsupportedError
    from btfkit.files.rewrite import packings_for, renumbered

    to, beside = places
    new, ids = done.btf, done.id_map.translate()
    distilled = None
    if common.distill:
        from btfkit.passes.distill import distill

        if new.base is None:
            raise UnsupportedError(
                "--distill is for the split BTF of a module, with its vmlinux (-B)", source=btf.source
            )
        distilled = distill(new)
        new = distilled.btf
        composed = done.id_map | distilled.ids
        ids = composed.translate()
        facts["base_types"], facts["base_bytes"] = len(distilled.base) - 1, len(distilled.base.blob)
        facts["bytes"] = len(new.blob)
        facts["types"] = len(new.positions)
    blob = new.to_bytes()
    packings = packings_for(to, module.packings) if module is not None else packings_for(to, ())
    if module is None or module.elf is None:
        written = {to: _packed(blob, packings, btf.source)}
        if distilled is not None:
            facts["base_output"] = beside
            written = {beside: distilled.base.to_bytes(), **written}
        return written
    sections: dict[str, bytes | memoryview | None] = {".BTF": blob, **renumbered(container, len(btf), ids)}
    if done.ext is not None:
        sections[".BTF.ext"] = done.ext.to_bytes()
    if distilled is not None:
        sections[".BTF.base"] = distilled.base.to_bytes()
    return {to: module.rewritten(sections, strip_signature=common.strip, packings=packings)}


def _packed(data: bytes, packings: Sequence[str], source: str | None) -> bytes:
    for kind in reversed(packings):
        from btfkit.files.compression import pack

        data = pack(data, kind, source or "")
    return data


# ---- several files that become one -----------------------------------------------------------------------------------


def _joined(args: Args, common: Common) -> int:
    """All inputs in one output, raw BTF."""
    from btfkit.errors import UnsupportedError, printable
    from btfkit.files.rewrite import packings_for
    from btfkit.passes.dedup import dedup_all

    if common.distill:
        raise UsageError("--distill is for one module, or a folder of them")
    state = State(common)
    sizes: list[int] = []
    more: list[str] = []

    def inputs() -> Iterator[Btf]:
        for path in args.operands:
            container, _ = batch.open_file(path)
            if container.ext is not None and len(container.ext):
                more.append(path)
            btf = batch.load_on(container, state.base)
            if btf.base is not state.base:
                raise UnsupportedError("brings a base of its own, so it cannot be joined with others", source=path)
            sizes.append(len(btf.blob))
            yield btf

    done, firsts = dedup_all(inputs(), known=state.known(state.base))
    if common.verify:
        for path, first in zip(args.operands, firsts, strict=True):
            if path != "-":
                _prove(batch.load_on(batch.open_file(path)[0], state.base), done, state.below(state.base), first)
    batch.write({args.output: _packed(done.btf.to_bytes(), packings_for(args.output, ()), args.output)})
    facts = _facts(done.report, args.output, None) | {"inputs": args.operands, "bytes_before": sum(sizes)}
    if common.report:
        facts["nearly"] = _nearly(done.btf)
    to = sys.stderr if args.output == "-" else sys.stdout
    if args.json:
        import json

        report = {
            "schema": SCHEMA,
            "base": common.base,
            "files": [facts],
            "unchanged": [],
            "without_btf": [],
            "failed": [],
        }
        print(json.dumps(report, indent=2), file=to)
    elif not args.quiet:
        print(printable(f"{args.output}: {len(args.operands)} inputs, {_merged(facts)}"), file=sys.stderr)
        for path in more:
            print(printable(f"{path}: its .BTF.ext stays behind, for the result is BTF alone"), file=sys.stderr)
        if common.report:
            for line in _report(facts):
                print(printable(line), file=sys.stderr)
    return DONE


# ---- telling -------------------------------------------------------------------------------------------------------


def _facts(report: DedupReport, to: str, btf: Btf | None) -> dict[str, Any]:
    before, after = report.types
    return {
        "output": to,
        "types_before": before,
        "types": after,
        "bytes_before": len(btf.blob) if btf is not None else 0,
        "bytes": report.bytes,
        "merged": {
            kind: n - report.after.get(kind, 0) for kind, n in report.before.items() if n > report.after.get(kind, 0)
        },
        "declarations": [
            {
                "name": one.name,
                "tag": one.tag,
                "how": one.how or None,
                "declarations": one.declarations,
                "left": one.left,
                "definitions": one.definitions,
                "targets": list(one.targets),
            }
            for one in report.declarations
        ],
    }


def _nearly(btf: Btf) -> dict[str, Any]:
    from btfkit.passes.near import nearly

    found, total = nearly(btf, NAMES)
    return {
        "names": total,
        "first": [
            {"type": n.title, "ids": n.ids, "path": n.path or None, "difference": n.what, "text": str(n)} for n in found
        ],
    }


def _merged(facts: dict[str, Any]) -> str:
    gone = facts["types_before"] - facts["types"]
    return (
        f"{facts['types_before']:,} types, {gone:,} merged away, {facts['types']:,} left;"
        f" {facts['bytes_before']:,} bytes before, {facts['bytes']:,} now"
    )


def _lines(tally: batch.Tally, common: Common, many: bool) -> Iterator[str]:
    from btfkit.errors import printable

    if many:
        yield from _summary(tally)
        return
    for result in tally.of(batch.DONE):
        facts = result.facts
        where = "standard output" if facts["output"] == "-" else facts["output"]
        if "base_types" in facts:
            gone = sum(facts["merged"].values())
            yield printable(
                f"{where}: {gone:,} of {facts['types_before']:,} types merged away; its base is now"
                f" {facts['base_types']:,} types, {facts['base_bytes']:,} bytes in {facts.get('base_output', '.BTF.base')}"
            )
        else:
            yield printable(f"{where}: {_merged(facts)}")
        if facts["unpacked"]:
            yield printable(f"{where} is the BTF alone: what it came in is not written anew")
        if facts["signature_stripped"]:
            yield "the signature was taken off: it did not hold any more; sign the module again where kernels demand it"
    for result in tally.of(batch.SAME) + tally.of(batch.WITHOUT):
        yield printable(result.text)
    if common.report:
        for result in tally.of(batch.DONE) + tally.of(batch.SAME):
            yield from (printable(line) for line in _report(result.facts))


def _report(facts: dict[str, Any]) -> Iterator[str]:
    """What was merged, and what nearly was."""
    if facts["merged"]:
        ranked = sorted(facts["merged"].items(), key=lambda item: (-item[1], item[0]))
        yield "merged: " + ", ".join(f"{count:,} {kind}" for kind, count in ranked)
    shown = [one for one in facts["declarations"] if one["how"] or one["left"]]
    for one in shown[:NAMES]:
        what = f"{one['tag']} {one['name']}, declared {one['declarations']} times"
        if one["how"] == "only":
            yield f"{what}: became its definition"
        elif one["how"]:
            yield f"{what}, {one['definitions']} definitions: became what its context tells ({one['left']} left)"
        else:
            yield f"{what}: stays a declaration, for {one['definitions']} definitions differ and nothing tells which is meant"
    if len(shown) > NAMES:
        yield f"... and {len(shown) - NAMES:,} more declarations (--json tells all)"
    near = facts["nearly"]
    yield from (one["text"] for one in near["first"])
    if near["names"] > len(near["first"]):
        yield f"... and {near['names'] - len(near['first']):,} more names with several types"


def _summary(tally: batch.Tally) -> Iterator[str]:
    done, same = tally.of(batch.DONE), tally.of(batch.SAME)
    total = {key: sum(r.facts.get(key, 0) for r in done) for key in ("types_before", "types", "bytes_before", "bytes")}
    parts = [f"{len(done):,} files deduplicated"]
    if done:
        parts[0] += (
            f": {total['types_before']:,} types became {total['types']:,},"
            f" {total['bytes_before']:,} bytes {total['bytes']:,}"
        )
    if same:
        parts.append(f"{len(same):,} with nothing to merge")
    if signed := tally.sum("signature_stripped"):
        parts.append(f"{signed:,} signatures taken off")
    for status, text in ((batch.WITHOUT, "without BTF"), (batch.FAILED, "failed, left as they were")):
        if tally.count(status):
            parts.append(f"{tally.count(status):,} {text}")
    yield ", ".join(parts)


def _print_json(tally: batch.Tally, common: Common, *, to: Any) -> None:
    import json

    report = {
        "schema": SCHEMA,
        "base": common.base,
        "files": [{"path": result.path, **result.facts} for result in tally.of(batch.DONE)],
        "unchanged": [result.path for result in tally.of(batch.SAME)],
        "without_btf": [result.path for result in tally.of(batch.WITHOUT)],
        "failed": [{"path": result.path, "error": result.text} for result in tally.of(batch.FAILED)],
    }
    print(json.dumps(report, indent=2), file=to)


COMMAND = Command(
    "dedup",
    "of equivalent types keep one",
    run,
    operands="INPUT...",
    options=(
        BASE,
        Option(
            "-o",
            "--output",
            value="OUT",
            help="the file to write ('-': standard output); several INPUTs become one; or a folder, and each stays a file",
        ),
        batch.IN_PLACE,
        Option("--report", help="say what was merged, and what nearly was and why not"),
        Option("--distill", help="then give each module a small base of its own, as `btfkit distill` does"),
        batch.STRIP,
        batch.NO_VERIFY,
        batch.JOBS,
        JSON,
    ),
    details="""INPUT is BTF in any container, or a folder of modules.  With -B the INPUTs are split on that base: what it has goes
from them.  Raw BTF, BPF objects and modules come out as the same file with other BTF in it, .BTF.ext and .BTF_ids
following; of a kernel's file the raw BTF comes out.

  btfkit dedup one.btf two.btf -o both.btf              several as one
  btfkit dedup prog.bpf.o -o small.bpf.o                a BPF object, .BTF.ext along
  btfkit dedup my.ko -B vmlinux --distill -o out.ko     and then a base of its own
  btfkit dedup /lib/modules/R -B vmlinux --in-place     all modules of a kernel""",
)
