"""Whether a program will load on a kernel: works, works guarded, or breaks; and why.

A program *works* if every CO-RE read has an answer and everything that it attaches to and calls exists.  It is *guarded* if some
reads have no answer but none of these can be reached (`programs/reach.py`).  Otherwise it *breaks*.  BTF does not show whether
the verifier would reject the program for another reason.

A `Check` is made once for a program and answers for many kernels; kernels with equal answers share a walk.
"""

from __future__ import annotations

from typing import NamedTuple

from btfkit.errors import BtfError
from btfkit.programs.attachments import (
    BREAKS,
    INCOMPATIBLE,
    MISSING,
    NO_MODULES,
    NOTE,
    UNKNOWN,
    WARNING,
    attached,
    extern_answers,
    operations,
    scope_of,
    wanted_names,
)
from btfkit.programs.constants import KCONFIG, VERSION, Constants
from btfkit.programs.patch import POISONED, patch_program
from btfkit.programs.reach import Doubt, Flow, Walk
from btfkit.programs.registers import NOT_NULL, PLACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from btfkit.co_re.relocate import Outcome
    from btfkit.co_re.target import Target
    from btfkit.programs.attachments import Scope
    from btfkit.programs.code import Code, Function
    from btfkit.programs.insns import Insn
    from btfkit.programs.patch import Patched
    from btfkit.programs.registers import Value
    from btfkit.programs.verifier import Verifier

WORKS, GUARDED = "works", "works, guarded"
STATUSES = (WORKS, GUARDED, BREAKS)
MAX_CACHED = 256  # walks that are kept for one program
MAX_CONDITIONS = 8  # variables that are tried one by one


class ProgramFinding(NamedTuple):
    """A finding about a program on a kernel.

    `effect`: BREAKS, GUARDED (a read without an answer that is not reached), WARNING or NOTE.  `relocation` is the number of
    the object's CO-RE relocation, or -1; then `subject` names an extern or what the program attaches to.  `reason` is one
    word for scripts, `detail` a sentence, `unless` what user space could set to avoid it ("use_new = 0").
    """

    effect: str
    reason: str
    detail: str
    relocation: int = -1
    subject: str = ""
    unless: str = ""

    def __repr__(self) -> str:
        return f"<{self.effect}: {self.detail}>"


class Verdict(NamedTuple):
    """The result for a program on a kernel."""

    findings: tuple[ProgramFinding, ...]

    @property
    def status(self) -> str:
        """WORKS, GUARDED or BREAKS."""
        effects = {finding.effect for finding in self.findings}
        return BREAKS if BREAKS in effects else GUARDED if GUARDED in effects else WORKS

    def __repr__(self) -> str:
        return f"<{self.status}: {len(self.findings)} findings>"


class KernelAnswers:
    """The answers of a kernel to one object: `outcomes` of its relocations, `externs` by name, `operations` of struct_ops."""

    def __init__(
        self, code: Code, target: Target, outcomes: list[Outcome], verifier: Verifier, version: Value, scope: Scope
    ) -> None:
        self.target = target
        self.outcomes = outcomes
        self.verifier = verifier
        self.version = version
        self.scope = scope
        self.externs = extern_answers(code, target, scope)
        self.operations = operations(code, target, scope) if code.struct_ops else {}


class Reached(NamedTuple):
    """The marked slots that can be reached; `doubt` is why all count as reached ("": they do not); `unless` is, by slot, which
    values of variables would keep the program from it."""

    slots: frozenset[int]
    doubt: str
    unless: dict[int, str]


