"""The facts that a verdict on a program depends on, as plain values: kernels with equal facts have equal verdicts.

`Questions` are what a program asks of every kernel, `KernelAnswers` what a kernel answers to an object, and `Facts` what comes of
both.  `programs/verdict.py` sees nothing else of a kernel.
"""

from __future__ import annotations

from typing import NamedTuple

from btfkit.btf import spec
from btfkit.co_re.kinds import BYTE_OFFSET, ENUMVAL_VALUE
from btfkit.co_re.relocate import program_outcomes
from btfkit.programs.abilities import abilities_of, context_of, has_jump_tables, helpers_called, lacks_type
from btfkit.programs.arguments import RULES, function_proto, prototype_at, prototype_name
from btfkit.programs.attachments import attached, attached_types, attachment, extern_answers
from btfkit.programs.machines import foreign
from btfkit.programs.misreads import bitfield_reads, misread
from btfkit.programs.origins import find_origins
from btfkit.programs.patch import MAX_OFF
from btfkit.programs.refusals import refusals
from btfkit.programs.struct_ops import Operations, operations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfkit.btf.btf import Btf
    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.relocate import Outcome
    from btfkit.co_re.target import Target
    from btfkit.programs.abilities import Context
    from btfkit.programs.arguments import Prototype
    from btfkit.programs.attachments import ExternAnswer, Problem, Scope
    from btfkit.programs.code import Code, Function, Linked
    from btfkit.programs.origins import Origins
    from btfkit.programs.refusals import Refusal
    from btfkit.programs.registers import Value
    from btfkit.programs.verifier import Verifier

REPLACED_HELPERS = frozenset((112, 113, 114, 115))  # libbpf calls older ones instead if a kernel lacks them
SMALL, LARGE = 0, MAX_OFF + 1  # stand for the values that an offset can have, and for those that are too large


class Answer(NamedTuple):
    """An outcome of a relocation (`co_re.relocate.Outcome`) without its candidates; `size` (bytes) is what a load there reads
    on the kernel, 0 if there is no load."""

    status: str
    value: int | None
    reason: str
    detail: str
    load_size: int
    misread: str
    size: int


class KernelFacts(NamedTuple):
    """What all programs of an object have in common: the `loader`, the byte `order` and the `verifier` of the kernel, the
    `version` (a range), whether it `has_modules`, that the object is for another architecture (`foreign`, a sentence), what
    libbpf rejects the object for, and the answers for its externs by name."""

    loader: Loader
    order: str
    verifier: Verifier
    version: Value
    has_modules: bool
    foreign: str
    refusals: tuple[Refusal, ...]
    externs: tuple[tuple[str, ExternAnswer], ...]


class Facts(NamedTuple):
    """All that the verdict on a program depends on, except the values of its relocations.

    `forms` are the answers to its relocations, in the order of the program, with SMALL or LARGE for each value. `misreads` are
    those by which it reads something else, by number; `problem` is that of what it attaches to, `prototypes` what that can be
    called with, `helpers` those that the kernel lacks, `lacks` the program or attach type that it lacks, `context` what the
    program's context is; `jump_tables`: it has maps for them, or its BTF does not tell.
    """

    kernel: KernelFacts
    forms: tuple[Answer, ...]
    misreads: tuple[tuple[int, str], ...]
    problem: Problem | None
    prototypes: tuple[Prototype, ...]
    helpers: tuple[int, ...]
    lacks: str
    context: Context
    jump_tables: bool


