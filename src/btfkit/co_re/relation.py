"""The two relations between a local type and a target type, each noting in a `Witness` what it read.

- `compatible`: types of one name are taken for each other (TYPE_EXISTS, TYPE_SIZE, TYPE_ID_TARGET);
- `matches`: the stricter relation of TYPE_MATCHES.

Rules: tools/lib/bpf/relo_core.c (libbpf 1.8-dev), __bpf_core_types_are_compat, __bpf_core_types_match.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.co_re.access import SpecError, essential
from btfkit.co_re.match import enumerator_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.co_re.witness import Witness

MAX_DEPTH = 32  # steps along one chain, and levels of nesting
MAX_STEPS = 100_000  # comparisons for one relocation; real ones need a few hundred


class _Pair:
    """Two types compared: their stripped ids, their kinds, the positions of their records."""

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

    Pairs that were compared are remembered, with the levels that were left then: with as many or more left the answer is
    the same.
    """

    __slots__ = ("_btf", "_known", "_learnt", "_local", "_steps", "_witness")

    def __init__(self, local: Btf, btf: Btf, witness: Witness) -> None:
        self._local = local
        self._btf = btf
        self._witness = witness
        self._steps = 0
        self._known: dict[tuple[int, int, bool], tuple[bool, int]] = {}
        self._learnt: list[tuple[int, int, bool]] = []

    def _recall(self, key: tuple[int, int, bool], parent: int, level: int) -> bool | None:
        """What is known about a pair, None where nothing is; its own reads are noted already."""
        known = self._known.get(key)
        if known is None or known[1] > level:
            return None
        self._step(level)
        self._read(parent, self._btf.strip(key[1]))
        return known[0]

    def _learn(self, key: tuple[int, int, bool], answer: bool, level: int) -> bool:
        self._known[key] = answer, level
        if answer:
            self._learnt.append(key)
        return answer

    def _retract(self, mark: tuple[int, ...]) -> None:
        """What was noted since `mark` need not stay, so what it was to prove is no longer known."""
        self._witness.retract(mark[1:])
        for key in self._learnt[mark[0] :]:
            self._known.pop(key, None)
        del self._learnt[mark[0] :]

    def _mark(self) -> tuple[int, ...]:
        return (len(self._learnt), *self._witness.mark())

    def _step(self, depth: int) -> None:
        self._steps += 1
        if depth <= 0 or self._steps > MAX_STEPS:
            raise SpecError("types nested too deeply to be compared (a cycle, or more than 32 levels)")

    def _read(self, parent: int, type_id: int) -> None:
        """Note that the comparison went from `parent` to `type_id`."""
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
        known = self._recall(key, parent, level)
        return self._learn(key, self._compare(local_id, type_id, parent, level), level) if known is None else known

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

    def _params(self, pair: _Pair, level: int, compare: Any) -> bool:
        """Whether two FUNC_PROTOs have as many parameters and each pair of them compares."""
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

    def _matches(self, local_id: int, type_id: int, parent: int, behind: bool, level: int) -> bool:
        key = local_id, type_id, behind
        known = self._recall(key, parent, level)
        return self._learn(key, self._walk(local_id, type_id, parent, behind, level), level) if known is None else known

    def _walk(self, local_id: int, type_id: int, parent: int, behind: bool, level: int) -> bool:
        for depth in range(MAX_DEPTH, -1, -1):
            self._step(min(depth, level))
            pair = _Pair(self._local, local_id, self._btf, type_id)
            self._read(parent, pair.target)
            parent = pair.target
            if not self._names_match(
                pair.local_word(0) if pair.local else 0, pair.target_word(0) if pair.target else 0
            ):
                return False
            kind = pair.kind
            if kind == spec.PTR:
                behind = True
            if kind in (spec.PTR, spec.ARRAY, spec.FUNC_PROTO):
                if pair.target_kind != kind:
                    return False
                if kind == spec.ARRAY and pair.local_word(5) != pair.target_word(5):
                    return False
                if kind == spec.FUNC_PROTO and not self._params(
                    pair, level, lambda a, b, c, d, behind=behind: self._matches(a, b, c, behind, d)
                ):
                    return False
                third = 3 if kind == spec.ARRAY else 2
                local_id, type_id = pair.local_word(third), pair.target_word(third)
                continue
            return self._leaf_matches(pair, behind, level)
        raise AssertionError("unreachable")

    def _leaf_matches(self, pair: _Pair, behind: bool, level: int) -> bool:
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
            return behind and other == (spec.UNION if union else spec.STRUCT)
        if kind in spec.COMPOSITES:
            if behind:
                return other == kind or (other == spec.FWD and (kind == spec.UNION) == bool(pair.target_word(1) >> 31))
            return other == kind and self._composites_match(pair, level)
        return False

    def _names_match(self, local_off: int, off: int) -> bool:
        """Essential names; an anonymous target only matches an anonymous local type.  Rule: bpf_core_names_match."""
        if not off or not local_off:
            return off == local_off or self._local.string(local_off) == self._btf.string(off)
        return essential(self._local.string(local_off)) == essential(self._btf.string(off))

    def _enums_match(self, pair: _Pair) -> bool:
        mine, theirs = pair.vlens
        if pair.local_word(2) != pair.target_word(2) or mine > theirs:
            return False
        names = enumerator_names(self._btf, pair.target)
        found = []
        for name in enumerator_names(self._local, pair.local):
            self._step(1)
            if name not in names:
                return False
            found.append((pair.target, names.index(name)))
        self._witness.values += found
        self._witness.at_least.append((pair.target, mine))
        return True

    def _composites_match(self, pair: _Pair, level: int) -> bool:
        """Each local member has a target member of its (essential) name whose type matches."""
        mine, theirs = pair.vlens
        if mine > theirs:
            return False
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

    def _member_matches(self, pair: _Pair, local_id: int, indexes: Any, level: int) -> bool:
        """Whether the type of one of the target's members `indexes` matches.  What is noted, is noted before it is
        known, so that an error leaves the whole way to it."""
        for index in indexes:
            mark = self._mark()
            self._witness.members.append((pair.target, index))
            if self._matches(local_id, pair.target_word(4 + 3 * index), 0, False, level - 1):
                return True
            self._retract(mark)
        return False
