"""Runs commands, whole and cold, and tells what each cost: the helper process of `measure.py`.

A process that was started by posix_spawn begins with the peak memory of the one that started it (Linux: exec_mmap hands the
old address space's high-water mark on), so the one that starts them has to be small: nothing is imported here but `os`,
`resource`, `sys` and `time`.  Reads one command a line, words separated by NUL, the first the file that it writes or nothing:
that one is removed before.  Answers "status wall user system peak" (seconds, KiB).  With an argument, that folder becomes the
root of all first.
"""

import os
import resource  # os.wait4 needs it, and could not load it inside the chroot
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
