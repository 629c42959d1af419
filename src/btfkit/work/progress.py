"""Progress of a run, on standard error if that is a terminal; nothing in CI."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, TextIO

    from rich.progress import Progress as RichProgress

LINES = 32  # progress is shown for more items than this


def is_watched() -> bool:
    """Whether standard error is a terminal that a person looks at: in CI it may be a terminal, but its text is a file."""
    return sys.stderr.isatty() and os.environ.get("CI", "").lower() in ("", "0", "false")


class Line:
    """A line on a terminal that is written again and again, and stays the last one.

    While it is shown it stands in the place of `sys.stderr`: what others write there appears above it.
    """

    def __init__(self) -> None:
        self.stream: TextIO = sys.stderr
        self._shown = ""
        sys.stderr = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def show(self, text: str) -> None:
        """Replace the line by `text`, or as much of it as fits."""
        try:
            columns = os.get_terminal_size(self.stream.fileno()).columns
        except (OSError, ValueError):
            columns = 0
        text = text[: (columns or 80) - 1]
        self.stream.write("\r" + text.ljust(len(self._shown)))
        self.stream.flush()
        self._shown = text

    def clear(self) -> None:
        """Remove the line; the cursor is where it began."""
        if self._shown:
            self.stream.write("\r" + " " * len(self._shown) + "\r")
            self._shown = ""

    def write(self, text: str) -> int:
        """Write another's text in place of the line."""
        self.clear()
        return self.stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write another's lines in place of the line."""
        self.write("".join(lines))

    def close(self) -> None:
        """Remove the line and give `sys.stderr` back."""
        self.clear()
        self.stream.flush()
        if sys.stderr is self:
            sys.stderr = self.stream


class Progress:
    """Progress, rate and remaining time: rich's bar, or without rich a line that is rewritten (on a terminal that cannot do that,
    a new line per second); nothing unless `is_watched`, or for at most `least` items.

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
        self._wanted = wanted and total > least and is_watched()
        self._bar: RichProgress | None = None
        self._plain: Line | None = None
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

        line = self._plain = None if os.environ.get("TERM", "") in ("", "dumb") and os.name != "nt" else Line()
        pause = 1.0 if line is None else 0.1  # seconds
        last = monotonic()
        rate = self._rate(first)

        def show(done: int) -> None:
            nonlocal last
            if (now := monotonic()) - last < pause:
                return
            last = now
            speed = rate(done)
            left = f", {speed:.1f}/s, {(self._total - done) / speed:,.0f} s left" if speed > 0 else ""
            text = f"{self._title}: {done:,} of {self._total:,} {self._unit}{left}"
            if line is None:
                print(text, file=sys.stderr)
            else:
                line.show(text)

        return show

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._plain is not None:
            self._plain.close()
            self._plain = None
