"""Runs commands as whole, cold processes and reports their cost: the helper process of `measure.py`.

A process started by posix_spawn starts with the peak memory of its parent (Linux: exec_mmap passes the high-water mark of the old
address space on), so the parent must be small: only `os`, `resource`, `sys` and `time` are imported here.  Reads one command per
line; words are separated by NUL, and the first word is the output file (or empty), which is removed first.  Prints "status wall
user system peak" (seconds, KiB).  With an argument, chroots to that directory first.
"""

import os
import resource  # needed by os.wait4, which could not load it inside the chroot
import sys
import time

NULL = os.open(os.devnull, os.O_RDWR)
if len(sys.argv) > 1:
    os.chroot(sys.argv[1])
    os.chdir("/")
del resource
FILES = [(os.POSIX_SPAWN_DUP2, NULL, fd) for fd in (0, 1, 2)]

for line in sys.stdin:
    output, *argv = line.rstrip("\n").split("\0")
    if output and os.path.exists(output):
        os.unlink(output)
    begin = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=FILES)
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - begin
    print(os.waitstatus_to_exitcode(status), wall, used.ru_utime, used.ru_stime, used.ru_maxrss, flush=True)
