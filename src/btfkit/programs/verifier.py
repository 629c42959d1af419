"""What a kernel's verifier can track, derived from the types that it is made of.

Every kernel with BTF describes its own verifier: `enum bpf_stack_slot_type` lists the kinds of stack slots, `struct
bpf_reg_state` what is tracked for a register.  This also holds for kernels with a backported verifier, where a version number
would mislead.
"""

from __future__ import annotations

from typing import NamedTuple

from btfkit.btf import spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from btfkit.co_re.target import Target


class Verifier(NamedTuple):
    """The abilities of a verifier.  If the BTF does not show them (it was minimized), the least that 5.3 to 5.10 can do.

    `decides`: conditional jumps on known numbers, with any operator (5.3; before, only "is equal" to an immediate);
    `narrow_spills`: numbers stored on the stack in less than 64 bits, ranges, and exclusive or of numbers (5.19);
    `stores`: immediates stored on the stack, and pointers that cannot be NULL (6.4);
    `lazy`: global functions are verified only if a call of them can be reached (6.8), before whenever they are linked.
    """

    decides: bool = True
    narrow_spills: bool = False
    stores: bool = False
    lazy: bool = False

    def __repr__(self) -> str:
        return f"<Verifier {', '.join(name for name in self._fields if getattr(self, name)) or 'before 5.3'}>"


NEWEST = Verifier(True, True, True, True)


VERIFIER_TYPES = REGISTER, SLOTS, FUNCTION = (
    (spec.STRUCT, b"bpf_reg_state"),
    (spec.ENUM, b"bpf_stack_slot_type"),
    (spec.STRUCT, b"bpf_func_info_aux"),
)


def verifier_of(target: Target) -> Verifier:
    """The verifier of the kernel that `target` describes.

    Sources: the commits that added STACK_DYNPTR (5.19), STACK_ITER (6.4), bpf_reg_state.subreg_def (5.3) and
    bpf_func_info_aux.verified (6.8).
    """
    register = _names(target, REGISTER)
    slots = _names(target, SLOTS)
    return Verifier(
        decides=not register or "subreg_def" in register,
        narrow_spills="STACK_DYNPTR" in slots,
        stores="STACK_ITER" in slots,
        lazy="verified" in _names(target, FUNCTION),
    )


def _names(target: Target, which: tuple[int, bytes]) -> set[str]:
    """The names in a type of vmlinux, empty if there is no such type."""
    for btf, type_id in target.named(*which)[0]:
        if btf.string(btf.word(type_id, 0)) == which[1]:
            found: Any = btf[type_id]
            return set(found.values) if which[0] == spec.ENUM else {member.name for member in found.members}
    return set()
