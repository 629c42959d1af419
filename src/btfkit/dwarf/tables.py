"""Tables for the loops that read DWARF: classes of tags, slots of attributes, and how each form is read.

Sources: DWARF 5, chapter 7; DWARF 2 to 4; the extensions of GNU (split units, dwz, annotations) and of LLVM (annotations).
"""

from __future__ import annotations

from array import array

from btfkit.hot import codes

TAGS = {
    0x11: codes.UNIT,  # compile_unit
    0x3C: codes.UNIT,  # partial_unit
    0x41: codes.UNIT,  # type_unit
    0x4A: codes.UNIT,  # skeleton_unit
    0x24: codes.BASE,
    0x0F: codes.REFERENCE,  # pointer
    0x26: codes.REFERENCE | 1 << 5,  # const
    0x35: codes.REFERENCE | 2 << 5,  # volatile
    0x37: codes.REFERENCE | 3 << 5,  # restrict
    0x16: codes.REFERENCE | 4 << 5,  # typedef
    0x13: codes.COMPOSITE,  # structure
    0x02: codes.COMPOSITE,  # class
    0x17: codes.COMPOSITE | 1 << 5,  # union
    0x04: codes.ENUMERATION,
    0x01: codes.ARRAY_TYPE,
    0x15: codes.SUBROUTINE,
    0x3B: codes.UNSPECIFIED,
    0x47: codes.ATOMIC,
    0x10: codes.UNSUPPORTED | 1 << 5,  # reference
    0x12: codes.UNSUPPORTED,  # string
    0x1F: codes.UNSUPPORTED,  # pointer to member
    0x20: codes.UNSUPPORTED,  # set
    0x29: codes.UNSUPPORTED,  # file
    0x2D: codes.UNSUPPORTED,  # packed
    0x38: codes.UNSUPPORTED,  # interface
    0x40: codes.UNSUPPORTED,  # shared
    0x42: codes.UNSUPPORTED | 1 << 5,  # rvalue reference
    0x43: codes.UNSUPPORTED,  # template alias
    0x46: codes.UNSUPPORTED,  # dynamic
    0x4B: codes.UNSUPPORTED,  # immutable
    0x0D: codes.MEMBER,
    0x28: codes.ENUMERATOR,
    0x21: codes.SUBRANGE,
    0x45: codes.SUBRANGE,  # generic subrange
    0x05: codes.PARAMETER,
    0x18: codes.VARIADIC,
    0x2E: codes.SUBPROGRAM,
    0x34: codes.VARIABLE,
    0x3D: codes.IMPORT,  # imported_unit
    0x6000: codes.NOTE,  # LLVM_annotation
    0x6001: codes.NOTE_DIE,  # GNU_annotation
}
NAMES = {0x10: "reference", 0x12: "string", 0x1F: "pointer to member", 0x42: "rvalue reference"}

ATTRIBUTES = {
    0x02: codes.LOCATION,
    0x03: codes.NAME,
    0x0B: codes.BYTE_SIZE,
    0x0C: codes.BIT_OFFSET,
    0x0D: codes.BIT_SIZE,
    0x11: codes.LOW_PC,
    0x13: codes.LANGUAGE,
    0x18: codes.IMPORTED,
    0x1B: codes.COMP_DIR,
    0x1C: codes.CONST_VALUE,
    0x20: codes.INLINED,
    0x25: codes.PRODUCER,
    0x2F: codes.UPPER_BOUND,
    0x31: codes.ORIGIN,
    0x34: codes.ARTIFICIAL,
    0x36: codes.CONVENTION,
    0x37: codes.COUNT,
    0x38: codes.MEMBER_LOCATION,
    0x3C: codes.DECLARATION,
    0x3E: codes.ENCODING,
    0x3F: codes.EXTERNAL,
    0x47: codes.SPECIFICATION,
    0x49: codes.TYPE,
    0x69: codes.SIGNATURE,
    0x6B: codes.DATA_BIT_OFFSET,
    0x72: codes.STR_BASE,
    0x73: codes.ADDR_BASE,
    0x76: codes.DWO_NAME,
    0x8C: codes.LOCLISTS_BASE,
    0x2130: codes.DWO_NAME,
    0x2131: codes.DWO_ID,
    0x2133: codes.ADDR_BASE,
    0x2139: codes.ANNOTATION,
}

