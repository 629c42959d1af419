"""The rules by which the loaders answer CO-RE relocations: a row for each, read by the one engine.

Rules: tools/lib/bpf/relo_core.c (libbpf 1.8-dev); btf/core.go (cilium/ebpf 0.22); src/btf/relocation.rs (aya-obj 0.2.1).
"""

from __future__ import annotations

from btfkit.co_re.access import essential
from btfkit.errors import refuse_others

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ZERO, POISON, REJECT = "zero", "poison", "reject"
OBJECT, PROGRAM, NONE = "object", "program", "none"
FAULTS = NO_SYMBOLS, LEGACY_MAPS, PINNING, STATIC, EXTERN_WITHOUT_SECTION, STRUCT_OPS_SECTION, JUMP_TABLE = (
    "no-symbols",  # no symbol table
    "legacy-maps",  # a section with `struct bpf_map_def`
    "pinning",  # a map with a pinning other than none and by name
    "static",  # a static function outside .text
    "extern",  # one in no section
    "struct-ops",  # a section .struct_ops, without .link
    "jump-table",
)
_AYA_SECTIONS = frozenset(
    """
    kprobe kretprobe uprobe uprobe.s uretprobe uretprobe.s tracepoint tp tp_btf raw_tp raw_tracepoint perf_event
    fentry fentry.s fexit fexit.s lsm lsm.s freplace
    xdp xdp/cpumap xdp/devmap xdp.frags xdp.frags/cpumap xdp.frags/devmap
    socket sockops sk_msg sk_lookup sk_skb/stream_parser sk_skb/stream_verdict classifier lirc_mode2
    cgroup_skb/ingress cgroup_skb/egress cgroup/skb cgroup/sysctl cgroup/dev cgroup/getsockopt cgroup/setsockopt
    cgroup/sock cgroup/sock_create cgroup/sock_release cgroup/post_bind4 cgroup/post_bind6 cgroup/bind4 cgroup/bind6
    cgroup/connect4 cgroup/connect6 cgroup/getpeername4 cgroup/getpeername6 cgroup/getsockname4 cgroup/getsockname6
    cgroup/sendmsg4 cgroup/sendmsg6 cgroup/recvmsg4 cgroup/recvmsg6
    """.split()  # noqa: SIM905
)
_FIXED = ("xdp", "xdp.frags")  # kinds that nothing else may follow


def _last_flavor(name: bytes) -> bytes:
    """`name` up to its last three underscores, unless it begins with them.  Rule: newEssentialName (cilium/ebpf)."""
    end = name.rfind(b"___")
    return name[:end] if end > 0 else name


def _first_flavor(name: bytes) -> bytes:
    """`name` up to its first three underscores.  Rule: flavorless_name (aya)."""
    return name.partition(b"___")[0]


