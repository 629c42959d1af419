"""What the symbols of interned records mean: a struct, union or enumeration of one name may be several types
in different units.

A symbol with one definition means that everywhere; a unit that only declares the name means it too.  A symbol with several is
*ambiguous*: each record that refers to it is copied for each of the meanings that it has in some group, and so is each
record that refers to a copy (`copies`).
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.encoder import lesser_classes
from btfkit.encoder.copies import PLACE, SYMBOL, Copies
from btfkit.hot import assembly as _loops

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.hot.interning import Interner


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
        self.copies: dict[tuple[int, int], int] = {}  # (group, record) -> record
        self.meanings: dict[tuple[int, int], int] = {}  # (group, symbol) -> record
        self.declared: dict[int, int] = {}  # symbol -> record
        self.forwards = self._forwards()
        told_apart = Copies(types, self.kind)
        self.ambiguous, self.tainted = told_apart.ambiguous, told_apart.tainted
        self._copy(told_apart)
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

    def _copy(self, told_apart: Copies) -> None:
        """Append a copy of each tainted record for each of its classes."""
        groups = told_apart.groups()
        own, keys = told_apart.keys(groups)
        joined, evidence = lesser_classes.join_all(keys, told_apart.places, self.kind)
        copy_of: dict[int, int] = {}
        first: dict[int, tuple[int, dict[int, int]]] = {}
        for group, records, meanings in groups:
            for record in records:
                number = own[group, record]
                number = joined.get(number, number)
                if number not in copy_of:
                    copy_of[number] = len(self.record_at) - 1
                    at = self.record_at[record]
                    self.words.extend(self.words[at : self.record_at[record + 1]])
                    self.record_at.append(len(self.words))
                    self.die.append(self.die[record])
                copy = copy_of[number]
                self.copies[group, record] = copy
                if number == own[group, record]:  # else it knows less than this class
                    first.setdefault(copy, (group, meanings))
        for symbol, votes in evidence.items():
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
        for group, _, meanings in groups:
            for symbol, record in meanings.items():
                self.meanings[group, symbol] = self.copies.get((group, record), record)

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
