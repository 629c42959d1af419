"""`verify`: all findings about a BTF: its structure, the kernel's rules, and the answer of the running kernel."""

from __future__ import annotations

from btfkit.btf.btf import demand_btf
from btfkit.errors import UnsupportedError, counted
from btfkit.judges.ext import ext_findings
from btfkit.judges.structure import Finding, structure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.btf.btf import Btf
    from btfkit.files.elf import Elf
    from btfkit.judges.load_kernel import KernelVerdict

    Bytes = bytes | memoryview[int]

SEVERITIES = ("error", "warning", "note")


class Verification:
    """The result: `findings`, errors first; `loaded` is the answer of the running kernel, None if it was not asked.

    Iterates over the findings.
    """

    __slots__ = ("findings", "loaded", "types")

    def __init__(self, types: int, findings: list[Finding], loaded: KernelVerdict | None) -> None:
        self.types = types
        self.findings = sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
        self.loaded = loaded

    @property
    def clean(self) -> bool:
        """Whether there is no error, and the kernel, if asked, accepted the BTF."""
        return not self.errors and (self.loaded is None or self.loaded.ok)

    @property
    def errors(self) -> list[Finding]:
        """The errors among the findings."""
        return [finding for finding in self.findings if finding.severity == "error"]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __repr__(self) -> str:
        return f"<{'clean' if self.clean else 'not clean'}: {self.summary}>"

    @property
    def summary(self) -> str:
        """The counts: "138 types, 1 error, 2 notes"."""
        counts = {severity: sum(one.severity == severity for one in self.findings) for severity in SEVERITIES}
        shown = {"type": self.types} | {severity: count for severity, count in counts.items() if count}
        return ", ".join(counted(count, what) for what, count in shown.items())

    def as_json(self) -> dict[str, object]:
        """For JSON."""
        findings = [finding.as_json() for finding in self.findings]
        result: dict[str, object] = {"clean": self.clean, "types": self.types, "findings": findings}
        if self.loaded is not None:
            result["load"] = {"ok": self.loaded.ok, "errno": self.loaded.errno or None, "log": self.loaded.log}
        return result


def verify(
    btf: Btf, *, ext: Bytes | None = None, elf: Elf | None = None, kernel: bool = False, load: bool = False
) -> Verification:
    """Judge `btf` by its structure and the kernel's rules; with `load`, also load it into the running kernel.

    `ext` is the content of the `.BTF.ext` beside it, which is judged, too, and `elf` the object that contains both
    (`btfkit.open(path)` has them: `file.container.ext`, `file.elf`).  What a kernel would reject is an error with `kernel`, else
    a note.  Raises UnsupportedError if it cannot be loaded: split BTF, the other byte order, or no permission.
    """
    demand_btf("btf", btf)
    findings = structure(btf) + _kernel(btf, as_errors=kernel)
    if ext is not None and len(ext):
        findings += ext_findings(ext, btf, elf)
    return Verification(len(btf.own_ids), findings, _load(btf) if load else None)


def _kernel(btf: Btf, *, as_errors: bool) -> list[Finding]:
    """The kernel's rules as findings; as notes, the sections of an object without a size (which is normal) become one."""
    from btfkit.judges.kernel import UNSIZED_SECTION, kernel_rules

    when = "by BPF_BTF_LOAD" if btf.base is None else "when the module is loaded"
    findings = kernel_rules(btf, program=btf.base is None)
    unsized = [] if as_errors else [finding for finding in findings if finding.rule == UNSIZED_SECTION]
    findings = [finding for finding in findings if finding not in unsized]
    for finding in findings:
        if finding.severity == "error":
            finding.message = f"would be rejected {when}: {finding.message} ({finding.errno})"
            finding.severity = "error" if as_errors else "note"
            finding.rule = "kernel-" + finding.rule
    if unsized:
        message = f"{len(unsized)} DATASEC without a size: libbpf fills it in when it loads the object"
        findings.append(Finding("note", unsized[0].type_id, message, UNSIZED_SECTION))
    return findings


def _load(btf: Btf) -> KernelVerdict:
    from btfkit.btf.header import NATIVE
    from btfkit.judges.load_kernel import load_into_kernel

    if btf.base is not None:
        raise UnsupportedError("a kernel only accepts split BTF together with its module", source=btf.source)
    if btf.byte_order != NATIVE:
        raise UnsupportedError(
            f"{btf.byte_order}-endian BTF, this machine's kernel accepts {NATIVE}-endian BTF only; "
            "use the kernel's rules without loading it",
            source=btf.source,
        )
    return load_into_kernel(btf.blob)
