"""What a kernel makes of modules: many files, one boot, one verdict for each."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from machine import TIMEOUT, Kernel, Run, boot

from btfkit.btf.btf import Btf

# Before 7.x the kernel says nowhere what it does not like; the functions that would log it are called all the same, with the
# format as their second argument or as their fourth.
WATCH = """
cd /sys/kernel/tracing
watch() { # NAME FUNCTION REGISTER: of its format, which is null where it would only name the type
    echo "p:btf/$1 $2 format=%$3:u64 why=+0(%$3):string" >> kprobe_events && echo 'format != 0' > events/btf/$1/filter
}
watch log btf_verifier_log si
watch type __btf_verifier_log_type cx
watch member btf_verifier_log_member cx
watch section btf_verifier_log_vsi cx
grep -q ' btf_relocate$' /proc/kallsyms && echo 'r:btf/relocate btf_relocate status=$retval:s32' >> kprobe_events
echo 1 > events/btf/enable
cd /tmp
"""

# insmod is kmod's: busybox's tries everything twice
LOAD = """
for file in /in/*.ko; do
    name=$(basename $file .ko)
    mkdir /out/$name
    dmesg -c > /dev/null
    echo > /sys/kernel/tracing/trace
    ls /sys/kernel/btf > before
    (echo -; cut -d ' ' -f 1 /proc/modules) > loaded # an empty list would be one that has them all
    /tools/insmod $how $file > /out/$name/insmod 2>&1
    echo $? > /out/$name/status
    cat /sys/kernel/tracing/trace > /out/$name/trace
    dmesg > /out/$name/messages
    for btf in $(ls /sys/kernel/btf | grep -v -x -F -f before); do
        cat /sys/kernel/btf/$btf > /out/$name/btf
        [ ! -e /in/look/$name ] || look
    done
    for module in $(cut -d ' ' -f 1 /proc/modules | grep -v -x -F -f loaded); do
        for try in 1 2 3 4 5 6 7 8 9 10; do # what used it may be on its way out
            rmmod $module && break
            sleep 0.2
        done
    done
done
"""

LOOK = """\
look() {
    bpftool -B /sys/kernel/btf/vmlinux btf dump file /sys/kernel/btf/$btf format c |
        sed -n '/^[a-z]* btfkit_.*{$/,/^}/p' > /out/$name/dump
    bpftool prog load /in/program /sys/fs/bpf/program > /out/$name/call 2>&1 &&
        bpftool prog run pinned /sys/fs/bpf/program repeat 0 >> /out/$name/call 2>&1
    rm -f /sys/fs/bpf/program
}
"""


@dataclass(frozen=True)
class Verdict:
    """What a kernel made of one module's file.

    `loaded`: whether the module itself was; `btf`: what the kernel shows in /sys/kernel/btf (None: nothing); `reasons`: the
    formats of what its verifier would have logged; `messages`: the kernel's log meanwhile; `insmod`: what that said; `dump` and
    `call`: of tests/vm/module, its definitions in C as bpftool reads them there, and what came of calling its kfunc.
    """

    loaded: bool
    btf: bytes | None
    reasons: tuple[str, ...]
    messages: str
    insmod: str
    dump: str
    call: str

    def on(self, vmlinux: Btf) -> Btf:
        """The BTF that the kernel shows, read on its vmlinux's."""
        assert self.btf is not None, self
        return Btf.from_bytes(self.btf, vmlinux, source="/sys/kernel/btf")

    def said(self) -> dict[str, int]:
        """The numbers that tests/vm/module tells of itself."""
        return {key: int(value) for key, value in re.findall(r"btfkit_demo: (\S+) (-?\d+)$", self.messages, re.M)}


def verdicts(
    kernel: Kernel,
    modules: Mapping[str, bytes],
    *,
    program: bytes = b"",
    look_at: Collection[str] = (),
    before: Mapping[str, bytes] | None = None,
    force: bool = False,
    timeout: float = TIMEOUT,
) -> dict[str, Verdict]:
    """Load each of `modules` (name: file) into `kernel` and take it out again, in the order of the names.

    Modules that they need are loaded `before`, in the order given, and stay.

    `look_at`: for which of them, where their BTF is taken, bpftool reads it and runs a BPF `program`, which takes seconds;
    `force`: let the kernel look at neither version magic nor symbol versions.
    """
    files = {f"{name}.ko": data for name, data in modules.items()}
    needed = "".join(f"/tools/insmod /in/before/{name}.ko\n" for name in before or {})
    files |= {f"before/{name}.ko": data for name, data in (before or {}).items()}
    files |= {f"look/{name}": b"" for name in look_at} | {"program": program}
    tools = ["insmod", "bpftool"] if look_at else ["insmod"]
    how = "how=--force\n" if force else "how=\n"
    run = boot(kernel, how + needed + LOOK + WATCH + LOAD, files, tools=tools, timeout=timeout)
    assert all(f"{name}/messages" in run.out for name in modules), run
    return {name: _verdict(run, name) for name in modules}


def _verdict(run: Run, name: str) -> Verdict:
    def text(part: str) -> str:
        return run.out.get(f"{name}/{part}", b"").decode(errors="replace")

    reasons = dict.fromkeys(re.findall(r'why="(.*)"$', text("trace"), re.M))
    relocated = re.findall(r"status=(-\d+)$", text("trace"), re.M)
    return Verdict(
        loaded=text("status").strip() == "0",
        btf=run.out.get(f"{name}/btf"),
        reasons=(*reasons, *(f"btf_relocate: {status}" for status in relocated)),
        messages=text("messages"),
        insmod=text("insmod"),
        dump=text("dump"),
        call=text("call"),
    )
