"""The two relations between a local type and a target type for loaders that follow pointers and remember pairs.

`compatible` and `matches` are those of `relation`, by other rules: pairs that were seen before count as equal, so there is no
limit of depth; types behind pointers are compared as well; of the target's members of one name, the last counts.

Rules: btf/core.go (cilium/ebpf 0.22): coreAreTypesCompatible, coreTypesMatch.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.co_re.access import SpecError, spelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.btf.btf import Btf
    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.witness import Witness

    Pair = tuple[int, int, int]  # local id, target id, target id from which it was reached

MAX_PAIRS = 200_000  # for one relocation


class _No(Exception):
    """The types differ."""


class GraphRelation:
    """Compares types of a program with types of a target, for one relocation and one candidate."""

    __slots__ = ("_btf", "_loader", "_local", "_witness")

    def __init__(self, local: Btf, btf: Btf, witness: Witness, loader: Loader) -> None:
        self._local = local
        self._btf = btf
        self._witness = witness
        self._loader = loader

    def compatible(self, local_id: int, type_id: int) -> bool:
        """TYPE_EXISTS, TYPE_SIZE, TYPE_ID_TARGET.  Raises SpecError."""
        return self._walk(local_id, type_id, whole=False)

    def matches(self, local_id: int, type_id: int) -> bool:
        """TYPE_MATCHES.  Raises SpecError."""
        return self._walk(local_id, type_id, whole=True)

    def _walk(self, local_id: int, type_id: int, *, whole: bool) -> bool:
        """Compare all pairs that are reached, in the order of a recursion: the first that differs or is an error decides."""
        mark = self._witness.mark()
        seen: set[tuple[int, int]] = set()
        compare = self._match if whole else self._compare
        pending: list[Iterator[Pair]] = [iter([(local_id, type_id, type_id)])]
        try:
            while pending:
                pair = next(pending[-1], None)
                if pair is None:
                    pending.pop()
                    continue
                local_id, type_id, parent = self._local.strip(pair[0]), self._btf.strip(pair[1]), pair[2]
                self._witness.types.append(type_id)
                if parent and type_id:
                    self._witness.pointers.append((parent, type_id))
                kind = self._kind(self._local, local_id)
                if whole:
                    self._names(local_id, type_id)
                if kind != self._kind(self._btf, type_id):
                    raise _No
                if (local_id, type_id) in seen:
                    continue
                if len(seen) >= MAX_PAIRS:
                    raise SpecError(f"more than {MAX_PAIRS:,} pairs of types to compare")
                seen.add((local_id, type_id))
                pending.append(compare(kind, local_id, type_id))
        except _No:
            self._witness.retract(mark)
            return False
        return True

    @staticmethod
    def _kind(btf: Btf, type_id: int) -> int:
        kind = btf.kind(type_id) if type_id else spec.UNKN
        return spec.ENUM if kind in spec.ENUMS else kind

    def _names(self, local_id: int, type_id: int) -> None:
        mine = self._local.string(self._local.word(local_id, 0)) if local_id else b""
        theirs = self._btf.string(self._btf.word(type_id, 0)) if type_id else b""
        if mine and theirs and self._loader.essential(mine) != self._loader.essential(theirs):
            raise _No

    # compatible ------------------------------------------------------------------------------------------------

    def _compare(self, kind: int, local_id: int, type_id: int) -> Iterator[Pair]:
        """The pairs that two types of one kind refer to."""
        if kind in (spec.UNKN, spec.STRUCT, spec.UNION, spec.ENUM, spec.FWD, spec.INT):
            return
        if kind == spec.PTR:
            yield self._local.word(local_id, 2), self._btf.word(type_id, 2), type_id
        elif kind == spec.ARRAY:
            yield self._local.word(local_id, 4), self._btf.word(type_id, 4), 0
            yield self._local.word(local_id, 3), self._btf.word(type_id, 3), 0
        elif kind == spec.FUNC_PROTO:
            yield self._local.word(local_id, 2), self._btf.word(type_id, 2), type_id
            yield from self._parameters(local_id, type_id)
        else:
            raise SpecError(f"{spelled(self._local, local_id)} cannot be compared")

    def _parameters(self, local_id: int, type_id: int) -> Iterator[Pair]:
        count = self._local.word(local_id, 1) & spec.MAX_VLEN
        if count != self._btf.word(type_id, 1) & spec.MAX_VLEN:
            raise _No
        for index in range(count):
            yield self._local.word(local_id, 4 + 2 * index), self._btf.word(type_id, 4 + 2 * index), 0

    # matches ---------------------------------------------------------------------------------------------------

    def _match(self, kind: int, local_id: int, type_id: int) -> Iterator[Pair]:
        """The pairs that two types of one kind refer to, which have to match."""
        local, btf = self._local, self._btf
        if kind == spec.FWD:
            if (local.word(local_id, 1) ^ btf.word(type_id, 1)) >> 31:
                raise _No
        elif kind == spec.INT:
            signed = [word >> 24 & 0xFF == spec.INT_SIGNED for word in (local.word(local_id, 3), btf.word(type_id, 3))]
            if local.word(local_id, 2) != btf.word(type_id, 2) or signed[0] != signed[1]:
                raise _No
        elif kind == spec.ENUM:
            self._enumerators(local_id, type_id)
        elif kind in spec.COMPOSITES:
            yield from self._members(local_id, type_id)
        elif kind == spec.PTR:
            mine, theirs = local.strip(local.word(local_id, 2)), btf.strip(btf.word(type_id, 2))
            if not (self._declares(local, mine, btf, theirs) or self._declares(btf, theirs, local, mine)):
                yield mine, theirs, type_id
            elif theirs:
                self._witness.types.append(theirs)
                self._witness.pointers.append((type_id, theirs))
        elif kind == spec.ARRAY:
            if local.word(local_id, 5) != btf.word(type_id, 5):
                raise _No
            yield local.word(local_id, 3), btf.word(type_id, 3), 0
        elif kind == spec.FUNC_PROTO:
            yield from self._parameters(local_id, type_id)
            yield local.word(local_id, 2), btf.word(type_id, 2), type_id
        elif kind != spec.UNKN:
            raise SpecError(f"{spelled(local, local_id)} cannot be compared")

    @staticmethod
    def _declares(btf: Btf, type_id: int, other: Btf, other_id: int) -> bool:
        """Whether a type is a declaration of a struct or union, and another one, behind a pointer, a struct or union."""
        if not type_id or not other_id or btf.kind(type_id) != spec.FWD:
            return False
        return other.kind(other_id) == (spec.UNION if btf.word(type_id, 1) >> 31 else spec.STRUCT)

    def _enumerators(self, local_id: int, type_id: int) -> None:
        mine, theirs = self._values(self._local, local_id), self._values(self._btf, type_id)
        if self._local.word(local_id, 2) != self._btf.word(type_id, 2) or len(mine) > len(theirs):
            raise _No
        first: dict[bytes, int] = {}
        for index, name in enumerate(theirs):
            first.setdefault(name, index)
        unnamed = first.get(b"", len(theirs))
        for name in mine:
            found = min(first.get(name, len(theirs)), unnamed) if name else 0
            if found == len(theirs):
                raise _No
            self._witness.values.append((type_id, found))
        self._witness.at_least.append((type_id, len(mine)))

    def _values(self, btf: Btf, type_id: int) -> list[bytes]:
        layer, at = btf.locate(type_id)
        info = layer.words[at + 1]
        width = spec.KINDS[info >> 24 & spec.MAX_KIND].elem_words
        ends = at + 3 + width * (info & spec.MAX_VLEN)
        return [self._loader.essential(btf.string(layer.words[i])) for i in range(at + 3, ends, width)]

    def _members(self, local_id: int, type_id: int) -> Iterator[Pair]:
        local, btf = self._local, self._btf
        mine, theirs = local.word(local_id, 1) & spec.MAX_VLEN, btf.word(type_id, 1) & spec.MAX_VLEN
        if mine > theirs:
            raise _No
        self._witness.at_least.append((type_id, mine))
        last: dict[bytes, int] = {}
        several: set[int] = set()  # that hide another one of their name
        for index in range(theirs):
            name = btf.string(btf.word(type_id, 3 + 3 * index))
            if name in last:
                several.add(index)
            last[name] = index
        for index in range(mine):
            found = last.get(local.string(local.word(local_id, 3 + 3 * index)), -1)
            if found < 0:
                raise _No
            if found in several:
                self._witness.hides.append(((type_id, found),))
            self._witness.members.append((type_id, found))
            yield local.word(local_id, 4 + 3 * index), btf.word(type_id, 4 + 3 * found), 0
