"""`btfkit.work.jobs`: every job ends, whatever the workers do."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from btfkit.errors import FormatError, UnsupportedError
from btfkit.work import executors, processes
from btfkit.work.job import WorkerDied
from btfkit.work.jobs import run
from needs import needs


class Square:
    """Squares numbers; what else a job can ask for stands in its name."""

    def __init__(self, folder=""):
        self.folder = folder

    def prepare(self):
        return 2

    def run(self, state, job):
        if job == "bad":
            raise FormatError("bad bytes", source="file")
        if job == "gone":
            raise FileNotFoundError(2, "No such file", "file")
        if job == "memory":
            raise MemoryError
        if job == "bug":
            raise ZeroDivisionError("a bug")
        if job == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if job == "die once":
            flag = os.path.join(self.folder, "died")
            if not os.path.exists(flag):
                with open(flag, "w"):
                    os.kill(os.getpid(), signal.SIGKILL)
            return "at last"
        return job**state


def ends(work, todo, **options):
    """(value or kind of error) of each job, in their order."""
    seen = {}
    for one in run(work, todo, **options):
        assert one.number not in seen
        seen[one.number] = type(one.error).__name__ if one.error is not None else one.value
    return [seen[number] for number in range(len(todo))]


@pytest.mark.parametrize("workers", [1, 2, 5, None])
def test_everything_is_done_once(workers):
    assert ends(Square(), list(range(40)), workers=workers) == [number**2 for number in range(40)]
    assert ends(Square(), [], workers=workers) == []
    assert ends(Square(), list(range(41)), workers=workers, size=4) == [number**2 for number in range(41)]


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor(pool):
    with pool(2) as executor:
        assert ends(Square(), [1, "bad", 3], executor=executor) == [1, "FormatError", 9]
        assert executor.submit(abs, -1).result() == 1  # it is left open


@pytest.mark.parametrize("workers", [1, 3])
def test_errors_belong_to_their_jobs(workers):
    todo = [1, "bad", "gone", 4, "memory", 6]
    assert ends(Square(), todo, workers=workers) == [1, "FormatError", "FileNotFoundError", 16, "MemoryError", 36]


@pytest.mark.parametrize("workers", [1, 2])
def test_bugs_are_not_hidden(workers):
    with pytest.raises(ZeroDivisionError):
        ends(Square(), [1, "bug", 3], workers=workers)


def test_a_worker_that_dies_takes_no_other_job_with_it():
    todo = [*range(10), "die", *range(20), "die", 7]
    expected = [WorkerDied.__name__ if job == "die" else job**2 for job in todo]
    assert ends(Square(), todo, workers=2) == expected
    assert ends(Square(), todo, workers=2, size=4) == expected


def test_a_worker_that_dies_once_is_forgiven(tmp_path):
    assert ends(Square(str(tmp_path)), [1, 2, "die once", 4], workers=2) == [1, 4, "at last", 16]


def test_what_a_worker_had_done_before_it_died_is_not_done_again(tmp_path):
    work = Square(str(tmp_path))
    done = [one.number for one in run(work, [1, 2, 3, "die once", 4, 5, *range(40)], workers=2, size=6)]
    assert sorted(done) == list(range(46))
    assert done[-1] == 3  # alone, after all others


def test_no_worker_that_lives_long_enough_to_begin(monkeypatch):
    monkeypatch.setattr(processes, "_serve", lambda *args: os._exit(1))
    with pytest.raises(WorkerDied, match="before they start work"):
        ends(Square(), list(range(10)), workers=2)


def test_an_executor_that_breaks():
    with ProcessPoolExecutor(1) as executor:
        said = ends(Square(), ["die", *range(50)], executor=executor)
    assert said == [WorkerDied.__name__] * 51


class Losing(ThreadPoolExecutor):
    """Loses results, as Dask does when the worker that holds one dies while Dask asks for it."""

    def __init__(self, times):
        super().__init__(2)
        self.times = Counter()
        self.most = times

    def submit(self, call, *args):
        future = super().submit(call, *args)
        self.times[args[-1]] += 1
        if self.times[args[-1]] > self.most:
            return future
        future.result()
        lost = Future()
        lost.set_exception(TypeError("cannot unpack non-iterable Ended object"))
        return lost


def test_a_result_that_the_executor_loses_is_made_again():
    with Losing(executors.TRIES - 1) as executor:
        assert ends(Square(), list(range(20)), executor=executor) == [number**2 for number in range(20)]
    with Losing(executors.TRIES) as executor, pytest.raises(TypeError, match="Ended"):
        ends(Square(), list(range(20)), executor=executor)
    assert max(executor.times.values()) == executors.TRIES


def test_an_executor_that_is_shut_down():
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(RuntimeError):
        ends(Square(), [1], executor=executor)


def test_few_jobs_are_ahead():
    """However many jobs there are, only some are with the executor."""
    lock, flying, most = threading.Lock(), 0, 0

    class Counting(ThreadPoolExecutor):
        def submit(self, *args, **keywords):
            nonlocal flying, most
            with lock:
                flying += 1
                most = max(most, flying)
            future = super().submit(*args, **keywords)
            future.add_done_callback(lambda _: landed())
            return future

    def landed():
        nonlocal flying
        with lock:
            flying -= 1

    with Counting(2) as executor:
        ends(Square(), list(range(500)), executor=executor)
    assert most <= 4 * executors.AHEAD


def test_the_observer_is_told():
    said = []
    list(run(Square(), [1, 2, 3], workers=2, observe=lambda *args: said.append(args)))
    assert said == [(1, 3), (2, 3), (3, 3)]


def test_closing_early_leaves_no_process():
    generator = run(Square(), list(range(1000)), workers=2)
    next(generator)
    generator.close()
    import multiprocessing

    assert multiprocessing.active_children() == []


def test_a_worker_of_another_version():
    with pytest.raises(UnsupportedError, match="install the same"):
        executors._perform("token", b"", "0.0.1", 0, 1)


class Wrong:
    def prepare(self):
        raise FormatError("cannot begin", source="object")


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_wrong_for_all_is_told_once(workers):
    with pytest.raises(FormatError, match="cannot begin"):
        ends(Wrong(), [1, 2, 3], workers=workers)


@needs("signals", os.name != "nt")
def test_ctrl_c_while_a_worker_starts(monkeypatch):
    """A worker does not see Ctrl-C before it ignores it, so that only the parent reports it."""
    serve = processes._serve

    def interrupted(*args):
        os.kill(os.getpid(), signal.SIGINT)  # as from the terminal, before the first line of the worker's own code
        serve(*args)

    monkeypatch.setattr(processes, "_serve", interrupted)
    held = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert ends(Square(), [1, 2, 3, 4], workers=2) == [1, 4, 9, 16]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == held