class Loader:
    """A row.

    `essential`: a name without its flavor.  Candidates: of `any_kind`, or of the local root's, where `mixes_enums` is whether
    ENUM and ENUM64 are one kind; in `modules` "after" vmlinux (if that has none), "with" it, or "none".  Several that match have
    to agree; what did not match may be dropped for later relocations (`narrows`).  Or the one with the most answers over all
    relocations of a local type in a program is chosen (`scores`).

    Fields: `by_levels`: members are searched level by level, types are compared step by step from the root on, arrays without
    their elements, and bitfields are loaded by the alignment of their type; `unnamed_fit`: an unnamed enumeration fits any;
    `unions_end`: the last member of a union may be a flexible array; `all_dimensions`: the size of an array counts all of them;
    `reads_pointer_size`: that of the target counts, not 8 bytes; `poisons_errors`: a member without a value is missing.
    `load_size`: what happens if that of a load cannot be adjusted ("" if loads are never adjusted).

    Types: `absent` is the answer for the size or id of a type without a match; `float_fits` whether floating-point types are
    compatible (None: an error); `has_matches` whether TYPE_MATCHES is known, `follows` whether it looks behind pointers.

    Programs: `one_target` is whether a function with several prototypes in the kernel is rejected as a target, `compares` whether
    an instruction has to hold the value by the program's own types before it is changed, `compares_ids` whether that goes for ids
    of types, too.  A strong extern that is missing is a reason to reject the OBJECT or the PROGRAM that uses it (`externs`; NONE:
    the loader resolves none).  A weak function with another prototype counts as absent (`weak_prototypes`), functions have
    flavors, too (`flavored_functions`), and variables are resolved by BTF, not by the kernel's symbol table alone
    (`typed_ksyms`).  `sections` are those of programs that the loader has types for, if it rejects an object with others.
    `faults` are those of `FAULTS` for which it rejects an object on any kernel.  `leaves_out` is how user space keeps it from
    creating a map that the kernel cannot have, "" if it cannot.
    """

    __slots__ = (
        "absent",
        "all_dimensions",
        "any_kind",
        "by_levels",
        "compares",
        "compares_ids",
        "essential",
        "externs",
        "faults",
        "flavored_functions",
        "float_fits",
        "follows",
        "has_fields",
        "has_matches",
        "leaves_out",
        "load_size",
        "mixes_enums",
        "modules",
        "name",
        "narrows",
        "one_target",
        "poisons_errors",
        "reads_pointer_size",
        "scores",
        "sections",
        "typed_ksyms",
        "unions_end",
        "unnamed_fit",
        "weak_prototypes",
    )

    def __init__(
        self,
        name: str,
        essential: Callable[[bytes], bytes],
        *,
        any_kind: bool = False,
        mixes_enums: bool = True,
        modules: str = "after",
        narrows: bool = False,
        scores: bool = False,
        by_levels: bool = False,
        unnamed_fit: bool = True,
        unions_end: bool = True,
        all_dimensions: bool = True,
        reads_pointer_size: bool = True,
        poisons_errors: bool = False,
        load_size: str = POISON,
        absent: str = ZERO,
        float_fits: bool | None = False,
        has_fields: bool = False,
        has_matches: bool = True,
        follows: bool = False,
        one_target: bool = False,
        compares: bool = True,
        compares_ids: bool = False,
        externs: str = OBJECT,
        weak_prototypes: bool = True,
        typed_ksyms: bool = True,
        flavored_functions: bool = True,
        sections: frozenset[str] | None = None,
        faults: tuple[str, ...] = (NO_SYMBOLS, LEGACY_MAPS, PINNING, STATIC, EXTERN_WITHOUT_SECTION),
        leaves_out: str = "bpf_map__set_autocreate disables it",
    ) -> None:
        self.name = name
        self.essential = essential
        self.any_kind = any_kind
        self.mixes_enums = mixes_enums
        self.modules = modules
        self.narrows = narrows
        self.scores = scores
        self.by_levels = by_levels
        self.unnamed_fit = unnamed_fit
        self.unions_end = unions_end
        self.all_dimensions = all_dimensions
        self.reads_pointer_size = reads_pointer_size
        self.poisons_errors = poisons_errors
        self.load_size = load_size
        self.absent = absent
        self.float_fits = float_fits
        self.has_fields = has_fields
        self.has_matches = has_matches
        self.follows = follows
        self.one_target = one_target
        self.compares = compares
        self.compares_ids = compares_ids
        self.externs = externs
        self.weak_prototypes = weak_prototypes
        self.typed_ksyms = typed_ksyms
        self.flavored_functions = flavored_functions
        self.sections = sections
        self.faults = faults
        self.leaves_out = leaves_out

    def __repr__(self) -> str:
        return f"<Loader {self.name}>"

    def knows(self, section: str) -> bool:
        """Whether it loads an object with programs in a section of that name."""
        if self.sections is None or section.startswith(".text"):
            return True
        kind, _, rest = section.partition("/")
        if f"{kind}/{rest.partition('/')[0]}" in self.sections:
            return True
        return kind in self.sections and not (rest and kind in _FIXED)


LIBBPF = Loader("libbpf", essential, narrows=True, has_fields=True)
CILIUM = Loader(
    "cilium",
    _last_flavor,
    any_kind=True,
    modules="with",
    scores=True,
    by_levels=True,
    reads_pointer_size=False,
    load_size="",
    absent=POISON,
    float_fits=None,
    follows=True,
    one_target=True,
    compares_ids=True,
    externs=PROGRAM,
    weak_prototypes=False,
    typed_ksyms=False,
    flavored_functions=False,
    faults=(NO_SYMBOLS, PINNING, STRUCT_OPS_SECTION, JUMP_TABLE),
    leaves_out="it is deleted from CollectionSpec.Maps",
)
AYA = Loader(
    "aya",
    _first_flavor,
    mixes_enums=False,
    modules="none",
    unnamed_fit=False,
    unions_end=False,
    all_dimensions=False,
    reads_pointer_size=False,
    poisons_errors=True,
    load_size=REJECT,
    absent=REJECT,
    float_fits=True,
    has_matches=False,
    compares=False,
    externs=NONE,
    sections=_AYA_SECTIONS,
    faults=(NO_SYMBOLS,),
    leaves_out="",
)
LOADERS = {loader.name: loader for loader in (LIBBPF, CILIUM, AYA)}


def loader_named(name: str) -> Loader:
    """The row of that name; raises ValueError."""
    refuse_others("loader", (name,), tuple(LOADERS))
    return LOADERS[name]
