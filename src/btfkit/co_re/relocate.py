"""The CO-RE engine: the answer to each relocation of an object on a target, and what it was read from.

All candidates for the root of a relocation are asked, and all that match have to agree in bit offset and value.  A relocation
that matched some of the candidates narrows them for the later ones of its object (`narrowing`).  A failed relocation never
affects the others.

Rule: bpf_core_calc_relo_insn (libbpf 1.8-dev).
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.co_re import kinds as k
from btfkit.co_re.access import Spec, SpecError, adjustable, flavor_note, spelled
from btfkit.co_re.loaders import LIBBPF, REJECT
from btfkit.co_re.match import Mismatch, enumerator, field, no_member, size_of
from btfkit.co_re.outcome import AMBIGUOUS, ERROR, MISSING, VALUE, KnownAnswer, Match, Outcome, Repeated
from btfkit.co_re.values import NO_LOAD, enumerator_value, field_value
from btfkit.co_re.witness import Witness
from btfkit.errors import BtfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.co_re.graphs import GraphRelation
    from btfkit.co_re.known_answers import KnownAnswers
    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.match import ElementsByName
    from btfkit.co_re.program import BpfObject, Relocation
    from btfkit.co_re.relation import TypeRelation
    from btfkit.co_re.target import Candidate, Roots, Target

NAMELESS = (
    "the access ends at an anonymous member (GCC 16 ends those of preserve_access_index there): libbpf accepts it and reads"
    " another member; use BPF_CORE_READ or clang"
)
_DEFINITIONS = (spec.STRUCT, spec.UNION, spec.ENUM)  # of which a candidate of that kind is compatible
_NOT_COMPARED = (*spec.COMPOSITES, *spec.ENUMS, spec.FWD)  # kinds that are compatible whatever they contain


def roots(objects: Iterable[BpfObject]) -> Roots:
    """The names that the relocations of `objects` look for."""
    from btfkit.co_re.target import Roots

    return Roots(root for obj in objects for root in _roots(obj))


def relocate(
    objects: Sequence[BpfObject],
    target: Target,
    skipped: Collection[Relocation] = (),
    loader: Loader = LIBBPF,
) -> list[list[Outcome]]:
    """The outcome of every relocation of every object on `target`, in order, by the rules of a loader.

    The relocations `skipped`, of programs that are not loaded, narrow no candidates.
    """
    return Plan(objects, loader).outcomes(target, skipped)


class Plan:
    """What the relocations of some objects ask by the rules of a loader, found once for many targets: equal questions are asked
    once.  `roots` are the (kind, essential name) that they look for.  `known`: what earlier targets answered, if these share
    answers."""

    __slots__ = ("_known", "_objects", "_of_roots", "_questions", "_rows", "loader", "roots")

    def __init__(
        self, objects: Sequence[BpfObject], loader: Loader = LIBBPF, known: KnownAnswers | None = None
    ) -> None:
        self._objects = list(objects)
        self.loader = loader
        self._known = known if loader is LIBBPF else None
        self._questions: list[tuple[BpfObject, Relocation, Spec | SpecError, tuple[object, ...] | None]] = []
        numbers: dict[tuple[object, ...], int] = {}
        self._rows = [self._numbers(obj, numbers) for obj in self._objects]
        asked = [wanted for _, _, wanted, _ in self._questions if isinstance(wanted, Spec)]
        self.roots = {(wanted.root_kind, wanted.name) for wanted in asked}
        self._of_roots: dict[tuple[int, bytes], list[int]] = {}  # the questions that a target may share
        for number, (_, relocation, wanted, key) in enumerate(self._questions if self._known is not None else ()):
            if key is not None and isinstance(wanted, Spec) and k.KINDS[relocation.kind].group in (k.FIELD, k.ENUMVAL):
                self._of_roots.setdefault((wanted.root_kind, wanted.name), []).append(number)

    def _numbers(self, obj: BpfObject, numbers: dict[tuple[object, ...], int]) -> list[int]:
        """The number of the question of each relocation; `numbers` are those of the objects before."""
        distinct, places = obj.distinct()
        known = [self._number(obj, relocation, numbers) for relocation in distinct]
        return [known[place] for place in places]

    def _number(self, obj: BpfObject, relocation: Relocation, numbers: dict[tuple[object, ...], int]) -> int:
        wanted = obj.spec(relocation, self.loader)
        asks = isinstance(wanted, Spec) and wanted.name and relocation.kind != k.TYPE_ID_LOCAL
        key = _question(obj, wanted, relocation.kind) if asks else None  # type: ignore[arg-type]
        number = len(self._questions) if key is None else numbers.setdefault(key, len(self._questions))
        if number == len(self._questions):
            self._questions.append((obj, relocation, wanted, key))
        return number

    def outcomes(self, target: Target, skipped: Collection[Relocation] = ()) -> list[list[Outcome]]:
        """`relocate` for these objects on a target."""
        loader = self.loader
        target.prepare_for(loader, self.roots)
        found = self._found(target)
        several = {number for number, one in enumerate(found) if len(one.candidates) > 1}
        result = []
        for obj, row in zip(self._objects, self._rows, strict=True):
            outcomes = [found[number] for number in row]
            result.append(
                outcomes if several.isdisjoint(row) else among_several(obj, outcomes, target, loader, skipped)
            )
        return result

    def _found(self, target: Target) -> list[Outcome]:
        """The outcome of each question."""
        known: dict[int, Outcome] = {}
        for (kind, name), numbers in self._of_roots.items() if self._known is not None else ():
            shared = self._known.of(target, kind, name) if self._known is not None else None
            if shared is None:
                continue
            candidates = target.candidates(kind, name)
            for number in numbers:
                if number in shared:
                    known[number] = Repeated(shared[number], candidates, self._asks(number, target))
                    continue
                result = known[number] = self._ask(number, target)
                if result.status == VALUE:
                    shared[number] = KnownAnswer(result)
        return [
            known[number] if number in known else self._ask(number, target) for number in range(len(self._questions))
        ]

    def _ask(self, number: int, target: Target) -> Outcome:
        obj, relocation, wanted, key = self._questions[number]
        if key is None:
            return outcome(obj, relocation, target, None, self.loader)
        assert isinstance(wanted, Spec)
        return _outcome(obj, relocation.kind, wanted, target, key)

    def _asks(self, number: int, target: Target) -> Callable[[], Outcome]:
        return lambda: self._ask(number, target)


def among_several(
    obj: BpfObject,
    outcomes: list[Outcome],
    target: Target,
    loader: Loader,
    skipped: Collection[Relocation] = (),
) -> list[Outcome]:
    """The outcomes of the relocations of an object from those of each alone: where there are several candidates, others may
    follow."""
    if not any(len(found.candidates) > 1 and found.matches for found in outcomes):
        return outcomes

    def ask(relocation: Relocation, among: Sequence[Candidate]) -> Outcome:
        return outcome(obj, relocation, target, among, loader)

    if loader.narrows:
        from btfkit.co_re.narrowing import narrowed

        return narrowed(obj, outcomes, skipped, ask)
    if loader.scores:
        from btfkit.co_re.best import best

        return best(obj, outcomes, ask)
    return outcomes


def program_outcomes(
    obj: BpfObject, outcomes: Sequence[Outcome], target: Target, loader: Loader
) -> dict[str, dict[int, Outcome]]:
    """For each program of an object, the outcomes by number that differ from `outcomes`, those of `relocate`: a loader that
    scores candidates may choose others for each program."""
    if not loader.scores or all(outcome.alone is None for outcome in outcomes):
        return {}
    from btfkit.co_re.best import best_by_program

    alone = [outcome.alone or outcome for outcome in outcomes]
    return best_by_program(obj, alone, lambda relocation, among: outcome(obj, relocation, target, among, loader))


def _roots(obj: BpfObject) -> Iterable[tuple[int, bytes]]:
    for relocation in obj.relocations:
        wanted = obj.spec(relocation)
        if isinstance(wanted, Spec):
            yield wanted.root_kind, wanted.name


def outcome(
    obj: BpfObject,
    relocation: Relocation,
    target: Target,
    among: Sequence[Candidate] | None = None,
    loader: Loader = LIBBPF,
) -> Outcome:
    """The outcome of one relocation on `target`, over all candidates or those of them in `among`, by the rules of a loader."""
    wanted = obj.spec(relocation, loader)
    if isinstance(wanted, SpecError):
        return Outcome(ERROR, reason="bad-record", detail=wanted.message)
    if relocation.kind == k.TYPE_ID_LOCAL:
        return Outcome(VALUE, relocation.type_id)
    if not wanted.name:
        return Outcome(ERROR, reason="anonymous-root", detail="the local root type has no name")
    return _outcome(obj, relocation.kind, wanted, target, _question(obj, wanted, relocation.kind), among)


def _outcome(
    obj: BpfObject,
    kind: int,
    wanted: Spec,
    target: Target,
    key: tuple[object, ...],
    among: Sequence[Candidate] | None = None,
) -> Outcome:
    """The outcome for a spec of that kind; `key` is its `_question`."""
    if among is not None:
        key = (*key, *((id(btf), type_id) for btf, type_id in among))
    known: Outcome | None = target.memo.get(key)
    if known is not None:
        return known
    loader = wanted.loader
    candidates = target.found_by(loader, wanted.root_kind, wanted.name)
    asked = target.to_ask(obj.btf, wanted, kind, candidates)
    if among is not None:
        asked = [candidate for candidate in asked if candidate in among] or among[:1]
    result = target.memo[key] = _ask_all(obj, wanted, kind, target, asked)
    result.candidates = candidates
    if result.status == VALUE:
        if kind == k.BYTE_OFFSET and result.matches and loader.load_size:
            result.load_size = _load_size(wanted, result.matches[0].load)
        if wanted.nameless is not None:
            result.misread = NAMELESS
    return result


def _question(obj: BpfObject, wanted: Spec, kind: int) -> tuple[object, ...]:
    """What the outcome of a relocation depends on, apart from the target: equal questions of all objects have one outcome.

    Kept with the spec, which belongs to one kind.
    """
    if not wanted.question:
        wanted.question = _question_of(obj.btf, wanted, kind)
    return wanted.question


def _question_of(local: Btf, wanted: Spec, kind: int) -> tuple[object, ...]:
    root = wanted.root_id
    name: object = wanted.whole_name
    if wanted.loader is not LIBBPF:
        name = name, wanted.loader.name, wanted.root_key, wanted.is_bitfield
    group = k.KINDS[kind].group
    if group == k.FIELD:
        return kind, wanted.root_kind, name, wanted.index, wanted.steps, wanted.leaf, wanted.nameless
    if group == k.ENUMVAL:
        return kind, wanted.root_kind, name, wanted.enumerator
    if kind != k.TYPE_MATCHES:
        try:
            leaf = local.kind(local.strip(root))
        except BtfError:
            leaf = spec.UNKN
        if leaf in _NOT_COMPARED:
            return kind, wanted.root_kind, name, leaf
    return kind, local, root, wanted.loader.name


def _load_size(wanted: Spec, load: tuple[int, int, int]) -> int:
    """The size (bytes) of the load on the target, -1 if the program's load cannot be adjusted to it."""
    assert wanted.leaf is not None
    if wanted.leaf[2] == load[2]:
        return load[2]
    if wanted.loader.load_size == REJECT and spec.INT_SIGNED & (wanted.leaf[1] | load[1]):  # any signed INT, also CHARs
        return -1
    return load[2] if adjustable(wanted.leaf, load[0], load[1]) else -1


