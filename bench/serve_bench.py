"""The rows for `atlas serve`: what the server needs for a request, without the network, on an atlas of hundreds of kernels.

The kernels are those of the corpus and varied ones (varied.py), $BTFKIT_SERVE_KERNELS of them (default: 60), or those of the
atlas $BTFKIT_SERVE_ATLAS.  A request is the CPU time in the process from its address to the bytes of
the answer.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rows import Row
from varied import varied_atlas

if TYPE_CHECKING:
    from run import Bench

REQUESTS = 200  # of one address
PREFIXES = ("t", "ta", "tas", "task", "task_", "tcp_", "sk_", "bpf_", "__")
WITHIN = ("ask_str", "_xmit", "buff", "ruct", "xfs_", "zzzz")


def serve(bench: Bench) -> Iterator[Row]:
    """Search as one types, and the pages of large types for the first time and again."""
    from btfkit.web.app import App
    from btfkit.web.catalog import Catalog

    path = os.environ.get("BTFKIT_SERVE_ATLAS", "")
    if not path:
        path = os.path.join(bench.folder, "served.atlas")
        varied_atlas(path, bench.corpus.place, int(os.environ.get("BTFKIT_SERVE_KERNELS", "60")))
    start = time.process_time()
    catalog = Catalog(path)
    opened = time.process_time() - start
    with catalog.reading() as reader:
        kernels = len(reader.kernels)
        newest = [reader.kernels.entries[number].key for number in reader.kernels.newest[:2]]
    app = App(catalog)
    yield Row(f"atlas serve: open an atlas of {kernels} kernels, CPU", "ms", 1e3 * opened)
    for what, texts, most in (("begin with", PREFIXES, 1.0), ("contain", WITHIN, 15.0)):
        for text in texts:
            cost = _cost(app, f"/search.json?q={text}&limit=8&quick=1", REQUESTS)
            bench.samples[f"serve-{text}"] = {"cpu_ms": cost}
            yield Row(f"  names that {what} {text!r}", "ms", cost[len(cost) // 2], most=most)
    for name, address in (
        ("struct task_struct", "/struct/task_struct"),
        ("struct sk_buff", "/struct/sk_buff"),
        ("task_struct.pid", "/struct/task_struct/pid"),
        ("function tcp_sendmsg", "/function/tcp_sendmsg"),
        ("members called pid", "/member/pid"),
        ("two kernels", f"/compare?old={newest[1]}&new={newest[0]}".replace("+", "%2B")),
    ):
        yield Row(f"  page: {name}, the first time", "ms", _cost(app, address, 1)[0])
        yield Row("    and again", "ms", statistics.median(_cost(app, address, 5)))


def _cost(app, target: str, times: int) -> list[float]:
    """The CPU time of each of some equal requests, in milliseconds, ascending."""
    found = []
    for _ in range(times):
        start = time.process_time()
        answer = app.answer("GET", target, {})
        found.append(1e3 * (time.process_time() - start))
        assert answer.status == 200, (target, answer.body)
    return sorted(found)


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {"serve": serve}
