# cython: initializedcheck=False
"""LEB128 numbers: seven bits a byte, the lowest first, the eighth bit set in all bytes except the last (DWARF 5, section 7.6)."""

LONG = 0xFFFFFFFFFFFFFFFF


class Leb128:
    """A place in bytes that are read number by number: `data[at]` is the next byte.

    Numbers have 64 bits, higher ones are lost; more than 10 bytes raise ValueError, the end of the data IndexError.
    """

    def __init__(self):
        self.data = memoryview(b"")
        self.at = 0

    def uleb(self):
        """The unsigned number at `at`."""
        data = self.data
        value = 0
        shift = 0
        while True:
            byte = data[self.at]
            self.at += 1
            if shift > 63:
                raise ValueError("a LEB128 number of more than 10 bytes")
            value |= ((byte & 127) << shift) & LONG
            shift += 7
            if byte < 128:
                return value

    def sleb(self):
        """The signed number at `at`, as 64 bits of two's complement."""
        start = self.at
        value = self.uleb()
        bits = 7 * (self.at - start)
        if self.data[self.at - 1] & 64 and bits < 64:
            value |= (LONG << bits) & LONG
        return value
