"""Many jobs of one kind, spread over workers: in any order, and none of them can end the others.

A `Work` says what is done; it pickles, and each worker prepares it once.  `run` hands out jobs as workers become free, so
that memory does not grow with their number, and yields what became of each as it is done.  An error of btfkit, of the
system or of memory belongs to its job.  A worker that dies takes no other job with it, and what kills a worker for the
second time has failed."""

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
    """Do all `jobs`; yields an `Ended` for each, as they are done.

    By `executor` if one is given (any of concurrent.futures; it is not shut down), else by `workers` processes (None: one a
    processor; 1: in this process) that are given `size` jobs at a time.  `observe(done, total)` is called after each.  What
    `work.prepare` raises ends all.
    """
    workers = min(workers or processors(), -(-len(jobs) // size))
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


def processors() -> int:
    """The processors that this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
