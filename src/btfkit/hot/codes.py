"""Numbers that the loops on DWARF share; `codes.pxd` has the same names as C constants.

This file itself is not compiled.
"""

# Operations: how the value of an attribute is read.
END = 0
SKIP = 1
U1 = 2
U2 = 3
U3 = 4
U4 = 5
U8 = 6
U16 = 7
ULEB = 8
SLEB = 9
GIVEN = 10
TEXT = 11
BLOCK = 12
BLOCK1 = 13
BLOCK2 = 14
BLOCK4 = 15
INDIRECT = 16

# Classes of forms: what the value means.
NUMBER = 0
SIGNED = 1
FLAG = 2
STR = 3
LINE_STR = 4
STR_INDEX = 5
INLINE = 6
BYTES = 7
OFFSET = 8
REF = 9
REF_ADDR = 10
REF_SIG = 11
REF_ALT = 12
STR_ALT = 13
ADDRESS = 14
ADDRESS_INDEX = 15
LOCLIST_INDEX = 16

# Slots: the attributes that are read.
NOBODY = 0
NAME = 1
TYPE = 2
BYTE_SIZE = 3
ENCODING = 4
DECLARATION = 5
SPECIFICATION = 6
BIT_SIZE = 7
BIT_OFFSET = 8
DATA_BIT_OFFSET = 9
MEMBER_LOCATION = 10
UPPER_BOUND = 11
COUNT = 12
CONST_VALUE = 13
ORIGIN = 14
LOW_PC = 15
EXTERNAL = 16
INLINED = 17
CONVENTION = 18
LOCATION = 19
ARTIFICIAL = 20
ALIGNMENT = 21
LANGUAGE = 22
PRODUCER = 23
STR_BASE = 24
ADDR_BASE = 25
LOCLISTS_BASE = 26
DWO_NAME = 27
ANNOTATION = 28
COMP_DIR = 29
SIGNATURE = 30
DWO_ID = 31
IMPORTED = 32
SLOTS = 33

# Classes of tags.
OTHER = 0
UNIT = 1
BASE = 2
REFERENCE = 3
COMPOSITE = 4
ENUMERATION = 5
ARRAY_TYPE = 6
SUBROUTINE = 7
UNSPECIFIED = 8
ATOMIC = 9
UNSUPPORTED = 10
MEMBER = 11
ENUMERATOR = 12
SUBRANGE = 13
PARAMETER = 14
VARIADIC = 15
SUBPROGRAM = 16
VARIABLE = 17
NOTE = 18
NOTE_DIE = 19
IMPORT = 20

# Relocations: what to do.
SET = 1
ADD = 2
SUBTRACT = 3

# Words of a function (die, name, result, origin, flags, parameters, address (2), group, specification) and of a parameter (name,
# type, origin, flags, die, registers).
FUNCTION_WORDS = 10
PARAMETER_WORDS = 6

# Flags of functions and variables, and of parameters.
HAS_ADDRESS = 1
DECLARED = 2
INLINE_FUNCTION = 4
NOCALL = 8
VARARGS = 16
IS_EXTERNAL = 32
CLANG = 64
IS_ARTIFICIAL = 128
LOCATED = 1
CONSTANT = 2

# The table of forms.
VARIABLE_SIZE = 255
FORMS = 49
GNU_FIRST = 45
