"""The declarations of all types, or of some with what they need: which, in what order, and which are only declared forward.

Two steps, each a loop of `hot/`: the dependencies of types (`c_sort`, `c_order.order`), and the places of forward declarations
(`c_order.plan`).  C needs this order; other languages have the same definitions, and what C declares forward is opaque.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import name_buckets
from btfkit.btf.flat import Flat
from btfkit.btf.header import words_of
from btfkit.btf.spelling import label
from btfkit.errors import FormatError, UnsupportedError
from btfkit.hot import c_order, c_sort
from btfkit.hot import names as _names
from btfkit.show.records import checked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from btfkit.btf.btf import Btf

STEPS = 100  # visits of types allowed for each word of a BTF; real ones need less than one
STEPS_AT_LEAST = 1 << 20  # however small the BTF is
TANGLED = "anonymous types and prototypes nested so that their {} text takes too long"
KFUNC_TAG, FASTCALL_TAG = b"bpf_kfunc", b"bpf_fastcall"
NO_COMPONENT = 0xFFFFFFFF  # of a DECL_TAG: the declaration itself

DECLARED = frozenset(range(1, len(spec.KINDS))) - {spec.FUNC, spec.VAR, spec.DATASEC, spec.DECL_TAG}
"""The kinds that have a declaration of their own."""

_FORWARD = spec.COMPOSITES | {spec.FWD}


class Definitions:
    """The declarations that the types of the whole chain of `btf` need; `compat` loses the type that bpftool loses.

    `kfuncs`: whether the prototypes of kfuncs follow, so that their types are declared, too.  `without` are the ids of types and
    functions that are declared elsewhere.  `language` is for messages.
    """

    __slots__ = ("btf", "budget", "compat", "count", "flat", "kfuncs", "language", "without")

    def __init__(
        self, btf: Btf, *, kfuncs: bool = False, compat: bool = False, without: Iterable[int] = (), language: str = "C"
    ) -> None:
        self.without = frozenset(without)
        self.btf = btf
        self.compat = compat
        self.language = language
        self.flat = Flat(btf)
        self.count = len(btf)
        self.budget = STEPS * len(self.flat.words) + STEPS_AT_LEAST
        self.kfuncs = self._kfuncs() if kfuncs else []

    def plan(self, ids: Iterable[int] | None, *, unsorted: bool = False) -> memoryview[int]:
        """The steps of `c_order.plan` for all types, or for those of `ids` with what they need: 2 * id for each definition,
        plus 1 for a forward declaration.  Raises as `btfkit.show.c.c_text`."""
        roots = self._all(unsorted) if ids is None else words_of(checked(self.btf, ids))
        return self._plan(self._queue(roots, self.kfuncs))

    def _all(self, unsorted: bool) -> memoryview[int]:
        flat = self.flat
        ids = memoryview(bytearray(4 * self.count)).cast("I")
        lost = self.compat and not unsorted  # bpftool skips the first of the sorted ids (void included) as void
        kinds = bytes((1,)) * 128 if lost else spec.kind_set(DECLARED)
        ids = ids[: lost + c_sort.choose(flat.words, flat.positions, kinds, ids[lost:])]
        if not unsorted:
            c_sort.sort(flat.words, flat.positions, flat.strings, ids, memoryview(bytearray(4 * len(ids))).cast("I"))
        return ids[lost:]

    def _kfuncs(self) -> list[tuple[bytes, int, bool]]:
        """(name, id of the FUNC, whether it is a fast call) of each kfunc, by name."""
        flat, btf = self.flat, self.btf
        found: list[int] = []
        buckets = name_buckets({KFUNC_TAG, FASTCALL_TAG})
        _names.find_hashes(flat.words, flat.positions, spec.kind_set((spec.DECL_TAG,)), flat.strings, 0, buckets, found)
        kfuncs: dict[int, bool] = {}
        fast: set[int] = set()
        for index in found:
            at = flat.positions[index]
            tag, target, component = btf.string(flat.words[at]), flat.words[at + 2], flat.words[at + 3]
            if component == NO_COMPONENT and btf.kind(target) == spec.FUNC:
                if tag == KFUNC_TAG:
                    kfuncs[target] = False
                elif tag == FASTCALL_TAG:
                    fast.add(target)
        return sorted((btf.string(btf.word(func, 0)), func, func in fast) for func in kfuncs.keys() - self.without)

    def _queue(self, roots: memoryview[int], kfuncs: list[tuple[bytes, int, bool]]) -> memoryview[int]:
        """The types to declare for the roots, dependencies first."""
        flat = self.flat
        states = bytearray(self.count)
        returns = bytearray(self.count)
        if not self.compat:
            shown = bytearray(self.count)
            for _, func, _ in kfuncs:
                shown[func] = 1
            c_order.returning(flat.words, flat.positions, shown, returns)
        columns = flat.columns
        c_order.referred(flat.words, flat.positions, columns.ids, columns.id_starts, states, returns)
        states[0] = c_order.ORDERED
        for type_id in self.without:
            states[type_id] |= c_order.ORDERED
        queue = memoryview(bytearray(4 * self.count)).cast("I")
        path: list[int] = []
        size, end = c_order.order(flat.words, flat.positions, roots, states, queue, self.budget, path)
        if end == c_order.CYCLE:
            raise self._cycle(path)
        if end == c_order.STRANGE:
            raise UnsupportedError(
                f"unknown kind {self.btf.kind(path[-1])}: no {self.language} declaration for types that refer to it",
                source=self.btf.source,
                type_id=path[-1],
            )
        if end == c_order.TANGLED:
            raise self.limit_error(TANGLED.format(self.language))
        return queue[:size]

    def _plan(self, queue: memoryview[int]) -> memoryview[int]:
        steps = memoryview(bytearray(8 * self.count)).cast("I")
        marks = bytearray(self.count)
        marks[0] = c_order.EMITTED
        for type_id in self.without:
            if self.btf.kind(type_id) not in _FORWARD:  # of which a forward declaration does no harm
                marks[type_id] = c_order.EMITTED
        size = c_order.plan(self.flat.words, self.flat.positions, queue, marks, steps, self.budget)
        if size < 0:
            raise self.limit_error(TANGLED.format(self.language))
        return steps[:size]

    def _cycle(self, path: list[int]) -> FormatError:
        last = path[-1]
        circle = path[path.index(last) :]
        names = [label(self.btf, type_id) for type_id in circle]
        if len(names) > 8:
            names[4:-4] = ["..."]
        return FormatError(
            f"type contains itself, so it has no {self.language} declaration: {' > '.join(names)}",
            source=self.btf.source,
            section="types",
            type_id=last,
        )

    def limit_error(self, problem: str) -> FormatError:
        message = f"{problem}: the file is damaged or hostile"
        return FormatError(message, source=self.btf.source, section="types")
