"""`merge`: combine a base and any number of its modules into one BTF without a base, for consumers that accept a single file.

It is `append` and `dedup` in one step.  Equivalent types of several modules become one.  Types that share a name and are not
equivalent all stay, which can break programs: CO-RE searches modules only for types that vmlinux does not have, but in one BTF
all are candidates, and if they disagree the relocation is ambiguous.  `doubles` lists these names with their origins.

`prefer` selects the input whose type keeps the name.  The others cannot be removed, because types refer to them; instead they
are renamed to NAME__ORIGIN, which no program asks for.  If the base is preferred, a relocation finds in the result what it
finds in base and modules.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from os import urandom

from btfkit.btf import spec
from btfkit.btf.btf import Btf, demand_btf
from btfkit.btf.emit import Frame
from btfkit.btf.spec import text
from btfkit.errors import ChainError, NotFoundError, refuse_text
from btfkit.hot import names as _names
from btfkit.passes.append import append
from btfkit.passes.array_style import flatten
from btfkit.passes.dedup import dedup as deduped
from btfkit.passes.dedup import dedup_chain
from btfkit.passes.idmap import Dense, IdMap
from btfkit.passes.prepared_base import PreparedBase
from btfkit.passes.rebase import words
from btfkit.passes.refinement import power

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfkit.passes.dedup import DedupReport, Joined

BASE = "vmlinux"  # the name of the base among the origins
GROUPS = {  # kinds that CO-RE finds by name; ENUM and ENUM64 are one group
    kind: spec.word(kind)
    for kind in (spec.STRUCT, spec.UNION, spec.ENUM, spec.ENUM64, spec.TYPEDEF, spec.INT, spec.FLOAT)
}
KEPT_NAMES = (spec.INT, spec.FLOAT)  # whose names are C keywords: renamed, they would not be valid C
_CODES = {group: code for code, group in enumerate(dict.fromkeys(GROUPS.values()), 1)}


class Origin:
    """A type of the result, and the names of the inputs that have it: the base first, then modules in their order."""

    __slots__ = ("inputs", "type_id")

    def __init__(self, type_id: int, inputs: Sequence[str]) -> None:
        self.type_id = type_id
        self.inputs = tuple(inputs)


class Double:
    """A name that several types share: `group` ("struct", "enum", ...), `name` (without flavor), and the types with their
    origins, ascending."""

    __slots__ = ("group", "name", "types")

    def __init__(self, group: str, name: str, types: Sequence[Origin]) -> None:
        self.group = group
        self.name = name
        self.types = tuple(types)

    @property
    def title(self) -> str:
        """The name as C writes it."""
        return self.name if self.group in ("typedef", "int", "float") else f"{self.group} {self.name}"

    @property
    def is_of_base(self) -> bool:
        """Whether the base has all of them, so that merging is not the cause."""
        return all(origin.inputs[0] == BASE for origin in self.types)


class Renamed:
    """A renamed type: the old `name`, the new name `now`, and the `inputs` that have it."""

    __slots__ = ("group", "inputs", "name", "now", "type_id")

    def __init__(self, origin: Origin, group: str, name: str, now: str) -> None:
        self.type_id = origin.type_id
        self.inputs = origin.inputs
        self.group = group
        self.name = name
        self.now = now


class Merged:
    """The result of `merge`.

    `btf` has no base; `ids` are the id maps of the base and of the chain of each module, in this order; `names` are those of
    the inputs, `before` the numbers of their own types, `heads` the id of the first type that each added (equal to the next one
    if it added none).  `doubles` are the names that several types still share, `renamed` the types that `prefer` renamed;
    `report` is that of dedup, None without dedup.
    """

    __slots__ = ("before", "btf", "doubles", "heads", "ids", "names", "renamed", "report")

    def __init__(
        self, btf: Btf, ids: Sequence[IdMap], names: Sequence[str], before: Sequence[int], heads: Sequence[int]
    ) -> None:
        self.btf = btf
        self.ids = tuple(ids)
        self.names = tuple(names)
        self.before = tuple(before)
        self.heads = tuple(heads)
        self.doubles: tuple[Double, ...] = ()
        self.renamed: tuple[Renamed, ...] = ()
        self.report: DedupReport | None = None

    def __repr__(self) -> str:
        return f"<merged from {len(self.names)}: {self.btf!r}>"


def merge(
    base: Btf,
    modules: Iterable[Btf],
    *,
    names: Sequence[str] = (),
    dedup: bool = True,
    prefer: str | Sequence[str] = (),
    doubles: bool = True,
) -> Merged:
    """Combine `base` and `modules`, split BTFs on it, into one BTF without a base, in the byte order of `base`.

    `names` are the names of the modules, for origins ("module 1", "module 2", ... by default).  With `dedup` equivalent types
    become one, and the types of the base come first; without it all types stay and the base keeps its ids.  Arrays of arrays are
    compared as by `dedup`, whichever pahole wrote them (`report.arrays`).  `prefer` are names
    of inputs ("vmlinux" for the base): if several types share a name, those of the first of these inputs keep it.  `doubles`
    False skips the search for such names.  Raises ChainError for a module on another base, NotFoundError for a name
    in `prefer` that no input has, UnsupportedError for a kind whose references are unknown.
    """
    demand_btf("base", base, file_function="merge_files")
    refuse_text(names=names)
    wanted = (prefer,) if isinstance(prefer, str) else tuple(prefer)
    starts: list[tuple[int, int]] = []
    checked = _checked(base, modules, starts)
    if dedup:
        merged, declared = _joined(base, _InStyle(base, checked), starts)
    else:
        merged, declared = _appended(base, list(checked))
    modules_named = [names[i] if i < len(names) else f"module {i + 1}" for i in range(len(starts))]
    merged.names = (BASE, *modules_named)
    for name in wanted:
        if name not in merged.names:
            raise NotFoundError(f"no input called {name!r} to prefer")
    if doubles or wanted:
        merged.doubles = tuple(_doubles(merged, declared))
    if wanted:
        _set_aside(merged, wanted)
    return merged


def _checked(base: Btf, modules: Iterable[Btf], starts: list[tuple[int, int]]) -> Iterator[Btf]:
    """Yield the modules one by one; appends (start id, number of own types) of each to `starts`."""
    for module in (modules,) if isinstance(modules, str | bytes) else modules:
        demand_btf("modules", module)
        if module.base is not base:
            raise ChainError("not split on the vmlinux to merge it with", source=module.source)
        starts.append((module.start_id, len(module.positions)))
        yield module


class _InStyle:
    """Iterates over `modules` with arrays of arrays in the style of `base` (`passes/array_style.py`).

    If the base has them nested and a module flat, the module's copies of types of the base are removed first; `ids` then has the
    id map of that by the number of the module.  `arrays` is the style of the base if a module had another, else "".
    """

    def __init__(self, base: Btf, modules: Iterator[Btf]) -> None:
        self.arrays = ""
        self.ids: dict[int, array[int]] = {}
        self._modules = modules
        self._prepared = PreparedBase(base)

    def __iter__(self) -> Iterator[Btf]:
        for number, module in enumerate(self._modules):
            style = self._prepared.style
            if nested := style.to_flatten(module):
                self.arrays = "flat"
                yield flatten(module, nested)
            elif style.is_nested_for(module):
                self.arrays = "nested"
                done = deduped(module, prepared=self._prepared)
                self.ids[number] = done.ids.ids
                yield done.btf
            else:
                yield module


def _joined(base: Btf, modules: _InStyle, starts: list[tuple[int, int]]) -> tuple[Merged, dict[int, list[int]]]:
    """Merge with dedup; returns the result and, by new id, the numbers of the inputs that only declare the type."""
    done = dedup_chain(base, iter(modules))
    below = Dense(done.ids[: len(base)])
    ids: list[IdMap] = [below]
    for number, (first, (start, count)) in enumerate(zip(done.firsts, starts, strict=True)):
        own = done.ids[first : first + count]
        if (before := modules.ids.get(number)) is not None:
            own = array("I", (done.ids[i if i < start else first + i - start] for i in before[start : start + count]))
        ids.append(Dense(own, start, below))
    merged = Merged(done.btf, ids, (), (len(base) - 1, *(count for _, count in starts)), (1, *done.heads))
    merged.report = done.report
    merged.report.arrays = modules.arrays
    return merged, _declared(done, len(base), starts)


def _declared(done: Joined, base: int, starts: list[tuple[int, int]]) -> dict[int, list[int]]:
    """By new id: the numbers of the inputs that declare the type, once for each declaration."""
    found: dict[int, list[int]] = {}
    for node in done.declared:
        number = 0 if node < base else bisect_right(done.firsts, node)
        found.setdefault(done.ids[node], []).append(number)
    return found


def _appended(base: Btf, modules: Sequence[Btf]) -> tuple[Merged, dict[int, list[int]]]:
    chain = base.chain
    btf, ids = append(chain[0], *chain[1:], *modules)
    heads, at = [1], len(base)
    for module in modules:
        heads.append(at)
        at += len(module.positions)
    before = [len(base) - 1, *(len(module.positions) for module in modules)]
    return Merged(btf, [Dense(array("I", range(len(base)))), *ids[len(chain) - 1 :]], (), before, heads), {}


# ---- names of several types ----------------------------------------------------------------------------------------


def _doubles(merged: Merged, declared: dict[int, list[int]]) -> Iterator[Double]:
    btf = merged.btf
    sets: dict[int, list[int]] = {}
    leaders, followers = list[int](), list[int]()
    count = len(btf.positions)
    groups = bytearray(128)
    for kind, group in GROUPS.items():
        groups[kind] = _CODES[group]
    _names.namesakes(
        btf.words,
        btf.positions,
        groups,
        btf.strings,
        int.from_bytes(urandom(4), "little"),
        words(power(2 * count + 2)),
        words(count),
        leaders,
        followers,
    )
    for leader, follower in zip(leaders, followers, strict=True):
        sets.setdefault(leader + 1, [leader + 1]).append(follower + 1)
    origins = _origins(merged, {type_id for ids in sets.values() for type_id in ids}, declared)
    for leader, ids in sorted(sets.items()):
        group = GROUPS[btf.kind(leader)]
        yield Double(group, text(_essential(btf, leader)), [Origin(type_id, origins[type_id]) for type_id in ids])


def _essential(btf: Btf, type_id: int) -> bytes:
    from btfkit.co_re.access import essential

    return essential(btf.string(btf.word(type_id, 0)))


def _origins(merged: Merged, wanted: set[int], declared: dict[int, list[int]]) -> dict[int, list[str]]:
    """The inputs that have each of the types `wanted`."""
    found: dict[int, list[str]] = {type_id: [] for type_id in wanted}
    for number, (ids, name) in enumerate(zip(merged.ids, merged.names, strict=True)):
        if isinstance(ids, Dense):
            here = wanted.intersection(ids.ids)
            for type_id in [one for one in here if number in declared.get(one, ())]:
                if ids.ids.count(type_id) == declared[type_id].count(number):
                    here.discard(type_id)
        else:
            end = merged.heads[number + 1] if number + 1 < len(merged.heads) else len(merged.btf)
            here = wanted.intersection(range(merged.heads[number], end))
        for type_id in here:
            found[type_id].append(name)
    return found


# ---- preferring ----------------------------------------------------------------------------------------------------


def _set_aside(merged: Merged, prefer: Sequence[str]) -> None:
    """Rename the types that are not preferred."""
    rank = {name: number for number, name in reversed([*enumerate(prefer)])}
    last = len(prefer)
    taken: set[bytes] | None = None
    renamed: list[Renamed] = []
    left: list[Double] = []
    for double in merged.doubles:
        ranks = [min((rank.get(name, last) for name in origin.inputs), default=last) for origin in double.types]
        best = min(ranks)
        if best == last or merged.btf.kind(double.types[0].type_id) in KEPT_NAMES:
            left.append(double)
            continue
        if taken is None:
            taken = set(bytes(merged.btf.strings).split(b"\0"))
        kept = []
        for origin, origin_rank in zip(double.types, ranks, strict=True):
            if origin_rank == best:
                kept.append(origin)
                continue
            old = merged.btf.name(origin.type_id)
            now = _other_name(_essential(merged.btf, origin.type_id), origin.inputs[0], taken)
            renamed.append(Renamed(origin, double.group, old, text(now)))
        if len(kept) > 1:
            left.append(Double(double.group, double.name, kept))
    merged.btf = _with_names(merged.btf, renamed)
    merged.doubles, merged.renamed = tuple(left), tuple(renamed)


def _other_name(name: bytes, origin: str, taken: set[bytes]) -> bytes:
    """NAME__ORIGIN, with a number if needed: an identifier without flavor that equals no other string."""
    from btfkit.co_re.access import essential

    where = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in origin).strip("_") or "other"
    stem = name.rstrip(b"_") + b"__" + where.encode()
    while essential(stem) != stem:
        stem = stem.replace(b"___", b"__")
    found, number = stem, 2
    while found in taken:
        found = b"%s_%d" % (stem, number)
        number += 1
    taken.add(found)
    return found


def _with_names(btf: Btf, renamed: Sequence[Renamed]) -> Btf:
    """`btf` with the types of `renamed` renamed."""
    if not renamed:
        return btf
    out = array("I", bytes(btf.words))
    strings = bytearray(btf.strings)
    for one in renamed:
        out[btf.positions[one.type_id - btf.start_id]] = btf.start_str_off + len(strings)
        strings += one.now.encode("utf-8", "surrogateescape") + b"\0"
    return Frame.keeping(btf, btf.base).emit(out, strings)
