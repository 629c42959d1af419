"""The two relations between a local type and a target type; what is read is recorded in a `Witness`.

- `compatible`: types of one name count as the same (TYPE_EXISTS, TYPE_SIZE, TYPE_ID_TARGET);
- `matches`: the stricter relation of TYPE_MATCHES.

Rules: tools/lib/bpf/relo_core.c (libbpf 1.8-dev), __bpf_core_types_are_compat, __bpf_core_types_match.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.co_re.access import SpecError
from btfkit.co_re.loaders import LIBBPF
from btfkit.co_re.match import enumerator_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.witness import Witness

MAX_DEPTH = 32  # steps along one chain, and levels of nesting
MAX_STEPS = 100_000  # comparisons for one relocation; real ones need a few hundred


class _Pair:
    """A local and a target type: their stripped ids, kinds, and the positions of their records."""

    __slots__ = ("kind", "local", "local_at", "local_layer", "target", "target_at", "target_kind", "target_layer")

    def __init__(self, local: Btf, local_id: int, btf: Btf, type_id: int) -> None:
        self.local = local_id = local.strip(local_id)
        self.target = type_id = btf.strip(type_id)
        self.local_layer, self.local_at = local.locate(local_id) if local_id else (local, -1)
        self.target_layer, self.target_at = btf.locate(type_id) if type_id else (btf, -1)
        self.kind = local.kind(local_id)
        self.target_kind = btf.kind(type_id)

    def local_word(self, position: int) -> int:
        return self.local_layer.words[self.local_at + position]

    def target_word(self, position: int) -> int:
        return self.target_layer.words[self.target_at + position]

    @property
    def vlens(self) -> tuple[int, int]:
        return self.local_word(1) & spec.MAX_VLEN, self.target_word(1) & spec.MAX_VLEN

    @property
    def same_kind(self) -> bool:
        return self.kind == self.target_kind or (self.kind in spec.ENUMS and self.target_kind in spec.ENUMS)


class TypeRelation:
    """Compares types of a program with types of a target, for one relocation and one candidate.

    Answers are cached with the levels that were left: with as many or more left, the answer is the same.
    """

    __slots__ = ("_answers", "_btf", "_loader", "_local", "_positive", "_steps", "_witness")

    def __init__(self, local: Btf, btf: Btf, witness: Witness, loader: Loader = LIBBPF) -> None:
        self._loader = loader
        self._local = local
        self._btf = btf
        self._witness = witness
        self._steps = 0
        self._answers: dict[tuple[int, int, bool], tuple[bool, int]] = {}
        self._positive: list[tuple[int, int, bool]] = []

    def _cached(self, key: tuple[int, int, bool], parent: int, level: int) -> bool | None:
        """The cached answer for a pair, None if there is none; its own reads are recorded already."""
        answer, at_level = self._answers.get(key, (False, MAX_DEPTH + 1))
        if at_level > level:
            return None
        self._step(level)
        self._read(parent, self._btf.strip(key[1]))
        return answer

    def _cache(self, key: tuple[int, int, bool], answer: bool, level: int) -> bool:
        self._answers[key] = answer, level
        if answer:
            self._positive.append(key)
        return answer

    def _retract(self, mark: tuple[int, ...]) -> None:
        """Drop the reads since `mark`, and the answers that they prove."""
        self._witness.retract(mark[1:])
        for key in self._positive[mark[0] :]:
            self._answers.pop(key, None)
        del self._positive[mark[0] :]

    def _mark(self) -> tuple[int, ...]:
        return (len(self._positive), *self._witness.mark())

    def _step(self, depth: int) -> None:
        self._steps += 1
        if depth <= 0 or self._steps > MAX_STEPS:
            raise SpecError("types nested too deeply to compare (a cycle, or more than 32 levels)")

    def _read(self, parent: int, type_id: int) -> None:
        """Record that the comparison went from `parent` to `type_id`."""
        if type_id:
            self._witness.types.append(type_id)
            if parent:
                self._witness.pointers.append((parent, type_id))

    # compatible ------------------------------------------------------------------------------------------------

    def compatible(self, local_id: int, type_id: int) -> bool:
        """TYPE_EXISTS, TYPE_SIZE, TYPE_ID_TARGET.  Rule: __bpf_core_types_are_compat."""
        return self._compatible(local_id, type_id, type_id, MAX_DEPTH)

    def _compatible(self, local_id: int, type_id: int, parent: int, level: int) -> bool:
        key = local_id, type_id, False
        answer = self._cached(key, parent, level)
        return self._cache(key, self._compare(local_id, type_id, parent, level), level) if answer is None else answer

    def _compare(self, local_id: int, type_id: int, parent: int, level: int) -> bool:
        for depth in range(MAX_DEPTH, -1, -1):
            self._step(depth)
            pair = _Pair(self._local, local_id, self._btf, type_id)
            self._read(parent, pair.target)
            if not pair.same_kind:
                return False
            kind = pair.kind
            if kind in (spec.UNKN, spec.STRUCT, spec.UNION, spec.ENUM, spec.FWD, spec.ENUM64):
                return True
            if kind == spec.INT:
                return pair.local_word(3) >> 16 & 0xFF == pair.target_word(3) >> 16 & 0xFF == 0
            if kind == spec.FLOAT:
                return bool(self._loader.float_fits)
            parent = pair.target
            if kind in (spec.PTR, spec.FUNC_PROTO):
                if kind == spec.FUNC_PROTO and not self._params(pair, level, self._compatible):
                    return False
                local_id, type_id = pair.local_word(2), pair.target_word(2)
            elif kind == spec.ARRAY:
                local_id, type_id = pair.local_word(3), pair.target_word(3)
            else:
                return False
        raise AssertionError("unreachable")

    def _params(self, pair: _Pair, level: int, compare: Callable[[int, int, int, int], bool]) -> bool:
        """Whether two FUNC_PROTOs have the same number of parameters, and `compare` is true for each pair."""
        mine, theirs = pair.vlens
        if mine != theirs:
            return False
        for index in range(mine):
            self._step(level)
            local_id, type_id = pair.local_word(4 + 2 * index), pair.target_word(4 + 2 * index)
            if not compare(local_id, type_id, pair.target, level - 1):
                return False
        return True

    # matches ---------------------------------------------------------------------------------------------------

    def matches(self, local_id: int, type_id: int) -> bool:
        """TYPE_MATCHES.  Rule: __bpf_core_types_match."""
        return self._matches(local_id, type_id, type_id, False, MAX_DEPTH)

    def _matches(self, local_id: int, type_id: int, parent: int, through_pointer: bool, level: int) -> bool:
        key = local_id, type_id, through_pointer
        answer = self._cached(key, parent, level)
        if answer is None:
            answer = self._cache(key, self._walk(local_id, type_id, parent, through_pointer, level), level)
        return answer

    def _walk(self, local_id: int, type_id: int, parent: int, through_pointer: bool, level: int) -> bool:
        for depth in range(MAX_DEPTH, -1, -1):
            self._step(min(depth, level))
            pair = _Pair(self._local, local_id, self._btf, type_id)
            self._read(parent, pair.target)
            parent = pair.target
            local_name = pair.local_word(0) if pair.local else 0
            if not self._names_match(local_name, pair.target_word(0) if pair.target else 0):
                return False
            kind = pair.kind
            if kind not in (spec.PTR, spec.ARRAY, spec.FUNC_PROTO):
                return self._leaf_matches(pair, through_pointer, level)
            if pair.target_kind != kind:
                return False
            if kind == spec.ARRAY and pair.local_word(5) != pair.target_word(5):
                return False
            through_pointer = through_pointer or kind == spec.PTR

            def matches(a: int, b: int, c: int, d: int, through_pointer: bool = through_pointer) -> bool:
                return self._matches(a, b, c, through_pointer, d)

            if kind == spec.FUNC_PROTO and not self._params(pair, level, matches):
                return False
            referred = 3 if kind == spec.ARRAY else 2
            local_id, type_id = pair.local_word(referred), pair.target_word(referred)
        raise AssertionError("unreachable")

    def _leaf_matches(self, pair: _Pair, through_pointer: bool, level: int) -> bool:
        kind, other = pair.kind, pair.target_kind
        if kind == spec.UNKN:
            return other == spec.UNKN
        if kind in spec.ENUMS:
            return other in spec.ENUMS and self._enums_match(pair)
        if kind == spec.INT:
            return (
                other == spec.INT
                and pair.local_word(2) == pair.target_word(2)
                and not (pair.local_word(3) ^ pair.target_word(3)) >> 24 & spec.INT_SIGNED
            )
        if kind == spec.FWD:
            union = pair.local_word(1) >> 31
            if other == spec.FWD:
                return union == pair.target_word(1) >> 31
            return through_pointer and other == (spec.UNION if union else spec.STRUCT)
        if kind in spec.COMPOSITES:
            if through_pointer:
                return other == kind or (other == spec.FWD and (kind == spec.UNION) == bool(pair.target_word(1) >> 31))
            return other == kind and self._composites_match(pair, level)
        return False

    def _names_match(self, local_off: int, off: int) -> bool:
        """Essential names; an anonymous target only matches an anonymous local type.  Rule: bpf_core_names_match."""
        if not off or not local_off:
            return off == local_off or self._local.string(local_off) == self._btf.string(off)
        essential = self._loader.essential
        return essential(self._local.string(local_off)) == essential(self._btf.string(off))

    def _enums_match(self, pair: _Pair) -> bool:
        mine, theirs = pair.vlens
        if pair.local_word(2) != pair.target_word(2) or mine > theirs:
            return False
        names = enumerator_names(self._btf, pair.target, self._loader)
        found = []
        for name in enumerator_names(self._local, pair.local, self._loader):
            self._step(1)
            if name not in names:
                return False
            found.append((pair.target, names.index(name)))
        self._witness.values += found
        self._witness.at_least.append((pair.target, mine))
        return True

    def _composites_match(self, pair: _Pair, level: int) -> bool:
        """Whether each local member has a target member of its essential name whose type matches."""
        mine, theirs = pair.vlens
        if mine > theirs:
            return False
        essential = self._loader.essential
        by_name: dict[bytes, list[int]] = {}
        for index in range(theirs):
            name = essential(self._btf.string(pair.target_word(3 + 3 * index)))
            by_name.setdefault(name, []).append(index)
        mark = self._mark()
        self._witness.at_least.append((pair.target, mine))
        for index in range(mine):
            name = essential(self._local.string(pair.local_word(3 + 3 * index)))
            if not self._member_matches(pair, pair.local_word(4 + 3 * index), by_name.get(name, ()), level):
                self._retract(mark)
                return False
        return True

    def _member_matches(self, pair: _Pair, local_id: int, indexes: Sequence[int], level: int) -> bool:
        """Whether the type of one of the target's members `indexes` matches.  Reads are recorded first, so that an error leaves
        the whole path to it."""
        for index in indexes:
            mark = self._mark()
            self._witness.members.append((pair.target, index))
            if self._matches(local_id, pair.target_word(4 + 3 * index), 0, False, level - 1):
                return True
            self._retract(mark)
        return False
