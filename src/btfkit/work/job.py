"""A kind of work and the result of one of its jobs, as used by all ways to run jobs."""

from __future__ import annotations

from btfkit.errors import BtfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Work(Protocol):
        """What is done with each job; pickleable."""

        def prepare(self) -> Any:
            """Make what all jobs need, once in each worker."""
            ...

        def run(self, state: Any, job: Any) -> Any:
            """Do one job; the result is pickleable."""
            ...


class WorkerDied(BtfError):
    """The worker process died twice during this job: out of memory, or a crash."""


class Ended:
    """The result of the job `number`: its `value`, or the `error`."""

    __slots__ = ("error", "number", "value")

    def __init__(self, number: int, value: Any = None, error: Exception | None = None) -> None:
        self.number = number
        self.value = value
        self.error = error


def attempt(work: Work, state: Any, number: int, job: Any) -> Ended:
    """Do one job; BtfError, OSError and MemoryError are results, any other exception is a bug and is raised."""
    try:
        return Ended(number, work.run(state, job))
    except (BtfError, OSError, MemoryError) as error:
        return Ended(number, error=error)
