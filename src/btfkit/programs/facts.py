"""The facts that a verdict on a program depends on, as plain values: kernels with equal facts have equal verdicts.

`Questions` are what a program asks of every kernel, `KernelAnswers` what a kernel answers to an object, and `Facts` what comes of
both, identified by a `Key`.  `programs/verdict.py` sees nothing else of a kernel.
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

from btfkit.btf import spec
from btfkit.co_re.kinds import BYTE_OFFSET, ENUMVAL_VALUE, TYPE_ID_TARGET
from btfkit.co_re.outcome import Repeated
from btfkit.co_re.relocate import program_outcomes
from btfkit.hot.contents import prototype
from btfkit.programs.abilities import Abilities, abilities_of, context_of, has_jump_tables, helpers_called, lacks_type
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
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.outcome import Outcome
    from btfkit.co_re.target import Target
    from btfkit.programs.abilities import Context
    from btfkit.programs.arguments import Prototype
    from btfkit.programs.attachments import Attachment, ExternAnswer, Problem, Scope
    from btfkit.programs.code import Code, Function, Linked
    from btfkit.programs.origins import Origins
    from btfkit.programs.refusals import Refusal
    from btfkit.programs.registers import Value
    from btfkit.programs.symbol_table import SymbolTable
    from btfkit.programs.verifier import Verifier

REPLACED_HELPERS = frozenset((112, 113, 114, 115))  # libbpf calls older ones instead if a kernel lacks them
MOST_FORMS = 256  # of a program, for which more is known
MOST_PENDING, LONGEST = 64, 4096  # parameters and bytes of a prototype that kernels share
VARYING = (BYTE_OFFSET, TYPE_ID_TARGET)  # kinds of relocations whose values differ between kernels, and hardly matter
SMALL, LARGE = 0, MAX_OFF + 1  # stand for the values that these can have, and for those that are too large for a load


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
    libbpf rejects the object for, and the answers for its externs by name.  `jump_tables`: the kernel has maps for them, or its
    BTF does not tell."""

    loader: Loader
    order: str
    verifier: Verifier
    version: Value
    has_modules: bool
    foreign: str
    refusals: tuple[Refusal, ...]
    externs: tuple[tuple[str, ExternAnswer], ...]
    jump_tables: bool


class Attached(NamedTuple):
    """What a kernel has of what a program attaches to: the `problem` if something is missing, the `prototypes` that it may have,
    the program or attach type that the kernel `lacks` (an enumerator, "" if none), and what the program's `context` is."""

    problem: Problem | None
    prototypes: tuple[Prototype, ...]
    lacks: str
    context: Context


class Facts(NamedTuple):
    """All that the verdict on a program depends on, except the values of its `VARYING` relocations.

    `forms` are the answers to its relocations, in the order of the program, with SMALL or LARGE for these values. `misreads` are
    those by which it reads something else, by number; `helpers` are those that the kernel lacks.
    """

    kernel: KernelFacts
    forms: tuple[Answer, ...]
    misreads: tuple[tuple[int, str], ...]
    attached: Attached
    helpers: tuple[int, ...]


class Numbers:
    """A number for each of some plain values; equal ones have the same number.

    `attached` has the numbers of some `Attached` by what they are made of, `answers` those of the forms of answers that kernels
    share (and the answers).
    """

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._values: list[Any] = []
        self.attached: dict[tuple[object, ...], int] = {}
        self.answers: dict[object, tuple[Answer, int]] = {}
        self._pending = array("I", bytes(4 * MOST_PENDING))
        self._described = bytearray(LONGEST)

    def __call__(self, value: Any) -> int:
        number = self._numbers.setdefault(value, len(self._values))
        if number == len(self._values):
            self._values.append(value)
        return number

    def __getitem__(self, number: int) -> Any:
        return self._values[number]

    def content(self, types: Sequence[tuple[Btf, int]]) -> tuple[object, ...] | None:
        """What the prototypes that `types` lead to consist of, and which of them are one; None if that takes longer to find
        than to ask."""
        found: list[object] = []
        for btf, type_id in types:
            if btf.base is not None:
                return None
            length = prototype(btf.words, btf.positions, btf.strings, type_id, self._pending, self._described)
            if not length:
                return None
            found.append(bytes(self._described[:length]))
        if len(found) > 1:
            protos = [(id(btf), function_proto(btf, type_id)) for btf, type_id in types]
            found.append(tuple(protos.index(proto) for proto in protos))
        return tuple(found)

    def __len__(self) -> int:
        """How much is kept: the most of its parts."""
        return max(len(self._values), len(self.attached), len(self.answers))


