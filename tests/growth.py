"""Counts steps of work, so that a test can show how work grows without measuring time."""

from __future__ import annotations

import math
import os
import sys

import btfkit

SOURCES = os.path.dirname(os.path.abspath(btfkit.__file__)) + os.sep


def steps(call, *args, room: str = "") -> int:
    """The lines of btfkit's Python (each turn of a loop counts) that a call executes; compiled loops count as their calls.

    With a `room` ("encoder") only lines of that package count, not those of the passes that it calls: dedup's tables have
    random hashes and its search for better choices a fixed limit, so its lines are neither the same in each process nor even.
    """
    count = 0
    sources = os.path.join(SOURCES, room)

    def line(frame, event, _):
        nonlocal count
        count += event == "line"
        return line

    def entered(frame, event, arg):
        return line if frame.f_code.co_filename.startswith(sources) else None

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        call(*args)
    finally:
        sys.settrace(before)
    return count


def exponent(work, n: int, room: str = "") -> float:
    """How the steps of `work(size)()` grow from n to 4 n: 1 is linear, 2 quadratic.  `work` prepares, what it returns is counted.

    What does not grow (the first use of a module, fixed tables) is left out by comparing differences.
    """
    few, more, many = (steps(work(size), room=room) for size in (n, 2 * n, 4 * n))
    return math.log2((many - more) / (more - few))
