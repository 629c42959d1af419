"""The findings about a kernel ABI as text and as JSON."""

from __future__ import annotations

from btfkit.errors import counted, printable
from btfkit.show.diff_text import type_lines
from btfkit.show.diff_values import TypeChange
from btfkit.show.kabi import SCHEMA, SYMBOL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.show.kabi import Finding, Kabi

NAMES = 4  # symbols in one line


def kabi_lines(found: Kabi, *, summary: bool = False) -> Iterator[str]:
    """The lines, without newlines: totals, then each break with the symbols that reach it, then what is no break."""
    total = len(found.symbols)
    breaks = found.breaks
    harmless = [one for one in found.findings if not one]
    known = total - len(found.without)
    yield f"{counted(total, 'symbol')}, {known:,} in BTF: {counted(len(breaks), 'break')}, {len(harmless):,} without effect"
    if found.without:
        shown = ", ".join(map(printable, found.without[:NAMES])) + (", ..." if len(found.without) > NAMES else "")
        yield f"not in BTF (variables, assembly, aliases), not compared: {len(found.without):,}: {shown}"
    if found.crcs:
        shown = ", ".join(map(printable, found.crcs[:NAMES])) + (", ..." if len(found.crcs) > NAMES else "")
        yield f"another CRC, but no break that BTF shows: {len(found.crcs):,}: {shown}"
    if summary:
        return
    for finding in breaks:
        yield ""
        yield f"BREAK {_title(finding)}"
        yield from _body(finding)
        if finding.kind != SYMBOL:
            yield f"  reached by {_symbols(found, finding)}"
    if harmless:
        yield ""
        yield f"without effect ({len(harmless):,})"
    for finding in harmless:
        why = list(dict.fromkeys(noted.why for noted in finding.harmless)) + ["suppressed"] * bool(finding.suppressed)
        yield f"  {_title(finding)}: {', '.join(why)}"


def _title(finding: Finding) -> str:
    name = f"{finding.kind} {printable(finding.name)}"
    name += f" [{printable(finding.module)}]" if finding.module else ""
    return name + (f": {finding.title}" if finding.whole else "")


def _body(finding: Finding) -> Iterator[str]:
    change = finding.change
    if change is None:
        return
    if finding.kind in ("function", "variable", "typedef") and not finding.breaks:
        yield from list(type_lines(change))[1:]
        return
    shown = TypeChange(change.kind, change.name, change.old_id, change.new_id)
    shown.changes = finding.breaks
    shown.old = shown.new = {}
    yield from list(type_lines(shown))[1:]
    for why in dict.fromkeys(noted.why for noted in finding.harmless):
        members = [printable(noted.change.path) for noted in finding.harmless if noted.why == why and noted.change]
        yield f"  ok, {why}: {', '.join(members[:NAMES])}{', ...' if len(members) > NAMES else ''}"
    if finding.suppressed:
        yield f"  suppressed: {', '.join(map(printable, finding.suppressed[:NAMES]))}"


def _symbols(found: Kabi, finding: Finding) -> str:
    names = found.names(finding.symbols)
    shown = ", ".join(map(printable, names[:NAMES]))
    return f"{len(names):,} of {counted(len(found.symbols), 'symbol')}: {shown}{', ...' if len(names) > NAMES else ''}"


def as_json(found: Kabi) -> dict[str, object]:
    """The JSON document (schema 1); `reached_by` of a finding is the number of a list of `symbol_sets`."""
    sets: dict[int, int] = {}
    findings = []
    for finding in found.findings:
        change = finding.change
        document: dict[str, object] = {
            "break": bool(finding),
            "kind": finding.kind,
            "name": finding.name,
            "what": finding.whole,
            "breaks": [one.as_json() for one in finding.breaks],
            "harmless": [{"why": one.why, **(one.change.as_json() if one.change else {})} for one in finding.harmless],
            "suppressed": finding.suppressed,
            "reached_by": sets.setdefault(finding.symbols, len(sets)),
        }
        if change is not None:
            document |= {"old": change.old, "new": change.new}
        findings.append(document | ({"module": finding.module} if finding.module else {}))
    crcs = {} if found.crcs is None else {"other_crcs": found.crcs}
    return {
        "schema": SCHEMA,
        "symbols": len(found.symbols),
        "not_in_btf": found.without,
        "breaks": len(found.breaks),
        "findings": findings,
        "symbol_sets": [found.names(mask) for mask in sets],
        "unused_suppressions": [{"type": one.type, "member": one.member, "symbol": one.symbol} for one in found.unused],
        **crcs,
    }
