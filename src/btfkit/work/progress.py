"""How far a run is, on standard error, for people who wait before a terminal."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress as RichProgress

LINES = 32  # things to do from which on it is shown


class Progress:
    """How far it is, how fast, and how long it takes: rich's bar on a terminal, a line a second where there is no rich, and
    nothing elsewhere, nor for fewer than `least` of them."""

    def __init__(self, total: int, title: str, *, wanted: bool, unit: str = "files", least: int = LINES) -> None:
        self._total = total
        self._title = title
        self._unit = unit
        self._wanted = wanted and total > least and sys.stderr.isatty()
        self._bar: RichProgress | None = None
        self._say: Callable[[int], None] | None = None

    def at(self, done: int) -> None:
        """Say that `done` files are.  Nothing starts before the first call: a process is not to be forked beside threads."""
        if self._wanted:
            if self._say is None:
                self._say = self._start(done)
            self._say(done)

    def _start(self, done: int) -> Callable[[int], None]:
        try:
            from rich import progress
            from rich.console import Console
        except ImportError:
            return self._line(done)
        bar = self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TextColumn("{task.completed:,.0f} of {task.total:,.0f} " + self._unit),
            progress.TextColumn("{task.fields[rate]}"),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        task = bar.add_task(self._title, total=self._total, rate="")
        bar.start()
        rate = self._rate(done)
        return lambda done: bar.update(task, completed=done, rate=f"{rate(done):.1f}/s")

    def _rate(self, first: int) -> Callable[[int], float]:
        """How many a second since `first` were done."""
        from time import monotonic

        began = monotonic()
        return lambda done: (done - first) / max(monotonic() - began, 1e-3)

    def _line(self, first: int) -> Callable[[int], None]:
        from time import monotonic

        last = monotonic()
        rate = self._rate(first)

        def say(done: int) -> None:
            nonlocal last
            if monotonic() - last >= 1:
                last = monotonic()
                speed = rate(done)
                left = f", {(self._total - done) / speed:,.0f} s left" if speed > 0 else ""
                print(f"{self._title}: {done:,} of {self._total:,} {self._unit}, {speed:.1f}/s{left}", file=sys.stderr)

        return say

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()
