"""A row of the table that `bench/run.py` prints."""

from __future__ import annotations

from typing import Any


class Row:
    """A row of the table: `work`, the figures of btfkit and of the peer in `unit`, and the target.

    `most` is a limit for btfkit, `ratio` one for btfkit divided by the peer; without either, the figure has no target.
    """

    def __init__(
        self,
        work: str,
        unit: str,
        ours: float | None = None,
        peer: float | None = None,
        *,
        most: float | None = None,
        ratio: float | None = None,
        note: str = "",
    ) -> None:
        self.work, self.unit, self.ours, self.peer = work, unit, ours, peer
        self.most, self.limit, self.note = most, ratio, note

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peer if self.ours is not None and self.peer else None

    @property
    def met(self) -> bool | None:
        if self.most is not None and self.ours is not None:
            return self.ours <= self.most
        if self.limit is not None and self.ratio is not None:
            return self.ratio <= self.limit
        return None

    @property
    def target(self) -> str:
        if self.most is not None:
            return f"<= {self.most:g} {self.unit}"
        return f"<= {self.limit:g} x" if self.limit is not None else ""

    def cells(self) -> list[str]:
        def figure(value: float | None) -> str:
            return "-" if value is None else f"{value:.0f} {self.unit}" if value >= 100 else f"{value:.1f} {self.unit}"

        met = "" if self.met is None else "yes" if self.met else "NO"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f} x"
        return [self.work, figure(self.ours), figure(self.peer), ratio, self.target, met, self.note]

    def as_dict(self) -> dict[str, Any]:
        names = ("work", "unit", "ours", "peer", "ratio", "target", "met", "note")
        return {name: getattr(self, name) for name in names}