def _ask_all(obj: BpfObject, wanted: Spec, kind: int, target: Target, asked: Sequence[Candidate]) -> Outcome:
    matches: list[Match] = []
    refused: list[tuple[Btf, Witness]] = []
    mismatch: Mismatch | None = None
    ask = _ask_once if len(asked) > 1 and k.KINDS[kind].group == k.FIELD else _ask
    for btf, type_id in asked:
        try:
            answer = ask(obj, wanted, kind, target, btf, type_id)
        except SpecError as error:  # ends the relocation; what was read so far is a witness as well
            result = Outcome(ERROR, reason=error.reason, detail=error.message)
            if error.witness is not None:
                matches.append(Match(btf, type_id, 0, 0, NO_LOAD, error.witness))
            break
        if isinstance(answer, Match):
            matches.append(answer)
        else:
            refused.append((btf, answer[1]))
            mismatch = mismatch or answer[0]
    else:
        if len(matches) == 1:
            result = Outcome(VALUE, matches[0].value)
        elif matches:
            result = _decide(wanted.loader, kind, matches)
        else:
            result = _nothing(obj, wanted, kind, mismatch)
    result.matches = matches
    result.refused = refused
    return result


def _decide(loader: Loader, kind: int, matches: list[Match]) -> Outcome:
    """The answer if all of several matches agree with the first, else AMBIGUOUS."""
    first = matches[0]
    for other in matches[1:]:
        if loader.scores and other.value == first.value:
            continue
        # two types with the same id in two modules are different answers (libbpf does not distinguish them)
        if other.bit_offset != first.bit_offset or other.value != first.value or kind == k.TYPE_ID_TARGET:
            equal = kind != k.TYPE_ID_TARGET and all(m.value == first.value for m in matches)
            shown = ", ".join(f"type {m.type_id}: {f'bit {m.bit_offset}' if equal else m.value}" for m in matches)
            detail = f"{len(matches)} candidates disagree ({shown})"
            return Outcome(AMBIGUOUS, reason="candidates-differ", detail=detail)
    return Outcome(VALUE, first.value)


