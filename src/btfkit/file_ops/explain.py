"""`explain`: whether a kernel takes a module's BTF, and if not, why and what to do; in words and for JSON."""

from __future__ import annotations

from btfkit.btf_file import MINIMAL_BASE_SECTION, load
from btfkit.file_ops.module_on_kernel import (
    BASES,
    DEFINITIONS,
    IGNORES,
    MODULES,
    NONE,
    NOTHING,
    REFUSES,
    TAKES,
    WRONG,
    Answer,
    Module,
    judge,
    read_module,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.judges.on_kernel import Examination, Sign
    from btfkit.passes.definition_changes import Change
    from btfkit.passes.reconcile import Misfit

    Path = str | os.PathLike[str]

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


class Explanation:
    """What the kernel with the BTF `kernel`, called `kernel_path`, makes of `module`: the `answer`, and in words.

    True where the kernel takes the module's BTF.
    """

    __slots__ = ("answer", "kernel", "kernel_path", "module")

    def __init__(self, module: Module, kernel: Btf, kernel_path: str, answer: Answer) -> None:
        self.module = module
        self.kernel = kernel
        self.kernel_path = kernel_path
        self.answer = answer

    def __bool__(self) -> bool:
        return self.answer.verdict == TAKES

    def __repr__(self) -> str:
        return f"<{self.module.path} on {self.kernel_path}: {self.answer!r}>"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self, limit: int | None = None) -> Iterator[str]:
        """All of it in words; at most `limit` findings and signs of a kind."""
        answer, module = self.answer, self.module
        yield f"{module.path} on {self.kernel_path}:"
        yield _HEADLINES[answer.verdict]
        yield ""
        if module.section:
            kind = "a distilled base" if module.base is None else f"a distilled base of {len(module.base) - 1:,} types"
            yield f"The module brings {kind} ({module.section})."
        elif module.blob:
            yield "The module brings no .BTF.base: its BTF fits only the very vmlinux that it was built with."
        if answer.knows in _KNOWS and (module.section or answer.knows == NOTHING):
            yield _KNOWS[answer.knows]
        if module.section == MINIMAL_BASE_SECTION:
            yield f"No kernel looks at {MINIMAL_BASE_SECTION}: reconcile the module before it is loaded."
        yield from _why(answer, module, self.kernel, limit)
        remedy = list(_remedy(answer, module, self.kernel_path))
        if remedy:
            yield ""
            yield "What to do:"
            for line in remedy:
                yield f"  {line}"

    @property
    def remedy(self) -> list[str]:
        """What to do, in lines."""
        return [line.strip() for line in _remedy(self.answer, self.module, self.kernel.source or "VMLINUX")]

    def as_json(self) -> dict[str, Any]:
        """For JSON."""
        answer = self.answer
        found: dict[str, Any] = {
            "path": self.kernel_path,
            "verdict": answer.verdict,
            "reason": answer.reason or None,
            "knows": answer.knows,
            "after_reconcile": answer.can_reconcile,
        }
        for name, findings in (("upstream", answer.upstream), ("strict", answer.strict)):
            if findings is not None:
                found[name] = [self._finding_as_json(finding) for finding in findings]
        if answer.examination is not None:
            found["examination"] = _examination_as_json(answer.examination)
        found["remedy"] = self.remedy
        return found

    def _finding_as_json(self, finding: Misfit) -> dict[str, Any]:
        from btfkit.file_ops.reconcile import finding_as_json

        found: dict[str, Any] = finding_as_json(finding)
        if changed := _changes(finding, self.module, self.kernel):
            found["changes"] = [
                {"path": change.path, "what": change.what, "then": change.then, "now": change.now} for change in changed
            ]
        return found


def explain(
    module: Path | Module,
    kernel: Path | Btf,
    *,
    built_with: Btf | Path | None = None,
    distilled_base: Path | None = None,
) -> Explanation:
    """Whether the kernel with the BTF `kernel` takes the BTF of `module`, a file, and if not, why and what to do.

    `built_with` is the vmlinux that the module was built with: then what changed since can be told; `distilled_base` is the base
    of raw BTF.  Raises what `load` and `read_module` do.
    """
    from btfkit.btf.btf import Btf

    if not isinstance(module, Module):
        module = read_module(module, distilled_base, built_with)
    new = kernel if isinstance(kernel, Btf) else load(kernel)
    path = (kernel.source or "VMLINUX") if isinstance(kernel, Btf) else str(kernel)
    return Explanation(module, new, path, judge(module, new))


def _examination_as_json(seen: Examination) -> dict[str, Any]:
    return {
        "kernel_accepts": seen.takes,
        "built_on_it": seen.right,
        "unreadable": seen.unreadable or None,
        "refused": [{"type_id": f.type_id, "message": f.message, "errno": f.errno} for f in seen.refused[:100]],
        "references": seen.types,
        "names": seen.names,
        "signs": dict(sorted(seen.count.items())),
        "examples": [{"what": sign.what, "text": _sign(seen, sign)} for sign in seen.signs[:20]],
    }


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
    from btfkit.judges.on_kernel import DESCRIPTIONS

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
    for what, text in DESCRIPTIONS.items():
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
    from btfkit.btf.spelling import label, spelled

    return label(btf, type_id) if btf.name(type_id) else spelled(btf, type_id)


def _readings(found: Examination) -> Iterator[str]:
    """Members of the module's structs as they read on this kernel."""
    from btfkit.btf import spec
    from btfkit.btf.spelling import spelled

    btf = found.btf
    assert btf is not None
    for user in btf.own_ids:
        if btf.kind(user) != spec.STRUCT or not btf.word(user, 0) or btf.word(user, 0) < btf.start_str_off:
            continue
        for member in btf[user].members:  # type: ignore[attr-defined]
            if 0 < member.type_id < btf.start_id and member.name and btf.kind(member.type_id) == spec.PTR:
                yield f"struct {btf.name(user)} {{ {spelled(btf, member.type_id)} {member.name}; }}"
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
    from btfkit.passes.definition_changes import changes

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
