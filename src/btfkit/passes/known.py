"""A base whose types are known: classes made once, for any number of BTFs that are split on it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf


class Known:
    """`btf` and what `dedup` has to know of it."""

    __slots__ = ("btf",)

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
