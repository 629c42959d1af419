"""`btfkit explain`: will this kernel take this module's BTF, and if not, why and what to do."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DIFFERS, DONE, FAILED
from btfkit.cli.options import BASE, JOBS, JSON, Command, Option, UsageError
from btfkit.file_ops.operation import DONE as JUDGED
from btfkit.file_ops.operation import FAILED as FAILED_FILE
from btfkit.file_ops.operation import WITHOUT, FileJob, FileResult
from btfkit.file_ops.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.cli.options import Args
    from btfkit.files.rewrite import ModuleFile
    from btfkit.judges.on_kernel import Examination, Sign
    from btfkit.passes.content import Change
    from btfkit.passes.reconcile import Misfit
    from btfkit.work.files import Tally

SCHEMA = 1
SHOWN = 6  # findings and signs of a kind, where --all is not given

TAKES, REFUSES, WRONG, NONE, IGNORES = "takes", "refuses", "wrong", "none", "ignores"

MINIMAL = ".BTF.base_minimal"
DEFINITIONS = "a base may tell names and sizes only; this one has definitions too (distill --policy by-value or full)"

# What a kernel knows of modules' BTF.
BASES, MODULES, NOTHING, UNKNOWN = "bases", "modules", "nothing", "unknown"

# tests/vm/test_rules.py has it from real kernels
LOADER = (
    'The kernel says "failed to validate module BTF: -22" and does not load the module. One that lets that pass (configured',
    "with MODULE_ALLOW_BTF_MISMATCH, as Debian's before 7) loads it without its BTF, and may not say why.",
)

_HEADLINES = {
    TAKES: "YES, this kernel takes the module's BTF",
    REFUSES: "NO, this kernel refuses the module's BTF",
    IGNORES: "NO, this kernel looks at no module's BTF",
    WRONG: "NO: this kernel accepts the module's BTF in silence, but what it says is wrong there",
    NONE: "NO, there is no BTF in it that a kernel could take",
}
_KNOWS = {
    BASES: "This kernel knows .BTF.base (its struct module has btf_base_data; Linux 6.11 and later).",
    MODULES: "This kernel does not know .BTF.base (Linux before 6.11): it reads .BTF as if built on its own vmlinux.",
    NOTHING: "This kernel looks at no module's BTF (its struct module has no btf_data: before 5.11, or not configured).",
}


class Module:
    """The module that is asked about: `section` and `base` where it was distilled, `old` the split BTF on the kernel that it
    was built with, where that was given or its distilled base tells as much; `problem` where nothing can be read."""

    __slots__ = ("base", "blob", "file", "old", "path", "problem", "section", "split")

    def __init__(self, file: ModuleFile | None, path: str) -> None:
        self.file = file
        self.path = path
        self.blob = bytes(file.container.btf) if file is not None else b""
        self.section = ""
        self.base: Btf | None = None
        self.split: Btf | None = None
        self.old: Btf | None = None
        self.problem = ""


class Answer:
    """What one kernel makes of the module: `verdict`, what the kernel `knows`, `reason` in a line, and the findings."""

    __slots__ = ("examination", "knows", "reason", "strict", "upstream", "verdict")

    def __init__(self) -> None:
        self.verdict = TAKES
        self.knows = UNKNOWN
        self.reason = ""
        self.upstream: Sequence[Misfit] | None = None  # None: the rules were not asked
        self.strict: Sequence[Misfit] | None = None
        self.examination: Examination | None = None

    @property
    def can_reconcile(self) -> bool | None:
        """Whether `btfkit reconcile` would make it fit; None where that is not known."""
        return None if self.strict is None else not self.strict


def run(args: Args) -> int:
    """Explain, for one kernel (-B) or a tree of them (--kernels)."""
    if not args.base and not args.kernels:
        raise UsageError("on which kernel? -B its vmlinux, or --kernels TREE for many")
    if args.kernels and not os.path.isdir(args.kernels):
        raise UsageError(f"--kernels {args.kernels}: no folder")
    (path,) = args.operands
    module = read_module(path, args.distilled_base, args.built_with)
    answer = None
    report: dict[str, Any] = {"schema": SCHEMA, "module": path, "distilled": module.section or None}
    if args.base:
        from btfkit.btf_file import load

        new = load(args.base)
        answer = judge(module, new)
        if args.json:
            report["kernel"] = {"path": args.base, **_as_object(answer, module, new)}
        elif not (args.quiet and answer.verdict == TAKES):
            _print(_told(answer, module, new, args))
    rows: list[dict[str, Any]] = []
    failed = 0
    if args.kernels:
        tally = _kernels(args, path)
        rows = [vars(result.record) for result in tally.of(JUDGED)]
        failed = tally.count(FAILED_FILE)
        report["kernels"] = rows
        if not args.json:
            _print(_table(rows, args.kernels))
    if args.json:
        import json

        print(json.dumps(report, indent=2))
    if failed or (args.kernels and not rows):
        return FAILED
    good = answer.verdict == TAKES if answer is not None else all(row["verdict"] == TAKES for row in rows)
    return DONE if good else DIFFERS


# ---- reading the module --------------------------------------------------------------------------------------------


def read_module(path: str, distilled_base: str | None = None, built_with: str | None = None) -> Module:
    """Read a module for `judge`; what is wrong with its BTF is noted, not raised.

    `distilled_base` is the base of raw BTF, `built_with` the vmlinux that the module was built with.
    """
    from btfkit.btf.btf import Btf
    from btfkit.btf_file import load
    from btfkit.errors import BtfError, NotFoundError
    from btfkit.files.load import from_container
    from btfkit.files.rewrite import open_module

    try:
        file = open_module(path)
    except NotFoundError as error:
        module = Module(None, path)
        module.problem = error.message
        return module
    module = Module(file, path)
    found = file.base_section()
    try:
        if distilled_base:
            module.section, module.base = distilled_base, load(distilled_base)
        elif found is not None:
            module.section = found[0]
            module.base = Btf.from_bytes(bytes(found[1]), source=found[0], pointer_size=file.container.pointer_size)
        if module.base is not None and module.blob:
            module.split = from_container(file.container, module.base)
    except BtfError as error:
        module.problem = f"its .BTF does not fit its own {module.section}: {error.message}"
        return module
    if built_with:
        _take_old(module, load(built_with))
    return module


def _take_old(module: Module, old: Btf) -> None:
    """Take the kernel that the module was built with: its definitions tell what changed."""
    from btfkit.files.load import from_container
    from btfkit.passes.distill import distill
    from btfkit.passes.reconcile import reconcile

    assert module.file is not None
    if module.split is not None:
        module.old = reconcile(module.split, old).btf
    elif module.blob:
        module.old = from_container(module.file.container, old)
        module.split = distill(module.old).btf


# ---- judging -------------------------------------------------------------------------------------------------------


def judge(module: Module, new: Btf) -> Answer:
    """What the kernel with the BTF `new` makes of the module."""
    from btfkit.passes.reconcile import verdicts

    answer = Answer()
    answer.knows = knows(new)
    if not module.blob:
        answer.verdict = NONE
        empty = "its .BTF section is empty: nothing filled it in (was vmlinux missing at the build?)"
        answer.reason = module.problem or empty
        return answer
    if module.problem and module.section == ".BTF.base" and answer.knows in (BASES, UNKNOWN):
        answer.verdict, answer.reason = REFUSES, module.problem
        return answer
    if module.split is not None:
        both = verdicts(module.split, new)
        answer.strict, answer.upstream = both.strict, both.upstream
    if module.section == ".BTF.base" and answer.knows in (BASES, UNKNOWN):
        assert answer.upstream is not None  # else there was a problem
        if answer.upstream:
            answer.verdict, answer.reason = REFUSES, _first(answer.upstream)
            if answer.upstream[0].reason == "not-distilled" and not answer.strict:
                answer.reason = DEFINITIONS
        return answer
    if answer.knows == NOTHING:
        answer.verdict, answer.reason = IGNORES, "this kernel looks at no module's BTF"
        return answer
    _examine(answer, module, new)
    return answer


def _examine(answer: Answer, module: Module, new: Btf) -> None:
    """Judge `.BTF` as a kernel does that takes it to be on its own vmlinux."""
    from btfkit.judges.on_kernel import examine

    pointer_size = module.file.container.pointer_size if module.file is not None else None
    found = answer.examination = examine(module.blob, new, module.path, pointer_size=pointer_size)
    if found.unreadable:
        answer.verdict, answer.reason = REFUSES, found.unreadable
    elif found.refused:
        answer.verdict, answer.reason = REFUSES, found.refused[0].message
    elif not found.right:
        answer.verdict, answer.reason = WRONG, f"built on another vmlinux: {found}"


def knows(new: Btf) -> str:
    """What a kernel knows of modules' BTF, by its struct module (include/linux/module.h)."""
    found = new.find_id("module", "STRUCT")
    if found is None:
        return UNKNOWN
    names = {member.name for member in new[found].members}  # type: ignore[attr-defined]
    return BASES if "btf_base_data" in names else MODULES if "btf_data" in names else NOTHING if names else UNKNOWN


