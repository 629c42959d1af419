"""Will a program load on a kernel: works, works guarded, or breaks; and why.

A program *works* where every CO-RE read has an answer and all that it attaches to and calls is there.  It is *guarded*
where reads have no answer, and none of them can be reached there (`programs/reach.py`).  Everything else *breaks*.  Whether
the verifier finds something else to complain of is beyond what BTF tells.

A `Check` is made once for an object's program and asked for many kernels; kernels whose answers are equal share a walk.
"""

from __future__ import annotations

from btfkit.co_re.kinds import KINDS
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
from btfkit.programs.constants import KCONFIG, Known
from btfkit.programs.patch import POISONED, patch_program
from btfkit.programs.reach import Doubt, Flow, Walk
from btfkit.programs.registers import NOT_NULL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from btfkit.co_re.relocate import Outcome
    from btfkit.co_re.target import Target
    from btfkit.programs.attachments import Scope
    from btfkit.programs.code import Code, Function
    from btfkit.programs.patch import Patched
    from btfkit.programs.registers import Value
    from btfkit.programs.verifier import Verifier

WORKS, GUARDED = "works", "works, guarded"
STATUSES = (WORKS, GUARDED, BREAKS)
MAX_CACHED = 256  # walks that are remembered for one program
MAX_CONDITIONS = 8  # variables that are tried one by one


class ProgramFinding:
    """One thing that is said of a program on a kernel.

    `effect`: BREAKS, GUARDED (a missing read that is not reached), WARNING or NOTE.  `relocation` is the number of the
    object's CO-RE relocation, or -1; then `subject` names what is meant (an extern, what it attaches to).  `reason` is
    one word for programs, `detail` a sentence, `unless` what user space could do about it ("use_new = 0")."""

    __slots__ = ("detail", "effect", "reason", "relocation", "subject", "unless")

    def __init__(
        self, effect: str, reason: str, detail: str, relocation: int = -1, subject: str = "", unless: str = ""
    ) -> None:
        self.effect = effect
        self.reason = reason
        self.detail = detail
        self.relocation = relocation
        self.subject = subject
        self.unless = unless

    @property
    def key(self) -> tuple[str, str, str, int, str, str]:
        """Equal for findings that say the same."""
        return self.effect, self.reason, self.detail, self.relocation, self.subject, self.unless

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProgramFinding) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"<{self.effect}: {self.detail}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return ProgramFinding, self.key_as_arguments

    @property
    def key_as_arguments(self) -> tuple[str, str, str, int, str, str]:
        """The arguments that make it again."""
        return self.effect, self.reason, self.detail, self.relocation, self.subject, self.unless


class Verdict:
    """What becomes of a program on a kernel: `status` is WORKS, GUARDED or BREAKS, `findings` say why."""

    __slots__ = ("findings", "status")

    def __init__(self, findings: Sequence[ProgramFinding]) -> None:
        self.findings = tuple(findings)
        effects = {finding.effect for finding in findings}
        self.status = BREAKS if BREAKS in effects else GUARDED if GUARDED in effects else WORKS

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Verdict) and self.findings == other.findings

    def __hash__(self) -> int:
        return hash(self.findings)

    def __repr__(self) -> str:
        return f"<{self.status}: {len(self.findings)} findings>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Verdict, (self.findings,)


class KernelAnswers:
    """What a kernel answers to one object: `outcomes` of its relocations, `externs` by name, and what it says of
    struct_ops."""

    __slots__ = ("externs", "operations", "outcomes", "scope", "target", "verifier", "version")

    def __init__(
        self,
        code: Code,
        target: Target,
        outcomes: list[Outcome],
        verifier: Verifier,
        version: Value,
        scope: Scope,
    ) -> None:
        self.target = target
        self.outcomes = outcomes
        self.verifier = verifier
        self.version = version
        self.scope = scope
        self.externs = extern_answers(code, target, scope)
        self.operations = operations(code, target, scope) if code.struct_ops else {}


