"""What the rows are by which `json_values.py` writes values; `value_codes.pxd` has the same names as C constants.

This file itself is not compiled.
"""

# What a row is
UNSIGNED = 0
SIGNED = 1
BOOL = 2
ENUM = 3
SIGNED_ENUM = 4
POINTER = 5
TEXT = 6
ARRAY = 7
STRUCT = 8
OTHER = 9

# Columns of a row
OP = 0
AT = 1  # bytes from the start of what contains it; bits if BITS is not 0
SIZE = 2  # bytes; of an ARRAY and TEXT those of an element
BITS = 3  # of a bit-field, else 0
FIRST = (
    4  # the row of the element or of the first member; of an enum its first value; of OTHER the number of the function
)
COUNT = 5  # elements, members or values
LAST = 6  # whether a flexible array here has the rest of the record
NAME = 7  # where the name begins in `names`, with its quotes and colon
NAME_SIZE = 8
COLUMNS = 9

ENUM_COLUMNS = 3  # value, where its name begins in `names`, the size of that