def _first(findings: Sequence[Misfit]) -> str:
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return f"{findings[0]}{more}"


# ---- many kernels --------------------------------------------------------------------------------------------------


class KernelVerdict(Record):
    """What one kernel makes of the module, as it is and after `btfkit reconcile`."""

    kernel: str
    path: str
    verdict: str
    reason: str | None
    knows: str
    after_reconcile: bool | None
    reconcile_reason: str | None


class _OnKernels:
    """The work: the module is read once, and judged on each kernel."""

    def __init__(self, module: tuple[str, str | None, str | None], tree: str) -> None:
        self.module = module
        self.tree = tree

    def prepare(self) -> Module:
        return read_module(*self.module)

    def run(self, module: Module, job: FileJob) -> FileResult:
        from btfkit.btf_file import load
        from btfkit.errors import ChainError, FormatError, NotFoundError

        try:
            new = load(job.path)
        except (NotFoundError, ChainError, FormatError) as error:  # no BTF in it, a module's, or not a kernel at all
            return FileResult(job.path, WITHOUT, str(error))
        answer = judge(module, new)
        record = KernelVerdict(
            kernel=_label(os.path.relpath(job.path, self.tree)),
            path=job.path,
            verdict=answer.verdict,
            reason=answer.reason or None,
            knows=answer.knows,
            after_reconcile=answer.can_reconcile,
            reconcile_reason=_first(answer.strict) if answer.strict else None,
        )
        return FileResult(job.path, JUDGED, record=record)


