"""`explain`: whether a kernel accepts a module's BTF, and if not, why and what to do; as text and for JSON."""

from __future__ import annotations

from btfkit.btf_file import MINIMAL_BASE_SECTION
from btfkit.btf_file import open as open_btf
from btfkit.errors import counted
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
    Copies,
    Module,
    judge,
    read_module,
)
from btfkit.files import sysfs
from btfkit.files.container import source_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.judges.on_kernel import Examination, Sign
    from btfkit.passes.definition_changes import Change
    from btfkit.passes.reconcile import Misfit

    Path = str | os.PathLike[str]

# checked with real kernels in tests/vm/test_rules.py
LOADER = (
    'The kernel logs "failed to validate module BTF: -22" and does not load the module. A kernel configured with',
    "MODULE_ALLOW_BTF_MISMATCH (as Debian's before 7) loads it without its BTF, and may not log why.",
)

_HEADLINES = {
    TAKES: "YES, this kernel accepts the module's BTF",
    REFUSES: "NO, this kernel rejects the module's BTF",
    IGNORES: "NO, this kernel ignores the BTF of modules",
    WRONG: "NO: this kernel accepts the module's BTF without a message, but reads it wrongly",
    NONE: "NO, the module has no BTF that a kernel could accept",
}
_KNOWS = {
    BASES: "This kernel supports .BTF.base (its struct module has btf_base_data; Linux 6.11 and later).",
    MODULES: "This kernel does not support .BTF.base (Linux before 6.11): it reads .BTF as if built on its own vmlinux.",
    NOTHING: "This kernel ignores the BTF of modules (its struct module has no btf_data: before 5.11, or not configured).",
}


class Explanation:
    """Whether the kernel with the BTF `kernel`, called `kernel_path`, accepts `module`: the `answer`, and as text.  `release` is
    that of the kernel ("6.12.57"), "" if unknown.

    True if the kernel accepts the module's BTF.
    """

    __slots__ = ("answer", "kernel", "kernel_path", "module", "release")

    def __init__(self, module: Module, kernel: Btf, kernel_path: str, answer: Answer, release: str = "") -> None:
        self.module = module
        self.release = release or release_of(kernel_path)
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
        """The explanation as text; at most `limit` findings and signs of a kind."""
        answer, module = self.answer, self.module
        yield f"{source_name(module.path)} on {source_name(self.kernel_path)}:"
        yield _HEADLINES[answer.verdict]
        yield ""
        if module.section:
            kind = (
                "a distilled base"
                if module.base is None
                else f"a distilled base of {counted(len(module.base) - 1, 'type')}"
            )
            yield f"The module has {kind} ({module.section})."
        elif module.blob:
            yield "The module has no .BTF.base: its BTF fits only the vmlinux that it was built with."
        if built := _releases(module, self.release):
            yield built
        if answer.knows in _KNOWS and (module.section or answer.knows == NOTHING):
            yield _KNOWS[answer.knows]
        if module.section == MINIMAL_BASE_SECTION:
            yield f"Kernels ignore {MINIMAL_BASE_SECTION}: reconcile the module before it is loaded."
        yield from _why(answer, module, self.kernel, limit)
        if answer.copies is not None:
            yield from _about_copies(answer.copies)
        remedy = list(_remedy(answer, module, self.kernel_path, self.release))
        if remedy:
            yield ""
            yield "What to do:"
            for line in remedy:
                yield f"  {line}"

    @property
    def remedy(self) -> list[str]:
        """What to do, line by line."""
        return [line.strip() for line in _remedy(self.answer, self.module, self.kernel_path, self.release)]

    def as_json(self) -> dict[str, object]:
        """The explanation for JSON."""
        answer = self.answer
        found: dict[str, object] = {
            "path": self.kernel_path,
            "verdict": answer.verdict,
            "reason": answer.reason or None,
            "knows": answer.knows,
            "after_reconcile": answer.can_reconcile,
            "built_for": self.module.release or None,
            "release": self.release or None,
        }
        if (copies := answer.copies) is not None:
            found["copies"] = {"style": copies.style, "names": copies.names, "fits_without": copies.fits_without}
        for name, findings in (("upstream", answer.upstream), ("strict", answer.strict)):
            if findings is not None:
                found[name] = [self._finding_as_json(finding) for finding in findings]
        if answer.examination is not None:
            found["examination"] = _examination_as_json(answer.examination)
        found["remedy"] = self.remedy
        return found

    def _finding_as_json(self, finding: Misfit) -> dict[str, object]:
        from btfkit.file_ops.reconcile import finding_as_json

        found: dict[str, object] = finding_as_json(finding)
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
    """Whether the kernel with the BTF `kernel` accepts the BTF of `module`, a file, and if not, why and what to do.

    `built_with` is the vmlinux that the module was built with, to show what changed since; `distilled_base` is the base of raw
    BTF.  Raises what `load` and `read_module` do.
    """
    from btfkit.btf.btf import Btf

    if not isinstance(module, Module):
        module = read_module(module, distilled_base, built_with)
    if isinstance(kernel, Btf):
        return Explanation(module, kernel, kernel.source or "VMLINUX", judge(module, kernel))
    file = open_btf(kernel)
    new = file.btf()
    return Explanation(module, new, str(kernel), judge(module, new), file.release)


