"""`verify`: all that there is to say about a BTF: its structure, the kernel's rules, and what this machine's kernel answers."""

from __future__ import annotations

from btfkit.errors import UnsupportedError
from btfkit.judges.structure import Finding, structure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.judges.load_kernel import KernelVerdict

SEVERITIES = ("error", "warning", "note")


class Verification:
    """What was found: `findings`, errors first; `loaded` is what this machine's kernel said, None where it was not asked.

    Iterates over the findings.
    """

    __slots__ = ("findings", "loaded", "types")

    def __init__(self, types: int, findings: list[Finding], loaded: KernelVerdict | None) -> None:
        self.types = types
        self.findings = sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
        self.loaded = loaded

    @property
    def clean(self) -> bool:
        """Whether there is no error, and the kernel took it where it was asked."""
        return not self.errors and (self.loaded is None or self.loaded.ok)

    @property
    def errors(self) -> list[Finding]:
        """The findings that are errors."""
        return [finding for finding in self.findings if finding.severity == "error"]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __repr__(self) -> str:
        return f"<{'clean' if self.clean else 'not clean'}: {self.summary}>"

    @property
    def summary(self) -> str:
        """The numbers: "138 types, 1 error, 2 notes"."""
        counts = {severity: sum(one.severity == severity for one in self.findings) for severity in SEVERITIES}
        shown = {"type": self.types} | {severity: count for severity, count in counts.items() if count}
        return ", ".join(f"{count:,} {what}{'s' * (count != 1)}" for what, count in shown.items())

    def as_json(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = {"clean": self.clean, "types": self.types}
        found["findings"] = [finding.as_json() for finding in self.findings]
        if self.loaded is not None:
            found["load"] = {"ok": self.loaded.ok, "errno": self.loaded.errno or None, "log": self.loaded.log}
        return found


def verify(btf: Btf, *, kernel: bool = False, load: bool = False) -> Verification:
    """Judge `btf`: its structure and the kernel's rules; with `load` it is loaded into this machine's kernel, too.

    With `kernel` what a kernel would refuse is an error, else a note.  Raises UnsupportedError where it cannot be loaded: split
    BTF, the other byte order, or no right to do so.
    """
    findings = structure(btf) + _kernel(btf, counts=kernel)
    return Verification(len(btf.own_ids), findings, _load(btf) if load else None)


def _kernel(btf: Btf, *, counts: bool) -> list[Finding]:
    """The kernel's rules as findings; as notes unless they count."""
    from btfkit.judges.kernel import kernel_rules

    asked = "by BPF_BTF_LOAD" if btf.base is None else "when the module is loaded"
    findings = kernel_rules(btf, program=btf.base is None)
    if not counts:
        findings = _sections_as_one(findings)
    for finding in findings:
        if finding.severity == "error":
            finding.message = f"would be refused {asked}: {finding.message} ({finding.errno})"
            finding.severity = "error" if counts else "note"
            finding.rule = "kernel-" + finding.rule
    return findings


def _sections_as_one(findings: list[Finding]) -> list[Finding]:
    """The sections of an object that have no size yet, which is as compilers make them, in one note."""
    from btfkit.judges.kernel import UNSIZED_SECTION

    sections = [finding for finding in findings if finding.rule == UNSIZED_SECTION]
    if not sections:
        return findings
    message = f"{len(sections)} DATASEC without a size: libbpf fills it in when it loads the object"
    note = Finding("note", sections[0].type_id, message, UNSIZED_SECTION)
    return [finding for finding in findings if finding.rule != UNSIZED_SECTION] + [note]


def _load(btf: Btf) -> KernelVerdict:
    from btfkit.btf.header import NATIVE
    from btfkit.judges.load_kernel import load_into_kernel

    if btf.base is not None:
        raise UnsupportedError("a kernel takes split BTF with its module only, not by itself", source=btf.source)
    if btf.byte_order != NATIVE:
        raise UnsupportedError(
            f"{btf.byte_order}-endian, this machine's kernel takes {NATIVE}-endian BTF; "
            "the kernel's rules tell what the right one would say",
            source=btf.source,
        )
    return load_into_kernel(btf.blob)