def _kernels(args: Args, path: str) -> Tally:
    from btfkit.cli import file_work
    from btfkit.work.files import Plan

    plan = Plan([FileJob(file, "") for file in sorted(kernel_files(args.kernels))], [], True)
    work = _OnKernels((path, args.distilled_base, args.built_with), args.kernels)
    return file_work.run(args, work, plan, "kernels", size=1, alone=3)


def kernel_files(tree: str) -> Iterator[str]:
    """The files below `tree` that may be kernels, by their names: vmlinux, vmlinuz, Image and the like, and `.btf` in any
    packing, as BTFHub keeps them."""
    words = ("vmlinu", "image", "btf", "kernel")
    for folder, folders, names in os.walk(tree):
        folders.sort()
        for name in names:
            small = name.lower()
            if (
                any(word in small for word in words)
                and ".ko" not in small
                and not small.startswith(("initr", "system.map"))
            ):
                yield os.path.join(folder, name)


def _label(name: str) -> str:
    for suffix in (".gz", ".xz", ".zst", ".bz2", ".lz4", ".tar", ".btf"):
        name = name.removesuffix(suffix)
    return name


def _table(rows: Sequence[dict[str, Any]], tree: str) -> Iterator[str]:
    if not rows:
        yield f"no kernel with BTF below {tree}"
        return
    words = {
        TAKES: "takes it",
        REFUSES: "refuses it",
        WRONG: "accepts it, wrong",
        NONE: "no BTF",
        IGNORES: "ignores it",
    }
    told = any(row["after_reconcile"] is not None for row in rows)
    width = max(len(row["kernel"]) for row in rows)
    yield f"{'kernel'.ljust(width)}  {'as it is'.ljust(17)}  {'after btfkit reconcile' if told else 'why'}"
    for row in rows:
        after = row["reason"] or ""
        if told:
            after = "fits" if row["after_reconcile"] else f"does not fit: {row['reconcile_reason']}"
        yield f"{row['kernel'].ljust(width)}  {words[row['verdict']].ljust(17)}  {after}".rstrip()
    taking = sum(1 for row in rows if row["verdict"] == TAKES)
    yield f"{taking:,} of {len(rows):,} kernels take it as it is" + (
        f", {sum(1 for row in rows if row['after_reconcile']):,} after `btfkit reconcile`" if told else ""
    )
    if told:
        yield "(Judged is BTF, which does not tell the machine: kernels of another architecture may be among those that fit.)"


