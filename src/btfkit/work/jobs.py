"""Many jobs of one kind, spread over workers, in any order and independent of one another.

A `Work` defines what is done; it is pickleable, and each worker prepares it once.  `run` hands out jobs as workers become free,
so memory does not grow with their number, and yields each result as it arrives.  BtfError, OSError and MemoryError are results.
A worker that dies affects no other job, and a job that kills a worker twice has failed."""

from __future__ import annotations

from btfkit.work.job import Ended, attempt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor
    from typing import Any

    from btfkit.work.job import Work

    Observe = Callable[[int, int], None]


def run(
    work: Work,
    jobs: Sequence[Any],
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    size: int = 1,
    observe: Observe | None = None,
) -> Iterator[Ended]:
    """Do all `jobs`; yields an `Ended` for each as it is done.

    They run on `executor` if given (any of concurrent.futures; it is not shut down), otherwise in `workers` processes (None: one
    per CPU; 1: in this process) that get `size` jobs at a time.  Calls `observe(done, total)` after each.  Raises what
    `work.prepare` raises.
    """
    workers = min(workers or cpus(), -(-len(jobs) // size))
    if executor is not None:
        from btfkit.work.executors import by_executor

        ended = by_executor(work, jobs, executor)
    elif workers > 1:
        from btfkit.work.processes import by_processes

        ended = by_processes(work, jobs, workers, size)
    else:
        ended = _here(work, jobs)
    for done, one in enumerate(ended, 1):
        if observe is not None:
            observe(done, len(jobs))
        yield one


def _here(work: Work, jobs: Sequence[Any]) -> Iterator[Ended]:
    state = work.prepare()
    for number, job in enumerate(jobs):
        yield attempt(work, state, number, job)


def cpus() -> int:
    """The number of CPUs that this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