def _nothing(obj: BpfObject, wanted: Spec, kind: int, mismatch: Mismatch | None) -> Outcome:
    row = k.KINDS[kind]
    if mismatch is None:
        note = flavor_note(obj.btf.string(obj.btf.word(wanted.root_id, 0)))
        mismatch = Mismatch("no-type", lambda: f"no {spelled(obj.btf, wanted.root_id)} on the target{note}")
    status = VALUE if row.is_test else MISSING
    zero = None if row.poisons else 0
    if zero == 0 and not row.is_test and wanted.loader is not LIBBPF:  # the size or id of a type
        zero = None
        if wanted.loader.absent == REJECT:
            status = ERROR
    return _Lazy(status, zero, mismatch)


class _Lazy(Outcome):
    """An outcome whose `detail` is computed on demand."""

    __slots__ = ("_mismatch",)

    def __init__(self, status: str, value: int | None, mismatch: Mismatch) -> None:
        super().__init__(status, value, mismatch.code)
        self._mismatch = mismatch

    @property
    def detail(self) -> str:
        return self._mismatch.text

    @detail.setter
    def detail(self, value: str) -> None:
        pass


def _ask_once(
    obj: BpfObject, wanted: Spec, kind: int, target: Target, btf: Btf, type_id: int
) -> Match | tuple[Mismatch, Witness]:
    """`_ask` about a field of one of several candidates: equal specs have equal answers, also if fewer candidates are left."""
    key: tuple[object, ...] = (id(btf), type_id, wanted.index, wanted.steps, kind)
    if wanted.loader is not LIBBPF:
        key = (*key, wanted.loader.name, wanted.root_key, wanted.is_bitfield)
    known: Match | tuple[Mismatch, Witness] | None = target.memo.get(key)
    if known is None:
        known = target.memo[key] = _ask(obj, wanted, kind, target, btf, type_id)
    return known


