"""Loads BTF into the running kernel: BPF_BTF_LOAD through the bpf(2) system call.

The answer is exact for this kernel and needs CAP_BPF (or CAP_SYS_ADMIN); `judges.kernel` predicts that of any kernel.  The loaded
BTF is released at once.
"""

from __future__ import annotations

import errno
import os
from struct import pack

from btfkit.errors import UnsupportedError
from btfkit.files.running_kernel import syscall_number

BPF_BTF_LOAD = 18  # include/uapi/linux/bpf.h, enum bpf_cmd
LOG_SIZES = (1 << 16, 1 << 20, 1 << 24)  # bytes; ENOSPC if the log does not fit
ENOTSUPP = 524  # the kernel's own, not in errno.h


class KernelVerdict:
    """The kernel's answer: `ok`, the name of the error ("EINVAL", "" if it accepted the BTF) and its log."""

    __slots__ = ("errno", "log", "ok")

    def __init__(self, ok: bool, errno: str, log: str) -> None:
        self.ok = ok
        self.errno = errno
        self.log = log

    def __repr__(self) -> str:
        return f"<KernelVerdict {'ok' if self.ok else self.errno}>"


def load_into_kernel(blob: bytes) -> KernelVerdict:
    """Load a `.BTF` blob into the running kernel and release it.

    Raises UnsupportedError if the system call is missing or not permitted.  Rule: bpf(2), BPF_BTF_LOAD.
    """
    number = syscall_number()
    error, log = _load(number, blob, 0)
    if error == "EPERM":
        raise UnsupportedError("only root (CAP_BPF) can load BTF into the kernel")
    if error == "ENOSYS":
        raise UnsupportedError("this kernel has no bpf(2) system call")
    for size in LOG_SIZES if error else ():
        error, log = _load(number, blob, size)
        if error != "ENOSPC":
            break
    return KernelVerdict(not error, error, log)


def _load(number: int, blob: bytes, log_size: int) -> tuple[str, str]:
    """One BPF_BTF_LOAD: the name of the error ("" for none) and the log, of at most `log_size` bytes."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    data = ctypes.create_string_buffer(blob, max(len(blob), 1))
    log = ctypes.create_string_buffer(max(log_size, 1))
    log_at = ctypes.addressof(log) if log_size else 0
    attr = pack("=QQIIII", ctypes.addressof(data), log_at, len(blob), log_size, int(log_size > 0), 0)
    fd = libc.syscall(ctypes.c_long(number), BPF_BTF_LOAD, ctypes.c_char_p(attr), len(attr))
    if fd >= 0:
        os.close(fd)
        return "", ""
    error = ctypes.get_errno()
    name = "ENOTSUPP" if error == ENOTSUPP else errno.errorcode.get(error, f"errno {error}")
    return name, log.value.decode("utf-8", "backslashreplace")
