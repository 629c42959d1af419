# cython: initializedcheck=False
"""Names of structs, unions and enumerations, numbered."""

from btfkit.hot import growth

WORD = 0xFFFFFFFF
HASH = 0x9E3779B1


class Symbols:
    """For each symbol `symbol_name`, `symbol_tag` (0 struct, 1 union, 2 enumeration) and `symbol_record`, its definition
    (0: none); further definitions are in `others`, as (symbol, record).

    `symbol_group` is the last group that defined it, `twice` has the names that the current group defines more than once.
    """

    def __init__(self):
        self.symbols = memoryview(bytearray(4 * 2048)).cast("I")
        self.symbol_name = growth.room()
        self.symbol_tag = growth.room()
        self.symbol_record = growth.room()
        self.symbol_group = growth.room()
        self.symbol_count = 0
        self.others = []
        self.twice = {}

    def symbol(self, name, tag):
        """The number of the symbol for what is called `name`."""
        mask = len(self.symbols) - 1
        slot = (((name * 2 + tag) * HASH) & WORD) >> 5 & mask
        while self.symbols[slot]:
            found = self.symbols[slot]
            if self.symbol_name[found] == name and self.symbol_tag[found] == tag:
                return found
            slot = (slot + 1) & mask
        found = self.fresh(name, tag)
        self.symbols[slot] = found
        if 2 * found > len(self.symbols):
            self.more_symbols()
        return found

    def more_symbols(self):
        """Double the table of symbols."""
        old = self.symbols
        self.symbols = memoryview(bytearray(8 * len(old))).cast("I")
        mask = len(self.symbols) - 1
        for at in range(len(old)):
            found = old[at]
            if found:
                key = self.symbol_name[found] * 2 + self.symbol_tag[found]
                slot = ((key * HASH) & WORD) >> 5 & mask
                while self.symbols[slot]:
                    slot = (slot + 1) & mask
                self.symbols[slot] = found

    def fresh(self, name, tag):
        """A new symbol, which is found by no name."""
        self.symbol_count += 1
        found = self.symbol_count
        if found + 1 > len(self.symbol_name):
            self.symbol_name = growth.grown(self.symbol_name, found)
            self.symbol_tag = growth.grown(self.symbol_tag, found)
            self.symbol_record = growth.grown(self.symbol_record, found)
            self.symbol_group = growth.grown(self.symbol_group, found)
        self.symbol_name[found] = name
        self.symbol_tag[found] = tag
        return found

    def another(self, symbol):
        """A symbol for a further definition in the same group; declarations of that name there then stand for none."""
        name = self.symbol_name[symbol]
        tag = self.symbol_tag[symbol]
        if symbol not in self.twice:
            self.twice[symbol] = self.fresh(name, tag)
        return self.fresh(name, tag)

    def define(self, symbol, record):
        """Note a definition of a symbol."""
        if self.symbol_record[symbol] == 0:
            self.symbol_record[symbol] = record
        elif self.symbol_record[symbol] != record:
            self.others.append((symbol, record))
