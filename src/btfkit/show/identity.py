"""The identity of types across BTFs: exact keys that are equal if the types are equivalent, whatever their ids.

A *reference* to a type is its kind and name if it has a name, and its content if it has none (pointers, arrays, prototypes,
anonymous structs).  The *definition* of a named type is its content, with references for its parts.  So a change deep inside
appears only in the definition of the type that changed and of those whose layout it moves.  Names of parameters and index
types of arrays do not count, and a reference to a declaration (FWD) is one to the type itself.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.flat import Flat, FlatFrame, FramedFlat
from btfkit.btf.refusal import demand_few_overlaps
from btfkit.errors import FormatError
from btfkit.hot import identity as _identity
from btfkit.hot.columns import zeros
from btfkit.hot.strings import random_prime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf

MAX_DEPTH = 150  # levels of types without a name
STRUCT, UNION, ENUM, TYPEDEF, FUNC, VAR, INT, FLOAT = (
    "struct", "union", "enum", "typedef", "function", "variable", "int", "float",
)  # fmt: skip
CLASSES = {
    kind: spec.word(kind)
    for kind in (
        spec.STRUCT, spec.UNION, spec.ENUM, spec.ENUM64, spec.TYPEDEF, spec.FUNC, spec.VAR, spec.INT, spec.FLOAT,
    )
}  # fmt: skip


def interner() -> _identity.Interner:
    """What the `Identities` of all BTFs that are compared share."""
    return _identity.Interner(random_prime() << 32 | random_prime())


class Identities:
    """The keys of the types of one BTF, comparable with those of other BTFs made with the same `numbers`.

    Raises FormatError if types without a name are nested too deep, or if names overlap too much (`demand_few_overlaps`).
    """

    __slots__ = ("_numbers", "_side", "btf", "flat", "tags")

    def __init__(self, btf: Btf, numbers: _identity.Interner, frame: IdentityFrame | None = None) -> None:
        """With a `frame`, made with the same `numbers` for the base of `btf`: valid until the frame is used again."""
        self.btf = btf
        for layer in btf.chain if frame is None else (btf,):
            demand_few_overlaps(layer)
        self._numbers = numbers
        self.tags: dict[int, tuple[tuple[bytes, int], ...]] = {}
        if frame is None:
            flat: Flat | FramedFlat = Flat(btf)
            self._side = _identity.Side(numbers, flat.words, flat.positions, flat.strings, MAX_DEPTH)
            first = 1
        else:
            flat, self._side, self.tags = frame.put(btf)
            first = btf.start_id
        self.flat = flat
        for type_id, tags in self._declaration_tags(flat, first).items():
            if type_id >= first:
                self.tags[type_id] = tags
                found = [word for tag, number in tags for word in (numbers.text(tag + b"\0", 0), number)]
                self._side.tag(type_id, found)

    def _declaration_tags(self, flat: Flat | FramedFlat, first: int) -> dict[int, tuple[tuple[bytes, int], ...]]:
        """The declaration tags (text, component) of each tagged type, out of those from id `first` on."""
        found, ids = dict[int, list[tuple[bytes, int]]](), list[int]()
        self._side.tags(ids, first)
        for tag in ids:
            at = flat.positions[tag - 1]
            found.setdefault(flat.words[at + 2], []).append((self.btf.string(flat.words[at]), flat.words[at + 3]))
        return {type_id: tuple(sorted(tags)) for type_id, tags in found.items()}

    def reference(self, type_id: int) -> int:
        """The key of a reference to a type."""
        try:
            return self._side.reference(type_id, 0)
        except ValueError as error:
            raise self._too_deep(error) from None

    def definition(self, type_id: int) -> int:
        """The key of the definition of a type, with its declaration tags."""
        try:
            return self._side.definition(type_id)
        except ValueError as error:
            raise self._too_deep(error) from None

    def whole(self, type_id: int) -> int:
        """The key of all that the layout of a type and the text of its members depend on; 0: it has none, too much is nested."""
        try:
            return self._side.whole(type_id, 0)
        except ValueError:
            return 0

    def differing(self, new: Identities) -> tuple[dict[str, int], list[int], list[int]]:
        """How many own types of each class are identical, and the ids of all others that have a class and a name, of both
        sides: a type counts as identical here if it is the only one of its class and name on either side."""
        same, left, right = zeros(spec.MAX_KIND + 1), list[int](), list[int]()
        try:
            _identity.differing(self._side, self.btf.start_id, new._side, new.btf.start_id, same, left, right)
        except ValueError as error:
            raise (self if error.args[1] is self._side else new)._too_deep(error) from None
        return {name: same[kind] for kind, name in CLASSES.items() if same[kind]}, left, right

    def _too_deep(self, error: ValueError) -> FormatError:
        return FormatError(
            f"types without a name nested more than {MAX_DEPTH} deep",
            source=self.btf.source,
            section="types",
            type_id=error.args[0],
        )


class IdentityFrame:
    """The `Identities` of many small BTFs on one large `base`, of which what is known of the base is kept."""

    __slots__ = ("_flat", "_identities", "base")

    def __init__(self, base: Btf, numbers: _identity.Interner) -> None:
        self.base = base
        self._flat = FlatFrame(base)
        self._identities = Identities(base, numbers)

    def put(self, btf: Btf) -> tuple[FramedFlat, _identity.Side, dict[int, tuple[tuple[bytes, int], ...]]]:
        """What `Identities` needs of a BTF that is split on the base: its `Flat`, the side, and the tags of the base.

        A declaration tag of a split BTF on a type of the base counts for that split BTF's own types only.
        """
        flat = self._flat.put(btf)
        side = self._identities._side
        side.restart(flat.words, flat.positions, flat.strings, btf.start_id)
        return flat, side, dict(self._identities.tags)
