"""Where jobs run: processes of this machine, a Dask cluster, or any executor of concurrent.futures.

Processes are made so that nothing is left behind: Ctrl-C is the parent's affair, and a worker whose parent was killed
ends too."""

from __future__ import annotations

import os
from importlib import import_module

from btfkit.errors import UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor, ProcessPoolExecutor
    from typing import Any

PATIENCE = 20  # seconds to wait for a scheduler


def processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processes(workers: int, begin: Callable[..., None], arguments: tuple[Any, ...]) -> ProcessPoolExecutor:
    """`workers` processes that call `begin(*arguments)` first; forked where that can be done, as it saves them the start."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    way = "fork" if "fork" in multiprocessing.get_all_start_methods() else None
    context = multiprocessing.get_context(way)
    return ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(begin, arguments))


def _begin(begin: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Ctrl-C reaches every process of a terminal: the parent cancels what has not begun, a worker ends what it is at."""
    from signal import SIG_DFL, SIG_IGN, SIGINT, SIGTERM, signal
    from threading import Thread

    signal(SIGINT, SIG_IGN)
    signal(SIGTERM, SIG_DFL)
    Thread(target=_end_with_parent, daemon=True).start()
    begin(*arguments)


def _end_with_parent() -> None:
    """Wait until the parent is gone, and go too: it may have been killed, and nobody would ever send work or an end."""
    from multiprocessing import parent_process
    from multiprocessing.connection import wait

    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def dask(address: str) -> tuple[Executor, Callable[[], None]]:
    """An executor on the Dask cluster whose scheduler is at `address` ("tcp://host:8786"), and what to call in the end.

    Its workers need the same version of btfkit, and have to see the same files (or both sides use URLs).  Raises
    UnsupportedError where Dask is not installed, OSError where no scheduler answers.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise UnsupportedError("a Dask cluster needs `pip install btfkit[dask]`", source=address) from None
    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise OSError(getattr(error, "errno", None) or 111, f"no Dask scheduler answers: {error}", address) from None
    return client.get_executor(pure=False, retries=3), client.close