class Check:
    """A program of an object; `given` are values of variables and kconfig externs by name."""

    def __init__(self, code: Code, program: Function, given: Mapping[str, int]) -> None:
        self.code = code
        self.program = program
        self.given = given
        self.problem = ""
        try:
            self.linked = code.link(program)
        except BtfError as error:
            self.problem = error.message
        self._flow: Flow | None = None
        self._walks: dict[Any, Reached] = {}

    @property
    def name(self) -> str:
        """The program's name."""
        return self.program.name

    def verdict(self, kernel: KernelAnswers) -> Verdict:
        """The verdict on the program on a kernel."""
        if self.problem:
            return Verdict((ProgramFinding(BREAKS, "bad-object", self.problem),))
        patched = patch_program(self.code, self.linked, kernel.outcomes)
        findings: list[ProgramFinding] = []
        for number, rejection in patched.rejections.items():
            reason = kernel.outcomes[number].reason or "refused"
            findings.append(ProgramFinding(BREAKS, reason, f"libbpf rejects the object: {rejection}", number))
        for number in self.linked.relocations.values():
            if kernel.outcomes[number].misread:
                findings.append(ProgramFinding(BREAKS, "misread", kernel.outcomes[number].misread, number))
        marks: dict[int, bool] = dict.fromkeys(patched.poisoned, True)
        for slot, number in self.linked.relocations.items():  # sizes and type ids without an answer yield 0
            outcome = kernel.outcomes[number]
            if outcome.status == "missing" and outcome.value == 0 and number not in patched.rejections:
                marks[slot] = False
        findings += self._externs(kernel, marks, patched)
        if marks:
            findings += self._missing(kernel, patched, marks)
        problem = kernel.operations.get(self.name) or attached(self.program, kernel.target, kernel.scope)
        if problem is not None:
            findings.append(ProgramFinding(*problem, subject=self.program.attach))
        return Verdict(tuple(sorted(findings, key=_order)))

    def _externs(self, kernel: KernelAnswers, marks: dict[int, bool], patched: Patched) -> Iterator[ProgramFinding]:
        """The kernel's functions and variables that the program uses; calls of missing weak functions are poisoned."""
        seen: set[str] = set()
        for slot, reference in self.linked.references.items():
            name = reference.name
            answer = kernel.externs.get(name) if reference.kind in ("kfunc", "extern") else None
            if answer is None or answer.status not in (MISSING, INCOMPATIBLE, UNKNOWN):
                continue
            weak = self.code.externs[name].weak and answer.status == MISSING
            if weak and reference.kind == "kfunc":
                marks[slot] = True
                patched.insns[slot] = POISONED
            if name in seen:
                continue
            seen.add(name)
            if answer.status == UNKNOWN:
                yield ProgramFinding(NOTE, "not-in-btf", answer.detail, subject=name)
            elif not weak:
                reason = "no-extern" if answer.status == MISSING else "incompatible"
                yield ProgramFinding(BREAKS, reason, answer.detail, subject=name)

    def _missing(self, kernel: KernelAnswers, patched: Patched, marks: dict[int, bool]) -> Iterator[ProgramFinding]:
        """Each missing answer, reached or not."""
        reached = self._walk(kernel, patched, marks)
        for slot in sorted(marks):
            number = self.linked.relocations.get(slot, -1)
            is_reached, unless = slot in reached.slots, reached.unless.get(slot, "")
            effect = BREAKS if is_reached else GUARDED
            if number < 0:
                name = self.linked.references[slot].name
                yield ProgramFinding(effect, "no-extern", kernel.externs[name].detail, subject=name, unless=unless)
                continue
            outcome = kernel.outcomes[number]
            detail, reason = outcome.detail, outcome.reason
            if not marks[slot]:
                detail += ": it yields 0" if is_reached else ": it yields 0, and is not reached"
                yield ProgramFinding(NOTE, reason, detail, number)
                continue
            if reason == "no-type" and not kernel.target.modules:
                detail += NO_MODULES
            if outcome.status == "value":
                reason = "load-size"
                detail = "the size of the member differs from that of the program's load, which cannot be adjusted"
            if is_reached and reached.doubt:
                detail = f"{detail} (taken as reached: {reached.doubt})"
            yield ProgramFinding(effect, reason, detail, number, unless=unless)

    # ---- what is reached -------------------------------------------------------------------------------------------

    def _walk(self, kernel: KernelAnswers, patched: Patched, marks: dict[int, bool]) -> Reached:
        """Which of `marks` can be reached; cached by everything that the answer depends on."""
        insns = patched.insns
        key = (
            tuple(sorted(marks.items())),
            tuple(tuple(insns[slot : slot + 2]) for slot in self.linked.relocations),  # a wide load has two slots
            tuple((name, answer.status) for name, answer in kernel.externs.items()),
            kernel.verifier,
            kernel.version if VERSION in self.code.externs else None,
        )
        if key not in self._walks:
            if len(self._walks) >= MAX_CACHED:
                self._walks.clear()
            self._walks[key] = self._walk_anew(kernel, insns, marks)
        return self._walks[key]

    def _walk_anew(self, kernel: KernelAnswers, insns: list[Insn], marks: dict[int, bool]) -> Reached:
        data = Constants(self.code, self.given, kernel.version)
        try:
            reached = self._reached(kernel, insns, marks, data)
        except Doubt as doubt:
            return Reached(frozenset(marks), str(doubt), {})
        unless: dict[int, str] = {}
        variables = [name for name in data.asked if name not in self.given]
        if variables and any(marks[slot] for slot in reached):
            unless = self._conditions(kernel, insns, marks, data, variables, reached)
        return Reached(frozenset(reached), "", unless)

    def _reached(self, kernel: KernelAnswers, insns: list[Insn], marks: dict[int, bool], data: Constants) -> set[int]:
        def external(name: str) -> Value:
            extern = self.code.externs.get(name)
            if extern is not None and extern.section == KCONFIG:
                return (PLACE, f"{KCONFIG}:{name}", 0)
            answer = kernel.externs.get(name)
            if answer is None or answer.status == UNKNOWN:
                return None
            return 0 if answer.status == MISSING else NOT_NULL

        self._flow = self._flow or Flow(self.linked)
        return Walk(self._flow, insns, marks, kernel.verifier, data.read, external).run()

    def _conditions(
        self,
        kernel: KernelAnswers,
        insns: list[Insn],
        marks: dict[int, bool],
        data: Constants,
        variables: list[str],
        reached: set[int],
    ) -> dict[int, str]:
        """Which `const volatile` variables would, at their initial values, keep the program from a missing read."""
        unless: dict[int, str] = {}
        tries: list[frozenset[str] | None] = [None]
        if len(variables) <= MAX_CONDITIONS:
            tries = [*(frozenset((name, *self.given)) for name in variables), None]
        for fixed in tries:
            data.fixed = fixed
            data.asked = {}
            try:
                still_reached = self._reached(kernel, insns, marks, data)
            except Doubt:
                continue
            names = [name for name in data.asked if name not in self.given and (fixed is None or name in fixed)]
            condition = " and ".join(f"{name} = {data.initial(name)}" for name in names)
            for slot in reached - still_reached:
                if marks[slot]:
                    unless.setdefault(slot, condition)
        return unless


