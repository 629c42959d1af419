"""Many jobs of one kind, spread over workers: few at a time, in any order, and none of them can end the others.

A `Work` says what is done; it pickles, and each worker prepares it once.  `run` hands out jobs as workers become free, so
that memory does not grow with their number, and yields what became of each as it is done.  An error of btfkit, of the
system or of memory belongs to its job.  A worker that dies takes no other job with it: what it and its neighbours were at
is done again, one at a time, and what kills a worker for the second time has failed."""

from __future__ import annotations

from collections import deque

from btfkit.errors import BtfError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor, Future
    from typing import Any, Protocol

    Observe = Callable[[int, int], None]
    Sent = tuple[int, Any]  # the number of a job, and the job

    class Work(Protocol):
        """What is done with each job; pickles."""

        def prepare(self) -> Any:
            """What all jobs need, made once in each worker."""
            ...

        def run(self, state: Any, job: Any) -> Any:
            """Do one job; the result pickles."""
            ...


AHEAD = 2  # jobs with the executor for each worker: it never idles, and little is in memory


class WorkerDied(BtfError):
    """The process that was at this job ended, twice: out of memory, or a crash."""


class Ended:
    """What became of the job `number`: its `value`, or the `error`."""

    __slots__ = ("error", "number", "value")

    def __init__(self, number: int, value: Any = None, error: Exception | None = None) -> None:
        self.number = number
        self.value = value
        self.error = error


def run(
    work: Work,
    jobs: Sequence[Any],
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    observe: Observe | None = None,
) -> Iterator[Ended]:
    """Do all `jobs`; yields an `Ended` for each, as they are done.

    By `executor` if one is given (any of concurrent.futures; it is not shut down), else by `workers` processes (None: one a
    processor; 1: in this process).  `observe(done, total)` is called after each.  What `work.prepare` raises ends all.
    """
    from btfkit.work.executors import processors

    workers = min(workers or processors(), len(jobs))
    sent = list(enumerate(jobs))
    if executor is not None:
        ended = _by_executor(work, sent, executor)
    elif workers <= 1:
        ended = _here(work, sent)
    else:
        ended = _by_processes(work, sent, workers)
    for done, one in enumerate(ended, 1):
        if observe is not None:
            observe(done, len(jobs))
        yield one


# ---- in the worker -----------------------------------------------------------------------------------------------

_prepared: dict[str, tuple[Any, Any]] = {}  # work and state by token, in a worker
MAX_PREPARED = 4  # of the works that a worker of a cluster keeps


def _begin(token: str, payload: bytes) -> None:
    _prepare(token, payload)


def _prepare(token: str, payload: bytes) -> tuple[Any, Any]:
    found = _prepared.get(token)
    if found is None:
        from pickle import loads

        while len(_prepared) >= MAX_PREPARED:
            _prepared.pop(next(iter(_prepared)))
        work = loads(payload)
        found = _prepared[token] = work, work.prepare()
    return found


def _perform(token: str, payload: bytes, version: str, number: int, job: Any) -> Ended:
    """A job, in a worker; `payload` is the pickled work, empty where the worker has it."""
    from btfkit._version import __version__

    if version != __version__:
        raise UnsupportedError(f"this worker has btfkit {__version__}, the jobs come from {version}: install the same")
    work, state = _prepare(token, payload)
    return _guarded(work, state, number, job)


def _guarded(work: Work, state: Any, number: int, job: Any) -> Ended:
    try:
        return Ended(number, work.run(state, job))
    except (BtfError, OSError, MemoryError) as error:
        return Ended(number, error=error)


# ---- in the parent -----------------------------------------------------------------------------------------------


def _here(work: Work, jobs: Iterable[Sent]) -> Iterator[Ended]:
    state = work.prepare()
    for number, job in jobs:
        yield _guarded(work, state, number, job)


def _pickled(work: Work) -> tuple[str, bytes]:
    """(token, payload) of a work."""
    from hashlib import sha256
    from pickle import dumps

    payload = dumps(work, 5)
    return sha256(payload).hexdigest(), payload


def _by_processes(work: Work, jobs: Sequence[Sent], workers: int) -> Iterator[Ended]:
    token, payload = _pickled(work)
    _prepare(token, payload)  # once for all that are forked, and what it raises is told once
    try:
        waiting = deque(jobs)
        while waiting:
            before = len(waiting)
            suspects: list[Sent] = []
            yield from _pool(token, payload, waiting, workers, suspects)
            for suspect in suspects:  # each in a process that does nothing else
                killers: list[Sent] = []
                yield from _pool(token, payload, deque([suspect]), 1, killers)
                for number, _ in killers:
                    yield Ended(number, error=WorkerDied("the process that worked on it died, twice: out of memory?"))
            if len(waiting) == before:
                raise WorkerDied("no process could be started that lives long enough to begin")
    finally:
        _prepared.pop(token, None)


def _pool(token: str, payload: bytes, waiting: deque[Sent], workers: int, suspects: list[Sent]) -> Iterator[Ended]:
    """Jobs from `waiting` by one pool, until all are done or it breaks; then `suspects` are those that were in it."""
    from concurrent.futures import BrokenExecutor

    from btfkit.work.executors import processes

    pool = processes(workers, _begin, (token, payload))
    flying: dict[Future[Ended], Sent] = {}
    try:
        yield from _flow(pool, (token, b""), waiting, workers * AHEAD, flying)
    except BrokenExecutor:
        suspects += sorted(flying.values(), key=_number)
    finally:
        pool.shutdown(cancel_futures=True)


def _number(sent: Sent) -> int:
    return sent[0]


def _by_executor(work: Work, jobs: Sequence[Sent], executor: Executor) -> Iterator[Ended]:
    """By somebody else's executor: the work travels with each job.  Where it breaks, what is left has failed."""
    from concurrent.futures import BrokenExecutor

    waiting = deque(jobs)
    flying: dict[Future[Ended], Sent] = {}
    try:
        yield from _flow(executor, _pickled(work), waiting, _width(executor) * AHEAD, flying)
    except BrokenExecutor as broken:
        for number, _ in [*sorted(flying.values(), key=_number), *waiting]:
            yield Ended(number, error=WorkerDied(f"the executor broke: {broken or type(broken).__name__}"))
    finally:
        for future in flying:
            future.cancel()


def _width(executor: Any) -> int:
    """About how many workers an executor has."""
    width = getattr(executor, "_max_workers", None)
    client = getattr(executor, "_client", None)  # of Dask
    if width is None and client is not None:
        width = sum(client.nthreads().values())
    return max(4, width or 4)


def _flow(
    executor: Executor, work: tuple[str, bytes], waiting: deque[Sent], most: int, flying: dict[Future[Ended], Sent]
) -> Iterator[Ended]:
    """Keep at most `most` of the jobs that are `waiting` with the executor; `flying` are those that are there."""
    from concurrent.futures import FIRST_COMPLETED, wait

    from btfkit._version import __version__

    while waiting or flying:
        while waiting and len(flying) < most:
            future = executor.submit(_perform, *work, __version__, *waiting[0])
            flying[future] = waiting.popleft()
        for future in wait(list(flying), return_when=FIRST_COMPLETED).done:
            ended = _result(future, flying[future])
            del flying[future]
            yield ended


def _result(future: Future[Ended], sent: Sent) -> Ended:
    """A future's result; what a cluster says of a job that its workers died of is a result too."""
    try:
        return future.result()
    except Exception as error:
        if type(error).__name__ != "KilledWorker":  # distributed.scheduler's
            raise
        return Ended(sent[0], error=WorkerDied("every process that worked on it died: out of memory?"))
