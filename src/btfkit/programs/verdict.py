"""Whether a program will load on a kernel: works, works guarded, or breaks; and why.

A program *works* if every CO-RE read has an answer and everything that it attaches to and calls exists.  It is *guarded* if some
reads have no answer but none of these can be reached (`programs/reach.py`).  Otherwise it *breaks*.  BTF does not show whether
the verifier would reject the program for another reason.

A `Check` is made once for a program and answers for many kernels; kernels with equal answers share a walk.
"""

from __future__ import annotations

from typing import NamedTuple

from btfkit.co_re.loaders import LIBBPF
from btfkit.errors import BtfError, counted
from btfkit.programs import insns as i
from btfkit.programs.arguments import RULES, ReadArgument, rejected
from btfkit.programs.attachments import (
    BREAKS,
    INCOMPATIBLE,
    MISSING,
    NO_MODULES,
    NOTE,
    UNKNOWN,
    UNSUPPORTED,
    WARNING,
)
from btfkit.programs.code import MAP, NO_PROGRAM
from btfkit.programs.constants import KCONFIG, VERSION, Constants
from btfkit.programs.facts import VARYING, KernelAnswers, Numbers, Questions
from btfkit.programs.helpers import helper_name, map_type_name
from btfkit.programs.machines import REGISTER_PROGRAMS, REGISTERS
from btfkit.programs.maps import INSN_ARRAY, JUMP_TABLES
from btfkit.programs.misreads import other_size
from btfkit.programs.patch import POISONED, patch_program
from btfkit.programs.reach import DependsOnField, Doubt, Flow, Walk
from btfkit.programs.registers import NOT_NULL, PLACE, bounds
from btfkit.programs.sections import left_to_user_space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from btfkit.programs.code import Code, Function
    from btfkit.programs.facts import Answer, Facts, KernelFacts, Key
    from btfkit.programs.patch import Patched
    from btfkit.programs.registers import Value

WORKS, GUARDED = "works", "works, guarded"
MISREADS = "reads something else"  # the program loads, and a value is not what its author expects
EFFECTS = (BREAKS, MISREADS, GUARDED, WARNING, NOTE)
STATUSES = (WORKS, GUARDED, BREAKS)
MAX_CACHED = 256  # verdicts and walks that are kept for one program
MAX_CONDITIONS = 8  # variables that are tried one by one
CHECKS_SIZE = 6 << 16 | 13 << 8  # LINUX_KERNEL_VERSION since which pointers of the context are read as a whole
STRUCT_OPS_PROGRAMS = ("struct_ops", "struct_ops.s")
KPROBES = frozenset(("kprobe", "kretprobe", "kprobe.multi", "kretprobe.multi", "kprobe.session"))
# What the loaders do with a program whose target's name several functions share.
SEVERAL_FUNCTIONS = (
    "libbpf takes the first in the BTF for the arguments, the kernel attaches to the first in its symbol table, and"
    " cilium/ebpf rejects the program"
)
SEVERAL_KPROBES = (
    "a kprobe is attached to the first in the kernel's symbol table, since 6.7 (and updates of older releases) to none"
)


class ProgramFinding(NamedTuple):
    """A finding about a program on a kernel.

    `effect`: BREAKS, MISREADS, GUARDED (a read without an answer that is not reached), WARNING or NOTE. `relocation` is the
    number of the object's CO-RE relocation, or -1; then `subject` names an extern or what the program attaches to.
    `reason` is one word for scripts, `detail` a sentence, `unless` what user space could set to avoid it ("use_new =
    0"). `whole`: it is about the object, and all its programs have it; `map` is then the name of the map without which libbpf
    takes the object, if there is one.
    """

    effect: str
    reason: str
    detail: str
    relocation: int = -1
    subject: str = ""
    unless: str = ""
    whole: bool = False
    map: str = ""

    def __repr__(self) -> str:
        return f"<{self.effect}: {self.detail}>"


