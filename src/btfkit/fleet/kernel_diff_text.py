"""A diff of two kernels with their modules as text; `as_json` of `KernelDiff` has the data."""

from __future__ import annotations

from btfkit.errors import counted, printable
from btfkit.show.diff_text import WIDTH, diff_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.fleet.kernel_diff import KernelDiff
    from btfkit.show.diff_values import Diff


def kernel_diff_lines(found: KernelDiff, *, summary: bool = False) -> Iterator[str]:
    """The lines, without newlines: the vmlinux, the totals of the modules, then each module that differs."""
    yield from diff_lines(found.vmlinux, summary=summary)
    yield ""
    counts = [f"{found.same:,} the same", f"{len(found.modules):,} differ"]
    counts += [f"{len(found.added):,} added", f"{len(found.removed):,} removed"]
    counts += [f"{len(found.without):,} without BTF"] if found.without else []
    yield f"modules: {', '.join(counts)}"
    for what, names, mark in ("added", found.added, "+"), ("removed", found.removed, "-"):
        if names and not summary:
            yield ""
            yield f"{what} modules ({len(names):,})"
            yield from _wrapped(names, mark)
    if summary and found.modules:
        yield ""
        yield f"{'':30}{'changed':>10}{'added':>10}{'removed':>10}"
    for name, one in found.modules.items():
        if summary:
            yield f"{printable(name):30}{_counts(one)}"
        else:
            yield ""
            yield f"module {printable(name)}"
            yield from (line for line in list(diff_lines(one))[3:])


def _counts(one: Diff) -> str:
    return "".join(f"{sum(counts[at] for counts in one.counts.values()):10,}" for at in (1, 2, 3))


def _wrapped(names: Sequence[str], mark: str) -> Iterator[str]:
    from textwrap import wrap

    yield from (
        f"  {mark} {line}" for line in wrap(", ".join(map(printable, names)), WIDTH - 4, break_on_hyphens=False)
    )


def kernel_summary(found: KernelDiff) -> str:
    """The totals in one line."""
    differ = counted(len(found.modules), "module")
    return f"{len(found.vmlinux.changed):,} types changed in vmlinux, {differ} of {found.same + len(found.modules):,} differ"