# ---- in words ------------------------------------------------------------------------------------------------------


def _print(lines: Iterator[str]) -> None:
    from btfkit.errors import printable

    sys.stdout.write("".join(printable(line) + "\n" for line in lines))


def _told(answer: Answer, module: Module, new: Btf, args: Args) -> Iterator[str]:
    limit = None if args.all else SHOWN
    yield f"{module.path} on {args.base}:"
    yield _HEADLINES[answer.verdict]
    yield ""
    if module.section:
        kind = "a distilled base" if module.base is None else f"a distilled base of {len(module.base) - 1:,} types"
        yield f"The module brings {kind} ({module.section})."
    elif module.blob:
        yield "The module brings no .BTF.base: its BTF fits only the very vmlinux that it was built with."
    if answer.knows in _KNOWS and (module.section or answer.knows == NOTHING):
        yield _KNOWS[answer.knows]
    if module.section == MINIMAL:
        yield f"No kernel looks at {MINIMAL}: reconcile the module before it is loaded."
    yield from _why(answer, module, new, limit)
    remedy = list(_remedy(answer, module, args.base))
    if remedy:
        yield ""
        yield "What to do:"
        for line in remedy:
            yield f"  {line}"


def _why(answer: Answer, module: Module, new: Btf, limit: int | None) -> Iterator[str]:
    found = answer.examination
    if answer.verdict == NONE or (answer.verdict == REFUSES and found is None and not answer.upstream):
        yield f"Why: {answer.reason}."
    elif found is not None and found.unreadable:
        yield f"Why: {found.unreadable}."
    elif found is not None and answer.verdict != TAKES:
        yield from _misread(found, limit, examples=not module.section)
    if answer.upstream is None or answer.strict is None:
        return
    if found is None and answer.verdict != IGNORES:
        yield from _by_both_rules(answer.upstream, answer.strict, module, new, limit)
    elif answer.strict:
        yield "It cannot be reconciled to this kernel either (by the strict rules):"
        yield from _findings(answer.strict, module, new, limit)
    else:
        yield "Reconciled to this kernel it fits."


def _by_both_rules(
    upstream: Sequence[Misfit], strict: Sequence[Misfit], module: Module, new: Btf, limit: int | None
) -> Iterator[str]:
    """What the kernel's rules refuse, and where the strict ones differ."""
    if upstream:
        count = sum(1 for finding in upstream if finding.type_id)
        yield f"The kernel's own rules (upstream) refuse {f'{count:,} type' + 's' * (count != 1) if count else 'it'}:"
        if upstream[0].reason == "not-distilled" and not strict:
            yield f"  {DEFINITIONS}"
        else:
            yield from _findings(upstream, module, new, limit)
    refused, right = {_key(finding) for finding in upstream}, {_key(finding)[0] for finding in strict}
    needless = [finding.title for finding in upstream if finding.type_id and finding.type_id not in right]
    missed = [finding for finding in strict if _key(finding) not in refused]
    if needless:
        yield f"By the strict rules {', '.join(needless[:8])}{', ...' * (len(needless) > 8)} would fit."
    if missed and upstream:
        yield "By the strict rules these do not fit, besides:"
    elif missed:
        yield "The kernel's own rules let pass what does not fit by the strict rules:"
    yield from _findings(missed, module, new, limit)


def _key(finding: Misfit) -> tuple[int, str]:
    return finding.type_id, finding.reason


def _misread(found: Examination, limit: int | None, *, examples: bool) -> Iterator[str]:
    """Why `.BTF` on its own is wrong here."""
    from btfkit.judges.on_kernel import TOLD

    if found.refused:
        first = found.refused[0]
        read = "read on this kernel, " if not found.right else ""
        yield f"Why: {read}{first.message}{'' if first.type_id is None else f' (type {first.type_id})'}."
        yield from LOADER
    else:
        yield "The kernel checks neither where references lead nor what they lead to, and no name happened to offend it."
    if found.right:
        return
    was = "It was built on another vmlinux." if examples else "Without its base, .BTF means something else."
    yield f"{was} Of {found.types:,} references and {found.names:,} names in the kernel's part:"
    for what, text in TOLD.items():
        if found.count.get(what):
            yield f"  {found.count[what]:,} {text}"
            signs = [sign for sign in found.signs if sign.what == what] if examples else []
            yield from (f"      {_sign(found, sign)}" for sign in signs[: limit and 2])
    readings = list(_readings(found)) if examples else []
    if readings:
        yield "Read on this kernel it says, for example:"
        yield from (f"  {reading}" for reading in readings[: limit and 4])


