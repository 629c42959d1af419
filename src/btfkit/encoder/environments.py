"""What the symbols of interned records mean: a struct, union or enumeration of one name may be several types
in different units.

A symbol with one definition means that everywhere; a unit that only declares the name means it too.  A symbol with several is
*ambiguous*: each record that refers to it is copied for each of the meanings that it has in some group, and so is each
record that refers to a copy.  If that gives a definition several copies, its symbol becomes ambiguous too.  Copies are told
apart as `dedup` tells types apart: by refinement, until no class splits any more.
"""

from __future__ import annotations

from array import array
from heapq import heapify, heappop, heappush

from btfkit.btf import spec
from btfkit.errors import LimitError
from btfkit.hot import assembly as _loops

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.hot.interning import Interner

SYMBOL = 0x80000000
PLACE = 0x3FFFFFFF
MOST_COPIES = 1_000_000  # looked at to tell types of one name apart: some ten seconds (a vmlinux has a thousand)
_BY_CONTEXT = (spec.STRUCT, spec.UNION, spec.TYPEDEF)


class Resolved:
    """All records, those that depend on their group as copies: `words` with `record_at`, of which `order` are the ones to
    write.

    `ids` has the final id of each record, `symbol_ids` of each symbol that is not ambiguous; `id_in` gives that of any token
    in a group.  `tainted` and `ambiguous` mark the records and symbols that depend on the group.
    """

    def __init__(self, types: Interner) -> None:
        self.types = types
        self.count = types.record_count
        self.words = array("I", bytes(types.records[: types.record_end]))
        self.record_at = array("I", bytes(types.record_at[: self.count + 2]))
        self.die = array("I", bytes(types.record_die[: self.count + 1]))
        self.ambiguous = bytearray(types.symbol_count + 1)
        self.tainted = bytearray(self.count + 1)
        self.copies: dict[tuple[int, int], int] = {}  # (group, record) -> record
        self.meanings: dict[tuple[int, int], int] = {}  # (group, symbol) -> record
        self.declared: dict[int, int] = {}  # symbol -> record
        self._evidence: dict[int, dict[int, int]] = {}
        self._left = MOST_COPIES
        self.forwards = self._forwards()
        self._settle()
        self.order = self._order()
        self.ids = array("I", bytes(4 * len(self.record_at)))
        for number, record in enumerate(self.order, 1):
            self.ids[record] = number
        self.symbol_ids = array("I", bytes(4 * (types.symbol_count + 1)))
        copy_of = {
            record: copy for (_, record), copy in self.copies.items()
        }  # the only one, if the symbol is not ambiguous
        for symbol in range(1, types.symbol_count + 1):
            if not self.ambiguous[symbol]:
                record = types.symbol_record[symbol] or self._forward(symbol)
                self.symbol_ids[symbol] = self.ids[copy_of.get(record, record)]

    def kind(self, record: int) -> int:
        """The number of the kind of a record."""
        return self.words[self.record_at[record] + 1] >> 24 & 0x7F

    def id_in(self, token: int, group: int) -> int:
        """The final id of a token in a group."""
        if token & SYMBOL:
            symbol = token & PLACE
            if not self.ambiguous[symbol]:
                return self.symbol_ids[symbol]
            return self.ids[self.meanings.get((group, symbol)) or self._declaration(symbol)]
        return self.ids[self.copies[group, token] if self.tainted[token] else token]

    def _forwards(self) -> dict[tuple[int, int], int]:
        """The record of each forward declaration, by name and tag."""
        found = {}
        words, place = self.words, self.record_at
        for record in range(1, self.count + 1):
            info = words[place[record] + 1]
            kind = info >> 24 & 0x7F
            if kind == spec.FWD:
                found[words[place[record]], info >> 31] = record
            elif kind in (spec.ENUM, spec.ENUM64) and not info & 0xFFFFFF:
                found.setdefault((words[place[record]], 2), record)
        return found

    def _forward(self, symbol: int) -> int:
        types = self.types
        return self.forwards.get((types.symbol_name[symbol], types.symbol_tag[symbol]), 0)

    def _declaration(self, symbol: int) -> int:
        """The record of an ambiguous symbol in a group that only declares it: the definition that most declarations stand
        for."""
        return self.declared.get(symbol) or self._forward(symbol)

    # ---- ambiguous symbols -----------------------------------------------------------------------------------------

    def _settle(self) -> None:
        types = self.types
        for symbol, _ in types.others:
            self.ambiguous[symbol] = 1
        defines: dict[int, list[int]] = {}  # symbols by record
        for symbol in range(1, types.symbol_count + 1):
            if types.symbol_record[symbol]:
                defines.setdefault(types.symbol_record[symbol], []).append(symbol)
        for symbol, record in dict.fromkeys(types.others):
            defines.setdefault(record, []).append(symbol)
        while any(self.ambiguous):
            self.tainted = bytearray(self.count + 1)
            if not _loops.taint(types.records, types.record_at, self.count, self.ambiguous, self.tainted):
                self._fill_meanings(self._groups(defines), {})
                return
            groups = self._groups(defines)
            classes = self._refined(groups)
            more = {
                symbol
                for record, copies in classes.items()
                if len(copies) > 1
                for symbol in defines.get(record, ())
                if not self.ambiguous[symbol]
            }
            if not more:
                self._copy(groups)
                return
            for symbol in more:
                self.ambiguous[symbol] = 1

    def _groups(self, defines: dict[int, list[int]]) -> list[tuple[int, list[int], dict[int, int]]]:
        """(group, its tainted records in ascending order, its definitions of ambiguous symbols)."""
        types = self.types
        marks = bytearray(self.tainted)
        for record, symbols in defines.items():
            if any(self.ambiguous[symbol] for symbol in symbols):
                marks[record] = 1
        found = []
        ends = [*types.starts[1:], types.occurred]
        for group, (start, end) in enumerate(zip(types.starts, ends, strict=True), 1):
            records: list[int] = []
            _loops.pick(types.occurrences, start, end, marks, records)
            if records:
                records = sorted(set(records))
                meanings = {
                    symbol: record for record in records for symbol in defines.get(record, ()) if self.ambiguous[symbol]
                }
                found.append((group, [record for record in records if self.tainted[record]], meanings))
        return found

    def _refined(self, groups: list[tuple[int, list[int], dict[int, int]]]) -> dict[int, set[int]]:
        """For each tainted record the classes of its copies, by what they refer to."""
        places: dict[int, list[tuple[bool, int]]] = {}
        for record in range(1, self.count + 1):
            if self.tainted[record]:
                found: list[int] = []
                _loops.references(self.words, self.record_at[record], found)
                tokens = [self.words[at] for at in found]
                places[record] = [
                    (bool(token & SYMBOL), token & PLACE if token & SYMBOL else token)
                    for token in tokens
                    if (self.ambiguous[token & PLACE] if token & SYMBOL else self.tainted[token])
                ]
        number: dict[tuple[int, int], int] = {}  # (group, record) -> class, of the round before
        while True:
            self._left -= sum(len(records) for _, records, _ in groups)
            if self._left < 0:
                raise LimitError(
                    f"to tell types of one name apart takes more than {MOST_COPIES:,} steps: those with several definitions"
                    " refer to each other in chains that are too long",
                    section=".debug_info",
                )
            keys: dict[tuple[int, ...], int] = {}
            new: dict[tuple[int, int], int] = {}
            for group, records, meanings in groups:
                for record in records:
                    key = [record]
                    for is_symbol, what in places[record]:
                        if not is_symbol:
                            key.append(new[group, what])
                            continue
                        target = meanings.get(what, 0)
                        key.append(number.get((group, target), -target) if target else 0)
                    new[group, record] = keys.setdefault(tuple(key), len(keys) + 1)
            joined = self._joined(keys, places)
            merged = {place: joined.get(one, one) for place, one in new.items()}
            if merged == number:
                break
            number = merged
        self._number = number
        self._own_number = new
        classes: dict[int, set[int]] = {}
        for (_, record), one in number.items():
            classes.setdefault(record, set()).add(one)
        return classes

    def _joined(self, keys: dict[tuple[int, ...], int], places: dict[int, list[tuple[bool, int]]]) -> dict[int, int]:
        """The classes that are the same as another one in all but what some of their groups only declare, with that one.

        That holds for structures, unions and typedefs, and if there is just one such other class: as `dedup` resolves
        declarations by their context.
        """
        by_number = {number: key for key, number in keys.items()}
        by_record: dict[int, list[int]] = {}
        for key, number in keys.items():
            by_record.setdefault(key[0], []).append(number)
        joined: dict[int, int] = {}
        above: dict[int, set[int]] = {}  # of each class that declares something: those that know more
        for record in sorted(by_record):  # what is inside a record comes before it
            numbers, context = by_record[record], places[record]
            lesser = [number for number in numbers if _declares(by_number[number], context, above)]
            index: list[dict[int, list[int]]] = []
            if lesser and len(numbers) > 1:
                index = _by_place(numbers, by_number, len(context))
            for one in lesser:
                key = by_number[one]
                above[one] = {
                    other
                    for other in _that_may_know_more(key, context, above, index, numbers)
                    if other != one and _knows_less(key, by_number[other], context, above)
                }
            if len(numbers) > 1 and self.kind(record) in _BY_CONTEXT:
                for one in lesser:
                    uppers = [other for other in above[one] if not above.get(other)]
                    if len(uppers) == 1:
                        joined[one] = uppers[0]
        self._vote(by_number, places, joined)
        return joined

    def _vote(
        self, by_number: dict[int, tuple[int, ...]], places: dict[int, list[tuple[bool, int]]], joined: dict[int, int]
    ) -> None:
        """Note which definition each declaration in the `joined` classes stands for: one vote for each path to it."""
        self._evidence = {}
        weights: dict[int, dict[tuple[int, int], int]] = {}  # of pairs of classes, by their record
        for pair in joined.items():
            weights.setdefault(by_number[pair[0]][0], {})[pair] = 1
        todo = [-record for record in weights]
        heapify(todo)
        while todo:
            record = -heappop(todo)
            for (lesser, other), weight in weights.pop(record).items():
                pairs = zip(by_number[lesser][1:], by_number[other][1:], places[record], strict=True)
                for x, y, (is_symbol, what) in pairs:
                    if not is_symbol and x != y:
                        if what not in weights:
                            weights[what] = {}
                            heappush(todo, -what)
                        weights[what][x, y] = weights[what].get((x, y), 0) + weight
                    elif x == 0 and y:
                        votes = self._evidence.setdefault(what, {})
                        votes[y] = votes.get(y, 0) + weight

    def _copy(self, groups: list[tuple[int, list[int], dict[int, int]]]) -> None:
        """Append a copy of each tainted record for each of its classes."""
        copy_of: dict[int, int] = {}
        first: dict[int, tuple[int, dict[int, int]]] = {}
        for group, records, meanings in groups:
            for record in records:
                number = self._number[group, record]
                if number not in copy_of:
                    copy_of[number] = len(self.record_at) - 1
                    at = self.record_at[record]
                    self.words.extend(self.words[at : self.record_at[record + 1]])
                    self.record_at.append(len(self.words))
                    self.die.append(self.die[record])
                copy = copy_of[number]
                self.copies[group, record] = copy
                if number == self._own_number[group, record]:  # else it knows less than this class
                    first.setdefault(copy, (group, meanings))
        for symbol, votes in self._evidence.items():
            best = min(votes, key=lambda number: (-votes[number], abs(number)))
            self.declared[symbol] = copy_of[best] if best > 0 else -best
        for copy, (group, meanings) in first.items():
            found: list[int] = []
            _loops.references(self.words, self.record_at[copy], found)
            for at in found:
                token = self.words[at]
                if token & SYMBOL:
                    if self.ambiguous[token & PLACE]:
                        target = meanings.get(token & PLACE, 0)
                        self.words[at] = self.copies.get((group, target), target) or self._declaration(token & PLACE)
                elif self.tainted[token]:
                    self.words[at] = self.copies[group, token]
        self._fill_meanings(groups, self.copies)

    def _fill_meanings(
        self, groups: list[tuple[int, list[int], dict[int, int]]], copies: dict[tuple[int, int], int]
    ) -> None:
        for group, _, meanings in groups:
            for symbol, record in meanings.items():
                self.meanings[group, symbol] = copies.get((group, record), record)

    # ---- the order -------------------------------------------------------------------------------------------------

    def _order(self) -> array[int]:
        """The records to write, in the order in which their DIEs appear."""
        records = [
            record for record in range(1, len(self.record_at) - 1) if record > self.count or not self.tainted[record]
        ]
        records.sort(key=self.die.__getitem__)
        return self._without_helpers(array("I", records))

    def _without_helpers(self, order: array[int]) -> array[int]:
        """`order` without the base types that clang makes for the operations of DWARF expressions (DW_ATE_unsigned_8...),
        unless a type refers to them."""
        data, words, place = self.types.names.data, self.words, self.record_at
        helpers = {
            record
            for record in order
            if words[place[record] + 1] >> 24 == spec.INT and data.startswith(b"DW_ATE_", words[place[record]])
        }
        if not helpers:
            return order
        marks = bytearray(len(place))
        _loops.used(words, place, order, marks)
        return array("I", [record for record in order if record not in helpers or marks[record]])