def _ask(
    obj: BpfObject, wanted: Spec, kind: int, target: Target, btf: Btf, type_id: int
) -> Match | tuple[Mismatch, Witness]:
    """The answer of one candidate, or why it does not match."""
    group = k.KINDS[kind].group
    if group == k.FIELD and wanted.loader.has_fields:
        usual = _usual_field(wanted, kind, btf, type_id, target.elements)
        if usual is not None:
            return usual
    witness = Witness()
    try:
        if group == k.FIELD:
            answer = _ask_field(wanted, kind, btf, type_id, witness, target.elements)
        elif group == k.ENUMVAL:
            answer = _ask_enum(wanted, kind, btf, type_id, witness, target.elements)
        else:
            answer = _ask_type(obj, wanted, kind, btf, type_id, witness)
            if wanted.loader.modules == "with" and kind == k.TYPE_ID_TARGET and isinstance(answer, Match):
                answer = _only_of_vmlinux(answer, target)
    except BtfError as error:
        failed = SpecError(error.message, type_id=type_id, witness=witness)
        failed.reason = SpecError.reason if isinstance(error, SpecError) else "cycle"
        raise failed from None
    return answer


def _usual_field(
    wanted: Spec, kind: int, btf: Btf, type_id: int, elements: ElementsByName
) -> Match | tuple[Mismatch, Witness] | None:
    """`_ask_field` in the usual case, else None."""
    fields = elements.fields(btf)
    if fields is None:
        return None
    witness = Witness()
    found = fields.answer(type_id, wanted.index, wanted.steps, kind, witness.types, witness.members, witness.pointers)
    if found is None:
        return None
    witness.pointer_size = fields.saw_pointer
    if len(found) == 2:
        return no_member(btf, *found), witness
    value, bit_offset, load = found
    return Match(btf, type_id, value, bit_offset, load, witness, fields.is_plain)


