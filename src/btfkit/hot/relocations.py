"""Applying relocations to a section of a relocatable file.

Source: System V gABI, chapter 4, and the supplements for each machine.
"""

from btfkit.hot import codes

LONG = 0xFFFFFFFFFFFFFFFF


def apply(out, table, columns, values, sections, shift, bases, actions, word, big):
    """Apply the relocations of `table` to `out`; `word` is 4 or 8, the size of an address.

    `table` has `columns` numbers for each relocation: place, info and, if there are three, addend; with two (SHT_REL) the
    addend is in place.  `values` has the value of each symbol, `sections` its section, `shift` bits to the left; `bases` is the
    address of each section.  `actions` has for each type what to do (SET, ADD, SUBTRACT) times 16 plus the number of bytes, or
    0 if it has no effect; 255 is unknown.  Returns -1, or the first type that is unknown.
    """
    long = LONG
    for at in range(0, len(table) - columns + 1, columns):
        place = table[at]
        info = table[at + 1]
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
        if symbol >= len(values):
            raise IndexError("a relocation of a symbol that is not there")
        section = sections[symbol] >> shift
        value = values[symbol]
        if columns == 3:
            value += table[at + 2]
        if section < len(bases):
            value += bases[section]
        action >>= 4
        if action != codes.SET or columns == 2:
            old = number(out, place, width, big)
            value = old - value if action == codes.SUBTRACT else old + value
        value &= long
        if width == 4 and not big:
            out[place] = value & 255
            out[place + 1] = (value >> 8) & 255
            out[place + 2] = (value >> 16) & 255
            out[place + 3] = (value >> 24) & 255
        else:
            for k in range(width):
                out[place + (width - 1 - k if big else k)] = (value >> (8 * k)) & 255
    return -1


def number(data, at, size, big):
    """The number of `size` bytes at `at`."""
    value = 0
    for k in range(size):
        value = value << 8 | data[at + (k if big else size - 1 - k)]
    return value
