# cython: initializedcheck=False
"""The functions of a symbol table and their candidates by name, the choice where nothing is in doubt, and their prototypes.

A *name* here is an entry: number n has its candidates from `first_candidate[n]` on, linked by `next_candidate`, and its symbols
from `first_symbol[n]` on, linked by `next_symbol`; all count from 1, 0 ends a list.
"""

from btfkit.hot import codes, kinds
from btfkit.hot.strings import StringTable  # noqa: F401

WORD = 0xFFFFFFFF
HASH = 0x9E3779B1
STT_FUNC = 2
DOT = 46


class FunctionNames:
    """The names of functions that a symbol table has; `names` is the table of strings.

    `name_at[n]` is the offset of name number n in that table; symbol number s has the address `values[s]`, and `suffix_at[s]` is
    where the rest of its name begins, from the first dot on.
    """

    def __init__(self, names, symbols):
        self.names = names
        size = 1024
        while size < 4 * symbols:
            size *= 2
        self.slots = memoryview(bytearray(4 * size)).cast("I")
        self.name_at = memoryview(bytearray(4 * symbols + 4)).cast("I")
        self.first_symbol = memoryview(bytearray(4 * symbols + 4)).cast("I")
        self.last_symbol = memoryview(bytearray(4 * symbols + 4)).cast("I")
        self.next_symbol = memoryview(bytearray(4 * symbols + 4)).cast("I")
        self.suffix_at = memoryview(bytearray(4 * symbols + 4)).cast("I")
        self.values = memoryview(bytearray(8 * symbols + 8)).cast("Q")
        self.first_candidate = memoryview(bytearray(4 * symbols + 4)).cast("I")
        self.last_candidate = memoryview(bytearray(4 * symbols + 4)).cast("I")
        self.count = 0
        self.symbols = 0

    def entry(self, name):
        """The slot of the name at the offset `name`, or the free one where it belongs."""
        mask = len(self.slots) - 1
        slot = ((name * HASH) & WORD) >> 5 & mask
        while self.slots[slot] and self.name_at[self.slots[slot]] != name:
            slot = (slot + 1) & mask
        return slot

    def find(self, name):
        """The number of the name at an offset; 0 if it is no function's."""
        return self.slots[self.entry(name)]

    def add(self, strings, start, value):
        """Add the symbol of a function whose name begins at `strings[start]`, unless it is a part of one (.cold, .part)."""
        if start >= len(strings):
            return 0
        dot = start
        while strings[dot] and strings[dot] != DOT:
            dot += 1
        if dot == start:
            return 0
        end = dot
        while strings[end]:
            if strings[end] == DOT and (starts(strings, end, b".cold") or starts(strings, end, b".part")):
                return 0
            end += 1
        name = self.names.put_part(strings, start, dot)
        slot = self.entry(name)
        number = self.slots[slot]
        self.symbols += 1
        if number == 0:
            self.count += 1
            number = self.count
            self.slots[slot] = number
            self.name_at[number] = name
            self.first_symbol[number] = self.symbols
        else:
            self.next_symbol[self.last_symbol[number]] = self.symbols
        self.last_symbol[number] = self.symbols
        self.values[self.symbols] = value
        self.suffix_at[self.symbols] = dot
        return 0

    def take(self, strings, table, big, addresses, clear):
        """Add the functions of a symbol table, whose symbols are three words of 64 bits.

        `addresses` is where each section is (none: values are addresses), `clear` has the bits of an address that do not count.
        """
        for at in range(0, len(table) - 2, 3):
            word = table[at]
            if big:
                name = word >> 32
                info = word >> 24 & 15
                section = word & 0xFFFF
            else:
                name = word & WORD
                info = word >> 32 & 15
                section = word >> 48
            if info == STT_FUNC and section and name:
                value = table[at + 1]
                if section < len(addresses):
                    value += addresses[section]
                self.add(strings, name, value & ~clear)

    def candidates(self, functions, end, following):
        """Link the functions that are no declarations, whose name is here, and whose parameters all have names: by name, in their
        order, in `following`, by the number of the function.  The place of number n in `functions` is `following[2 * n + 1]`,
        that of the one after it `following[2 * n]`.  Returns how many there are."""
        at = 0
        count = 0
        while at < end:
            function = at
            parameters = functions[at + 5]
            at += codes.FUNCTION_WORDS
            named = True
            for _ in range(parameters):
                if functions[at] == 0:
                    named = False
                at += codes.PARAMETER_WORDS
            if not named or functions[function + 4] & codes.DECLARED:
                continue
            number = self.find(functions[function + 1])
            if number == 0:
                continue
            count += 1
            following[2 * count + 1] = function
            if self.first_candidate[number]:
                following[2 * self.last_candidate[number]] = count
            else:
                self.first_candidate[number] = count
            self.last_candidate[number] = count
        return count

    def decide(self, functions, following, flags, registers, clear, chosen):
        """The place in `functions` of the candidate for each name where nothing is in doubt (`chosen`, by number; 0: not decided
        here): all symbols at one address, nothing to be said of a candidate, all of them with the same types.  `flags` marks the
        structures among the types, `registers` is the number of registers for parameters."""
        for number in range(1, self.count + 1):
            candidate = self.first_candidate[number]
            if candidate == 0:
                continue
            symbol = self.first_symbol[number]
            address = self.values[symbol]
            plain = True
            while symbol:
                if self.values[symbol] != address:
                    plain = False
                symbol = self.next_symbol[symbol]
            first = following[2 * candidate + 1]
            found = 0
            while candidate and plain:
                at = following[2 * candidate + 1]
                if functions[at + 9] or not same_types(functions, first, at):
                    plain = False
                    break
                count = functions[at + 5]
                for k in range(registers, count):
                    if flags[functions[at + codes.FUNCTION_WORDS + codes.PARAMETER_WORDS * k + 1]]:
                        plain = False
                if found == 0 and functions[at + 4] & codes.HAS_ADDRESS:
                    value = functions[at + 7]
                    value = (value << 32 | functions[at + 6]) & ~clear
                    if value == address:
                        found = at + 1
                candidate = following[2 * candidate]
            if plain:
                chosen[number] = found if found else first + 1


