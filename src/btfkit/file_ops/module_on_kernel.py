"""Whether a kernel accepts a module's BTF: reading the module, and judging it."""

from __future__ import annotations

from btfkit.btf.btf import Btf
from btfkit.btf_file import BASE_SECTION, BtfFile, as_btf, load
from btfkit.btf_file import open as open_btf
from btfkit.errors import BtfError, NotFoundError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from btfkit.judges.on_kernel import Examination
    from btfkit.passes.reconcile import Misfit

    Path = str | os.PathLike[str]

TAKES, REFUSES, WRONG, NONE, IGNORES = "takes", "refuses", "wrong", "none", "ignores"

DEFINITIONS = "a base may contain names and sizes only; this one also has definitions (policy by-value or full)"

# What a kernel supports of modules' BTF.
BASES, MODULES, NOTHING, UNKNOWN = "bases", "modules", "nothing", "unknown"


class Module:
    """The module to judge: its `file` (None: without BTF) and the `blob` of its BTF.

    `section` and `base` are those of its distilled base, `split` is its BTF on that; `old` is the split BTF on the kernel that
    it was built with, if that is known; `problem` is the reason why its BTF cannot be read.  `distilled_base` and `built_with`
    are the paths of these files as given, or "".
    """

    __slots__ = (
        "base",
        "blob",
        "built_with",
        "distilled_base",
        "file",
        "old",
        "path",
        "problem",
        "section",
        "split",
    )

    def __init__(self, path: str, file: BtfFile | None, problem: str = "") -> None:
        self.path = path
        self.file = file
        self.blob = bytes(file.container.btf) if file is not None else b""
        self.problem = problem
        self.section = ""
        self.built_with = self.distilled_base = ""
        self.base: Btf | None = None
        self.split: Btf | None = None
        self.old: Btf | None = None

    @property
    def release(self) -> str:
        """The kernel that it was built for, by its vermagic ("6.12.57"), or ""."""
        return self.file.release if self.file is not None else ""

    def __repr__(self) -> str:
        return f"<Module {self.path}: {self.problem or self.section or 'no distilled base'}>"


def read_module(path: Path, distilled_base: Path | None = None, built_with: Btf | Path | None = None) -> Module:
    """Read a module for `judge`; errors in its BTF are recorded, not raised.

    `distilled_base` is the base of raw BTF, `built_with` the vmlinux that the module was built with.  Raises
    UnsupportedError if it is not a module, FormatError and OSError if it cannot be read.
    """
    path = str(path)
    try:
        file = open_btf(path)
    except NotFoundError as error:
        return Module(path, None, error.message)
    if not file.rewritable:
        raise UnsupportedError(f"{'/'.join(file.container.layers)}, not a module", source=file.source)
    if not distilled_base and file.modinfo("vermagic") is None and _stands_alone(file):
        raise UnsupportedError("BTF without a base (a vmlinux or a program?), not a module", source=file.source)
    module = Module(path, file)
    module.distilled_base = str(distilled_base or "")
    if built_with:
        module.built_with = built_with.source or "" if isinstance(built_with, Btf) else str(built_with)
    module.section = module.distilled_base or file.base_section or ""
    try:
        if distilled_base:
            module.file = file = BtfFile(file.container, load(distilled_base))
        module.base = file.base
        if module.base is not None and module.blob:
            module.split = file.btf()
    except BtfError as error:
        module.problem = f"its .BTF does not fit its own {module.section}: {error.message}"
        return module
    if built_with:
        _take_old(module, file, as_btf(built_with))
    return module


def _stands_alone(file: BtfFile) -> bool:
    """Whether the BTF can be read without a base, which that of a module cannot: its ids and names continue those of vmlinux."""
    if file.base_section is not None:
        return False
    try:
        return len(Btf.from_bytes(bytes(file.container.btf))) > 1
    except BtfError:
        return False


def _take_old(module: Module, file: BtfFile, old: Btf) -> None:
    """Read the module on the kernel that it was built with, whose definitions show what changed."""
    if module.split is not None:
        from btfkit.passes.reconcile import reconcile

        module.old = reconcile(module.split, old).btf
    elif module.blob:
        from btfkit.passes.distill import distill

        module.old = file.btf(old)
        module.split = distill(module.old).btf