def _ask_field(
    wanted: Spec, kind: int, btf: Btf, type_id: int, witness: Witness, elements: ElementsByName | None = None
) -> Match | tuple[Mismatch, Witness]:
    if wanted.loader.by_levels:
        from btfkit.co_re.levels import level_field, level_value

        found = level_field(wanted, btf, type_id, witness, elements)
        if isinstance(found, Mismatch):
            return found, witness
        value, load = level_value(kind, found, btf, witness, wanted.loader)
        return Match(btf, type_id, value, 8 * found.offset + found.bits, load, witness)
    place = field(wanted, btf, type_id, witness, elements)
    if isinstance(place, Mismatch):
        return place, witness
    try:
        value, load = field_value(kind, place, btf, witness, wanted.loader)
    except SpecError as error:
        if not wanted.loader.poisons_errors:
            raise
        return Mismatch(error.reason, error.message), witness
    return Match(btf, type_id, value, place.bit_offset, load, witness)


def _only_of_vmlinux(match: Match, target: Target) -> Match | tuple[Mismatch, Witness]:
    """The match, or why there is none: the ids of types of modules cannot be written into instructions."""
    if match.btf is target.vmlinux:
        return match
    return Mismatch("in-module", lambda: f"{spelled(match.btf, match.type_id)} is a type of a module"), match.witness


def local_value(obj: BpfObject, relocation: Relocation) -> int:
    """The answer to a field or size relocation by the program's own types.  Raises BtfError if there is none."""
    wanted = obj.spec(relocation)
    if isinstance(wanted, SpecError):
        raise wanted
    if wanted.nameless is not None and relocation.kind == k.BYTE_OFFSET:
        return wanted.nameless // 8
    if k.KINDS[relocation.kind].group == k.FIELD:
        found = _ask_field(wanted, relocation.kind, obj.btf, relocation.type_id, Witness())
        if isinstance(found, tuple):
            raise SpecError(found[0].text)
        return found.value
    size = obj.btf.sizeof(relocation.type_id)
    if size is None:
        raise SpecError("a type without a size")
    return size


def _ask_enum(
    wanted: Spec, kind: int, btf: Btf, type_id: int, witness: Witness, elements: ElementsByName
) -> Match | tuple[Mismatch, Witness]:
    index = enumerator(wanted, btf, type_id, witness, elements)
    if isinstance(index, Mismatch):
        return index, witness
    value = 1 if kind == k.ENUMVAL_EXISTS else enumerator_value(btf, btf.strip(type_id), index)
    return Match(btf, type_id, value, 0, NO_LOAD, witness)


def _ask_type(
    obj: BpfObject, wanted: Spec, kind: int, btf: Btf, type_id: int, witness: Witness
) -> Match | tuple[Mismatch, Witness]:
    witness.types.append(type_id)
    is_plain = kind != k.TYPE_MATCHES and wanted.root_kind in _DEFINITIONS and not wanted.loader.follows
    if not is_plain and not _related(obj, wanted, kind, btf, type_id, witness):
        what = "does not match" if kind == k.TYPE_MATCHES else "is not compatible with"
        return Mismatch("incompatible", lambda: f"{spelled(btf, type_id)} {what} the program's"), witness
    if kind == k.TYPE_SIZE:
        size = size_of(btf, type_id, witness, wanted.loader)
        if size is None:
            raise SpecError(f"{spelled(btf, type_id)} has no size", type_id=type_id)
        return Match(btf, type_id, size, 0, NO_LOAD, witness)
    return Match(btf, type_id, type_id if kind == k.TYPE_ID_TARGET else 1, 0, NO_LOAD, witness)


def _related(obj: BpfObject, wanted: Spec, kind: int, btf: Btf, type_id: int, witness: Witness) -> bool:
    """Whether a candidate matches the program's type, or is compatible with it."""
    relation: GraphRelation | TypeRelation
    if wanted.loader.follows:
        from btfkit.co_re.graphs import GraphRelation

        relation = GraphRelation(obj.btf, btf, witness, wanted.loader)
    else:
        from btfkit.co_re.relation import TypeRelation

        relation = TypeRelation(obj.btf, btf, witness, wanted.loader)
    return (relation.matches if kind == k.TYPE_MATCHES else relation.compatible)(wanted.root_id, type_id)
