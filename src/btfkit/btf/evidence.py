"""Was a split BTF built on this base?  Nothing in the file says so, but references tell.

On the right base every name that lies in the base begins where a string begins, and nothing but tags and sections refers to
functions or variables.  On a wrong one references land anywhere: half of a kernel's types are functions, and most offsets are in
the middle of a string.
"""

from __future__ import annotations

from btfkit.errors import ChainError
from btfkit.hot import scan as _scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf


class Fit:
    """How the references of a split BTF fit its base: `types` into it and how many of these are `wrong` (land on a function,
    variable, section or tag), `names` in its strings and how many of these begin `inside` a string."""

    __slots__ = ("inside", "names", "types", "wrong")

    def __init__(self, types: int, wrong: int, names: int, inside: int) -> None:
        self.types = types
        self.wrong = wrong
        self.names = names
        self.inside = inside

    @property
    def is_right(self) -> bool:
        """Whether the base may be the right one; a few names inside strings are let pass (suffix sharing is legal)."""
        return self.wrong == 0 and 8 * self.inside <= self.names

    def __str__(self) -> str:
        return (
            f"{self.wrong} of {self.types} references into the base land on functions or variables, "
            f"{self.inside} of {self.names} names begin in the middle of a string"
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
    """Whether a BTF that was read on a base was written without one: then its strings begin with an empty one.

    Rule: libbpf 1.8-dev, btf_new_empty; it writes no empty string into a split BTF, nor does pahole.
    """
    return len(split.strings) > 0 and split.strings[0] == 0


def demand_fit(split: Btf) -> Btf:
    """`split` itself, or ChainError where the evidence says that it was built on another base."""
    if split.base is not None and is_whole(split):
        raise ChainError(
            "a BTF of its own, as that of a vmlinux is (its strings begin with the empty one), not the split BTF of a module: "
            "it has no base",
            source=split.source,
        )
    found = fit(split)
    if not found.is_right:
        base = split.base.source if split.base is not None and split.base.source else "its base"
        raise ChainError(
            f"not built on {base}: {found}; the base has to be the vmlinux of the very same build, not minimized",
            source=split.source,
        )
    return split
