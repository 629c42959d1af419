"""Asking the kernel of this machine: BPF_BTF_LOAD through the bpf(2) system call.

What it answers is the truth for this kernel and needs CAP_BPF (or CAP_SYS_ADMIN); `judges.kernel` tells what any kernel
would say.  The BTF that was loaded is let go at once.
"""

from __future__ import annotations

import os
from struct import pack

from btfkit.errors import UnsupportedError

BPF_BTF_LOAD = 18  # include/uapi/linux/bpf.h, enum bpf_cmd
SYSCALLS = {
    "x86_64": 321,
    "aarch64": 280,
    "riscv64": 280,
    "loongarch64": 280,
    "s390x": 351,
    "ppc64le": 361,
    "ppc64": 361,
}
LOG_SIZES = (1 << 16, 1 << 20, 1 << 24)  # bytes; the kernel says ENOSPC where its log does not fit
ENOTSUPP = 524  # the kernel's own, in no errno.h
NAMES = {ENOTSUPP: "ENOTSUPP"}


class KernelVerdict:
    """What the kernel said: `ok`, the name of the error ("EINVAL", "" where it took the BTF) and its log."""

    __slots__ = ("errno", "log", "ok")

    def __init__(self, ok: bool, errno: str, log: str) -> None:
        self.ok = ok
        self.errno = errno
        self.log = log

    def __repr__(self) -> str:
        return f"<KernelVerdict {'ok' if self.ok else self.errno}>"


def load_into_kernel(blob: bytes) -> KernelVerdict:
    """Load a `.BTF` blob into the running kernel and let it go again.

    Raises UnsupportedError where there is no such system call, or no right to use it.  Rule: bpf(2), BPF_BTF_LOAD.
    """
    number = _syscall_number()
    error, log = _load(number, blob, 0)
    if error == "EPERM":
        raise UnsupportedError("the kernel lets only root (CAP_BPF) load BTF")
    if error == "ENOSYS":
        raise UnsupportedError("this kernel has no bpf(2) system call")
    for size in LOG_SIZES if error else ():
        error, log = _load(number, blob, size)
        if error != "ENOSPC":
            break
    return KernelVerdict(not error, error, log)


def _syscall_number() -> int:
    uname = getattr(os, "uname", None)
    system, machine = (uname().sysname, uname().machine) if uname is not None else (os.name, "")
    if system != "Linux":
        raise UnsupportedError(f"only Linux can be asked to load BTF, this is {system}")
    if machine not in SYSCALLS:
        raise UnsupportedError(f"the number of the bpf system call on {machine} is not known here")
    return SYSCALLS[machine]


def _load(number: int, blob: bytes, log_size: int) -> tuple[str, str]:
    """One BPF_BTF_LOAD: the name of the error, "" for none, and the log, of at most `log_size` bytes."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    data = ctypes.create_string_buffer(blob, max(len(blob), 1))
    log = ctypes.create_string_buffer(max(log_size, 1))
    fields = (
        ctypes.addressof(data),
        ctypes.addressof(log) if log_size else 0,
        len(blob),
        log_size,
        int(log_size > 0),
        0,
    )
    attr = pack("=QQIIII", *fields)
    fd = libc.syscall(ctypes.c_long(number), BPF_BTF_LOAD, ctypes.c_char_p(attr), len(attr))
    if fd >= 0:
        os.close(fd)
        return "", ""
    return _name(ctypes.get_errno()), log.value.decode("utf-8", "backslashreplace")


def _name(error: int) -> str:
    import errno

    return NAMES.get(error) or errno.errorcode.get(error) or f"errno {error}"
