"""Jobs on an executor of concurrent.futures that the caller provides: a Dask cluster, threads, or any other."""

from __future__ import annotations

from collections import Counter, deque
from contextlib import contextmanager
from importlib import import_module

from btfkit.errors import BtfError, UnsupportedError
from btfkit.work.job import Ended, WorkerDied, attempt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor, Future
    from typing import Any

    from btfkit.work.job import Work

    Sent = tuple[int, Any]  # the number of a job, and the job

PATIENCE = 20  # seconds to wait for a scheduler
AHEAD = 2  # jobs submitted per worker, so that it never idles and memory stays small
TRIES = 4  # of a job whose result the executor loses


@contextmanager
def dask_executor(address: str | None) -> Iterator[Executor | None]:
    """An executor on the Dask cluster whose scheduler is at `address` ("tcp://host:8786"); None without an address.

    Its workers need the same version of btfkit, and access to the same files (or both sides use URLs).  Raises
    UnsupportedError if Dask is not installed, OSError if no scheduler answers.
    """
    if address is None:
        yield None
        return
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise UnsupportedError("a Dask cluster needs `pip install btfkit[dask]`", source=address) from None
    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise OSError(getattr(error, "errno", None) or 111, f"no Dask scheduler answers: {error}", address) from None
    try:
        yield client.get_executor(pure=False, retries=3)
    finally:
        client.close()


# ---- in the worker -----------------------------------------------------------------------------------------------

_prepared: dict[str, tuple[Any, Any]] = {}  # work and state by token, in a worker
MAX_PREPARED = 4  # works that a worker of a cluster keeps


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
    """Do a job in a worker; `payload` is the pickled work."""
    from btfkit._version import __version__

    if version != __version__:
        raise UnsupportedError(
            f"this worker has btfkit {__version__}, the jobs come from {version}: install the same version"
        )
    work, state = _prepare(token, payload)
    return attempt(work, state, number, job)


# ---- in the parent -----------------------------------------------------------------------------------------------


def _pickled(work: Work) -> tuple[str, bytes]:
    """(token, payload) of a work."""
    from hashlib import sha256
    from pickle import dumps

    payload = dumps(work, 5)
    return sha256(payload).hexdigest(), payload


def _number(sent: Sent) -> int:
    return sent[0]


def by_executor(work: Work, jobs: Sequence[Any], executor: Executor) -> Iterator[Ended]:
    """Do all `jobs`; the work is sent with each.  If the executor breaks, all remaining jobs fail."""
    from concurrent.futures import BrokenExecutor

    waiting = deque(enumerate(jobs))
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
    """The approximate number of workers of an executor."""
    width = getattr(executor, "_max_workers", None)
    client = getattr(executor, "_client", None)  # of Dask
    if width is None and client is not None:
        width = sum(client.nthreads().values())
    return max(4, width or 4)


def _flow(
    executor: Executor, work: tuple[str, bytes], waiting: deque[Sent], most: int, flying: dict[Future[Ended], Sent]
) -> Iterator[Ended]:
    """Submit the `waiting` jobs, at most `most` at a time; `flying` are those submitted.

    A job is done again if the executor raises an error that is none of btfkit's: Dask takes a result for an error if the
    worker that holds it dies between the moments at which Dask fetches the result and reads the state of the job.
    """
    from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, wait

    from btfkit._version import __version__

    lost: Counter[int] = Counter()  # by the number of the job
    while waiting or flying:
        while waiting and len(flying) < most:
            future = executor.submit(_perform, *work, __version__, *waiting[0])
            flying[future] = waiting.popleft()
        for future in wait(list(flying), return_when=FIRST_COMPLETED).done:
            sent = flying.pop(future)
            try:
                ended = _result(future, sent)
            except (BtfError, BrokenExecutor):
                flying[future] = sent
                raise
            except Exception:
                lost[sent[0]] += 1
                if lost[sent[0]] == TRIES:
                    raise
                waiting.appendleft(sent)
            else:
                yield ended


def _result(future: Future[Ended], sent: Sent) -> Ended:
    """A future's result; a job that killed its workers is a result too."""
    try:
        return future.result()
    except Exception as error:
        if type(error).__name__ != "KilledWorker":  # distributed.scheduler's
            raise
        return Ended(sent[0], error=WorkerDied("every worker process that tried it died (out of memory?)"))
