"""What the verifier of a kernel can follow, told by the types that it is made of.

Every kernel with BTF describes its own verifier: `enum bpf_stack_slot_type` has the kinds of stack slots that it knows, `struct
bpf_reg_state` what it keeps of a register.  That holds for kernels to which newer verifiers were backported, too, where a version
number would mislead.
"""

from __future__ import annotations

from btfkit.btf import spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from btfkit.btf.btf import Btf


class Verifier:
    """What is relied on; where the BTF does not tell (it was cut down), the least of what 5.3 to 5.10 do.

    `decides`: conditional jumps on known numbers, whatever the operator (5.3; before only "is equal" to an immediate);
    `narrow_spills`: numbers that are put on the stack in less than 64 bits, ranges, and exclusive or of numbers (5.19);
    `stores`: immediates that are stored on the stack, and pointers that cannot be NULL (6.4);
    `lazy`: global functions are verified where a call of them can be reached (6.8), before wherever they are linked.
    """

    __slots__ = ("decides", "lazy", "narrow_spills", "stores")

    def __init__(
        self, decides: bool = True, narrow_spills: bool = False, stores: bool = False, lazy: bool = False
    ) -> None:
        self.decides = decides
        self.narrow_spills = narrow_spills
        self.stores = stores
        self.lazy = lazy

    @property
    def key(self) -> tuple[bool, ...]:
        """Equal for verifiers that follow the same."""
        return self.decides, self.narrow_spills, self.stores, self.lazy

    def __repr__(self) -> str:
        return f"<Verifier {', '.join(name for name in self.__slots__ if getattr(self, name)) or 'of before 5.3'}>"


NEWEST = Verifier(True, True, True, True)


def verifier_of(vmlinux: Btf) -> Verifier:
    """The verifier of the kernel that `vmlinux` is the BTF of.

    Sources: the commits that brought STACK_DYNPTR (5.19), STACK_ITER (6.4), bpf_reg_state.subreg_def (5.3) and
    bpf_func_info_aux.verified (6.8).
    """
    register = _members(vmlinux, "bpf_reg_state")
    slots = _enumerators(vmlinux, "bpf_stack_slot_type")
    return Verifier(
        decides=not register or "subreg_def" in register,
        narrow_spills="STACK_DYNPTR" in slots,
        stores="STACK_ITER" in slots,
        lazy="verified" in _members(vmlinux, "bpf_func_info_aux"),
    )


def _members(btf: Btf, name: str) -> set[str]:
    type_id = btf.find_id(name, spec.STRUCT)
    composite: Any = btf[type_id] if type_id is not None else None
    return {member.name for member in composite.members} if composite is not None else set()


def _enumerators(btf: Btf, name: str) -> set[str]:
    type_id = btf.find_id(name, spec.ENUM)
    enum: Any = btf[type_id] if type_id is not None else None
    return set(enum.values) if enum is not None else set()
