"""Whether a split BTF was built on a given base, judged by its references: the file itself does not record its base.

On the right base, names begin where strings begin, and only tags and sections refer to functions or variables.  On a wrong
base references are random: half of a kernel's types are functions, and most offsets are in the middle of a string.
"""

from __future__ import annotations

from btfkit import log
from btfkit.errors import ChainError, counted
from btfkit.hot import scan as _scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf


class Fit:
    """How the references of a split BTF fit its base: the number of `types` in the base that it refers to, of which `wrong`
    are functions, variables, sections or tags, and of `names` in the base, of which `inside` begin within a string."""

    __slots__ = ("inside", "names", "types", "wrong")

    def __init__(self, types: int, wrong: int, names: int, inside: int) -> None:
        self.types = types
        self.wrong = wrong
        self.names = names
        self.inside = inside

    @property
    def is_right(self) -> bool:
        """Whether the base may be the right one; a few names within strings are accepted (sharing suffixes is legal)."""
        return self.wrong == 0 and 8 * self.inside <= self.names

    def __str__(self) -> str:
        return (
            f"{self.wrong:,} of {counted(self.types, 'reference')} into the base lead to functions or variables, "
            f"{self.inside:,} of {counted(self.names, 'name')} in the middle of a string"
        )


def fit(split: Btf) -> Fit:
    """How the references of `split` into its immediate base fit."""
    base = split.base
    if base is None:
        return Fit(0, 0, 0, 0)
    columns = split.columns
    types = _scan.targets(
        split.words,
        split.positions,
        columns.ids,
        columns.id_starts,
        base.start_id,
        split.start_id,
        base.words,
        base.positions,
    )
    names = _scan.inside(split.words, columns.names, base.start_str_off, split.start_str_off, base.strings)
    return Fit(*types, *names)


def is_whole(split: Btf) -> bool:
    """Whether a BTF that was read on a base is not split: its strings begin with an empty one.

    Rule: libbpf 1.8-dev, btf_new_empty; neither it nor pahole writes an empty string into a split BTF.
    """
    return len(split.strings) > 0 and split.strings[0] == 0


def demand_fit(split: Btf) -> Btf:
    """`split` itself; raises ChainError if it was built on another base."""
    if split.base is not None and is_whole(split):
        raise ChainError(
            "not split BTF but a BTF of its own, like that of a vmlinux (its strings begin with the empty one): it has no base",
            source=split.source,
        )
    found = fit(split)
    log.debug("%s on the base %s: %s", split.source, split.base.source if split.base else None, found)
    if not found.is_right:
        base = split.base.source if split.base is not None and split.base.source else "its base"
        raise ChainError(
            f"not built on {base}: {found}; the base must be the vmlinux of the same build, not minimized",
            source=split.source,
        )
    return split
