"""All programs of several objects, judged on one kernel after another: what kernels have in common is judged once.

A kernel is asked for the facts of a whole object; only if no other kernel had the same ones, its programs are judged one by one
(`programs/verdict.py`), which share verdicts by the facts of each.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.co_re.access import essential
from btfkit.co_re.loaders import LIBBPF
from btfkit.programs.abilities import CONTEXTS, ENUMS
from btfkit.programs.attachments import SCOPE_TYPES, attachment_names, scope_of
from btfkit.programs.facts import KernelAnswers, Numbers
from btfkit.programs.struct_ops import struct_ops_names
from btfkit.programs.symbol_table import symbols_wanted
from btfkit.programs.verdict import Check, keep
from btfkit.programs.verifier import VERIFIER_TYPES, verifier_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.target import Target
    from btfkit.programs.code import Code
    from btfkit.programs.registers import Value
    from btfkit.programs.symbol_table import SymbolTable
    from btfkit.programs.verdict import Verdict

MAX_NUMBERS = 100_000  # facts that are kept for all programs


class ObjectChecks:
    """The programs of one object, with what kernels with equal facts share: by these facts, the numbers of the relocations whose
    values matter too, and by these values the verdicts."""

    def __init__(self, code: Code, given: Mapping[str, int]) -> None:
        self.code = code
        self.programs = [Check(code, program, given) for program in code.entries]
        self._verdicts: dict[
            tuple[object, ...], tuple[tuple[int, ...], dict[tuple[int | None, ...], list[Verdict]]]
        ] = {}
        self._asked: dict[
            tuple[int, ...], list[tuple[Check, tuple[int, ...]]]
        ] = {}  # suspects, by the forms of answers

    def verdicts(self, kernel: KernelAnswers, numbers: Numbers) -> list[Verdict]:
        """The verdicts on all programs, for the same kernel."""
        key = self._key(kernel)
        if key is None:
            return [check.verdict(kernel, numbers)[0] for check in self.programs]
        known = self._verdicts.get(key)
        if known is None:
            found = [check.verdict(kernel, numbers) for check in self.programs]
            wanted: dict[int, None] = {}
            for check, (_, needs_values) in zip(self.programs, found, strict=True):
                if needs_values and check.questions is not None:
                    wanted |= dict.fromkeys(check.questions.numbers)
            verdicts = [verdict for verdict, _ in found]
            values = tuple([kernel.answers[number].value for number in wanted])
            keep(self._verdicts, key, (tuple(wanted), {values: verdicts}))
            return verdicts
        of_values, by_values = known
        values = tuple([kernel.answers[number].value for number in of_values])
        if values not in by_values:
            keep(by_values, values, [check.verdict(kernel, numbers)[0] for check in self.programs])
        return by_values[values]

    def _key(self, kernel: KernelAnswers) -> tuple[object, ...] | None:
        """What identifies the facts about the object; None if its programs have outcomes of their own."""
        if kernel.has_own_outcomes:
            return None
        forms = tuple(kernel.forms)
        asked = self._asked.get(forms)
        if asked is None:
            asked = []
            for check in self.programs:
                if check.questions is not None:
                    own = tuple([forms[number] for number in check.questions.numbers])
                    if suspects := check.questions.suspects(own, kernel.answers):
                        asked.append((check, suspects))
            keep(self._asked, forms, asked)
        misreads = [
            check.questions.misreads(kernel, kernel.outcomes, suspects)
            for check, suspects in asked
            if check.questions is not None
        ]
        attached = [kernel.attached(check.program) for check in self.programs]
        return kernel.number, kernel.abilities_number, forms, tuple(attached), tuple(misreads)

    def forget(self) -> None:
        """Forget the verdicts that kernels may share: the numbers in their keys are used anew."""
        self._verdicts.clear()
        self._asked.clear()
        for check in self.programs:
            check.forget()


class Checks:
    """All programs of several objects."""

    def __init__(self, codes: Sequence[Code], given: Mapping[str, int] | None = None, loader: Loader = LIBBPF) -> None:
        from btfkit.co_re.known_answers import KnownAnswers
        from btfkit.co_re.relocate import Plan
        from btfkit.co_re.target import Roots

        self.codes = list(codes)
        self.loader = loader
        self.given = dict(given or {})
        self.objects = [ObjectChecks(code, self.given) for code in codes]
        self._plan = Plan([code.object for code in codes], loader, KnownAnswers())
        wanted = [name for code in codes for name in (*attachment_names(code), *struct_ops_names(code))]
        wanted += (*((spec.ENUM, name) for name in ENUMS), (spec.STRUCT, CONTEXTS))
        named = {(kind, each) for kind, name in wanted for each in (name, essential(name))}
        self._wanted = (Roots(self._plan.roots), Roots(named)) if loader is LIBBPF else ()
        relocations = self._plan.roots if loader is LIBBPF else ()
        self._numbers = Numbers()
        self._prepared = Roots([*wanted, *VERIFIER_TYPES, *SCOPE_TYPES, *relocations])

    def ask_for(self, module: Btf) -> bool:
        """Whether a module has a type that could answer an object: if not, a target does not need it."""
        # the candidates of other loaders follow other rules
        return self.loader is not LIBBPF or any(one.are_in(module) for one in self._wanted)

    @property
    def programs(self) -> list[Check]:
        """All programs, in the order of `verdicts`."""
        return [check for one in self.objects for check in one.programs]

    def prepare(self, target: Target) -> None:
        """Look up the names that the objects ask for, in one pass."""
        target.prepare(self._prepared)

    @property
    def symbols(self) -> list[str]:
        """The externs that are looked for in a kernel's symbol table."""
        return sorted({name for code in self.codes for name in symbols_wanted(code, self.loader)})

    def verdicts(self, target: Target, version: Value = None, symbols: SymbolTable | None = None) -> list[Verdict]:
        """The verdict on each program on a kernel; `version` is the range of LINUX_KERNEL_VERSION there
        (`constants.version_range`), `symbols` its symbol table, if that is known."""
        from btfkit.co_re.relocate import relocate

        if len(self._numbers) > MAX_NUMBERS:
            self._numbers = Numbers()
            for one in self.objects:
                one.forget()
        self.prepare(target)
        outcomes = self._plan.outcomes(target)
        verifier = verifier_of(target)
        scope = scope_of(target)
        result: list[Verdict] = []
        for one, answers in zip(self.objects, outcomes, strict=True):
            code = one.code
            same = target, verifier, version, scope, symbols
            kernel = KernelAnswers(code, answers, self._numbers, self.loader, *same)
            optional = [relocation for relocation in code.object.relocations if relocation.section.startswith("?")]
            if optional and self.loader.narrows and any(outcome.alone is not None for outcome in answers):
                (answers,) = relocate([code.object], target, optional, self.loader)
                by_default = KernelAnswers(code, answers, self._numbers, self.loader, *same)
                result += [
                    check.verdict(kernel if check.program.optional else by_default, self._numbers)[0]
                    for check in one.programs
                ]
            else:
                result += one.verdicts(kernel, self._numbers)
        return result
