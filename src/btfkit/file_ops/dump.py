"""`dump`: the types of one BTF, or of several on one base, as text, as JSON or as source code (a C header, Rust,
Go, Python) or ISF."""

from __future__ import annotations

import os

from btfkit.btf.btf import Btf, btf_list
from btfkit.errors import NotFoundError, counted, printable, refuse_text
from btfkit.file_ops.dump_forms import FORMS, Options, demand_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from btfkit.co_re.outcome import Outcome
    from btfkit.co_re.program import BpfObject
    from btfkit.file_ops.dump_forms import Form
    from btfkit.files.kernel_symbols import KernelSymbols
    from btfkit.passes.idmap import IdMap
    from btfkit.show.c_omitted import Omitted


class Dump:
    """The text of the types of a BTF: iterate it for chunks of bytes, or take `str()` for all of it.

    `btf` contains the types, `ids` selects those shown (None: all), `outcomes` are the results of the relocations of `read_by`,
    `unused` the names of `without` that nothing has.
    """

    __slots__ = ("_chunks", "btf", "ids", "outcomes", "unused")

    def __init__(
        self, btf: Btf, ids: list[int] | None, outcomes: Sequence[Outcome], chunks: Callable[[], Iterator[bytes]]
    ) -> None:
        self.btf = btf
        self.ids = ids
        self.outcomes = outcomes
        self.unused: Sequence[str] = ()
        self._chunks = chunks

    def __repr__(self) -> str:
        count = len(self.btf.positions) if self.ids is None else len(self.ids)
        return f"<dump of {counted(count, 'type')}>"

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks()

    def __str__(self) -> str:
        return b"".join(self).decode("utf-8", "surrogateescape")


def dump(
    btfs: Btf | Sequence[Btf],
    form: Form = "raw",
    *,
    ids: Iterable[int] = (),
    types: Iterable[str] = (),
    read_by: Sequence[BpfObject] = (),
    pretty: bool = False,
    unsorted: bool = False,
    exact: bool = False,
    compat: bool = False,
    without: Iterable[str] = (),
    prefix: str = "",
    flavor: str = "",
    symbols: KernelSymbols | str | os.PathLike[str] | None = None,
    banner: str = "",
    package: str = "",
) -> Dump:
    """The types of `btfs` as bpftool prints them: "raw" one paragraph per type, "json" one object, "c" a header; or as source
    code of other languages, with every byte in its place: "rust", "go", "ctypes" (Python); or as "isf", the JSON of Volatility 3.

    Several BTFs (a vmlinux and modules on it) become one that contains shared types once.  `ids`, `types` (names, also "struct
    file") and `read_by` (the types that the relocations of these objects read) select types, each once, in this order; code
    also has what they need.  `pretty` puts each key of JSON on its own line; `unsorted` sorts code by type id, `exact` makes
    C text compile with any compiler, with the right layout; `compat` gives exactly bpftool's bytes, defects included.

    For C text beside other headers: `without` (names or patterns, also "struct bpf_*") omits types and kfuncs, `prefix` and
    `flavor` rename all types and enumerators (`show.c.c_text`).  Raises NotFoundError for a name that does not exist or has no
    declaration.

    For ISF: the `symbols` of the kernel (a path of System.map, of a copy of /proc/kallsyms or of a vmlinux; or what
    `read_kernel_symbols` returns), and the `banner` as in /proc/version, which a vmlinux as `symbols` has itself.  For Go: the
    name of its `package` ("types").
    """
    refuse_text(without=without)
    omitted = list(without)
    given = {"exact": exact, "compat": compat, "without": omitted, "prefix": prefix, "flavor": flavor}
    demand_options(form, {**given, "symbols": symbols, "banner": banner, "package": package})
    many = [btfs] if isinstance(btfs, Btf) else btf_list("btfs", btfs)
    btf, maps = merged(many)
    wanted: list[int] | None = None
    outcomes: list[Outcome] = []
    names = list(types)
    found = dict.fromkeys(ids)
    if found or names or read_by:
        for name in names:
            found |= dict.fromkeys(_called(btf, name, form))
        if read_by:
            from btfkit.co_re.program import objects_list

            read, outcomes = _read(many, maps, objects_list("read_by", read_by))
            found |= dict.fromkeys(_declared(btf, sorted(read), form))
        wanted = list(found)

    elsewhere = _omitted(btf, omitted)
    options = Options(
        pretty=pretty,
        unsorted=unsorted,
        exact=exact,
        compat=compat,
        without=elsewhere,
        prefix=prefix,
        flavor=flavor,
        symbols=_kernel_symbols(symbols),
        banner=banner,
        package=package,
    )
    found_text = Dump(btf, wanted, outcomes, lambda: FORMS[form].text(btf, wanted, options))
    if elsewhere is not None:
        found_text.unused = elsewhere.unused
    return found_text


def _omitted(btf: Btf, names: list[str]) -> Omitted | None:
    if not names:
        return None
    from btfkit.show.c_omitted import Omitted

    return Omitted(btf, names)


def merged(btfs: Sequence[Btf]) -> tuple[Btf, list[Callable[[int], int]]]:
    """One BTF of all of them, with shared types once; and, if there are several, the map of ids for each."""
    if len(btfs) == 1:
        return btfs[0], []
    from btfkit.passes.append import append
    from btfkit.passes.dedup import dedup
    from btfkit.passes.idmap import Spans

    whole, maps = append(*btfs)
    result = dedup(whole)
    first = Spans([(0, len(btfs[0]), 0)])
    return result.btf, [_then(place, result.ids) for place in (first, *maps)]


def _then(place: IdMap, whole: IdMap) -> Callable[[int], int]:
    return lambda old: whole[place[old]]


def _kernel_symbols(symbols: KernelSymbols | str | os.PathLike[str] | None) -> KernelSymbols | None:
    if not isinstance(symbols, str | os.PathLike):
        return symbols
    from btfkit.files.kernel_symbols import read_kernel_symbols

    return read_kernel_symbols(symbols)


def _called(btf: Btf, name: str, form: Form) -> list[int]:
    """The types called `name` that have a text in that form; raises NotFoundError if there are none."""
    found = _declared(btf, btf.find_ids(name), form)
    if not found:
        kind = btf.find(name).kind_name
        raise NotFoundError(
            f"{printable(name)!r} is a {kind}, which has no declaration in {FORMS[form].language}", source=btf.source
        )
    return found


def _declared(btf: Btf, ids: Iterable[int], form: Form) -> list[int]:
    """Those of `ids` that have a text in that form."""
    if not FORMS[form].language:
        return list(ids)
    from btfkit.show.definitions import DECLARED

    return [type_id for type_id in ids if btf.kind(type_id) in DECLARED]


def _read(
    btfs: Sequence[Btf], maps: Sequence[Callable[[int], int]], objects: Sequence[BpfObject]
) -> tuple[set[int], list[Outcome]]:
    """The ids of the types that the relocations of `objects` read, and the outcomes."""
    from btfkit.co_re.relocate import relocate
    from btfkit.co_re.target import Target

    vmlinux = next((btf for btf in btfs if btf.base is None), btfs[0].base)
    assert vmlinux is not None
    target = Target(vmlinux, [btf for btf in btfs if btf.base is not None])
    outcomes = [outcome for answers in relocate(objects, target) for outcome in answers]
    places = dict(zip(btfs, maps, strict=True)) if maps else {}
    found: set[int] = set()
    for match in (match for outcome in outcomes for match in outcome.matches):
        ids = (match.type_id, *match.witness.types)
        found.update(map(places[match.btf], ids) if match.btf in places else ids)
    return found - {0}, outcomes