_ROOT = (codes.NAME, codes.LANGUAGE, codes.PRODUCER, codes.STR_BASE, codes.ADDR_BASE, codes.LOCLISTS_BASE)
WANTED = {
    codes.UNIT: (*_ROOT, codes.DWO_NAME, codes.DWO_ID, codes.COMP_DIR),
    codes.BASE: (codes.NAME, codes.BYTE_SIZE, codes.ENCODING),
    codes.REFERENCE: (codes.NAME, codes.TYPE, codes.ANNOTATION),
    codes.COMPOSITE: (
        *(codes.NAME, codes.BYTE_SIZE, codes.DECLARATION, codes.SPECIFICATION, codes.SIGNATURE),
        codes.ANNOTATION,
    ),
    codes.ENUMERATION: (codes.NAME, codes.BYTE_SIZE, codes.DECLARATION, codes.TYPE, codes.SIGNATURE),
    codes.ARRAY_TYPE: (codes.TYPE,),
    codes.SUBROUTINE: (codes.TYPE,),
    codes.ATOMIC: (codes.TYPE,),
    codes.UNSUPPORTED: (codes.TYPE, codes.BYTE_SIZE),
    codes.MEMBER: (
        *(codes.NAME, codes.TYPE, codes.BYTE_SIZE, codes.BIT_SIZE, codes.BIT_OFFSET, codes.DATA_BIT_OFFSET),
        *(codes.MEMBER_LOCATION, codes.EXTERNAL, codes.DECLARATION, codes.ANNOTATION),
    ),
    codes.ENUMERATOR: (codes.NAME, codes.CONST_VALUE),
    codes.SUBRANGE: (codes.TYPE, codes.UPPER_BOUND, codes.COUNT),
    codes.PARAMETER: (
        *(codes.NAME, codes.TYPE, codes.ORIGIN, codes.LOCATION, codes.CONST_VALUE),
        codes.ANNOTATION,
    ),
    codes.SUBPROGRAM: (
        *(codes.NAME, codes.TYPE, codes.ORIGIN, codes.SPECIFICATION, codes.DECLARATION, codes.EXTERNAL),
        *(codes.INLINED, codes.CONVENTION, codes.LOW_PC, codes.ANNOTATION),
    ),
    codes.VARIABLE: (
        *(codes.NAME, codes.TYPE, codes.ORIGIN, codes.SPECIFICATION, codes.DECLARATION, codes.EXTERNAL),
        *(codes.ARTIFICIAL, codes.LOCATION, codes.ANNOTATION),
    ),
    codes.IMPORT: (codes.IMPORTED,),
    codes.NOTE: (codes.NAME, codes.CONST_VALUE),
    codes.NOTE_DIE: (codes.NAME, codes.CONST_VALUE, codes.ANNOTATION),
}
CROSSING = 1 << codes.REF_ADDR | 1 << codes.REF_SIG | 1 << codes.REF_ALT  # references that may leave the unit

