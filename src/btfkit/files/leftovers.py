"""Temporary files that killed processes left: their names, and their removal.

A temporary file is called `.btfkit-new-PLACE-PID-RANDOM.tmp`, where PLACE stands for the machine since its start and for its
namespace of process ids.  It is a leftover if that process is gone, or, if it belonged to another place (a directory that
machines or containers share), after a day.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LEFT, SUFFIX = ".btfkit-new-", ".tmp"  # `write` knows the first, too, to import this file only if one is there
DAY = 86_400  # seconds

_place = ""


def temporary_name(directory: str) -> str:
    """The path of a new temporary file of this process."""
    return os.path.join(directory, f"{LEFT}{_this_place()}-{os.getpid()}-{os.urandom(6).hex()}{SUFFIX}")


def remove_leftovers(directory: str) -> None:
    """Remove the temporary files in `directory` that nobody writes any more."""
    try:
        names = os.listdir(directory)
    except OSError:
        return
    remove(directory, names)


def remove(directory: str, names: Iterable[str]) -> None:
    """Remove those of the files `names` that are leftovers."""
    for name in names:
        if name.startswith(LEFT) and name.endswith(SUFFIX):
            path = os.path.join(directory, name)
            try:
                if _is_left(path, name):
                    os.unlink(path)
            except OSError:
                continue  # gone, or somebody else's


def _is_left(path: str, name: str) -> bool:
    place, _, rest = name[len(LEFT) :].partition("-")
    pid = rest.partition("-")[0]
    if place != _this_place() or not pid.isdecimal():
        from time import time

        return time() - os.stat(path).st_mtime > DAY
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _this_place() -> str:
    """Digits for this machine since it was started, and the namespace of process ids."""
    global _place
    if not _place:
        from binascii import crc32

        marks = []
        try:
            with open("/proc/sys/kernel/random/boot_id") as file:
                marks.append(file.read().strip())
            marks.append(os.readlink("/proc/self/ns/pid"))
        except OSError:
            marks.append(os.uname().nodename if hasattr(os, "uname") else "")
        _place = f"{crc32(' '.join(marks).encode()):08x}"
    return _place