class Check:
    """A program of an object, ready to be asked for kernels; `given` are values of variables and kconfig externs by name."""

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
        self._walks: dict[Any, tuple[frozenset[int], str, dict[int, str]]] = {}

    @property
    def name(self) -> str:
        """The program's name."""
        return self.program.name

    def verdict(self, kernel: KernelAnswers) -> Verdict:
        """What becomes of the program on a kernel."""
        if self.problem:
            return Verdict([ProgramFinding(BREAKS, "bad-object", self.problem)])
        patched = patch_program(self.code, self.linked, kernel.outcomes)
        findings = [
            ProgramFinding(
                BREAKS, kernel.outcomes[number].reason or "refused", f"libbpf refuses the object: {words}", number
            )
            for number, words in patched.refusals.items()
        ]
        marks: dict[int, bool] = dict.fromkeys(patched.poisoned, True)
        marks.update(self._zeros(kernel.outcomes, patched))
        findings += self._externs(kernel, marks, patched)
        if marks:
            findings += self._missing(kernel, patched, marks)
        said = kernel.operations.get(self.name)
        said = said or attached(self.program, kernel.target, kernel.scope)
        if said is not None:
            findings.append(ProgramFinding(*said, subject=self.program.attach))
        return Verdict(sorted(findings, key=_order))

    def _zeros(self, outcomes: list[Outcome], patched: Patched) -> Iterator[tuple[int, bool]]:
        """The slots of sizes and type ids without an answer, which yield 0."""
        for slot, number in self.linked.relocations.items():
            outcome = outcomes[number]
            if outcome.status == "missing" and outcome.value == 0 and number not in patched.refusals:
                yield slot, False

    def _externs(self, kernel: KernelAnswers, marks: dict[int, bool], patched: Patched) -> Iterator[ProgramFinding]:
        """What the program calls or reads of the kernel by name; calls of weak functions that are not there are poisoned."""
        said: set[str] = set()
        for slot, reference in self.linked.references.items():
            answer = kernel.externs.get(reference.name) if reference.kind in ("kfunc", "extern") else None
            if answer is None or answer.status not in (MISSING, INCOMPATIBLE, UNKNOWN):
                continue
            extern = self.code.externs[reference.name]
            weak = extern.weak and answer.status == MISSING
            if weak and reference.kind == "kfunc":
                marks[slot] = True
                patched.insns[slot] = POISONED
            if reference.name in said:
                continue
            said.add(reference.name)
            if answer.status == UNKNOWN:
                yield ProgramFinding(NOTE, "not-in-btf", answer.detail, subject=reference.name)
            elif not weak:
                reason = "no-extern" if answer.status == MISSING else "incompatible"
                yield ProgramFinding(BREAKS, reason, answer.detail, subject=reference.name)

    def _missing(self, kernel: KernelAnswers, patched: Patched, marks: dict[int, bool]) -> Iterator[ProgramFinding]:
        """Each missing answer, reached or not."""
        reached, doubt, unless = self._walk(kernel, patched, marks)
        for slot in sorted(marks):
            number = self.linked.relocations.get(slot, -1)
            is_reached = slot in reached
            if number < 0:
                name = self.linked.references[slot].name
                said = kernel.externs[name].detail
                yield ProgramFinding(
                    BREAKS if is_reached else GUARDED, "no-extern", said, subject=name, unless=unless.get(slot, "")
                )
                continue
            outcome = kernel.outcomes[number]
            if not marks[slot]:
                what = f"{outcome.detail}: it yields 0"
                yield ProgramFinding(
                    NOTE, outcome.reason, what + ("" if is_reached else ", and is not reached"), number
                )
                continue
            detail, reason = outcome.detail, outcome.reason
            if reason == "no-type" and not kernel.target.modules:
                detail += NO_MODULES
            if outcome.status == "value":
                detail, reason = (
                    "the member has another size than the program's load, which cannot be adjusted",
                    "load-size",
                )
            if is_reached and doubt:
                detail = f"{detail} (taken as reached: {doubt})"
            yield ProgramFinding(BREAKS if is_reached else GUARDED, reason, detail, number, unless=unless.get(slot, ""))

    # ---- what is reached -------------------------------------------------------------------------------------------

    def _walk(
        self, kernel: KernelAnswers, patched: Patched, marks: dict[int, bool]
    ) -> tuple[frozenset[int], str, dict[int, str]]:
        """(reached slots, why there is doubt, what would keep a reached one from it); remembered by all that it depends
        on."""
        insns = patched.insns
        key = (
            tuple(sorted(marks.items())),
            tuple(tuple(insns[slot : slot + 2]) for slot in self.linked.relocations),  # a wide load has two slots
            tuple((name, answer.status) for name, answer in kernel.externs.items()),
            kernel.verifier.key,
            kernel.version if "LINUX_KERNEL_VERSION" in self.code.externs else None,
        )
        known = self._walks.get(key)
        if known is None:
            if len(self._walks) >= MAX_CACHED:
                self._walks.clear()
            known = self._walks[key] = self._walk_anew(kernel, insns, marks)
        return known

    def _walk_anew(
        self, kernel: KernelAnswers, insns: list[Any], marks: dict[int, bool]
    ) -> tuple[frozenset[int], str, dict[int, str]]:
        self._flow = self._flow or Flow(self.linked)
        data = Known(self.code, self.given, kernel.version)
        try:
            reached = self._reached(kernel, insns, marks, data)
        except Doubt as doubt:
            return frozenset(marks), str(doubt), {}
        unless: dict[int, str] = {}
        open_variables = [name for name in data.asked if name not in self.given]
        if open_variables and any(marks[slot] for slot in reached):
            unless = self._conditions(kernel, insns, marks, data, open_variables, reached)
        return frozenset(reached), "", unless

    def _reached(self, kernel: KernelAnswers, insns: list[Any], marks: dict[int, bool], data: Known) -> set[int]:
        assert self._flow is not None
        return Walk(self._flow, insns, marks, kernel.verifier, data.read, self._external(kernel)).run()

    def _conditions(
        self,
        kernel: KernelAnswers,
        insns: list[Any],
        marks: dict[int, bool],
        data: Known,
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
                still = self._reached(kernel, insns, marks, data)
            except Doubt:
                continue
            names = [name for name in data.asked if name not in self.given and (fixed is None or name in fixed)]
            words = " and ".join(f"{name} = {data.initial(name)}" for name in names)
            for slot in reached - still:
                if marks[slot]:
                    unless.setdefault(slot, words)
        return unless

    def _external(self, kernel: KernelAnswers) -> Callable[[str], Value]:
        def external(name: str) -> Value:
            extern = self.code.externs.get(name)
            if extern is not None and extern.section == KCONFIG:
                from btfkit.programs.registers import PLACE

                return (PLACE, f"{KCONFIG}:{name}", 0)
            answer = kernel.externs.get(name)
            if answer is None or answer.status == UNKNOWN:
                return None
            return 0 if answer.status == MISSING else NOT_NULL

        return external


def _order(finding: ProgramFinding) -> tuple[int, int, str]:
    ranks = (BREAKS, GUARDED, WARNING, NOTE)
    return ranks.index(finding.effect), finding.relocation if finding.relocation >= 0 else 1 << 30, finding.subject


class Checks:
    """All programs of several objects, ready to be asked for kernels."""

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
        """What becomes of each program on a kernel; `version` is what LINUX_KERNEL_VERSION may be there
        (`known.version_range`)."""
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


def kind_name(kind: int) -> str:
    """The name of a relocation's kind."""
    return KINDS[kind].name if kind < len(KINDS) else f"kind {kind}"
