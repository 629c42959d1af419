"""Progress of a run, on standard error if that is a terminal."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.progress import Progress as RichProgress

LINES = 32  # progress is shown for more items than this


class Progress:
    """Progress, rate and remaining time: rich's bar, or one line per second without rich; nothing if standard error
    is not a terminal, or for at most `least` items.

    `then` are the titles of further phases, whose items are counted anew and are shown if the first phase is."""

    def __init__(
        self,
        total: int,
        title: str,
        *,
        wanted: bool,
        unit: str = "files",
        least: int = LINES,
        then: Sequence[str] = (),
    ) -> None:
        self._total = total
        self._title = title
        self._then = list(then)
        self._is_over = False
        self._unit = unit
        self._wanted = wanted and total > least and sys.stderr.isatty()
        self._bar: RichProgress | None = None
        self._show: Callable[[int], None] | None = None

    def at(self, done: int, total: int | None = None) -> None:
        """Show that `done` items are done, of `total` in this phase (default: as at first).

        The bar starts at the first call of a phase and stops at the last, since no process may be forked beside threads.
        """
        if not self._wanted:
            return
        if self._is_over:
            self._is_over = False
            self._title = self._then.pop(0) if self._then else self._title
        if total is not None:
            self._total = total
        if self._show is None:
            self._show = self._start(done)
        self._show(done)
        if done >= self._total:
            self._stop()
            self._show, self._is_over = None, True

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
        """The rate per second since `first` were done."""
        from time import monotonic

        began = monotonic()
        return lambda done: (done - first) / max(monotonic() - began, 1e-3)

    def _line(self, first: int) -> Callable[[int], None]:
        from time import monotonic

        last = monotonic()
        rate = self._rate(first)

        def show(done: int) -> None:
            nonlocal last
            if monotonic() - last >= 1:
                last = monotonic()
                speed = rate(done)
                left = f", {(self._total - done) / speed:,.0f} s left" if speed > 0 else ""
                print(f"{self._title}: {done:,} of {self._total:,} {self._unit}, {speed:.1f}/s{left}", file=sys.stderr)

        return show

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