class Copies:
    """Copies of the kernel's structs in a module that was encoded in another style of arrays of arrays than the kernel.

    `style` is the kernel's ("flat" or "nested"), `names` are the structs and unions that contain such arrays; `fits_without`
    is whether the module could be reconciled to the kernel if `dedup` had removed the copies (None: unknown).
    """

    __slots__ = ("fits_without", "names", "style")

    def __init__(self, style: str, names: list[str], fits_without: bool | None) -> None:
        self.style = style
        self.names = names
        self.fits_without = fits_without


class Answer:
    """The judgement for one kernel: the `verdict`, what the kernel `knows`, the `reason` in one line, and the findings."""

    __slots__ = ("copies", "examination", "knows", "reason", "strict", "upstream", "verdict")

    def __init__(self) -> None:
        self.verdict = TAKES
        self.knows = UNKNOWN
        self.reason = ""
        self.upstream: Sequence[Misfit] | None = None  # None: not judged by these rules
        self.strict: Sequence[Misfit] | None = None
        self.examination: Examination | None = None
        self.copies: Copies | None = None

    def __repr__(self) -> str:
        return f"<{self.verdict}{self.reason and f': {self.reason}'}>"

    @property
    def can_reconcile(self) -> bool | None:
        """Whether `btfkit reconcile` would make it fit; None if that is unknown."""
        return None if self.strict is None else not self.strict


def judge(module: Module, new: Btf) -> Answer:
    """Judge whether the kernel with the BTF `new` accepts the module."""
    from btfkit.passes.reconcile import verdicts

    answer = Answer()
    answer.knows = knows(new)
    if not module.blob:
        answer.verdict = NONE
        empty = "its .BTF section is empty (vmlinux may have been missing when it was built)"
        answer.reason = module.problem or empty
        return answer
    if module.problem and module.section == BASE_SECTION and answer.knows in (BASES, UNKNOWN):
        answer.verdict, answer.reason = REFUSES, module.problem
        return answer
    if module.split is not None:
        both = verdicts(module.split, new)
        answer.strict, answer.upstream = both.strict, both.upstream
        if answer.strict:
            answer.copies = _copies(module, module.split, new)
    if module.section == BASE_SECTION and answer.knows in (BASES, UNKNOWN):
        assert answer.upstream is not None  # else there was a problem
        if answer.upstream:
            answer.verdict, answer.reason = REFUSES, summary(answer.upstream)
            if answer.upstream[0].reason == "not-distilled" and not answer.strict:
                answer.reason = DEFINITIONS
        return answer
    if answer.knows == NOTHING:
        answer.verdict, answer.reason = IGNORES, "this kernel ignores the BTF of modules"
        return answer
    _examine(answer, module, new)
    return answer


def _copies(module: Module, split: Btf, new: Btf) -> Copies | None:
    """The copies in a module that does not fit, if it was encoded in another style of arrays than the kernel."""
    from btfkit.passes.array_style import Style, copies_of

    style = Style(new)
    names = copies_of(split, style)
    if not names:
        return None
    fits: bool | None = None
    if module.old is not None:
        from btfkit.passes.dedup import dedup
        from btfkit.passes.distill import distill
        from btfkit.passes.reconcile import verdicts

        fits = not verdicts(distill(dedup(module.old).btf).btf, new).strict
    return Copies("nested" if style.nested else "flat", names, fits)


def _examine(answer: Answer, module: Module, new: Btf) -> None:
    """Judge `.BTF` as a kernel does that assumes its own vmlinux as the base."""
    from btfkit.judges.on_kernel import examine

    pointer_size = module.file.container.pointer_size if module.file is not None else None
    found = answer.examination = examine(module.blob, new, module.path, pointer_size=pointer_size)
    if found.unreadable:
        answer.verdict, answer.reason = REFUSES, found.unreadable
    elif found.refused:
        answer.verdict, answer.reason = REFUSES, found.refused[0].message
    elif not found.right:
        answer.verdict, answer.reason = WRONG, f"built on another vmlinux: {found}"


def knows(new: Btf) -> str:
    """What a kernel supports of modules' BTF, by its struct module (include/linux/module.h)."""
    found = new.find_id("module", "STRUCT")
    if found is None:
        return UNKNOWN
    names = {member.name for member in new[found].members}  # type: ignore[attr-defined]
    return BASES if "btf_base_data" in names else MODULES if "btf_data" in names else NOTHING if names else UNKNOWN


def summary(findings: Sequence[Misfit]) -> str:
    """The first of several findings, and the number of others."""
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return f"{findings[0]}{more}"
