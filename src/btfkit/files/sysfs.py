"""Where the running kernel shows its BTF: a file for vmlinux and one for each loaded module."""

from __future__ import annotations

BTF = "/sys/kernel/btf"
VMLINUX = BTF + "/vmlinux"


def has(path: str) -> bool:
    """Whether a path is that of a BTF of the running kernel, as it is written (links are not followed)."""
    return path.startswith(BTF + "/")


def has_module(path: str) -> bool:
    """Whether it is that of a module."""
    return has(path) and path != VMLINUX and "/" not in path[len(BTF) + 1 :] != ""
