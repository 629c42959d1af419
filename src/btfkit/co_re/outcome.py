"""The outcome of a relocation on a target: its answer, and the candidates that gave it (`co_re/relocate.py`)."""

from __future__ import annotations

from btfkit.errors import counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.co_re.witness import Witness

STATUSES = VALUE, MISSING, AMBIGUOUS, ERROR = "value", "missing", "ambiguous", "error"
WITHOUT_ANSWER = STATUSES[1:]


class Match:
    """A candidate that matched: the type (`btf`, `type_id`), its answer, and the witness.

    `load` is (kind, INT encoding, size in bytes) of what a load at that offset reads, (0, 0, 0) if there is no load.  `is_plain`:
    a field that all loaders find at the end of the same way, as far as its members tell.
    """

    __slots__ = ("bit_offset", "btf", "is_plain", "load", "type_id", "value", "witness")

    def __init__(
        self,
        btf: Btf,
        type_id: int,
        value: int,
        bit_offset: int,
        load: tuple[int, int, int],
        witness: Witness,
        is_plain: bool = False,
    ) -> None:
        self.btf = btf
        self.type_id = type_id
        self.value = value
        self.bit_offset = bit_offset
        self.load = load
        self.witness = witness
        self.is_plain = is_plain


class Outcome:
    """The result of one relocation on one target.

    `status` is "value" (`value` is the answer; 1 or 0 for tests of existence), "missing" (no answer: the instruction is
    poisoned, or gets 0 if `value` is 0), "ambiguous" (candidates disagree) or "error" (libbpf rejects the whole object because
    of the record or a type).  `reason` is one word for scripts ("no-type", "no-member", ...), `detail` a sentence.  `matches`
    are the candidates that matched, `refused` the witnesses of those that were asked (`Target.to_ask`) and did not.  `load_size`
    is the size (bytes) of a load at that offset, 0 if it does not matter, -1 if the program's load cannot be adjusted to it.
    `misread` states why the answer, which libbpf accepts, is wrong, "" if it is right.  `alone` is the outcome over all
    candidates, if earlier relocations narrowed them.
    """

    __slots__ = (
        "alone",
        "candidates",
        "detail",
        "load_size",
        "matches",
        "misread",
        "reason",
        "refused",
        "status",
        "value",
    )

    def __init__(self, status: str, value: int | None = None, reason: str = "", detail: str = "") -> None:
        self.status = status
        self.value = value
        self.reason = reason
        self.detail = detail
        self.load_size = 0
        self.misread = ""
        self.alone: Outcome | None = None
        self.matches: Sequence[Match] = ()
        self.refused: Sequence[tuple[Btf, Witness]] = ()
        self.candidates: Sequence[tuple[Btf, int]] = ()

    def copy(self) -> Outcome:
        """A copy, which can be changed."""
        result = Outcome(self.status, self.value, self.reason, self.detail)
        for name in ("load_size", "misread", "alone", "matches", "refused", "candidates"):
            setattr(result, name, getattr(self, name))
        return result

    @property
    def read_size(self) -> int:
        """How many bytes a load at that offset reads, 0 if there is no load."""
        return self.matches[0].load[2] if self.matches else 0

    def __repr__(self) -> str:
        return f"<{self.status}{'' if self.value is None else f' {self.value}'}{self.reason and f' ({self.reason})'}>"


class Counts:
    """The number of relocations by status, by the BTF of a matching candidate (`by_btf`), and of those with a wrong value
    (`misread`)."""

    __slots__ = ("by_btf", "by_status", "misread")

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        self.by_status = dict.fromkeys(STATUSES, 0)
        self.by_btf: dict[Btf, int] = {}
        self.misread = 0
        owners: dict[Outcome, dict[Btf, None]] = {}  # equal relocations share an outcome
        for outcome in outcomes:
            self.misread += bool(outcome.misread)
            self.by_status[outcome.status] += 1
            if outcome not in owners:
                owners[outcome] = {match.btf: None for match in outcome.matches}
            for btf in owners[outcome]:
                self.by_btf[btf] = self.by_btf.get(btf, 0) + 1

    @property
    def total(self) -> int:
        """The number of all relocations."""
        return sum(self.by_status.values())

    @property
    def all_answered(self) -> bool:
        """Whether all have a value, and the right one."""
        return self.by_status["value"] == self.total and not self.misread

    def as_json(self) -> dict[str, int]:
        """For JSON."""
        counts = {status: self.by_status[status] for status in WITHOUT_ANSWER}
        wrong = {"misread": self.misread} if self.misread else {}
        return {"total": self.total, "answered": self.by_status["value"], **counts, **wrong}

    def __str__(self) -> str:
        counts = self.by_status
        text = f"{counted(self.total, 'relocation')}: {counts['value']:,} answered, {counts['missing']:,} missing"
        text += f", {counts['ambiguous']:,} ambiguous"
        text += f", {counts['error']:,} in error" if counts["error"] else ""
        return text + (f", {self.misread:,} read another member" if self.misread else "")


class KnownAnswer:
    """The value of an outcome, which holds for all types that consist of the same (`known_answers.py`).

    `member_size`: the size in bytes of the member, if that was asked, else -1.
    """

    __slots__ = ("load_size", "member_size", "misread", "read_size", "reason", "value")

    def __init__(self, outcome: Outcome) -> None:
        self.value = outcome.value
        self.reason = outcome.reason
        self.load_size = outcome.load_size
        self.misread = outcome.misread
        self.read_size = outcome.read_size
        self.member_size = -1


class Repeated(Outcome):
    """An outcome with a value that is known from another target, where the type is equal; `ask` is called when it is needed what
    matches."""

    __slots__ = ("_ask", "_asked", "known")

    def __init__(self, known: KnownAnswer, candidates: Sequence[tuple[Btf, int]], ask: Callable[[], Outcome]) -> None:
        self.status = VALUE
        self.value = known.value
        self.reason = known.reason
        self.load_size = known.load_size
        self.misread = known.misread
        self.alone = None
        self.candidates = candidates
        self.known = known
        self._ask = ask
        self._asked: Outcome | None = None

    @property
    def asked(self) -> Outcome:
        """The same outcome, found on this target."""
        if self._asked is None:
            self._asked = self._ask()
        return self._asked

    @property
    def read_size(self) -> int:
        return self.known.read_size

    @property
    def matches(self) -> Sequence[Match]:  # type: ignore[override]
        return self.asked.matches

    @property
    def refused(self) -> Sequence[tuple[Btf, Witness]]:  # type: ignore[override]
        return self.asked.refused

    @property
    def detail(self) -> str:  # type: ignore[override]
        return self.asked.detail
