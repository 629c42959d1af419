# cython: initializedcheck=False
"""The registers that parameters arrive in, out of DWARF's location expressions and lists.

Sources: DWARF 5, sections 2.5, 2.6 and 7.7; which expressions count: dwarves 1.32, dwarf_loader.c, `parameter__reg` and its
callers.
"""

from btfkit.hot.leb128 import Leb128

LONG = 0xFFFFFFFFFFFFFFFF
LIMIT = 4096  # entries of a list that are looked at; compilers make a few


class Locations(Leb128):
    """Reads expressions: `small` and `large` are the register of a parameter of at most, or more than, the size of an address
    (-1: unknown), `covered` the number of bytes that the pieces of one expression cover (255: all).

    `address` and `offset` are the sizes in bytes of an address and a section offset, `big` whether the byte order is
    big-endian.
    """

    def __init__(self, address, offset, big):
        Leb128.__init__(self)
        self.address = address
        self.offset = offset
        self.big = big
        self.small = -1
        self.large = -1
        self.covered = 255
        self.first = 0
        self.inner = -1

    def reset(self):
        """Forget the previous parameter."""
        self.small = -1
        self.large = -1
        self.covered = 255

    def packed(self):
        """`small` + 1, `large` + 1 (0: unknown, or above 254) and `covered`, a byte each."""
        small = self.small + 1 if self.small < 254 else 0
        large = self.large + 1 if self.large < 254 else 0
        return small | large << 8 | self.covered << 16

    def expression(self, data, start, length, index):
        """Note what the expression at `start`, number `index` of its list, says."""
        if length > len(data) or start > len(data) - length:
            raise IndexError("expression")
        self.data = data
        self.at = start
        end = start + length
        first = 0
        number = 0
        last = 0
        register = -1
        inner = -1
        covered = 0
        pieces = False
        value = False
        while self.at < end:
            op = data[self.at]
            self.at += 1
            operand = self.operand(data, op, end)
            if number == 0:
                first = op if op != 0x90 else (0x50 + operand if operand < 32 else 0x90)
                inner = self.inner
            elif op == 0x9F:
                value = True
            if op == 0x93 or op == 0x9D:
                pieces = True
                covered += operand if op == 0x93 else operand >> 3
            if register < 0:
                if 0x50 <= op <= 0x6F:
                    register = op - 0x50
                elif op == 0x90 and operand < 255:
                    register = operand
            last = op
            number += 1
        if self.at != end:
            raise IndexError("expression")
        if number == 0:
            return 0
        stack = last == 0x9F
        if pieces and covered < 255 and (self.covered == 255 or covered > self.covered):
            self.covered = covered
        if number == 1 or (number == 2 and stack):
            found = -1
            if 0x50 <= first <= 0x6F or first == 0x90:
                if index == 0:
                    found = register
            elif 0x70 <= first <= 0x8F:
                if index == 0 and stack:
                    found = first - 0x70
            elif first == 0xA3 or first == 0xF3:
                found = inner
            if found >= 0:
                if self.small < 0:
                    self.small = found
                if self.large < 0:
                    self.large = found
            return 0
        if 0x30 <= first <= 0x4F or first == 0x10 or first == 0x11:
            return 0
        if index == 0 and self.small < 0:
            if 0x50 <= first <= 0x6F:
                self.small = first - 0x50
            elif 0x70 <= first <= 0x8F and value:
                self.small = first - 0x70
        if register >= 0 and self.large < 0:
            self.large = register
        return 0

    def operand(self, data, op, end):
        """Skip the operands of `op`, and return the first; `inner` is the register if they are an expression of just that."""
        self.inner = -1
        if 0x30 <= op <= 0x6F:
            return 0
        if op == 0x03:
            self.at += self.address
        elif op == 0x08 or op == 0x09 or op == 0x15 or op == 0x94 or op == 0x95:
            self.at += 1
        elif op == 0x0A or op == 0x0B or op == 0x28 or op == 0x2F or op == 0x98:
            self.at += 2
        elif op == 0x0C or op == 0x0D or op == 0x99 or op == 0xFA:
            self.at += 4
        elif op == 0x0E or op == 0x0F:
            self.at += 8
        elif op == 0x9A:
            self.at += self.offset
        elif op == 0x10 or op == 0x11 or op == 0x23 or op == 0x90 or op == 0x91 or op == 0x93 or 0x70 <= op <= 0x8F:
            return self.uleb()
        elif (
            op == 0xA1 or op == 0xA2 or op == 0xA8 or op == 0xA9 or op == 0xF7 or op == 0xF9 or op == 0xFB or op == 0xFC
        ):
            self.uleb()
        elif op == 0x92 or op == 0x9D or op == 0xA5 or op == 0xF5:
            value = self.uleb()
            self.uleb()
            return value
        elif op == 0xA3 or op == 0xF3:
            length = self.uleb()
            if length > end - self.at:
                raise IndexError("expression")
            start = self.at
            if length == 1 and 0x50 <= data[start] <= 0x6F:
                self.inner = data[start] - 0x50
            elif length == 2 and data[start] == 0x90 and data[start + 1] < 128:
                self.inner = data[start + 1]
            self.at = start + length
        elif op == 0x9E:
            length = self.uleb()
            if length > end - self.at:
                raise IndexError("expression")
            self.at += length
        elif op == 0xA0 or op == 0xF2:
            self.at += self.offset
            self.uleb()
        elif op == 0xA4 or op == 0xF4:
            self.uleb()
            self.at += 1 + data[self.at]
        elif op == 0xA6 or op == 0xA7 or op == 0xF6:
            self.at += 1
            self.uleb()
        return 0

    def entries(self, data, start, new, split):
        """The entries of a list: `new` from DWARF 5 on, `split` in a .dwo file."""
        if new:
            return self.new_list(data, start)
        if split:
            return self.split_list(data, start)
        return self.old_list(data, start)

    def old_list(self, data, start):
        """The entries of a list in `.debug_loc` (DWARF 2 to 4)."""
        size = self.address
        self.data = data
        self.at = start
        index = 0
        for _ in range(LIMIT):
            begin = self.number(data, self.at, size)
            end = self.number(data, self.at + size, size)
            self.at += 2 * size
            if begin == 0 and end == 0:
                return 0
            if begin == self.highest():
                continue
            length = self.number(data, self.at, 2)
            place = self.at + 2
            self.expression(data, place, length, index)
            self.at = place + length
            index += 1
        return 0

    def new_list(self, data, start):
        """The entries of a list in `.debug_loclists` (DWARF 5)."""
        self.data = data
        self.at = start
        index = 0
        for _ in range(LIMIT):
            kind = data[self.at]
            self.at += 1
            if kind == 0:
                return 0
            if kind == 1:
                self.uleb()
                continue
            if kind == 6:
                self.at += self.address
                continue
            if kind == 9:
                self.uleb()
                self.uleb()
                continue
            if 2 <= kind <= 4:
                self.uleb()
                self.uleb()
            elif kind == 7:
                self.at += 2 * self.address
            elif kind == 8:
                self.at += self.address
                self.uleb()
            elif kind != 5:
                raise ValueError("unknown entry in a location list")
            length = self.uleb()
            place = self.at
            self.expression(data, place, length, index)
            self.at = place + length
            index += 1
        return 0

    def split_list(self, data, start):
        """The entries of a list in `.debug_loc.dwo` (DWARF 4 with split units)."""
        self.data = data
        self.at = start
        index = 0
        for _ in range(LIMIT):
            kind = data[self.at]
            self.at += 1
            if kind == 0:
                return 0
            if kind == 4:
                self.at += 8
            elif kind <= 3:
                self.uleb()
                if kind == 1:
                    continue
                if kind == 2:
                    self.uleb()
                else:
                    self.at += 4
            else:
                raise ValueError("unknown entry in a location list")
            length = self.number(data, self.at, 2)
            place = self.at + 2
            self.expression(data, place, length, index)
            self.at = place + length
            index += 1
        return 0

    def highest(self):
        """The largest address: it marks an entry that selects a base address."""
        return LONG if self.address == 8 else 0xFFFFFFFF

    def number(self, data, at, size):
        """A number of `size` bytes."""
        value = 0
        if at + size > len(data):
            raise IndexError("location list")
        for k in range(size):
            byte = data[at + k]
            value |= byte << (8 * (size - 1 - k) if self.big else 8 * k)
        return value
