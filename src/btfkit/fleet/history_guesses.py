"""Guesses about a type or function that appears or disappears: what it was called before, or is called now.

The kernels on both sides of the change are compared: a struct with most of the same members, or a name that is spelled almost
like it, which only one of the two kernels has.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.finders import missing
from btfkit.btf.spec import text
from btfkit.errors import BtfError, NotFoundError, printable
from btfkit.fleet.hints import Known
from btfkit.fleet.history_values import MEMBER, is_member
from btfkit.fleet.owners import bare_name
from btfkit.show.identity import CLASSES
from btfkit.show.offset import offset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor

    from btfkit.btf.btf import Btf
    from btfkit.fleet.history_values import History, Span
    from btfkit.fleet.tree import Kernel

    Pair = tuple[Kernel, Kernel, str, str]  # without the name, with it, the name, its kind

MAX_PAIRS = 8  # pairs of kernels that are compared
SHARED = 0.6  # of the members of two structs, for a guess
LEAST = 3  # members that they share


def add_guesses(
    found: History, kernels: Sequence[Kernel], *, executor: Executor | None = None, workers: int | None = None
) -> None:
    """Add to the spans of types and functions what the name may have been before or is now; to a history of nothing, a hint."""
    from btfkit.work import jobs

    if not found:
        found.hint = _hint(found, kernels)
        return
    wanted: list[tuple[Span, Pair]] = []
    seen: set[tuple[object, ...]] = set()
    for span, pair, key in _changes(found, kernels):
        if key not in seen and len(wanted) < MAX_PAIRS:
            seen.add(key)
            wanted.append((span, pair))
    if not wanted:
        return
    for ended in jobs.run(CompareWork(), [pair for _, pair in wanted], executor=executor, workers=workers):
        if ended.error is None and ended.value:
            span = wanted[ended.number][0]
            span.guesses.append(f"{'renamed from' if span.state else 'renamed to'} {ended.value}")


def _changes(found: History, kernels: Sequence[Kernel]) -> Iterator[tuple[Span, Pair, tuple[object, ...]]]:
    """The spans at which something appears or disappears, with the kernels on both sides; and what tells the changes apart."""
    for line in found.lines:
        before: Span | None = None
        for span in line.spans:
            if (
                line.kind != MEMBER
                and before is not None
                and before.series is span.series
                and bool(before.state) != bool(span.state)
            ):
                sides = before.columns[-1], span.columns[0]
                without, having = reversed(sides) if before.state else sides
                name = found.name
                versions = tuple(found.columns[column].version[:4] for column in sides)
                yield (
                    span,
                    (kernels[without], kernels[having], name, line.kind),
                    (line.kind, span.series.arch, versions),
                )
            before = span


def _hint(found: History, kernels: Sequence[Kernel]) -> str:
    """Why the newest kernel that was read has nothing of that name, with close names."""
    newest = max(found.usable, key=lambda column: found.columns[column].version, default=-1)
    if newest < 0:
        return ""
    try:
        btf = kernels[newest].load_vmlinux()
        if not is_member(found.name):
            return missing(btf, found.name).message
        offset(btf, found.name)
    except (BtfError, OSError) as error:
        return error.message if isinstance(error, BtfError) else ""
    return ""


class CompareWork:
    """The work on a pair of kernels (`work.job.Work`): find on one what only the other has under a name."""

    def prepare(self) -> None:
        """Nothing is shared."""

    def run(self, state: None, job: Pair) -> str:
        """The other name with the reason, or ""."""
        without, having, name, kind = job
        return renamed(without.load_vmlinux(), having.load_vmlinux(), bare_name(name), kind)


def renamed(without: Btf, having: Btf, name: str, kind: str) -> str:
    """The type or function of `without` that may be `name` of `having`, with the reason; "" if there is none."""
    kinds = tuple(number for number, word in CLASSES.items() if word == kind)
    ids = list(having.find_ids(name, kinds))
    if ids and having.kind(ids[0]) in spec.COMPOSITES:
        other, share = _similar_members(without, having, ids[0], kinds)
        if other:
            return f"{printable(other)} ({share:.0%} of the members are called the same)"
    try:
        for number in kinds:
            close = Known().close_name(without, name, number)
            if close and not any(having.find_ids(close, kinds)):
                return f"{printable(close)} (spelled almost like it)"
    except NotFoundError:
        return ""
    return ""


def _member_names(btf: Btf, type_id: int) -> set[bytes]:
    layer, at = btf.locate(type_id)
    words = layer.words
    count = words[at + 1] & spec.MAX_VLEN
    return {btf.string(words[m]) for m in range(at + 3, at + 3 + 3 * count, 3) if words[m]}


def _similar_members(without: Btf, having: Btf, type_id: int, kinds: tuple[int, ...]) -> tuple[str, float]:
    """The struct of `without` that shares the most members with one of `having`, and is not in that by name; with the share."""
    wanted = _member_names(having, type_id)
    offsets = {offset for name in wanted for offset in without.string_offsets(name)}
    best = "", 0.0
    for layer in without.chain:
        words = layer.words
        for at in layer.positions:
            info = words[at + 1]
            count = info & spec.MAX_VLEN
            if not words[at] or info >> 24 & spec.MAX_KIND not in kinds or not LEAST <= count <= 4 * len(wanted):
                continue
            shared = sum(words[m] in offsets for m in range(at + 3, at + 3 + 3 * count, 3))
            share = shared / max(count, len(wanted))
            if shared >= LEAST and share >= SHARED and share > best[1]:
                name = text(without.string(words[at]))
                if not any(having.find_ids(name, kinds)):
                    best = name, share
    return best
