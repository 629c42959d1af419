"""BPF programs on a kernel: does its libbpf relocate them, does its verifier take them? Many objects, one boot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from machine import TIMEOUT, Kernel, boot

LOAD = """
for object in /in/*.o; do
    name=$(basename $object .o)
    bpftool -d prog loadall $object /sys/fs/bpf/$name > /out/$name.log 2>&1
    echo $? > /out/$name.status
    ls /sys/fs/bpf/$name > /out/$name.programs 2> /dev/null
    rm -rf /sys/fs/bpf/$name
done
"""


@dataclass(frozen=True)
class Loaded:
    """What came of loading one object: the names of the `programs` that the verifier took (all, or none), and the `log` of libbpf
    and the verifier."""

    programs: tuple[str, ...]
    log: str

    def __bool__(self) -> bool:
        return bool(self.programs)


def load(
    kernel: Kernel,
    objects: Mapping[str, bytes],
    modules: Mapping[str, bytes] | None = None,
    *,
    timeout: float = TIMEOUT,
) -> dict[str, Loaded]:
    """Load each of `objects` (name: BPF object) into `kernel`, where `modules` (name: file) are loaded before, in that order."""
    files = {f"{name}.o": data for name, data in objects.items()}
    before = "".join(f"/tools/insmod /in/modules/{name}.ko\n" for name in modules or {})
    files |= {f"modules/{name}.ko": data for name, data in (modules or {}).items()}
    run = boot(kernel, before + LOAD, files, tools=["bpftool", "insmod"], timeout=timeout)
    assert all(f"{name}.status" in run.out for name in objects), run
    return {
        name: Loaded(
            tuple(run.out[f"{name}.programs"].decode().split()) if run.out[f"{name}.status"] == b"0\n" else (),
            run.out[f"{name}.log"].decode(errors="replace"),
        )
        for name in objects
    }