# ---- classes that know less --------------------------------------------------------------------------------------------
#
# The key of a class is its record, and for each place that depends on the group what is there: for a symbol the class of its
# definition, or 0 if the group only declares it; else the class of the record inside, which has a lower number.


def _declares(key: tuple[int, ...], context: list[tuple[bool, int]], above: dict[int, set[int]]) -> bool:
    """Whether a class declares something, itself or inside, so that another may know more."""
    return any(not x if is_symbol else x in above for x, (is_symbol, _) in zip(key[1:], context, strict=True))


def _by_place(numbers: list[int], by_number: dict[int, tuple[int, ...]], count: int) -> list[dict[int, list[int]]]:
    """For each place the classes by what is there."""
    found: list[dict[int, list[int]]] = [{} for _ in range(count)]
    for number in numbers:
        for place, what in enumerate(by_number[number][1:]):
            found[place].setdefault(what, []).append(number)
    return found


def _that_may_know_more(
    key: tuple[int, ...],
    context: list[tuple[bool, int]],
    above: dict[int, set[int]],
    index: list[dict[int, list[int]]],
    numbers: list[int],
) -> list[int]:
    """The classes that have one place in common with a class: the place that leaves the fewest; all if it only declares."""
    best = numbers
    for x, (is_symbol, _), here in zip(key[1:], context, index, strict=False):
        if is_symbol and not x:
            continue
        fitting = [here[each] for each in (x, *(() if is_symbol else above.get(x, ()))) if each in here]
        if sum(map(len, fitting)) < len(best):
            best = [number for some in fitting for number in some]
    return best


def _knows_less(
    one: tuple[int, ...], other: tuple[int, ...], context: list[tuple[bool, int]], above: dict[int, set[int]]
) -> bool:
    """Whether two classes are the same in all but what `one` only declares."""
    return all(
        x == y or (x == 0 if is_symbol else y in above.get(x, ()))
        for x, y, (is_symbol, _) in zip(one[1:], other[1:], context, strict=True)
    )