class Key(NamedTuple):
    """`Facts`, as numbers of its parts: equal facts have equal keys."""

    kernel: int
    attached: int
    helpers: tuple[int, ...]
    misreads: tuple[tuple[int, str], ...]
    forms: tuple[int, ...]

    def facts(self, numbers: Numbers) -> Facts:
        """The facts; `numbers` are those that the key was made with."""
        forms = tuple(numbers[form] for form in self.forms)
        return Facts(numbers[self.kernel], forms, self.misreads, numbers[self.attached], self.helpers)


class KernelAnswers:
    """The answers of a kernel to one object: the `outcomes` of its relocations, `facts` for all its programs (and their
    `number`), and the `operations` of its struct_ops.  `numbers` are shared by many kernels.  `has_own_outcomes`: a program has
    others."""

    def __init__(
        self,
        code: Code,
        outcomes: list[Outcome],
        numbers: Numbers,
        loader: Loader,
        target: Target,
        verifier: Verifier,
        version: Value,
        scope: Scope,
        symbols: SymbolTable | None = None,
    ) -> None:
        self.target = target
        self._relocations = code.object.relocations
        self._numbers = numbers
        self.scope = scope
        self.operations = operations(code, target, scope) if code.struct_ops_data else Operations({}, {}, {})
        self.abilities = abilities_of(target)
        self.abilities_number = _abilities_number(self.abilities, numbers, target)
        externs = extern_answers(code, target, scope, loader, symbols)
        self.facts = KernelFacts(
            loader,
            target.vmlinux.byte_order,
            verifier,
            version,
            bool(target.modules),
            foreign(code, target),
            tuple(refusals(code, target, externs, self.operations.refusals, self.abilities, loader)),
            tuple(externs.items()),
            has_jump_tables(self.abilities),
        )
        self.number = numbers(self.facts)
        self.outcomes = outcomes
        self.answers, self.forms = self._answers(outcomes)
        self._by_program = program_outcomes(code.object, outcomes, target, loader)
        self.has_own_outcomes = any(self._by_program.values())

    def of(self, program: str) -> tuple[Sequence[Outcome], list[Answer], list[int]]:
        """(outcomes, answers, numbers of their forms) for a program, which may have outcomes of its own."""
        own = self._by_program.get(program)
        if not own:
            return self.outcomes, self.answers, self.forms
        outcomes = [own.get(number, outcome) for number, outcome in enumerate(self.outcomes)]
        return outcomes, *self._answers(outcomes)

    def _answers(self, outcomes: Sequence[Outcome]) -> tuple[list[Answer], list[int]]:
        of_target = self.target.memo.setdefault((Answer, self._numbers), {})  # equal relocations share an outcome
        of_all: dict[object, tuple[Answer, int]] = self._numbers.answers
        pairs = []
        for relocation, outcome in zip(self._relocations, outcomes, strict=True):
            is_repeated = outcome.__class__ is Repeated
            known = of_all if is_repeated else of_target
            key = outcome.known if is_repeated else outcome  # type: ignore[attr-defined]
            pair = known.get(key)
            if pair is None:
                answer, form = _answer(outcome, relocation.kind)
                pair = known[key] = answer, self._numbers(form)
            pairs.append(pair)
        return [answer for answer, _ in pairs], [form for _, form in pairs]

    def attached(self, function: Function) -> int:
        """The number of what a kernel has of what a program attaches to."""
        key = (Attached, self._numbers, function.section)
        number: int | None = self.target.memo.get(key)
        if number is None:
            number = self.target.memo[key] = self._attached(function)
        problem = self.operations.problems.get(function.name)
        operation = self.operations.prototypes.get(function.name)
        if problem is None and operation is None:
            return number
        known: Attached = self._numbers[number]
        prototypes = (operation,) if operation is not None else known.prototypes
        return self._numbers(known._replace(problem=problem or known.problem, prototypes=prototypes))

    def _attached(self, function: Function) -> int:
        """The number, without struct_ops: kernels in which it consists of the same share it."""
        wanted = attachment(function)
        types = attached_types(wanted, self.target) if wanted is not None else []
        content: tuple[object, ...] | None = ()
        if wanted is not None and _has_prototypes(wanted, types):
            content = self._numbers.content(types)
        elif wanted is not None and not types:
            content = None
        key = (function.section, self.abilities_number, content)
        number = self._numbers.attached.get(key) if content is not None else None
        if number is None:
            found = Attached(
                attached(function, self.target, self.scope),
                self._prototypes(wanted, types) if wanted is not None else (),
                lacks_type(function.attach, self.abilities),
                context_of(function.attach, self.abilities),
            )
            number = self._numbers(found)
            if content is not None:
                self._numbers.attached[key] = number
        return number

    def _prototypes(self, wanted: Attachment, types: Sequence[tuple[Btf, int]]) -> tuple[Prototype, ...]:
        """The prototypes that functions of the name have, each once."""
        if not _has_prototypes(wanted, types):
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