def _sign(found: Examination, sign: Sign) -> str:
    btf = found.btf
    assert btf is not None
    if sign.what == "id":
        return f"{sign.place} refers to type {sign.target}, ids end at {len(btf) - 1}"
    if sign.what == "name":
        return f"{sign.place} at {sign.target:#x}"
    if sign.what == "name-inside":
        return f"{sign.place}: {_string(btf, sign.target)!r} is the end of {_whole_string(btf, sign.target)!r}"
    if sign.what == "size":
        return f"{sign.place} ends at byte {sign.end:,}, what it is in at {btf.word(sign.user, 2):,}"
    return f"{sign.place} refers to {_described(btf, sign.target)}"


def _whole_string(btf: Btf, offset: int) -> str:
    """The string of the base in which `offset` lies."""
    layer = btf
    while offset < layer.start_str_off and layer.base is not None:
        layer = layer.base
    start = offset - layer.start_str_off
    while start and layer.strings[start - 1]:
        start -= 1
    return _string(btf, layer.start_str_off + start)


def _string(btf: Btf, offset: int) -> str:
    from btfkit.btf.btf import text

    return text(btf.string(offset))


def _described(btf: Btf, type_id: int) -> str:
    from btfkit.btf.spec import kind_name
    from btfkit.passes.content import described

    kind = kind_name(btf.kind(type_id)).lower()
    return (
        f"{kind} {btf.name(type_id)}" if kind in ("func", "var", "datasec") else f"{kind} `{described(btf, type_id)}`"
    )


def _readings(found: Examination) -> Iterator[str]:
    """Members of the module's structs as they read on this kernel."""
    from btfkit.btf import spec
    from btfkit.passes.content import described

    btf = found.btf
    assert btf is not None
    for user in btf.own_ids:
        if btf.kind(user) != spec.STRUCT or not btf.word(user, 0) or btf.word(user, 0) < btf.start_str_off:
            continue
        for member in btf[user].members:  # type: ignore[attr-defined]
            if 0 < member.type_id < btf.start_id and member.name and btf.kind(member.type_id) == spec.PTR:
                yield f"struct {btf.name(user)} {{ {described(btf, member.type_id)} {member.name}; }}"
                break


def _findings(findings: Sequence[Misfit], module: Module, new: Btf, limit: int | None) -> Iterator[str]:
    for finding in findings[:limit]:
        yield f"  {finding}"
        if finding.type_id and not finding.embedded and finding.path:
            yield f"      used, behind a pointer, in {finding.path}"
        changed = finding.changes or _changes(finding, module, new)
        for change in changed[: limit and 4]:
            yield f"      {_change(change)}"
        if limit and len(changed) > 4:
            yield f"      ... and {len(changed) - 4} more changes (--all)"
    if limit and len(findings) > limit:
        yield f"  ... and {len(findings) - limit} more (--all)"


def _changes(finding: Misfit, module: Module, new: Btf) -> Sequence[Change]:
    """What changed within a type, by the kernel that the module was built with, where that was given."""
    from btfkit.btf import spec
    from btfkit.passes.content import changes

    old = module.old.base if module.old is not None else None
    if old is None or finding.kind not in spec.COMPOSITES | spec.ENUMS or not finding.candidates:
        return ()
    then = old.find_id(finding.name, finding.kind)
    return changes(old, then, new, finding.candidates[0], embedded=False) if then is not None else ()


def _change(change: Change) -> str:
    def bits(value: int | str) -> str:
        return str(value) if isinstance(value, str) else f"{value // 8}" + (f" (bit {value % 8})" if value % 8 else "")

    if change.what == "moved":
        return f"member {change.path} moved from byte {bits(change.then)} to {bits(change.now)}"
    return f"member {change}" if change.what in ("gone", "retyped") else str(change)


