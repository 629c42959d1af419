"""A kind of work, and what becomes of one of its jobs: what all ways of running jobs agree on."""

from __future__ import annotations

from btfkit.errors import BtfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Work(Protocol):
        """What is done with each job; pickles."""

        def prepare(self) -> Any:
            """What all jobs need, made once in each worker."""
            ...

        def run(self, state: Any, job: Any) -> Any:
            """Do one job; the result pickles."""
            ...


class WorkerDied(BtfError):
    """The process that was at this job ended, twice: out of memory, or a crash."""


class Ended:
    """What became of the job `number`: its `value`, or the `error`."""

    __slots__ = ("error", "number", "value")

    def __init__(self, number: int, value: Any = None, error: Exception | None = None) -> None:
        self.number = number
        self.value = value
        self.error = error


def attempt(work: Work, state: Any, number: int, job: Any) -> Ended:
    """Do one job; an error of btfkit, of the system or of memory belongs to it, any other is a bug and is raised."""
    try:
        return Ended(number, work.run(state, job))
    except (BtfError, OSError, MemoryError) as error:
        return Ended(number, error=error)