_OFFSET, _ADDRESS, _REF_ADDR = -1, -2, -3  # sizes that depend on the unit
_SIZED = {0: codes.GIVEN, 1: codes.U1, 2: codes.U2, 3: codes.U3, 4: codes.U4, 8: codes.U8, 16: codes.U16}
# By number: the class of the form, and its size or the operation that reads it.
_FIXED = {
    0x01: (codes.ADDRESS, _ADDRESS),
    0x05: (codes.NUMBER, 2),
    0x06: (codes.NUMBER, 4),
    0x07: (codes.NUMBER, 8),
    0x0B: (codes.NUMBER, 1),
    0x0C: (codes.FLAG, 1),
    0x0E: (codes.STR, _OFFSET),
    0x10: (codes.REF_ADDR, _REF_ADDR),
    0x11: (codes.REF, 1),
    0x12: (codes.REF, 2),
    0x13: (codes.REF, 4),
    0x14: (codes.REF, 8),
    0x17: (codes.OFFSET, _OFFSET),
    0x19: (codes.FLAG, 0),
    0x1C: (codes.REF_ALT, 4),
    0x1D: (codes.STR_ALT, _OFFSET),
    0x1E: (codes.OFFSET, 16),
    0x1F: (codes.LINE_STR, _OFFSET),
    0x20: (codes.REF_SIG, 8),
    0x21: (codes.SIGNED, 0),
    0x24: (codes.REF_ALT, 8),
    0x25: (codes.STR_INDEX, 1),
    0x26: (codes.STR_INDEX, 2),
    0x27: (codes.STR_INDEX, 3),
    0x28: (codes.STR_INDEX, 4),
    0x29: (codes.ADDRESS_INDEX, 1),
    0x2A: (codes.ADDRESS_INDEX, 2),
    0x2B: (codes.ADDRESS_INDEX, 3),
    0x2C: (codes.ADDRESS_INDEX, 4),
    codes.GNU_FIRST + 2: (codes.REF_ALT, _OFFSET),
    codes.GNU_FIRST + 3: (codes.STR_ALT, _OFFSET),
}
_VARIABLE = {
    0x03: (codes.BYTES, codes.BLOCK2),
    0x04: (codes.BYTES, codes.BLOCK4),
    0x08: (codes.INLINE, codes.TEXT),
    0x09: (codes.BYTES, codes.BLOCK),
    0x0A: (codes.BYTES, codes.BLOCK1),
    0x0D: (codes.SIGNED, codes.SLEB),
    0x0F: (codes.NUMBER, codes.ULEB),
    0x15: (codes.REF, codes.ULEB),
    0x16: (codes.NUMBER, codes.INDIRECT),
    0x18: (codes.BYTES, codes.BLOCK),
    0x1A: (codes.STR_INDEX, codes.ULEB),
    0x1B: (codes.ADDRESS_INDEX, codes.ULEB),
    0x22: (codes.LOCLIST_INDEX, codes.ULEB),
    0x23: (codes.NUMBER, codes.ULEB),
    codes.GNU_FIRST: (codes.ADDRESS_INDEX, codes.ULEB),
    codes.GNU_FIRST + 1: (codes.STR_INDEX, codes.ULEB),
}


def _by_number(table: dict[int, int]) -> bytes:
    out = bytearray(max(table) + 1)
    for number, value in table.items():
        out[number] = value
    return bytes(out)


def _wanted() -> array[int]:
    masks = array("Q", bytes(8 * 256))
    for kind, slots in WANTED.items():
        for variant in range(8):
            masks[kind | variant << 5] = sum(1 << slot for slot in slots)
    return masks


TAG_TABLE = _by_number(TAGS)
SLOT_TABLE = _by_number(ATTRIBUTES)
WANTED_TABLE = _wanted()
_forms: dict[tuple[int, int, int], bytes] = {}


def forms(version: int, offset_size: int, address_size: int) -> bytes:
    """Operations, classes and sizes of all forms in units of a version, with offsets and addresses of so many bytes."""
    key = version == 2, offset_size, address_size
    if key not in _forms:
        rows = bytearray(3 * codes.FORMS)
        sizes = {_OFFSET: offset_size, _ADDRESS: address_size, _REF_ADDR: address_size if version == 2 else offset_size}
        for form, (kind, size) in _FIXED.items():
            size = sizes.get(size, size)
            rows[form], rows[codes.FORMS + form], rows[2 * codes.FORMS + form] = _SIZED[size], kind, size
        for form, (kind, operation) in _VARIABLE.items():
            rows[form], rows[codes.FORMS + form] = operation, kind
            rows[2 * codes.FORMS + form] = codes.VARIABLE_SIZE
        _forms[key] = bytes(rows)
    return _forms[key]