def _order(finding: ProgramFinding) -> tuple[int, int, str]:
    ranks = (BREAKS, GUARDED, WARNING, NOTE)
    return ranks.index(finding.effect), finding.relocation if finding.relocation >= 0 else 1 << 30, finding.subject


class Checks:
    """All programs of several objects."""

    def __init__(self, codes: Sequence[Code], given: Mapping[str, int] | None = None) -> None:
        self.codes = list(codes)
        self.given = dict(given or {})
        self.checks = [[Check(code, program, self.given) for program in code.programs] for code in codes]
        self._wanted = [name for code in codes for name in wanted_names(code)]

    @property
    def programs(self) -> list[Check]:
        """All programs, in the order of `verdicts`."""
        return [check for checks in self.checks for check in checks]

    def verdicts(self, target: Target, version: Value = None) -> list[Verdict]:
        """The verdict on each program on a kernel; `version` is the range of LINUX_KERNEL_VERSION there
        (`constants.version_range`)."""
        from btfkit.co_re.relocate import relocate
        from btfkit.programs.verifier import verifier_of

        target.prepare(self._wanted)
        outcomes = relocate([code.object for code in self.codes], target)
        verifier = verifier_of(target.vmlinux)
        scope = scope_of(target.vmlinux)
        result = []
        for code, checks, answers in zip(self.codes, self.checks, outcomes, strict=True):
            kernel = KernelAnswers(code, target, answers, verifier, version, scope)
            result += [check.verdict(kernel) for check in checks]
        return result
