"""The machine that a BTF is of, as far as it shows: byte order, size of pointers, and architecture.

BTF does not state the architecture, but `struct pt_regs`, the registers of a CPU, has other members on each
(arch/*/include/asm/ptrace.h and uapi/asm/ptrace.h).
"""

from __future__ import annotations

from btfkit.btf.members import flat_members
from btfkit.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.btf.btf import Btf

REGISTERS = (  # a member of struct pt_regs that no other architecture has, in this order
    ("r15", "x86_64"),
    ("orig_ax", "i386"),
    ("orig_x0", "arm64"),
    ("uregs", "arm"),
    ("badaddr", "riscv"),
    ("csr_era", "loongarch"),
    ("orig_gpr2", "s390"),
    ("orig_gpr3", "powerpc"),
    ("cp0_epc", "mips"),
)


class Platform:
    """`pointer_size` (bytes) is None and `architecture` "" if they do not show."""

    __slots__ = ("architecture", "byte_order", "pointer_size")

    def __init__(self, byte_order: str, pointer_size: int | None, architecture: str) -> None:
        self.byte_order = byte_order
        self.pointer_size = pointer_size
        self.architecture = architecture


def platform_of(btf: Btf) -> Platform:
    """The machine that `btf` is of."""
    return Platform(btf.byte_order, btf.given_pointer_size or btf.pointer_size, architecture(btf))


def architecture(btf: Btf) -> str:
    """The name of the architecture in REGISTERS, "" if there is no `struct pt_regs`, or an unknown one."""
    for type_id in btf.find_ids("pt_regs", "STRUCT"):
        try:
            names = {member.path for member in flat_members(btf, type_id)}
        except FormatError:  # more members than any has
            continue
        return next((found for name, found in REGISTERS if name in names), "")
    return ""


def other_platform(btf: Btf, first: Platform, source: str) -> str:
    """A sentence if `btf` is of another machine than that of `source`, `first`, else ""; what does not show is not compared."""
    how = ", ".join(_differences(platform_of(btf), first))
    return f"of another machine than {source}: {how}" if how else ""


def _differences(one: Platform, other: Platform) -> Iterator[str]:
    if one.architecture and other.architecture and one.architecture != other.architecture:
        yield f"{one.architecture}, not {other.architecture}"
    if one.byte_order != other.byte_order:
        yield f"{one.byte_order}-endian, not {other.byte_order}-endian"
    if one.pointer_size and other.pointer_size and one.pointer_size != other.pointer_size:
        yield f"pointers of {one.pointer_size} bytes, not {other.pointer_size}"
