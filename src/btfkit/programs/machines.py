"""The architecture that a program was compiled for, and the kernel's: registers and names of functions differ.

A BPF object does not state it, but its own `struct pt_regs` and the names of the system calls that it attaches to do.
"""

from __future__ import annotations

from btfkit.btf.platform import architecture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.co_re.target import Target
    from btfkit.programs.code import Code

# Programs whose context is `struct pt_regs`: the registers at the place where they are called.
REGISTER_PROGRAMS = frozenset(
    (
        *("kprobe", "kretprobe", "kprobe.multi", "kretprobe.multi", "kprobe.session", "ksyscall", "kretsyscall"),
        *("uprobe", "uretprobe", "uprobe.s", "uretprobe.s", "uprobe.multi", "uprobe.multi.s", "uretprobe.multi"),
        *("uretprobe.multi.s", "uprobe.session", "uprobe.session.s", "usdt", "usdt.s"),
    )
)
REGISTERS = frozenset((b"pt_regs", b"user_pt_regs"))  # the types of these contexts
SYSCALL_FUNCTIONS = {  # what the functions of system calls begin with (CONFIG_ARCH_HAS_SYSCALL_WRAPPER)
    "__x64_sys_": ("x86_64",),
    "__ia32_sys_": ("x86_64", "i386"),
    "__ia32_compat_sys_": ("x86_64", "i386"),
    "__arm64_sys_": ("arm64",),
    "__arm64_compat_sys_": ("arm64",),
    "__s390_sys_": ("s390",),
    "__s390x_sys_": ("s390",),
    "__riscv_sys_": ("riscv",),
}


def machine_of(target: Target) -> str:
    """The architecture of a kernel, "" if it does not show."""
    if "architecture" not in target.memo:
        target.memo["architecture"] = architecture(target.vmlinux)
    found: str = target.memo["architecture"]
    return found


def foreign(code: Code, target: Target) -> str:
    """A sentence if an object was compiled for another architecture than the kernel's, else ""."""
    compiled, kernel = code.architecture, machine_of(target)
    if not compiled or not kernel or compiled == kernel:
        return ""
    return f"compiled for {compiled}, by its struct pt_regs; this kernel is {kernel}"


def foreign_function(name: str, target: Target) -> str:
    """A sentence if a function of the kernel has a name that only other architectures have, else ""."""
    kernel = machine_of(target)
    for prefix, machines in SYSCALL_FUNCTIONS.items():
        if name.startswith(prefix) and kernel and kernel not in machines:
            return f"{prefix}* are functions of {' and '.join(machines)}, this kernel is {kernel}"
    return ""