class Verdict(NamedTuple):
    """The result for a program on a kernel; `arguments` are those that it reads of what it attaches to."""

    findings: tuple[ProgramFinding, ...]
    arguments: tuple[ReadArgument, ...] = ()

    @property
    def status(self) -> str:
        """WORKS, GUARDED or BREAKS (also for a program that reads something else)."""
        effects = {finding.effect for finding in self.findings}
        return BREAKS if BREAKS in effects or MISREADS in effects else GUARDED if GUARDED in effects else WORKS

    def __repr__(self) -> str:
        return f"<{self.status}: {counted(len(self.findings), 'finding')}>"


class Reached(NamedTuple):
    """The marked slots that can be reached; `doubt` is why all count as reached ("": they do not); `unless` is, by slot, which
    values of variables would keep the program from it."""

    slots: frozenset[int]
    doubt: str
    unless: dict[int, str]


class Case:
    """A program on a kernel, while it is judged: the `facts`, the `answers` to the relocations of its object, and the `patched`
    program.

    `marks` are the slots of which it matters whether they are reached (true: the program breaks then), `waiting` the findings
    about slots that are reached.  `needs_values`: with other values of `facts.VARYING` relocations, the verdict may differ.
    """

    def __init__(self, facts: Facts, answers: Sequence[Answer], patched: Patched) -> None:
        self.facts = facts
        self.kernel = facts.kernel
        self.loader = facts.kernel.loader
        self.answers = answers
        self.patched = patched
        self.externs = dict(facts.kernel.externs)
        self.whole = _whole(facts.kernel)
        self.findings: list[ProgramFinding] = []
        self.marks: dict[int, bool] = dict.fromkeys(patched.poisoned, True)
        self.waiting: dict[int, ProgramFinding] = {}
        self.needs_values = bool(patched.rejections)


