"""Types by name and kind: `btf.struct("task_struct")` is a `Struct`, so type checkers and editors know its `members`."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.header import words_of
from btfkit.errors import AmbiguousError, NotFoundError, printable
from btfkit.hot import names as _names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.btf.types import AnyEnum, Datasec, Float, Func, Fwd, Int, Struct, Type, Typedef, Union, Var

MOST_IDS = 8  # in a message
FEW = 8  # look-ups that go through all records; an index, which costs as much as about ten, is made for the next one


class Finders:
    """The look-ups of `Btf` by name, a method for each kind.

    Each raises NotFoundError if there is no such type, with close names, and AmbiguousError if there are several
    (`Btf.find_ids` returns them all).
    """

    __slots__ = ()

    def struct(self, name: str) -> Struct:
        """The struct called `name`."""
        found: Struct = self._only(name, spec.STRUCT)
        return found

    def union(self, name: str) -> Union:
        """The union called `name`."""
        found: Union = self._only(name, spec.UNION)
        return found

    def enum(self, name: str) -> AnyEnum:
        """The enum (ENUM or ENUM64) called `name`."""
        found: AnyEnum = self._only(name, spec.ENUM, spec.ENUM64)
        return found

    def fwd(self, name: str) -> Fwd:
        """The declaration of a struct or union called `name`."""
        found: Fwd = self._only(name, spec.FWD)
        return found

    def typedef(self, name: str) -> Typedef:
        """The typedef called `name`."""
        found: Typedef = self._only(name, spec.TYPEDEF)
        return found

    def func(self, name: str) -> Func:
        """The function called `name`."""
        found: Func = self._only(name, spec.FUNC)
        return found

    def var(self, name: str) -> Var:
        """The variable called `name`."""
        found: Var = self._only(name, spec.VAR)
        return found

    def datasec(self, name: str) -> Datasec:
        """The data section called `name`."""
        found: Datasec = self._only(name, spec.DATASEC)
        return found

    def int(self, name: str) -> Int:
        """The integer type called `name`."""
        found: Int = self._only(name, spec.INT)
        return found

    def float(self, name: str) -> Float:
        """The floating-point type called `name`."""
        found: Float = self._only(name, spec.FLOAT)
        return found

    def _only(self, name: str, *kinds: Any) -> Any:
        return only(self, name, kinds)  # type: ignore[arg-type]


def only(btf: Btf, name: str, kinds: tuple[int, ...] = ()) -> Type:
    """The one type called `name`, of one of `kinds` (default: any, or those of C's "struct x").

    Raises NotFoundError and AmbiguousError.
    """
    tag, _, rest = name.partition(" ")
    if rest and spec.C_TAGS.get(tag) == kinds:
        name = rest
    ids = list(btf.find_ids(name, kinds))
    if not ids:
        raise missing(btf, name, kinds)
    if len(ids) > 1:
        shown = ", ".join(map(str, ids[:MOST_IDS])) + (", ..." if len(ids) > MOST_IDS else "")
        raise AmbiguousError(
            f"{len(ids)} types called {printable(name)!r}: choose one by its id ({shown})", source=btf.source
        )
    return btf[ids[0]]


def missing(btf: Btf, name: str, kinds: tuple[int, ...] = ()) -> NotFoundError:
    """The error for a type that does not exist, with close names."""
    from btfkit.btf.suggest import did_you_mean_type

    what = spec.word(kinds[0]) if kinds else "type"
    hint = did_you_mean_type(btf, name, kinds)
    return NotFoundError(f"no {what} called {printable(name)!r}{hint}", source=btf.source)


# ---- ids ---------------------------------------------------------------------------------------------------------


def own_ids_called(btf: Btf, name: bytes, kinds: tuple[int, ...]) -> Iterator[int]:
    """The ids of the own types called `name`, ascending; of these kinds, if there are any."""
    if btf.first_named_id is not None:
        yield from _sorted_ids(btf, btf.first_named_id, name, kinds)
        return
    if btf.searches < FEW:
        btf.searches += 1
        following = _scanned(btf, name, kinds[0] if len(kinds) == 1 else 0)
    else:
        following = _indexed(btf, name)
    index = following(-1)
    while index >= 0:
        if not kinds or btf.kind(btf.start_id + index) in kinds:
            yield btf.start_id + index
        index = following(index)


def _scanned(btf: Btf, name: bytes, kind: int) -> Callable[[int], int]:
    """From the index of a record (-1: before all) to that of the next one called `name`, or -1; goes through the records."""
    below = words_of(sorted(btf.base.string_offsets(name)) if btf.base is not None else ())
    words, positions, strings, start = btf.words, btf.positions, btf.strings, btf.start_str_off
    return lambda last: _names.find_name(words, positions, strings, start, name, below, kind, last + 1)


def _indexed(btf: Btf, name: bytes) -> Callable[[int], int]:
    """As `_scanned`, for any kind, by an index that is kept."""
    words, positions, strings, start = btf.words, btf.positions, btf.strings, btf.start_str_off
    below = btf.strings_below
    buckets, chains = btf.kept(_name_chains)
    return lambda last: _names.next_named(words, positions, below, strings, start, buckets, chains, name, last)


def _name_chains(btf: Btf) -> tuple[memoryview[int], memoryview[int]]:
    from btfkit.hot.columns import zeros

    count = len(btf.positions)
    buckets, chains = zeros(1 << count.bit_length()), zeros(count)
    _names.chain_names(btf.words, btf.positions, btf.strings_below, btf.strings, btf.start_str_off, buckets, chains)
    return buckets, chains


def _sorted_ids(btf: Btf, first: int, name: bytes, kinds: tuple[int, ...]) -> Iterator[int]:
    """As `own_ids_called`, if the types from id `first` on are sorted by name."""
    words, positions, start = btf.words, btf.positions, btf.start_str_off
    index = _names.first_not_below(words, positions, btf.strings_below, btf.strings, start, name, first - btf.start_id)
    for type_id in range(btf.start_id + index, len(btf)):
        if btf.string(btf.word(type_id, 0)) != name:
            return
        if not kinds or btf.kind(type_id) in kinds:
            yield type_id