def starts(strings, at, text):
    """Whether `text`, five bytes, stands at a position of `strings`, which end with a NUL."""
    k = 0
    while k < 5 and strings[at + k] == text[k]:
        k += 1
    return k == 5


def same_types(functions, one, other):
    """Whether two functions have the same types of results and of parameters."""
    if one == other:
        return True
    count = functions[one + 5]
    if functions[other + 5] != count or functions[one + 2] != functions[other + 2]:
        return False
    if (functions[one + 4] ^ functions[other + 4]) & codes.VARARGS:
        return False
    for k in range(count):
        at = codes.FUNCTION_WORDS + codes.PARAMETER_WORDS * k + 1
        if functions[one + at] != functions[other + at]:
            return False
    return True


def prototypes(functions, places, first, special, pointers, names, longest, next_id, out):
    """Write a FUNC_PROTO and a FUNC for each of the functions at `places[first:]`, up to one that needs more than that: `special`
    says so, or a parameter has a type in `pointers` or a name of more than `longest` bytes.  Returns how many words of `out` they
    take; its last word becomes the index of the function that was not written."""
    end = 0
    index = first
    while index < len(places):
        if special[index]:
            break
        at = places[index]
        count = functions[at + 5]
        place = at + codes.FUNCTION_WORDS
        plain = True
        for _ in range(count):
            if pointers[functions[place + 1]]:
                plain = False
            name = functions[place]
            length = 0
            while length <= longest and names[name + length]:
                length += 1
            if length > longest:
                plain = False
            place += codes.PARAMETER_WORDS
        if not plain:
            break
        more = 1 if functions[at + 4] & codes.VARARGS else 0
        out[end] = 0
        out[end + 1] = kinds.FUNC_PROTO << 24 | (count + more)
        out[end + 2] = functions[at + 2]
        end += 3
        place = at + codes.FUNCTION_WORDS
        for _ in range(count):
            out[end] = functions[place]
            out[end + 1] = functions[place + 1]
            end += 2
            place += codes.PARAMETER_WORDS
        if more:
            out[end] = 0
            out[end + 1] = 0
            end += 2
        out[end] = functions[at + 1]
        out[end + 1] = kinds.FUNC << 24
        out[end + 2] = next_id
        end += 3
        next_id += 2
        index += 1
    out[len(out) - 1] = index
    return end
