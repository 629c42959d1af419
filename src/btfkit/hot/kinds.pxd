cdef enum:
    UNKN = 0
    INT = 1
    PTR = 2
    ARRAY = 3
    STRUCT = 4
    UNION = 5
    ENUM = 6
    FWD = 7
    TYPEDEF = 8
    VOLATILE = 9
    CONST = 10
    RESTRICT = 11
    FUNC = 12
    FUNC_PROTO = 13
    VAR = 14
    DATASEC = 15
    FLOAT = 16
    DECL_TAG = 17
    TYPE_TAG = 18
    ENUM64 = 19
    LAST_KIND = 19
    TAIL = 0
    ELEM = 1
    THIRD_IS_TYPE = 2
    TAIL_IDS = 3
    ELEM_IDS = 4
    ELEM_NAMES = 5
    NO_SUCH_KIND = 255

cdef inline bint is_modifier(unsigned int kind) noexcept nogil:
    return VOLATILE <= kind <= RESTRICT or kind == TYPE_TAG

cdef inline bint is_alias(unsigned int kind) noexcept nogil:
    return TYPEDEF <= kind <= RESTRICT or kind == TYPE_TAG

cdef inline bint is_braced(unsigned int kind) noexcept nogil:
    return STRUCT <= kind <= ENUM or kind == ENUM64
