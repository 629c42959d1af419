"""Applying relocations to a section of a relocatable file.

Numbers are 32 or 64 bits of any byte order, and are read and written byte by byte.  Source: System V gABI, chapter 4, and the
supplements for each machine.
"""

from btfkit.hot import codes

LONG = 0xFFFFFFFFFFFFFFFF


def apply(out, table, symbols, bases, actions, word, big, addends):
    """Apply the relocations of `table` to `out`; `word` is 4 or 8, the size of an address.

    `symbols` has the value and the section of each symbol, two 64-bit words, `bases` the address of each section.  `actions`
    has for each type what to do (SET, ADD, SUBTRACT) times 16 plus the number of bytes, or 0 if it has no effect; 255 is
    unknown. Without `addends` (SHT_REL) these are in place.  Returns -1, or the first type that is unknown.
    """
    long = LONG
    size = 3 * word if addends else 2 * word
    count = len(table) // size
    for index in range(count):
        at = index * size
        place = number(table, at, word, big)
        info = number(table, at + word, word, big)
        addend = number(table, at + 2 * word, word, big) if addends else 0
        symbol = info >> 32 if word == 8 else info >> 8
        kind = info & 0x7FFFFFFF if word == 8 else info & 255
        action = actions[kind] if kind < len(actions) else 255
        if action == 0:
            continue
        if action == 255:
            return kind
        width = action & 15
        if place > len(out) or width > len(out) - place:
            raise IndexError("a relocation beyond the section")
        if 2 * symbol + 1 >= len(symbols):
            raise IndexError("a relocation of a symbol that is not there")
        section = symbols[2 * symbol + 1]
        value = symbols[2 * symbol] + addend
        if section < len(bases):
            value += bases[section]
        action >>= 4
        if action != codes.SET or not addends:
            old = number(out, place, width, big)
            value = old - value if action == codes.SUBTRACT else old + value
        value &= long
        for k in range(width):
            out[place + (width - 1 - k if big else k)] = (value >> (8 * k)) & 255
    return -1


def number(data, at, size, big):
    """The number of `size` bytes at `at`."""
    value = 0
    for k in range(size):
        value = value << 8 | data[at + (k if big else size - 1 - k)]
    return value