def _examination_as_json(seen: Examination) -> dict[str, object]:
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
        yield "It cannot be reconciled to this kernel either (strict rules):"
        yield from _findings(answer.strict, module, new, limit)
    else:
        yield "It fits after it is reconciled to this kernel."


def _by_both_rules(
    upstream: Sequence[Misfit], strict: Sequence[Misfit], module: Module, new: Btf, limit: int | None
) -> Iterator[str]:
    """The findings by the kernel's rules, and those by which the strict ones differ."""
    if upstream:
        count = sum(1 for finding in upstream if finding.type_id)
        yield f"The kernel's own rules (upstream) reject {counted(count, 'type') if count else 'it'}:"
        if upstream[0].reason == "not-distilled" and not strict:
            yield f"  {DEFINITIONS}"
        else:
            yield from _findings(upstream, module, new, limit)
    refused, right = {_key(finding) for finding in upstream}, {_key(finding)[0] for finding in strict}
    needless = [finding.title for finding in upstream if finding.type_id and finding.type_id not in right]
    missed = [finding for finding in strict if _key(finding) not in refused]
    if needless:
        yield f"The strict rules accept {', '.join(needless[:8])}{', ...' * (len(needless) > 8)}."
    if missed and upstream:
        yield "The strict rules also reject:"
    elif missed:
        yield "The kernel's own rules accept it, but the strict rules reject:"
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
        yield "The kernel does not check what references lead to, and found no invalid name by chance."
    if found.right:
        return
    was = "It was built on another vmlinux." if examples else "Without its base, .BTF means something else."
    total = f"{counted(found.all_types, 'reference')} and {counted(found.all_names, 'name')}"
    yield f"{was} Of all its {total}, these are wrong here:"
    for what in DESCRIPTIONS:
        if found.count.get(what):
            yield f"  {found.described(what)}"
            signs = [sign for sign in found.signs if sign.what == what] if examples else []
            yield from (f"      {_sign(found, sign)}" for sign in signs[: limit and 2])
    readings = list(_readings(found)) if examples else []
    if readings:
        yield "Examples of how it reads on this kernel:"
        yield from (f"  {reading}" for reading in readings[: limit and 4])


def _sign(found: Examination, sign: Sign) -> str:
    btf = found.btf
    assert btf is not None
    if sign.what == "id":
        return f"{sign.place} refers to type {sign.target}, but the last id is {len(btf) - 1}"
    if sign.what == "name":
        return f"{sign.place} at {sign.target:#x}"
    if sign.what == "name-inside":
        return f"{sign.place}: {_string(btf, sign.target)!r} is the end of {_whole_string(btf, sign.target)!r}"
    if sign.what == "size":
        return f"{sign.place} ends at byte {sign.end:,}, its container at {btf.word(sign.user, 2):,}"
    return f"{sign.place} refers to {_described(btf, sign.target)}"


def _whole_string(btf: Btf, offset: int) -> str:
    """The string of the base that contains `offset`."""
    layer = btf
    while offset < layer.start_str_off and layer.base is not None:
        layer = layer.base
    start = offset - layer.start_str_off
    while start and layer.strings[start - 1]:
        start -= 1
    return _string(btf, layer.start_str_off + start)


def _string(btf: Btf, offset: int) -> str:
    from btfkit.btf.spec import text

    return text(btf.string(offset))


def _described(btf: Btf, type_id: int) -> str:
    from btfkit.btf.spelling import label, spelled

    return label(btf, type_id) if btf.name(type_id) else spelled(btf, type_id)


def _readings(found: Examination) -> Iterator[str]:
    """Members of the module's structs as read on this kernel."""
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
            yield f"      used, through a pointer, in {finding.path}"
        changed = finding.changes or _changes(finding, module, new)
        for change in changed[: limit and 4]:
            yield f"      {_change(change)}"
        if limit and len(changed) > 4:
            yield f"      ... and {len(changed) - 4} more changes (--all)"
    if limit and len(findings) > limit:
        yield f"  ... and {len(findings) - limit} more (--all)"


def _changes(finding: Misfit, module: Module, new: Btf) -> Sequence[Change]:
    """The changes within a type since the kernel that the module was built with, if that was given."""
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