def _remedy(answer: Answer, module: Module, base: str) -> Iterator[str]:
    path = module.path
    if answer.verdict == TAKES:
        if answer.strict:
            yield "Beware of the types above: the kernel takes them, yet they are not what the module was compiled for."
        return
    if answer.verdict in (NONE, IGNORES):
        if answer.verdict == NONE:
            yield "Build it with CONFIG_DEBUG_INFO_BTF_MODULES and vmlinux at hand, or add BTF to one with debug information:"
            yield f"  pahole -J --btf_base VMLINUX {path}; btfkit distill {path} -B VMLINUX --in-place"
        return
    if answer.can_reconcile:
        if not module.section:
            yield f"btfkit distill {path} -B VMLINUX_IT_WAS_BUILT_WITH --in-place, then"
        yield f"btfkit reconcile {path} -B {base} --in-place"
        yield "It then has BTF of this very kernel, and loads whether that knows .BTF.base or not."
    elif answer.strict:
        if any(finding.reason == "ambiguous" for finding in answer.strict):
            yield "Distill it with --policy by-value: definitions tell types of one name apart."
        if any(finding.reason == "not-distilled" for finding in answer.strict):
            yield "Distill it with the vmlinux that it was built with."
        if any(finding.embedded or finding.reason != "ambiguous" for finding in answer.strict):
            yield "Build the module for this kernel: its code was compiled for types that are not so here; no BTF mends that."
        if module.old is None and any(finding.embedded for finding in answer.strict):
            yield "(--built-with VMLINUX, the kernel that it was built with, tells which members moved.)"
    elif answer.examination is not None and answer.examination.refused and answer.examination.right:
        yield "Encode its BTF for this kernel: pahole with fewer --btf_features, or as old as the kernel."
    elif module.problem or (answer.examination is not None and answer.examination.unreadable):
        yield "Build it again, or fetch it again: these bytes are damaged, or of another machine."
    else:
        yield f"btfkit distill {path} -B VMLINUX_IT_WAS_BUILT_WITH --in-place, then btfkit reconcile {path} -B {base} --in-place"
        yield "(--built-with VMLINUX, the kernel that it was built with, tells beforehand whether that will do.)"


def _as_object(answer: Answer, module: Module, new: Btf) -> dict[str, Any]:
    from btfkit.file_ops.reconcile import finding_as_json

    found: dict[str, Any] = {
        "verdict": answer.verdict,
        "reason": answer.reason or None,
        "knows": answer.knows,
        "after_reconcile": answer.can_reconcile,
    }
    for name, findings in (("upstream", answer.upstream), ("strict", answer.strict)):
        if findings is not None:
            found[name] = [finding_as_json(finding) for finding in findings]
            for one, finding in zip(found[name], findings, strict=True):
                if changed := _changes(finding, module, new):
                    one["changes"] = [
                        {"path": change.path, "what": change.what, "then": change.then, "now": change.now}
                        for change in changed
                    ]
    if answer.examination is not None:
        seen = answer.examination
        found["examination"] = {
            "kernel_accepts": seen.takes,
            "built_on_it": seen.right,
            "unreadable": seen.unreadable or None,
            "refused": [{"type_id": f.type_id, "message": f.message, "errno": f.errno} for f in seen.refused[:100]],
            "references": seen.types,
            "names": seen.names,
            "signs": dict(sorted(seen.count.items())),
            "examples": [{"what": sign.what, "text": _sign(seen, sign)} for sign in seen.signs[:20]],
        }
    found["remedy"] = [line.strip() for line in _remedy(answer, module, new.source or "VMLINUX")]
    return found


COMMAND = Command(
    "explain",
    "whether a kernel takes a module's BTF, and if not, why",
    run,
    operands="MODULE",
    options=(
        BASE,
        Option("--kernels", value="TREE", help="say it of every kernel in a folder tree (BTFHub's layout too)"),
        Option(
            "--built-with", value="FILE", help="the vmlinux that the module was built with: tells what changed since"
        ),
        Option("--distilled-base", value="FILE", help="the distilled base of a MODULE of raw BTF"),
        Option("--all", help=f"all findings, not the first {SHOWN}"),
        JOBS,
        JSON,
    ),
    details="""Exit status: 0 the kernel takes it, 1 it does not (or what it takes would be wrong), 3 an input could not be read.

  btfkit explain my.ko -B /sys/kernel/btf/vmlinux
  btfkit explain my.ko --kernels btfhub-archive/debian --built-with vmlinux""",
)
