"""Jobs in processes of this machine: forked if possible, each with its own pipe.

A worker inherits the jobs, receives the numbers of a few at a time, and reports each as soon as it is done.  So only results go
through a pipe, and when a worker dies, its current job is known: that job is repeated at the end in a process that runs alone,
since memory may have been short; other jobs are not affected.  The parent handles Ctrl-C, and a worker whose parent is gone ends
after its current job.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager, suppress

from btfkit import log
from btfkit.work.job import Ended, WorkerDied, attempt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess
    from typing import Any

    from btfkit.work.job import Work


def by_processes(work: Work, jobs: Sequence[Any], workers: int, size: int) -> Iterator[Ended]:
    """Do all `jobs` in `workers` processes, `size` at a time; yields an `Ended` for each as it is done."""
    pool = _Pool(work, jobs)
    batches = deque(list(range(at, min(at + size, len(jobs)))) for at in range(0, len(jobs), size))
    suspects: list[int] = []
    try:
        yield from pool.flow(batches, min(workers, len(batches)), suspects)
        pool.close()
        for suspect in sorted(suspects):
            log.info("a worker process died: job %d is done again, alone", suspect)
            again: list[int] = []
            yield from pool.flow(deque([[suspect]]), 1, again)
            for number in again:
                yield Ended(number, error=WorkerDied("the worker process died twice (out of memory?)"))
    finally:
        pool.close()


class _Pool:
    """The worker processes."""

    def __init__(self, work: Work, jobs: Sequence[Any]) -> None:
        import multiprocessing

        forked = "fork" in multiprocessing.get_all_start_methods()
        self._context: BaseContext = multiprocessing.get_context("fork" if forked else None)
        self._forked = forked
        # prepared here first: once for all forked workers, and an error is raised once
        self._task = (work, [work.prepare()] if forked else [], jobs)
        self._workers: dict[Connection, _Worker] = {}

    def flow(self, batches: deque[list[int]], most: int, suspects: list[int]) -> Iterator[Ended]:
        """Do all `batches` with up to `most` workers; adds jobs during which a worker died to `suspects`."""
        from multiprocessing.connection import wait

        stillborn = 0
        few = max(1, len(batches[0]) // 2)  # a worker with fewer jobs gets more, so that it never idles
        while batches or any(worker.numbers for worker in self._workers.values()):
            while len(self._workers) < most and len(self._workers) < len(batches):
                self._start()
            for worker in self._workers.values():
                if batches and len(worker.numbers) < few:
                    worker.send(batches.popleft())
            for connection in wait(list(self._workers)):
                worker = self._workers[connection]  # type: ignore[index]
                try:
                    ended = worker.receive()
                except _Dead:
                    stillborn = 0 if worker.ready else stillborn + 1
                    if stillborn > most:
                        raise WorkerDied("worker processes die before they start work") from None
                    self._bury(worker, batches, suspects)
                    continue
                if ended is not None:
                    yield ended

    def _start(self) -> None:
        here, there = self._context.Pipe()
        inherited = [here, *self._workers] if self._forked else []
        process: BaseProcess = self._context.Process(  # type: ignore[attr-defined]
            target=_serve, args=(there, inherited, *self._task), daemon=True
        )
        with _interrupts_held():
            process.start()
        there.close()
        log.debug("worker process %s started", process.pid)
        self._workers[here] = _Worker(process, here)

    def _bury(self, dead: _Worker, batches: deque[list[int]], suspects: list[int]) -> None:
        """Remove a worker that died; its current job is suspect, jobs that it had not begun are queued again."""
        del self._workers[dead.connection]
        dead.connection.close()
        dead.process.join()
        numbers = list(dead.numbers)
        if numbers and dead.ready:
            suspects.append(numbers.pop(0))
        if numbers:
            batches.appendleft(numbers)

    def close(self) -> None:
        """End all workers, each after its current job."""
        for worker in self._workers.values():
            worker.connection.close()
        for worker in self._workers.values():
            worker.process.join()
        self._workers.clear()


class _Dead(Exception):
    """The worker at the other end of the pipe is gone."""


class _Worker:
    """A worker process as its parent sees it: `numbers` are the jobs sent to it and not yet reported."""

    __slots__ = ("connection", "numbers", "process", "ready")

    def __init__(self, process: BaseProcess, connection: Connection) -> None:
        self.process = process
        self.connection = connection
        self.ready = False
        self.numbers: list[int] = []

    def send(self, batch: list[int]) -> None:
        """Send it more jobs; this never blocks, because the few bytes of their numbers always fit in the pipe."""
        self.numbers += batch
        with suppress(OSError):  # it is dead, as the next `receive` will find
            self.connection.send(batch)

    def receive(self) -> Ended | None:
        """Receive a report: a job that ended, or None if it is ready to begin; raises the bug that ended it."""
        try:
            report = self.connection.recv()
        except (EOFError, OSError):
            raise _Dead from None
        if isinstance(report, Exception):
            raise report
        self.ready = True
        if report is None:
            return None
        ended: Ended = report
        self.numbers.remove(ended.number)
        return ended


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back while a worker is started, which inherits this: it must not be interrupted before it ignores Ctrl-C."""
    import signal

    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# ---- in the worker -----------------------------------------------------------------------------------------------


def _serve(
    connection: Connection, inherited: list[Connection], work: Work, prepared: list[Any], jobs: Sequence[Any]
) -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):  # held back since before the start (`_interrupts_held`)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    for other in inherited:  # otherwise nobody notices when the parent closes them
        other.close()
    with suppress(EOFError, ConnectionError):  # the parent has closed the pipe: end
        try:
            state = prepared[0] if prepared else work.prepare()
            connection.send(None)
            while True:
                for number in connection.recv():
                    connection.send(attempt(work, state, number, jobs[number]))
        except (EOFError, ConnectionError):
            return
        except Exception as error:
            from traceback import format_exc

            error.add_note(f"In the worker:\n{format_exc()}")
            connection.send(error)
