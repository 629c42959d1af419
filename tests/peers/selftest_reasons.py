"""Why libbpf or the kernel rejects a program, by what it says: reasons that BTF shows, and those that it does not.

Each reason that is not `IN_BTF` is a row of the table in docs/check.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

IN_BTF = "in the kernel's BTF or in the object"
TRAMPOLINES = "the machine does not load programs for fentry, fexit and LSM hooks"
TIMEOUT = "no end within a minute"
VERIFIER = "the verifier's rules"
USER_SPACE = "user space has to set the type or the target"
MAPS = "user space has to set the size of a map, or it is too large"
SYMBOL = "the kernel's symbol table lacks a variable or function"

# What libbpf says, in the order in which it is looked for: a rejection that matches none of these is a surprise.
LIBBPF = {
    r"missing BPF prog type": USER_SPACE,
    r"no BTF-based attach target is specified|attach program FD is not set": USER_SPACE,
    r"failed to initialize slot \[\d+\]": "a map holds another program of the object, which was not loaded",
    r"map '[^']*': failed to create: -(EINVAL|E2BIG|ENOTSUPP|EPERM)": MAPS,
    r"inner map|inner_map": MAPS,
    r"extern '[^']*' \(strong\): not resolved": SYMBOL,
    r"failed to open system Kconfig": "the kernel's configuration is not there",
    r"BPF program load failed: -EPERM": TRAMPOLINES,
}
# What the verifier says if it rejects a program for what its BTF, or the answers to CO-RE relocations, show.
KERNEL = (
    r"invalid func unknown#",
    r"invalid CO-RE|<invalid",
    r"195896080",
    r"func '[^']*' doesn't have \d+-th argument",
    r"kernel btf_id \d+ is not a function|btf_id \d+ is not",
    r"calling invalid kernel function|kernel function btf_id",
    r"failed to find kernel BTF type ID",
    r"attach to invalid member idx",
)
SYMBOLS = r"failed to find the address for kernel symbol"


def reason_of(said: Mapping[str, Any]) -> str:
    """Why a program was rejected; `said` is a line of load_programs.c."""
    log, libbpf = said["last"], said["libbpf"]
    if not log and not libbpf and said["error"] == -1:
        return TIMEOUT
    if said["poison"] or any(re.search(pattern, log) for pattern in KERNEL):
        return IN_BTF
    if re.search(SYMBOLS, log):
        return SYMBOL
    if "BPF program load failed: -EPERM" in libbpf:  # which comes before the verifier's own checks
        return TRAMPOLINES
    if log.strip(" |"):
        return VERIFIER
    return next((reason for pattern, reason in LIBBPF.items() if re.search(pattern, libbpf)), IN_BTF)