def _whole(kernel: KernelFacts) -> list[ProgramFinding]:
    """The findings about an object."""
    return [
        ProgramFinding(
            BREAKS,
            each.reason,
            f"{kernel.loader.name} rejects the object: {each.detail}",
            subject=each.subject,
            whole=True,
            map=each.map,
        )
        for each in kernel.refusals
    ]


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
        self._questions = None if self.problem else Questions(code, program, self.linked)
        self._flow: Flow | None = None
        self._walks: dict[Any, Reached | None] = {}
        self._verdicts: dict[Key, Verdict | dict[tuple[int | None, ...], Verdict]] = {}

    @property
    def name(self) -> str:
        """The program's name."""
        return self.program.name

    @property
    def questions(self) -> Questions | None:
        """What it asks of every kernel; None if it cannot be linked."""
        return self._questions

    def verdict(self, kernel: KernelAnswers, numbers: Numbers) -> tuple[Verdict, bool]:
        """The verdict on the program on a kernel, and whether it depends on the values of relocations; kernels with equal facts
        (and values) share it.

        The values matter only if the program has to be walked, and they are used there for more than to read memory.
        """
        if self._questions is None:
            whole = _whole(kernel.facts)
            is_other = whole and whole[0].reason == "byte-order"
            own = ProgramFinding(BREAKS, "bad-object", self.problem)
            return Verdict(tuple(whole[:1]) if is_other else (own, *whole)), False
        key, answers = self._questions.key(kernel)
        known = self._verdicts.get(key)
        if isinstance(known, Verdict):
            return known, False
        values = tuple([answers[number].value for number in self._questions.numbers])
        if known is not None and values in known:
            return known[values], True
        verdict, needs_values = self._judged(key.facts(numbers), answers)
        if not needs_values:
            keep(self._verdicts, key, verdict)
        elif known is None:
            keep(self._verdicts, key, {values: verdict})
        else:
            keep(known, values, verdict)
        return verdict, needs_values

    def forget(self) -> None:
        """Forget the verdicts that kernels may share: the numbers in their keys are used anew."""
        self._verdicts.clear()
        if self._questions is not None:
            self._questions.forget()

    def _judged(self, facts: Facts, answers: Sequence[Answer]) -> tuple[Verdict, bool]:
        """The verdict by these facts, and whether other values of the relocations could change it."""
        assert self._questions is not None
        whole = _whole(facts.kernel)
        if any(finding.reason == "byte-order" for finding in whole):
            return Verdict(tuple(whole[:1])), False  # all else follows from this
        case = Case(facts, answers, patch_program(self.code, self.linked, answers, facts.kernel.loader))
        for number, rejection in case.patched.rejections.items():
            answer = answers[number]
            reason = answer.reason or ("load-size" if answer.load_size < 0 else "refused")
            detail = f"{case.loader.name} rejects the object: {rejection}"
            case.findings.append(ProgramFinding(BREAKS, reason, detail, number))
        for number in self._questions.numbers:
            if answers[number].misread:
                case.findings.append(ProgramFinding(MISREADS, "misread", answers[number].misread, number))
        for slot, number in self.linked.relocations.items():  # sizes and type ids without an answer yield 0
            answer = answers[number]
            if answer.status == "missing" and answer.value == 0 and number not in case.patched.rejections:
                case.marks[slot] = False
        self._externs(case)
        arguments = self._context(case)
        self._helpers(case)
        self._maps(case)
        self._misreads(case)
        case.marks.update((slot, case.marks.get(slot, False)) for slot in case.waiting)
        if case.marks:
            case.findings += self._missing(case)
        if facts.attached.problem is not None:
            case.findings.append(ProgramFinding(*facts.attached.problem, subject=self.program.attach))
        case.findings += self._left_open(case)
        if facts.attached.lacks:
            detail = f"the kernel has no {facts.attached.lacks}"
            case.findings.append(ProgramFinding(BREAKS, "no-program-type", detail, subject=self.program.attach))
        known = {finding.subject for finding in case.findings if finding.effect == BREAKS}
        case.findings += (finding for finding in whole if finding.subject not in known or not finding.subject)
        needs_values = case.needs_values or not self.linked.relocations.keys().isdisjoint(
            self._questions.origins.context_reads
        )
        return Verdict(tuple(sorted(case.findings, key=_order)), arguments), needs_values

    def _context(self, case: Case) -> tuple[ReadArgument, ...]:
        """The arguments that the program reads; those that do not exist go to `waiting`, other findings to `findings`."""
        assert self._questions is not None
        kind = self.program.attach.partition("/")[0]
        prototypes = case.facts.attached.prototypes
        subject = self.program.attach
        if len(prototypes) > 1:
            shown = "; ".join(str(prototype) for prototype in prototypes[:3])
            detail = f"{len(prototypes)} functions of this name have different prototypes ({shown})"
            is_rejected = case.loader.one_target and kind in RULES
            why = SEVERAL_KPROBES if kind in KPROBES else SEVERAL_FUNCTIONS
            detail += f": {case.loader.name} rejects the program" if is_rejected else f": {why}"
            effect = BREAKS if is_rejected else WARNING
            case.findings.append(ProgramFinding(effect, "several-functions", detail, subject=subject))
        if kind in REGISTER_PROGRAMS and case.kernel.foreign:
            self._registers(case)
        if kind not in RULES:
            self._beyond(case)
        if kind not in RULES or not prototypes:
            return ()
        prototype = prototypes[0]
        if prototype.problem and RULES[kind] != RULES["raw_tp"] and not prototype.skipped:
            detail = f"{prototype} {prototype.problem}: the kernel cannot attach programs to it"
            case.findings.append(ProgramFinding(BREAKS, "no-attach-target", detail, subject=subject))
            return ()
        read: dict[int, ReadArgument] = {}
        for slot, base in self._questions.origins.context_reads.items():
            code, _, _, off, _ = case.patched.insns[slot]
            if slot in case.patched.poisoned or code & i.CLASS_MASK != i.LDX:
                continue
            found = rejected(kind, prototype, base + off, i.BYTES[code & i.SIZE_MASK])
            if found is None:
                argument = prototype.at(base + off)
                if argument is not None:
                    read[argument.start] = ReadArgument(argument, str(prototype))
            elif found.in_doubt and not _is_since(case.kernel.version, CHECKS_SIZE):
                detail = f"{found.detail} since 6.13 (and where that was backported)"
                case.findings.append(ProgramFinding(WARNING, found.reason, detail, subject=subject))
            else:
                case.waiting[slot] = ProgramFinding(BREAKS, found.reason, found.detail, subject=subject)
        return tuple(read[start] for start in sorted(read))

    def _beyond(self, case: Case) -> None:
        """Reads beyond the end of a context that is a struct, which has fewer members on older kernels."""
        context = case.facts.attached.context
        if not context.size:
            return
        assert self._questions is not None
        for slot, base in self._questions.origins.context_reads.items():
            code, _, _, off, _ = case.patched.insns[slot]
            size = i.BYTES[code & i.SIZE_MASK]
            is_read = slot not in case.patched.poisoned and code & i.CLASS_MASK == i.LDX
            if is_read and base + off + size > context.size:
                what = f"the program reads {counted(size, 'byte')} at byte {base + off} of its context"
                detail = f"{what}, but struct {context.struct} has {counted(context.size, 'byte')} on this kernel"
                found = ProgramFinding(BREAKS, "beyond-context", detail, subject=f"struct {context.struct}")
                case.waiting.setdefault(slot, found)

    def _left_open(self, case: Case) -> Iterator[ProgramFinding]:
        """What libbpf cannot load as it is: nothing of that depends on the kernel."""
        if case.loader is not LIBBPF or self.program is NO_PROGRAM:
            return
        attach = self.program.attach
        if attach.partition("/")[0] in STRUCT_OPS_PROGRAMS and self.name not in self.code.struct_ops.values():
            yield ProgramFinding(
                BREAKS, "bad-object", "no variable of struct_ops refers to the program", subject=attach
            )
        elif detail := left_to_user_space(attach):
            yield ProgramFinding(WARNING, "user-space", detail, subject=attach)

    def _registers(self, case: Case) -> None:
        """Registers that the program reads where another architecture has them."""
        assert self._questions is not None
        detail = f"the program reads registers by their place on another architecture: it was {case.kernel.foreign}"
        for slot in self._questions.origins.context_reads:
            if slot not in self.linked.relocations and case.patched.insns[slot][0] & i.CLASS_MASK == i.LDX:
                case.waiting[slot] = ProgramFinding(MISREADS, "architecture", detail, subject=self.program.attach)

    def _helpers(self, case: Case) -> None:
        """Calls of helpers that the kernel lacks."""
        assert self._questions is not None
        for slot, number in self._questions.helpers.items() if case.facts.helpers else ():
            if number in case.facts.helpers:
                name = helper_name(number)
                case.waiting[slot] = ProgramFinding(BREAKS, "no-helper", f"the kernel has no {name}", subject=name)

    def _maps(self, case: Case) -> None:
        """Uses of maps that the kernel cannot create: leaving out such a map does not help a program that reaches one."""
        lacking = {finding.map for finding in case.whole if finding.map}
        for slot, reference in self.linked.references.items() if lacking else ():
            if reference.kind == MAP and reference.name in lacking:
                detail = f"the program uses map {reference.name}, which the kernel cannot create"
                case.waiting[slot] = ProgramFinding(BREAKS, "no-map", detail, subject=f"map {reference.name}")
        if not case.kernel.jump_tables and case.loader is LIBBPF and self._has_jump_table():
            needed = f"map type {map_type_name(INSN_ARRAY)}, which the kernel does not have"
            detail = f"the program has a jump table, for which libbpf needs {needed}"
            case.findings.append(ProgramFinding(BREAKS, "no-map-type", detail, subject=JUMP_TABLES))

    def _has_jump_table(self) -> bool:
        return any(each.kind == MAP and each.name == JUMP_TABLES for each in self.linked.references.values())

    def _misreads(self, case: Case) -> None:
        """Reads of something else than the program's author expects."""
        details = dict(case.facts.misreads)
        for slot, number in self.linked.relocations.items():
            detail = details.get(number, "")
            if not detail and not case.loader.load_size:
                answer = case.answers[number]
                size = answer.size if answer.status == "value" else 0
                beyond, detail = other_size(self.code.object, number, size, self.linked.insns[slot])
                if detail and not beyond and case.kernel.order == "little":
                    detail = f"{detail} ({case.loader.name} does not adjust loads): the lower ones"
                    case.findings.append(ProgramFinding(WARNING, "load-size", detail, number))
                    continue
            if detail:
                case.waiting.setdefault(slot, ProgramFinding(MISREADS, "misread", detail, number))

    def _externs(self, case: Case) -> None:
        """The kernel's functions and variables that the program uses; calls of missing weak functions are poisoned."""
        seen: set[str] = set()
        for slot, reference in self.linked.references.items():
            name = reference.name
            answer = case.externs.get(name) if reference.kind in ("kfunc", "extern") else None
            if answer is None or answer.status not in (MISSING, INCOMPATIBLE, UNKNOWN, UNSUPPORTED):
                continue
            weak = self.code.externs[name].weak and answer.status == MISSING
            if weak and reference.kind == "kfunc":
                case.marks[slot] = True
                case.patched.insns[slot] = POISONED
            if name in seen:
                continue
            seen.add(name)
            if answer.status == UNKNOWN:
                effect = NOTE if self.code.externs[name].weak else WARNING
                case.findings.append(ProgramFinding(effect, "not-in-btf", answer.detail, subject=name))
            elif not weak:
                reason = "incompatible" if answer.status == INCOMPATIBLE else "no-extern"
                case.findings.append(ProgramFinding(BREAKS, reason, answer.detail, subject=name))

    def _missing(self, case: Case) -> Iterator[ProgramFinding]:
        """Each missing answer and each finding that waits, reached or not."""
        marks, waiting = case.marks, case.waiting
        reached = self._walk(case)
        seen: set[tuple[str, str]] = set()
        for slot in sorted(marks):
            number = self.linked.relocations.get(slot, -1)
            is_reached, unless = slot in reached.slots, reached.unless.get(slot, "")
            effect = BREAKS if is_reached else GUARDED
            if slot in waiting:
                finding = waiting[slot]
                if finding.effect == MISREADS and not is_reached:
                    continue
                effect = finding.effect if is_reached else GUARDED
                if (effect, finding.detail) not in seen:
                    seen.add((effect, finding.detail))
                    yield finding._replace(effect=effect, unless=unless)
                continue
            if number < 0:
                name = self.linked.references[slot].name
                yield ProgramFinding(effect, "no-extern", case.externs[name].detail, subject=name, unless=unless)
                continue
            answer = case.answers[number]
            detail, reason = answer.detail, answer.reason
            if not marks[slot]:
                detail += ": it yields 0" if is_reached else ": it yields 0, and is not reached"
                yield ProgramFinding(NOTE, reason, detail, number)
                continue
            if reason == "no-type" and not case.kernel.has_modules:
                detail += NO_MODULES
            if case.kernel.foreign and self._reads_registers(number):
                detail += f": the program was {case.kernel.foreign}"
            if answer.status == "value":
                reason = "load-size"
                detail = "the size of the member differs from that of the program's load, which cannot be adjusted"
            if is_reached and reached.doubt:
                detail = f"{detail} (taken as reached: {reached.doubt})"
            yield ProgramFinding(effect, reason, detail, number, unless=unless)

    def _reads_registers(self, number: int) -> bool:
        """Whether a relocation is about the registers of a CPU."""
        wanted = self.code.object.spec(self.code.object.relocations[number])
        return getattr(wanted, "name", b"") in REGISTERS

    # ---- what is reached -------------------------------------------------------------------------------------------

    def _walk(self, case: Case) -> Reached:
        """Which of the marks can be reached; cached by everything that the answer depends on: the offsets of members only if the
        walk without them cannot tell."""
        insns = case.patched.insns
        fatal = frozenset((*case.waiting, *(slot for slot, poisoned in case.marks.items() if poisoned)))
        fields = self._fields(case)
        key = (
            tuple(sorted(case.marks.items())),
            fatal,
            tuple(  # a wide load has two slots
                insns[slot][0] if slot in fields else tuple(insns[slot : slot + 2]) for slot in self.linked.relocations
            ),
            tuple((name, answer.status) for name, answer in case.externs.items()),
            case.kernel.verifier,
            case.kernel.version if VERSION in self.code.externs else None,
        )
        if key not in self._walks:
            keep(self._walks, key, self._walk_anew(case, fatal, fields))
        reached = self._walks[key]
        if reached is None:
            case.needs_values = True
            exact = (key, tuple(tuple(insns[slot : slot + 2]) for slot in fields))
            if exact not in self._walks:
                keep(self._walks, exact, self._walk_anew(case, fatal))
            reached = self._walks[exact]
            assert reached is not None
        return reached

    def _fields(self, case: Case) -> dict[int, int]:
        """The slots whose values hardly matter, and the numbers of their relocations."""
        relocations = self.code.object.relocations
        return {
            slot: number
            for slot, number in self.linked.relocations.items()
            if relocations[number].kind in VARYING
            and case.answers[number].status == "value"
            and slot not in case.patched.poisoned
        }

    def _walk_anew(self, case: Case, fatal: frozenset[int], fields: Mapping[int, int] | None = None) -> Reached | None:
        """What a walk reaches; None if that depends on the `fields`, which it takes as unknown."""
        try:
            return self._walk_with(case, fatal, fields)
        except DependsOnField:
            return None

    def _walk_with(self, case: Case, fatal: frozenset[int], fields: Mapping[int, int] | None) -> Reached | None:
        data = Constants(self.code, self.given, case.kernel.version)
        try:
            reached = self._reached(case, data, fields)
        except Doubt as doubt:
            if fields:
                return None
            return Reached(frozenset(case.marks), str(doubt), {})
        unless: dict[int, str] = {}
        variables = [name for name in data.asked if name not in self.given]
        if variables and reached & fatal:
            unless = self._conditions(case, data, variables, reached & fatal, fields)
        return Reached(frozenset(reached), "", unless)

    def _reached(self, case: Case, data: Constants, fields: Mapping[int, int] | None) -> set[int]:
        def external(name: str) -> Value:
            extern = self.code.externs.get(name)
            if extern is not None and extern.section == KCONFIG:
                return (PLACE, f"{KCONFIG}:{name}", 0)
            answer = case.externs.get(name)
            if answer is None or answer.status == UNKNOWN:
                return None
            return 0 if answer.status == MISSING else NOT_NULL

        self._flow = self._flow or Flow(self.linked)
        return Walk(self._flow, case.patched.insns, case.marks, case.kernel.verifier, data.read, external, fields).run()

    def _conditions(
        self, case: Case, data: Constants, variables: list[str], reached: set[int], fields: Mapping[int, int] | None
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
                still_reached = self._reached(case, data, fields)
            except Doubt:
                if fields:
                    raise DependsOnField from None
                continue
            names = [name for name in data.asked if name not in self.given and (fixed is None or name in fixed)]
            condition = " and ".join(f"{name} = {data.initial(name)}" for name in names)
            for slot in reached - still_reached:
                unless.setdefault(slot, condition)
        return unless


def keep(cache: dict[Any, Any], key: object, value: object) -> None:
    """Put something into a cache that does not grow without limit."""
    if len(cache) >= MAX_CACHED:
        cache.clear()
    cache[key] = value


def _is_since(version: Value, first: int) -> bool:
    """Whether a kernel of that range of LINUX_KERNEL_VERSION is at least `first`."""
    known = bounds(version)
    return known is not None and known[0] >= first


def _order(finding: ProgramFinding) -> tuple[int, int, str]:
    return EFFECTS.index(finding.effect), finding.relocation if finding.relocation >= 0 else 1 << 30, finding.subject
