"""The columns of a row that describes a member (`measures.py`): in bytes, or in bits where the name has "bit" in it.

`member_rows.pxd` has the same names as C constants.  This file itself is not compiled.
"""

OFFSET = 0
SIZE = 1
BIT_OFFSET = 2
BITS = 3
FIRST_BIT = 4
ALIGNMENT = 5
HOLE = 6
BIT_HOLE = 7
ROW = 8
