"""The kernel ABI of a list of symbols: which differences between two kernels break what these symbols reach.

    stable = read_symbols("Module.symvers")
    found = kabi(diff(old, new), stable)
    for finding in found.findings:
        print(finding.kind, finding.name, finding.breaks, found.names(finding.symbols))

A difference counts if a symbol of the list reaches the type in the old kernel, by value or by pointer.  What a module compiled
for the old kernel cannot notice is no break: a reserved member that is used (RESERVED), a member in a hole, in the padding or
beside others in a union, a member with another name, more enumerators.  Suppressions name differences that are accepted.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import NamedTuple

from btfkit.btf import spec
from btfkit.btf.members import flat_members
from btfkit.errors import counted, printable
from btfkit.show.identity import CLASSES, ENUM, FUNC, STRUCT, TYPEDEF, UNION, VAR
from btfkit.show.reach import Reach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.show.diff_values import Change, Diff, TypeChange
    from btfkit.show.kabi_lists import Suppression, Symbols

    _Taken = tuple[int, int, str]

SCHEMA = 1
# The members that kernels reserve for later use, by the last part of their names.
RESERVED = (
    (r"rh_reserved\d+|rh_kabi_reserved\w*|__rh_kabi_\w+", "RH_KABI_RESERVE of Red Hat"),
    (r"_?(?:android_kabi|android_vendor|android_oem|android_backport)_(?:reserved|data)\w*", "ANDROID_KABI_RESERVE"),
    (r"_{0,2}kabi_(?:reserved?|padding)_?\w*", "KABI_RESERVE of openEuler, gendwarfksyms, Debian and others"),
    (
        r"suse_kabi_(?:padding|reserved)\w*|deepin_kabi_reserved\w*|ck_(?:kabi_)?reserved?\w*",
        "KABI_RESERVE of distributions",
    ),
)
_RESERVED = re.compile("|".join(pattern for pattern, _ in RESERVED))
_HARMLESS_TAGS = "tags"


class Noted(NamedTuple):
    """A difference that is no break, and `why`."""

    change: Change | None
    why: str


class Finding:
    """What happened to a type or symbol that is to be kept: `kind` and `name`, `title` (what happened to it as a whole), `breaks`
    and `harmless` changes of members, `whole` (the type itself breaks: its size, its prototype), and `symbols`, as bits."""

    __slots__ = ("breaks", "change", "harmless", "kind", "module", "name", "suppressed", "symbols", "title", "whole")

    def __init__(self, kind: str, name: str, symbols: int, change: TypeChange | None = None, module: str = "") -> None:
        self.kind = kind
        self.name = name
        self.module = module
        self.symbols = symbols
        self.change = change
        self.title = ""
        self.whole = ""
        self.breaks: list[Change] = []
        self.harmless: list[Noted] = []
        self.suppressed: list[str] = []

    def __repr__(self) -> str:
        return f"<{'break' if self else 'harmless'}: {self.kind} {self.name}>"

    def __bool__(self) -> bool:
        """Whether it is a break."""
        return bool(self.breaks or self.whole)


class Kabi:
    """The result: `findings` (breaks first, by the number of symbols that reach them), `symbols` (names, in the order of their
    bits), `without` (those that BTF does not describe), and `unused` suppressions.  `crcs` are symbols whose CRC differs although
    nothing that they reach breaks; None if exports were not compared."""

    __slots__ = ("crcs", "findings", "symbols", "unused", "without")

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = list(symbols)
        self.findings: list[Finding] = []
        self.without: list[str] = []
        self.crcs: list[str] | None = None
        self.unused: list[Suppression] = []

    def __repr__(self) -> str:
        return f"<Kabi: {counted(len(self.breaks), 'break')} for {counted(len(self.symbols), 'symbol')}>"

    @property
    def breaks(self) -> list[Finding]:
        """The findings that are breaks."""
        return [finding for finding in self.findings if finding]

    def names(self, mask: int) -> list[str]:
        """The symbols of a set of bits."""
        return [name for name, bit in zip(self.symbols, reversed(f"{mask:b}"), strict=False) if bit == "1"]


def is_reserved(path: str) -> bool:
    """Whether a member is one that kernels reserve, by its name."""
    return _RESERVED.fullmatch(path.rpartition(".")[2]) is not None


def kabi(found: Diff, symbols: Symbols, suppressions: Sequence[Suppression] = ()) -> Kabi:
    """The findings about what `symbols` reach, in a diff of two kernels (all types of it)."""
    return kabi_of_kernels([("", found)], symbols, suppressions)


def kabi_of_kernels(
    diffs: Sequence[tuple[str, Diff]],
    symbols: Symbols,
    suppressions: Sequence[Suppression] = (),
    exported: Symbols | None = None,
) -> Kabi:
    """As `kabi`, for kernels with modules: (name, diff) of vmlinux ("") and of those modules that the symbols are in.

    The vmlinux comes first.  A module's symbols reach types of the vmlinux, too.  `exported` is what the new kernel exports (its
    Module.symvers): symbols that are not among them break.
    """
    result = Kabi(symbols.names)
    starts = [_starts(diff.old, name, symbols) for name, diff in diffs]
    known: set[str] = set()
    for by_symbol in starts:
        known |= by_symbol.keys()
    result.without = [name for name in symbols.names if name not in known]
    result.symbols = [name for name in symbols.names if name in known] + result.without  # a list may name millions
    bits = {name: 1 << number for number, name in enumerate(result.symbols[: len(known)])}
    base_roots: dict[int, int] = {}
    reaches: list[Reach] = []
    for (name, diff), by_symbol in reversed(list(zip(diffs, starts, strict=True))):
        roots: dict[int, int] = {} if name else base_roots
        for symbol, ids in by_symbol.items():
            for type_id in ids:
                roots[type_id] = roots.get(type_id, 0) | bits[symbol]
        reach = Reach(diff.old, roots)
        if name:  # what it reaches in the vmlinux
            for type_id in reach:
                if type_id < diff.old.start_id:
                    base_roots[type_id] = base_roots.get(type_id, 0) | reach[type_id]
        reaches.append(reach)
    for (name, diff), reach, by_symbol in zip(diffs, reversed(reaches), starts, strict=True):
        result.findings += _Judge(diff, reach, by_symbol, bits, name).findings()
    if exported is not None:
        types = {
            name
            for (_, diff), by_symbol in zip(diffs, starts, strict=True)
            for name, ids in by_symbol.items()
            if diff.old.kind(ids[0]) not in (spec.FUNC, spec.VAR)
        }
        _compare_exports(result, symbols, exported, types, bits)
    _suppress(result, suppressions)
    result.findings.sort(key=lambda one: (not one, -one.symbols.bit_count(), one.kind, one.name))
    return result


def _starts(btf: Btf, module: str, symbols: Symbols) -> dict[str, list[int]]:
    """The ids of each symbol that one BTF itself defines."""
    kinds = {kind for kind, word in CLASSES.items() if word in (FUNC, VAR, STRUCT, UNION, ENUM, TYPEDEF)}
    found: dict[str, list[int]] = {}
    for name in symbols.names:
        wanted = symbols.modules.get(name, "")
        if wanted and wanted != module:
            continue
        ids = [i for i in btf.find_ids(name) if btf.kind(i) in kinds and i >= btf.start_id]
        exported = [i for i in ids if btf.kind(i) in (spec.FUNC, spec.VAR)]
        if ids:
            found[name] = exported or ids
    return found


class _Judge:
    """The differences of one BTF, judged."""

    def __init__(
        self, diff: Diff, reach: Reach, starts: dict[str, list[int]], bits: dict[str, int], module: str
    ) -> None:
        self.diff = diff
        self.reach = reach
        self.starts = starts
        self.bits = bits
        self.module = module

    def findings(self) -> Iterator[Finding]:
        """All findings, in the order of the diff."""
        of_id = {i: self.bits[name] for name, ids in self.starts.items() for i in ids}
        for entry in self.diff.removed:
            mask = of_id.get(entry.type_id, 0)
            if mask:
                finding = Finding(entry.kind, entry.name, mask, None, self.module)
                finding.whole = finding.title = "no longer exists"
                yield finding
        for change in self.diff.changed:
            mask = self.reach[change.old_id]
            if mask and (change.kind not in (FUNC, VAR) or change.old_id in of_id):
                finding = Finding(change.kind, change.name, mask, change, self.module)
                self._judge(finding, change)
                if finding or finding.harmless:
                    yield finding

    def _judge(self, finding: Finding, change: TypeChange) -> None:
        old, new = change.old, change.new
        if change.kind == FUNC:
            if any(one.what != _HARMLESS_TAGS for one in change.changes):
                finding.whole = "another prototype"
        elif "size" in old and old["size"] != new.get("size"):
            finding.whole = f"{old['size']} -> {new.get('size')} bytes"
        elif change.kind not in (STRUCT, UNION, ENUM) and old.get("text") != new.get("text"):
            finding.whole = "another type"
        elif old.get("signed") != new.get("signed"):
            finding.whole = "another sign"
        finding.title = finding.whole
        room = _Room(self.diff, change) if change.kind in (STRUCT, UNION, TYPEDEF) else None
        for one in change.changes if change.kind != FUNC else ():
            why = self._why_harmless(one, room, change)
            if why:
                finding.harmless.append(Noted(one, why))
            elif one.what != _HARMLESS_TAGS:
                finding.breaks.append(one)

    def _why_harmless(self, one: Change, room: _Room | None, change: TypeChange) -> str:
        """Why a change is no break; "" if it is one, or does not count."""
        if one.what == _HARMLESS_TAGS:
            return ""
        if why := _why_harmless_enumerator(one):
            return why
        if one.what == "renamed":
            return (
                "a reserved member is used"
                if one.old and is_reserved(one.old["name"])
                else "the same under another name"
            )
        if one.what == "retyped" and one.within and (one.old or {}).get("size") == (one.new or {}).get("size"):
            reasons = {_why_harmless_enumerator(each) for each in one.within}
            return "" if "" in reasons else min(reasons)
        if room is None:
            return ""
        if one.what == "removed" and is_reserved(one.path):
            return "a reserved member is used" if change.old.get("size") == change.new.get("size") else ""
        if one.what in ("retyped", "grown", "width") and is_reserved(one.path):
            return "a reserved member changed" if change.old.get("size") == change.new.get("size") else ""
        if one.what == "added" and one.new is not None:
            return room.place_of(one.new)
        return ""


def _why_harmless_enumerator(one: Change) -> str:
    """Why a change of an enumerator is no break (also of an enum without a name); "" if it is, or is none of an enumerator."""
    if one.what == "added" and "value" in (one.new or {}):
        return "one more enumerator"
    return "the same value under another name" if one.what == "renamed" and "value" in (one.old or {}) else ""


class _Room:
    """What a struct or union of the old kernel has in each place: reserved members, others, or nothing."""

    def __init__(self, diff: Diff, change: TypeChange) -> None:
        self.size = 0
        self.reserved: list[_Taken] = []
        self.taken: list[_Taken] = []
        self._new, self._new_id = diff.new, change.new_id
        target = diff.old.strip(change.old_id)
        if diff.old.kind(target) not in spec.COMPOSITES:
            return
        self.size = 8 * (diff.old.sizeof(target) or 0)
        for member in _taken(diff.old, target):
            (self.reserved if is_reserved(member[2]) else self.taken).append(member)

    @cached_property
    def kept(self) -> frozenset[_Taken]:
        """The members that the new kernel has, with their places: only a member on others asks for them."""
        return frozenset(_taken(self._new, self._new.strip(self._new_id)))

    def place_of(self, facts: object) -> str:
        """Why a member that was added (facts of a `Change`) is harmless: it is in a reserved place, in an unused one, or beside
        the members of a union, which stay."""
        values: dict[str, int] = facts  # type: ignore[assignment]
        begin = values.get("bit_offset", 8 * values["offset"])
        end = begin + (values.get("bits") or 8 * values["size"])
        if end > self.size or begin == end:
            return ""
        there = [member for member in self.taken if member[0] < end and begin < member[1]]
        if there:
            return "one more member of a union" if self.kept.issuperset(there) else ""
        if any(a < end and begin < b for a, b, _ in self.reserved):
            return "a reserved member is used"
        return "in a hole"


def _taken(btf: Btf, target: int) -> Iterator[_Taken]:
    """(first bit, bit after the last one, path) of each member of a struct or union, also of those of its members."""
    if btf.kind(target) in spec.COMPOSITES:
        for member in flat_members(btf, target, open_named=True):
            bits = member.bits or 8 * (btf.sizeof(member.type_id) or 0)
            yield member.bit_offset, member.bit_offset + bits, member.path


SYMBOL = "symbol"  # the kind of a finding about an export


def _compare_exports(result: Kabi, old: Symbols, new: Symbols, types: set[str], bits: dict[str, int]) -> None:
    """Add the symbols that are no longer exported as they were, and note those with another CRC that no break explains."""
    broken = 0
    for finding in result.breaks:
        broken |= finding.symbols
    gone = {finding.name for finding in result.findings if finding.change is None}
    result.crcs = []
    for name in old.names:
        if name in types or name in gone or " " in name:
            continue
        before, after = old.exports.get(name), new.exports.get(name)
        whole = ""
        if after is None:
            whole = "no longer exported"
        elif before is not None and after.gpl and not before.gpl:
            whole = "now for GPL modules only"
        elif before is not None and after.namespace not in ("", before.namespace):
            whole = f"now in the namespace {printable(after.namespace)}"
        elif before is not None and 0 != before.crc != after.crc != 0 and not bits.get(name, 0) & broken:
            result.crcs.append(name)
        if whole:
            finding = Finding(SYMBOL, name, bits.get(name, 0), None, old.modules.get(name, ""))
            finding.whole = finding.title = whole
            result.findings.append(finding)


def _suppress(result: Kabi, suppressions: Sequence[Suppression]) -> None:
    """Remove the breaks that suppressions accept, and note which suppressions accept nothing."""
    kept = []
    for finding in result.findings:
        names = result.names(finding.symbols) if any(one.symbol != "*" for one in suppressions) else []
        names = names or ([finding.name] if finding.kind == SYMBOL else [])
        what = "missing" if finding.change is None else "size" if finding.title.endswith("bytes") else "changed"
        if finding.whole and _covered(suppressions, finding, what, "", names):
            finding.suppressed.append(finding.whole)
            finding.whole = ""
        left = []
        for change in finding.breaks:
            if _covered(suppressions, finding, change.what, change.path, names):
                finding.suppressed.append(f"{change.path} {change.what}")
            else:
                left.append(change)
        finding.breaks = left
        if finding or finding.harmless or finding.suppressed:
            kept.append(finding)
    result.findings = kept
    result.unused = [one for one in suppressions if not one.uses]


def _covered(
    suppressions: Sequence[Suppression], finding: Finding, what: str, member: str, names: Sequence[str]
) -> bool:
    for one in suppressions:
        if one.matches(finding.kind, finding.name, what, member, names):
            one.uses += 1
            return True
    return False
