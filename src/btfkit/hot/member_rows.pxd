cdef enum:
    OFFSET = 0
    SIZE = 1
    BIT_OFFSET = 2
    BITS = 3
    FIRST_BIT = 4
    ALIGNMENT = 5
    HOLE = 6
    BIT_HOLE = 7
    ROW = 8
