"""The copies of records that depend on their group, and which of them are equal.

A symbol with several definitions is *ambiguous*: a record that refers to it, or to such a record, is *tainted*, and has a copy in
each group in which it occurs.  Copies are told apart as `dedup` tells types apart: at first all copies of a record are in one
class, and a class splits as soon as its copies refer to different ones.  If the copies of a definition end in several classes,
its symbol becomes ambiguous too.

The rounds are those of the obvious way, which computes every class anew from the classes of the round before, until nothing
changes; but only copies that refer to a changed one are looked at again.  A class that splits leaves its number to the larger
part, so a copy changes its class a logarithmic number of times.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush
from itertools import count as numbers

from btfkit.encoder import lesser_classes
from btfkit.errors import LimitError
from btfkit.hot import assembly as _loops

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.hot.interning import Interner

SYMBOL = 0x80000000
PLACE = 0x3FFFFFFF
MOST_COPIES = 1_000_000  # looked at to tell types of one name apart: some ten seconds (a vmlinux has a thousand)

Groups = list[tuple[int, list[int], dict[int, int]]]
Places = list[tuple[bool, int]]


class Copies:
    """The copies of all tainted records, by number; `record_of` and `group_of` each.

    `places[record]` has what a tainted record refers to that depends on the group, as (whether it is a symbol, number);
    `meanings[group][symbol]` is the definition of an ambiguous symbol.  `own[copy]` is the class by what the copy itself refers
    to, `classes[copy]` that of the copy that it is joined with (`lesser_classes`).
    """

    def __init__(self, types: Interner, kind: Callable[[int], int]) -> None:
        self.types = types
        self.kind = kind
        self.count = types.record_count
        self.ambiguous = bytearray(types.symbol_count + 1)
        self.tainted = bytearray(self.count + 1)
        self.places: dict[int, Places] = {}
        self.meanings: dict[int, dict[int, int]] = {}
        self.record_of: list[int] = []
        self.group_of: list[int] = []
        self.own: list[int] = []
        self.classes: list[int] = []
        self._number: dict[tuple[int, int], int] = {}  # (group, record) -> copy
        self._copies: dict[int, range] = {}  # record -> its copies
        self._holders: dict[int, list[int]] = {}  # copy -> the copies that refer to it by its number
        self._callers: dict[tuple[int, int], list[int]] = {}  # (group, symbol) -> the copies that refer to the symbol
        self._declares = False  # whether a copy refers to a symbol that its group only declares
        self._left = MOST_COPIES
        self._fresh = numbers(1)
        self._forget()
        self._defines = self._definitions()
        further = dict.fromkeys(symbol for symbol, _ in types.others)
        if further:
            self._index()
            self._settle(list(further))

    def groups(self) -> Groups:
        """(group, its tainted records in ascending order, its definitions of ambiguous symbols)."""
        found: dict[int, list[int]] = {group: [] for group in self.meanings}
        for group, record in sorted(self._number):
            found.setdefault(group, []).append(record)
        return [(group, found[group], self.meanings.get(group, {})) for group in sorted(found)]

    def keys(self, groups: Groups) -> tuple[dict[tuple[int, int], int], dict[tuple[int, ...], int]]:
        """The own class of each copy by (group, record), numbered from 1 as they first occur, and the classes by their keys."""
        numbered: dict[int, int] = {}
        found = {}
        for group, records, _ in groups:
            for record in records:
                one = self.own[self._number[group, record]]
                found[group, record] = numbered.setdefault(one, len(numbered) + 1)
        keys: dict[tuple[int, ...], int] = {}
        for one, number in numbered.items():
            record, *parts = self._keys[one]
            keys[(record, *(numbered.get(part, part) for part in parts))] = number
        return found, keys

    def _definitions(self) -> dict[int, list[int]]:
        """Symbols by the record that defines them."""
        types = self.types
        found: dict[int, list[int]] = {}
        for symbol in range(1, types.symbol_count + 1):
            if types.symbol_record[symbol]:
                found.setdefault(types.symbol_record[symbol], []).append(symbol)
        for symbol, record in dict.fromkeys(types.others):
            found.setdefault(record, []).append(symbol)
        return found

    # ---- who refers to what, and where it occurs ---------------------------------------------------------------------

    def _index(self) -> None:
        types = self.types
        self._user_starts = array("I", bytes(4 * (self.count + types.symbol_count + 3)))
        self._users = array("I", bytes(4 * types.record_end))
        _loops.index_users(types.records, types.record_at, self.count, self._user_starts, self._users)
        self._occurrence_starts = array("I", bytes(4 * (self.count + 3)))
        self._occurrences = array("I", bytes(4 * types.occurred))
        _loops.index_records(types.occurrences, types.occurred, self._occurrence_starts, self._occurrences)
        self._definers: dict[int, list[int]] = {}
        for record in sorted(self._defines):
            for symbol in self._defines[record]:
                self._definers.setdefault(symbol, []).append(record)

    def _users_of(self, target: int) -> Iterable[int]:
        """The records that refer to a record, or to a symbol (its number after those of the records)."""
        return dict.fromkeys(self._users[self._user_starts[target] : self._user_starts[target + 1]])

    def _groups_of(self, record: int) -> Iterable[int]:
        """The groups in which a record occurs, in ascending order."""
        at = self._occurrences[self._occurrence_starts[record] : self._occurrence_starts[record + 1]]
        return dict.fromkeys(bisect_right(self.types.starts, place) for place in at)

    # ---- ambiguous symbols -------------------------------------------------------------------------------------------

    def _settle(self, symbols: list[int]) -> None:
        """Make symbols ambiguous, tell the copies apart, and go on with those that have become ambiguous by that."""
        while symbols:
            dirty = self._taint(symbols)
            if self._declares:  # with these, the classes do not just split: they depend on where it began
                self._forget()
                dirty = range(len(self.own))
            split = self._refine(dirty)
            symbols = [
                symbol
                for record in sorted(split)
                if self._is_split(record)
                for symbol in self._defines.get(record, ())
                if not self.ambiguous[symbol]
            ]
            symbols = list(dict.fromkeys(symbols))

    def _is_split(self, record: int) -> bool:
        return len({self._joined.get(one, one) for one in self._tables[record].values()}) > 1

    def _taint(self, symbols: list[int]) -> Iterable[int]:
        """Make symbols ambiguous; returns the copies of the records that refer to them and to records that are tainted now."""
        for symbol in symbols:
            self.ambiguous[symbol] = 1
            for record in self._definers.get(symbol, ()):
                for group in self._groups_of(record):
                    self.meanings.setdefault(group, {})[symbol] = record
        stale = {}
        todo = [self.count + symbol for symbol in symbols]
        for target in todo:  # grows
            for record in self._users_of(target):
                stale[record] = True
                if not self.tainted[record]:
                    self.tainted[record] = 1
                    todo.append(record)
                    self._copy(record)
        return [copy for record in sorted(stale) for copy in self._see_places(record)]

    def _copy(self, record: int) -> None:
        """Number the copies of a record."""
        first = len(self.own)
        for group in self._groups_of(record):
            self._number[group, record] = len(self.own)
            self.record_of.append(record)
            self.group_of.append(group)
            self.own.append(-record)
            self.classes.append(-record)
        self._copies[record] = range(first, len(self.own))
        self._members[-record] = set(self._copies[record])

    def _see_places(self, record: int) -> Iterable[int]:
        """Find what a record refers to that depends on the group; returns its copies."""
        at: list[int] = []
        _loops.references(self.types.records, self.types.record_at[record], at)
        before = set(self.places.get(record, ()))
        places = self.places[record] = []
        for place in at:
            token = self.types.records[place]
            if token & SYMBOL:
                if self.ambiguous[token & PLACE]:
                    places.append((True, token & PLACE))
            elif self.tainted[token]:
                places.append((False, token))
        copies = self._copies[record]
        for is_symbol, what in dict.fromkeys(places):
            if (is_symbol, what) not in before:
                for copy in copies:
                    group = self.group_of[copy]
                    if is_symbol:
                        self._callers.setdefault((group, what), []).append(copy)
                        self._declares = self._declares or what not in self.meanings.get(group, ())
                    else:
                        self._holders.setdefault(self._number[group, what], []).append(copy)
        return copies

    # ---- classes -----------------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        """All copies of a record are in one class."""
        self._tables: dict[int, dict[tuple[int, ...], int]] = {}  # record -> its classes by their keys
        self._keys: dict[int, tuple[int, ...]] = {}  # class -> its key
        self._members = {-record: set(copies) for record, copies in self._copies.items()}
        self._above: dict[int, set[int]] = {}  # class -> those that know more
        self._lesser: dict[int, dict[int, set[int]]] = {}  # the same by record
        self._joined: dict[int, int] = {}  # class -> the one that it is joined with
        self._joined_of: dict[int, dict[int, int]] = {}  # the same by record
        for copy, record in enumerate(self.record_of):
            self.own[copy] = self.classes[copy] = -record

    def _refine(self, dirty: Iterable[int]) -> set[int]:
        """Look at copies again, and at all that depend on them; returns the records whose classes are others now."""
        touched: set[int] = set()
        while dirty:
            by_record: dict[int, set[int]] = {}
            for copy in dirty:
                by_record.setdefault(self.record_of[copy], set()).add(copy)
            moved: set[int] = set()
            todo = list(by_record)
            heapify(todo)
            seen = []
            while todo:  # what is inside a record comes before it
                record = heappop(todo)
                seen.append(record)
                for copy in self._regroup(record, sorted(by_record[record])):
                    moved.add(copy)
                    for holder in self._holders.get(copy, ()):
                        outer = self.record_of[holder]
                        if outer not in by_record:
                            by_record[outer] = set()
                            heappush(todo, outer)
                        by_record[outer].add(holder)
            touched.update(seen)
            if self._declares:
                self._join(seen, moved, touched)
            dirty = self._renumber(moved)
        return touched

    def _renumber(self, moved: Iterable[int]) -> list[int]:
        """Give copies the numbers of their classes; returns those that refer to them by a symbol."""
        found: list[int] = []
        for copy in sorted(moved):
            now = self._joined.get(self.own[copy], self.own[copy])
            if self.classes[copy] == now:
                continue
            self.classes[copy] = now
            group, record = self.group_of[copy], self.record_of[copy]
            for symbol in self._defines.get(record, ()):
                if self.ambiguous[symbol] and self.meanings[group][symbol] == record:
                    found.extend(self._callers.get((group, symbol), ()))
        return found

    def _key(self, copy: int) -> tuple[int, ...]:
        """A record and what its copy refers to: 0 for a mere declaration, -record for one that has no copies."""
        record, group = self.record_of[copy], self.group_of[copy]
        meanings = self.meanings.get(group, {})
        key = [record]
        for is_symbol, what in self.places[record]:
            if not is_symbol:
                key.append(self.own[self._number[group, what]])
                continue
            target = meanings.get(what, 0)
            number = self._number.get((group, target))
            key.append(-target if number is None else self.classes[number])
        return tuple(key)

    def _regroup(self, record: int, copies: list[int]) -> Iterable[int]:
        """Compute the classes of some copies of a record again; returns the copies whose class has another number now."""
        self._left -= len(copies)
        if self._left < 0:
            raise LimitError(
                f"to tell types of one name apart takes more than {MOST_COPIES:,} steps: those with several definitions"
                " refer to each other in chains that are too long",
                section=".debug_info",
            )
        own, members, keys = self.own, self._members, self._keys
        table = self._tables.setdefault(record, {})
        by_key: dict[tuple[int, ...], list[int]] = {}
        for copy in copies:
            by_key.setdefault(self._key(copy), []).append(copy)
            members[own[copy]].discard(copy)
        vacant = {one for one in map(own.__getitem__, copies) if not members[one]}
        for one in vacant:
            if one in keys:
                del table[keys.pop(one)]
        moved: set[int] = set()
        for key in sorted(by_key, key=lambda key: -len(by_key[key])):  # the largest part keeps the number
            some = by_key[key]
            one = table.get(key, 0)
            if not one:
                one = own[some[0]]
                if one not in vacant:
                    rest = members[one]
                    if len(rest) >= len(some):
                        one = next(self._fresh)
                    else:
                        self._move(record, one, next(self._fresh))
                        moved.update(rest)
                vacant.discard(one)
                table[key] = one
                keys[one] = key
                members[one] = set()
            members[one].update(some)
            for copy in some:
                if own[copy] != one:
                    own[copy] = one
                    moved.add(copy)
        for one in vacant:
            del members[one]
        return moved

    def _move(self, record: int, one: int, other: int) -> None:
        """Give a class of a record another number."""
        self._members[other] = self._members[one]
        self._keys[other] = self._keys[one]
        self._tables[record][self._keys[one]] = other
        for copy in self._members[other]:
            self.own[copy] = other

    # ---- classes that know less --------------------------------------------------------------------------------------

    def _join(self, records: list[int], moved: set[int], touched: set[int]) -> None:
        """Join the classes of these records again, and of all that hold them as far as that changes; adds to `moved` the copies
        whose class is joined with another one now."""
        todo = list(records)
        heapify(todo)
        queued = set(todo)
        while todo:
            record = heappop(todo)
            touched.add(record)
            found = lesser_classes.above(
                list(self._tables[record].values()), self._keys, self.places[record], self._above
            )
            before = self._lesser.get(record, {})
            if found != before:
                for one in before:
                    del self._above[one]
                self._above.update(found)
                self._lesser[record] = found
                for outer in self._users_of(record):
                    if outer not in queued:
                        queued.add(outer)
                        heappush(todo, outer)
            now = lesser_classes.joined(found) if self.kind(record) in lesser_classes.BY_CONTEXT else {}
            old = self._joined_of.get(record, {})
            if now != old:
                for one in old:
                    del self._joined[one]
                self._joined.update(now)
                self._joined_of[record] = now
                for one in (*old, *now):
                    if old.get(one) != now.get(one):
                        moved.update(self._members.get(one, ()))
