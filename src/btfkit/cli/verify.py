"""`btfkit verify`: whether a BTF is sound, what the kernel would say, and what this machine's kernel says."""

from __future__ import annotations

import sys

from btfkit.cli import DIFFERS, DONE
from btfkit.cli.options import BASE, JSON, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.cli.options import Args
    from btfkit.judges.load_kernel import KernelVerdict
    from btfkit.judges.structure import Finding

SCHEMA = 1
SHOWN = 20  # findings, where --all is not given
SEVERITIES = ("error", "warning", "note")


def run(args: Args) -> int:
    """Print the findings and a summary; exit 1 where one of them counts."""
    from btfkit.btf_file import load
    from btfkit.judges.structure import structure

    btf = load(args.operands[0], args.base)
    findings = structure(btf) + _kernel(btf, counts=args.kernel)
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    verdict = _load(btf) if args.load else None
    clean = all(finding.severity != "error" for finding in findings) and (verdict is None or verdict.ok)
    if args.json:
        _print_json(btf, findings, verdict, clean)
    elif not (args.quiet and clean):
        shown = [finding for finding in findings if finding.severity == "error"] if args.quiet else findings
        _print_text(btf, shown, verdict, findings, clean, limit=None if args.all else SHOWN)
    return DONE if clean else DIFFERS


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
    """The sections of an object that have no size yet, which is as compilers make them, told in one note."""
    from btfkit.judges.kernel import UNSIZED_SECTION
    from btfkit.judges.structure import Finding

    sections = [finding for finding in findings if finding.rule == UNSIZED_SECTION]
    if not sections:
        return findings
    message = f"{len(sections)} DATASEC without a size: libbpf fills it in when it loads the object"
    note = Finding("note", sections[0].type_id, message, UNSIZED_SECTION)
    return [finding for finding in findings if finding.rule != UNSIZED_SECTION] + [note]


def _load(btf: Btf) -> KernelVerdict:
    from btfkit.btf.header import NATIVE
    from btfkit.errors import UnsupportedError
    from btfkit.judges.load_kernel import load_into_kernel

    if btf.base is not None:
        message = "a kernel takes split BTF with its module only: --load is for BTF without a base"
        raise UnsupportedError(message, source=btf.source)
    if btf.byte_order != NATIVE:
        raise UnsupportedError(
            f"{btf.byte_order}-endian, this machine's kernel takes {NATIVE}-endian BTF; "
            "--kernel tells what the right one would say",
            source=btf.source,
        )
    return load_into_kernel(btf.blob)


def _print_text(
    btf: Btf,
    shown: list[Finding],
    verdict: KernelVerdict | None,
    findings: list[Finding],
    clean: bool,
    *,
    limit: int | None,
) -> None:
    from btfkit.errors import printable

    lines = [printable(str(finding)) for finding in shown[:limit]]
    if len(shown) > len(lines):
        lines.append(f"... and {len(shown) - len(lines):,} more findings (--all prints them)")
    if verdict is not None:
        lines.append(f"this kernel: {'takes it' if verdict.ok else 'refuses it: ' + verdict.errno}")
        lines += ["    " + printable(line) for line in verdict.log.splitlines()[-3:]]
    lines.append(f"{'OK' if clean else 'NOT CLEAN'}: {', '.join(_counts(btf, findings))}")
    sys.stdout.write("\n".join(lines) + "\n")


def _counts(btf: Btf, findings: list[Finding]) -> Iterator[str]:
    own = len(btf.own_ids)
    yield f"{own:,} type{'' if own == 1 else 's'}"
    for severity in SEVERITIES:
        count = sum(1 for finding in findings if finding.severity == severity)
        if count:
            yield f"{count:,} {severity}{'' if count == 1 else 's'}"


def _print_json(btf: Btf, findings: list[Finding], verdict: KernelVerdict | None, clean: bool) -> None:
    import json

    result: dict[str, Any] = {"schema": SCHEMA, "clean": clean, "types": len(btf.own_ids)}
    result["findings"] = [
        {
            "severity": finding.severity,
            "type_id": finding.type_id,
            "rule": finding.rule,
            "message": finding.message,
            "errno": finding.errno or None,
        }
        for finding in findings
    ]
    if verdict is not None:
        result["load"] = {"ok": verdict.ok, "errno": verdict.errno or None, "log": verdict.log}
    print(json.dumps(result, indent=2))


COMMAND = Command(
    "verify",
    "check a BTF: structure, then the kernel's own rules",
    run,
    operands="FILE",
    options=(
        BASE,
        Option("--kernel", help="let what the kernel would refuse count"),
        Option("--load", help="load it into this machine's kernel, too (root; the kernel lets go of it at once)"),
        Option("--all", help=f"print all findings, not the first {SHOWN}"),
        JSON,
    ),
    details="Exit status: 0 clean, 1 not clean, 3 FILE could not be read.\n"
    "Without --kernel and --load, errors of structure decide.",
)