class KernelAnswers:
    """The answers of a kernel to one object: the `outcomes` of its relocations, `facts` for all its programs, and the
    `operations` of its struct_ops."""

    def __init__(
        self,
        code: Code,
        target: Target,
        outcomes: list[Outcome],
        verifier: Verifier,
        version: Value,
        scope: Scope,
        loader: Loader,
    ) -> None:
        self.target = target
        self.scope = scope
        self.operations = operations(code, target, scope) if code.struct_ops_data else Operations({}, {}, {})
        self.abilities = abilities_of(target)
        externs = extern_answers(code, target, scope)
        self.facts = KernelFacts(
            loader,
            target.vmlinux.byte_order,
            verifier,
            version,
            bool(target.modules),
            foreign(code, target),
            tuple(refusals(code, target, externs, self.operations.refusals, self.abilities)),
            tuple(externs.items()),
        )
        self.outcomes = outcomes
        self.answers, self.forms = self._answers(outcomes)
        self._by_program = program_outcomes(code.object, outcomes, target, loader)

    def of(self, program: str) -> tuple[Sequence[Outcome], list[Answer], list[Answer]]:
        """(outcomes, answers, forms) for a program, which may have outcomes of its own."""
        own = self._by_program.get(program)
        if not own:
            return self.outcomes, self.answers, self.forms
        outcomes = [own.get(number, outcome) for number, outcome in enumerate(self.outcomes)]
        return outcomes, *self._answers(outcomes)

    def _answers(self, outcomes: Sequence[Outcome]) -> tuple[list[Answer], list[Answer]]:
        known = self.target.memo.setdefault(Answer, {})  # equal relocations share an outcome
        pairs = []
        for outcome in outcomes:
            pair = known.get(outcome)
            if pair is None:
                pair = known[outcome] = _answer(outcome)
            pairs.append(pair)
        return [answer for answer, _ in pairs], [form for _, form in pairs]

    def problem(self, function: Function) -> Problem | None:
        """That of what a program attaches to."""
        found = self.operations.problems.get(function.name)
        if found is not None:
            return found
        key = (attached, function.attach)
        if key not in self.target.memo:
            self.target.memo[key] = attached(function, self.target, self.scope)
        problem: Problem | None = self.target.memo[key]
        return problem

    def lacks(self, section: str) -> str:
        """The program or attach type that the kernel lacks for a section, "" if none."""
        key = (lacks_type, section)
        if key not in self.target.memo:
            self.target.memo[key] = lacks_type(section, self.abilities)
        found: str = self.target.memo[key]
        return found

    def prototypes(self, function: Function) -> tuple[Prototype, ...]:
        """What a program attaches to, by the kernel's types; of functions that share a name, each prototype once.

        A program that does not find its arguments by number has none, unless several functions share the name.
        """
        operation = self.operations.prototypes.get(function.name)
        if operation is not None:
            return (operation,)
        key = (prototype_at, function.attach)
        if key not in self.target.memo:
            self.target.memo[key] = self._prototypes(function)
        found: tuple[Prototype, ...] = self.target.memo[key]
        return found

    def _prototypes(self, function: Function) -> tuple[Prototype, ...]:
        wanted = attachment(function)
        if wanted is None or wanted.type_kind not in (spec.FUNC, spec.TYPEDEF):
            return ()
        types = attached_types(wanted, self.target)
        if wanted.kind not in RULES and len(types) < 2:
            return ()
        found: dict[tuple[int, int], tuple[Btf, int]] = {}
        for btf, type_id in types:
            proto = function_proto(btf, type_id)
            if proto:
                found.setdefault((id(btf), proto), (btf, type_id))
        if wanted.kind not in RULES and len(found) < 2:
            return ()
        prototypes = (
            prototype_at(btf, proto, prototype_name(btf, type_id, wanted.target), btf.kind(type_id) == spec.TYPEDEF)
            for (_, proto), (btf, type_id) in found.items()
        )
        return tuple(prototype for prototype in prototypes if prototype is not None)


def _answer(outcome: Outcome) -> tuple[Answer, Answer]:
    """The answer and its form."""
    value, status = outcome.value, outcome.status
    size = outcome.matches[0].load[2] if outcome.matches else 0
    detail = "" if status == "value" else outcome.detail
    answer = Answer(status, value, outcome.reason, detail, outcome.load_size, outcome.misread, size)
    if value is None or status != "value":
        return answer, answer
    return answer, answer._replace(value=LARGE if value > MAX_OFF else SMALL)


class Questions:
    """What a linked program asks of every kernel: `numbers` of its relocations in order, `helpers` that it calls by slot."""

    def __init__(self, code: Code, function: Function, linked: Linked) -> None:
        self.code = code
        self.function = function
        self.linked = linked
        self.numbers = tuple(linked.relocations.values())
        self.helpers = helpers_called(linked)
        self._unsure = sorted({*self.helpers.values()} - REPLACED_HELPERS)
        self._origins: Origins | None = None
        self._reads: list[tuple[int, int]] | None = None
        self._shifted: frozenset[tuple[int, bytes]] = frozenset()

    @property
    def origins(self) -> Origins:
        """Where the values of its registers come from."""
        if self._origins is None:
            self._origins = find_origins(self.linked, self.code.object.relocations)
        return self._origins

    def facts(self, kernel: KernelAnswers) -> tuple[Facts, list[Answer]]:
        """The facts about a kernel, and the answers to the relocations of the object."""
        outcomes, answers, forms = kernel.of(self.function.name)
        helpers = kernel.abilities.helpers
        facts = Facts(
            kernel.facts,
            tuple([forms[number] for number in self.numbers]),
            tuple(self._misreads(kernel, outcomes, answers)),
            kernel.problem(self.function),
            kernel.prototypes(self.function),
            () if helpers is None else tuple([number for number in self._unsure if number not in helpers]),
            kernel.lacks(self.function.attach),
            context_of(self.function.attach, kernel.abilities),
            has_jump_tables(kernel.abilities),
        )
        return facts, answers

    def _misreads(
        self, kernel: KernelAnswers, outcomes: Sequence[Outcome], answers: list[Answer]
    ) -> list[tuple[int, str]]:
        if self._reads is None:
            self._find_reads()
            assert self._reads is not None
        found = []
        for number, read in self._reads:
            if answers[number].status == "value" and answers[number].size < read:
                probe_reads = self.origins.probe_reads
                detail = misread(self.code.object, number, outcomes[number], kernel.target, self._shifted, probe_reads)
                if detail:
                    found.append((number, detail))
        return found

    def _find_reads(self) -> None:
        """The relocations by which a program may read something else: (number, the size that a load there must have)."""
        relocations, probe_reads = self.code.object.relocations, self.origins.probe_reads
        self._shifted = bitfield_reads(self.code.object)
        kinds = {number: relocations[number].kind for number in self.numbers}
        self._reads = [
            (number, max(probe_reads.get(number, 0), 1))
            for number, kind in kinds.items()
            if kind in (BYTE_OFFSET, ENUMVAL_VALUE)
        ]