def release_of(path: str) -> str:
    """The release of the kernel in a file, by its path ("/boot/vmlinuz-6.12.57"), or of the running one; "" if unknown."""
    import os
    import re

    if sysfs.has(path):
        return os.uname().release
    for name in reversed(path.split("/")):
        found = re.search(r"(?<![\d.])\d+\.\d+\.\d+(?:[-+~_][\w.+~-]*)?", name)
        if found:
            return re.sub(r"(\.(btf|tar|xz|gz|zst|bz2|lz4|vmlinux|img|ko))+$", "", found[0])
    return ""


def _releases(module: Module, release: str) -> str:
    """What the module was built for, and which release the kernel is."""
    built = module.release
    if not built:
        return ""
    if not release:
        return f"The module was built for Linux {built} (vermagic)."
    if built == release:
        return f"The module was built for Linux {built} (vermagic), as this kernel is."
    return f"The module was built for Linux {built} (vermagic), this kernel is {release}."


def _about_copies(copies: Copies) -> Iterator[str]:
    shown = ", ".join(copies.names[:4]) + (", ..." if len(copies.names) > 4 else "")
    here, there = ("flat", "nested") if copies.style == "flat" else ("nested", "flat")
    versions = {"flat": "before 1.32", "nested": "1.32 and later"}
    yield (
        f"The cause may be arrays of arrays: pahole wrote them {there} in the module ({versions[there]}) and {here} in the kernel"
        f" ({versions[here]}). So the module carries copies of {len(copies.names):,} of the kernel's types that contain them"
        f" ({shown}) and of all that leads to them, and each counts as its own."
    )
    if copies.fits_without is not None:
        yield f"Without these copies it {'fits' if copies.fits_without else 'does not fit either'}."


def _remedy(answer: Answer, module: Module, base: str, release: str) -> Iterator[str]:
    from shlex import quote

    path, base = quote(module.path), quote(base)
    built_with = quote(module.built_with) if module.built_with else "VMLINUX_IT_WAS_BUILT_WITH"
    beside = f" --distilled-base {quote(module.distilled_base)}" if module.distilled_base else ""
    reconcile = f"btfkit reconcile {path} -B {base}{beside} --in-place"
    distill = f"btfkit distill {path} -B {built_with} --in-place"
    if answer.verdict == TAKES:
        if answer.strict:
            yield "Check the types above: the kernel accepts them, but the module was compiled for others."
        return
    if answer.verdict in (NONE, IGNORES):
        if answer.verdict == NONE:
            old = built_with if module.built_with else "VMLINUX"
            yield "Build it with CONFIG_DEBUG_INFO_BTF_MODULES and a vmlinux, or add BTF to a module with debug information:"
            yield f"  btfkit encode {path} -B {old} --distill"
        return
    if answer.can_reconcile:
        if not module.section:
            yield f"{distill}, then"
        yield reconcile
        yield "It then has BTF for exactly this kernel, and loads whether or not the kernel supports .BTF.base."
    elif answer.copies is not None and answer.copies.fits_without is not False:
        yield f"btfkit dedup {path} -B {built_with} --distill --in-place, then"
        yield f"{reconcile}  (dedup removes the copies)"
        if answer.copies.fits_without is None:
            yield "(--built-with VMLINUX, the kernel that it was built with, shows in advance whether that will work.)"
    elif answer.strict:
        yield from _rebuild(answer, module, release)
    elif answer.examination is not None and answer.examination.refused and answer.examination.right:
        yield "Encode its BTF for this kernel: use fewer --btf_features of pahole, or a pahole as old as the kernel."
    elif module.problem or (answer.examination is not None and answer.examination.unreadable):
        yield "Build or download it again: the BTF is damaged, or for another machine."
    else:
        if release and module.release and module.release != release:
            yield f"Reinstall or rebuild the module for {release}, or keep this one and run:"
        yield f"{distill}, then {reconcile}"
        if not module.built_with:
            yield "(--built-with VMLINUX, the kernel that it was built with, shows in advance whether that will work.)"


def _rebuild(answer: Answer, module: Module, release: str) -> Iterator[str]:
    """What to do about findings of the strict rules."""
    findings = answer.strict or ()
    if any(finding.reason == "ambiguous" for finding in findings):
        yield "Distill it with --policy by-value: definitions distinguish types of one name."
    if any(finding.reason == "not-distilled" for finding in findings):
        yield "Distill it with the vmlinux that it was built with."
    if any(finding.embedded or finding.reason != "ambiguous" for finding in findings):
        differs = release and module.release and module.release != release
        verb = f"Reinstall or rebuild the module for {release}" if differs else "Build the module for this kernel"
        yield f"{verb}: its code was compiled for types that differ here, which no BTF can fix."
    if module.old is None and any(finding.embedded for finding in findings):
        yield "(--built-with VMLINUX, the kernel that it was built with, shows which members moved.)"