def _abilities_number(abilities: Abilities, numbers: Numbers, target: Target) -> int:
    key = (Abilities, numbers)
    number: int | None = target.memo.get(key)
    if number is None:
        contexts = None if abilities.contexts is None else tuple(abilities.contexts.items())
        number = target.memo[key] = numbers((*abilities[:-1], contexts))
    return number


def _has_prototypes(wanted: Attachment, types: Sequence[tuple[Btf, int]]) -> bool:
    """Whether prototypes matter: a program that does not find its arguments by number needs none, unless several functions share
    the name."""
    return wanted.type_kind in (spec.FUNC, spec.TYPEDEF) and bool(types) and (wanted.kind in RULES or len(types) > 1)


def _answer(outcome: Outcome, kind: int) -> tuple[Answer, Answer]:
    """The answer and its form."""
    value, status = outcome.value, outcome.status
    size = outcome.read_size
    detail = "" if status == "value" else outcome.detail
    answer = Answer(status, value, outcome.reason, detail, outcome.load_size, outcome.misread, size)
    if value is None or status != "value" or kind not in VARYING:
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
        self._suspects: dict[tuple[int, ...], tuple[int, ...]] = {}

    @property
    def origins(self) -> Origins:
        """Where the values of its registers come from."""
        if self._origins is None:
            self._origins = find_origins(self.linked, self.code.object.relocations)
        return self._origins

    def key(self, kernel: KernelAnswers) -> tuple[Key, list[Answer]]:
        """The key of the facts about a kernel, and the answers to the relocations of the object."""
        outcomes, answers, forms = kernel.of(self.function.name)
        helpers = kernel.abilities.helpers
        own = tuple([forms[number] for number in self.numbers])
        key = Key(
            kernel.number,
            kernel.attached(self.function),
            () if helpers is None else tuple([number for number in self._unsure if number not in helpers]),
            self.misreads(kernel, outcomes, self.suspects(own, answers)),
            own,
        )
        return key, answers

    def forget(self) -> None:
        """Forget what is known by numbers, which are used anew."""
        self._suspects.clear()

    def suspects(self, forms: tuple[int, ...], answers: list[Answer]) -> tuple[int, ...]:
        """The numbers of the relocations by which the program may read something else, by the `forms` of its answers."""
        found = self._suspects.get(forms)
        if found is None:
            if self._reads is None:
                self._find_reads()
            found = tuple(
                number
                for number, read in self._reads or ()
                if answers[number].size < read and answers[number].status == "value"
            )
            if len(self._suspects) >= MOST_FORMS:
                self._suspects.clear()
            self._suspects[forms] = found
        return found

    def misreads(
        self, kernel: KernelAnswers, outcomes: Sequence[Outcome], suspects: tuple[int, ...]
    ) -> tuple[tuple[int, str], ...]:
        """(number, how it reads something else) of those that do."""
        found = []
        for number in suspects:
            probe_reads = self.origins.probe_reads
            detail = misread(self.code.object, number, outcomes[number], kernel.target, self._shifted, probe_reads)
            if detail:
                found.append((number, detail))
        return tuple(found)

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
