cimport cython
from btfkit.hot cimport kinds

cdef class Side:
    cdef const unsigned int[::1] words
    cdef const unsigned int[::1] positions
    cdef const unsigned char[::1] strings
    cdef const unsigned int[::1] low_words
    cdef const unsigned int[::1] low_positions
    cdef const unsigned char[::1] low_strings
    cdef unsigned int first_id
    cdef unsigned int first_offset

cdef class Notes:
    cdef unsigned char[::1] levels
    cdef unsigned int[::1] mates
    cdef unsigned int[::1] copies
    cdef unsigned int[::1] nested
    cdef list seen
    cdef list todo
    cdef unsigned int shared
    cdef size_t pairs
    cdef unsigned char[::1] own_levels
    cdef list hard

    cdef bint nest(self, size_t a, unsigned int b) except -1

@cython.locals(place=cython.uint)
cdef inline bint same_name(Side a, unsigned int a_off, Side b, unsigned int b_off, unsigned int shared) except -1

cpdef bint same_text(Side a, size_t a_off, Side b, size_t b_off) except -1

cdef inline bint equal(const unsigned char[::1] one, size_t at, const unsigned char[::1] other, size_t to) except -1

@cython.locals(_=cython.uint, at=cython.size_t, kind=cython.uint)
cpdef size_t stripped(Side side, size_t type_id) except? 0

@cython.locals(_=cython.uint, at=cython.size_t, to=cython.size_t, kind=cython.uint, other=cython.uint,
               held=cython.bint, enums=cython.bint, composite=cython.bint, tag=cython.uint, other_tag=cython.uint,
               sized=cython.bint)
cpdef bint same_shape(Side a, Side b, size_t a_id, size_t b_id, Notes notes) except -1

cpdef bint is_enum(unsigned int kind) noexcept

@cython.locals(at=cython.size_t, to=cython.size_t, info=cython.uint, other=cython.uint, kind=cython.uint,
               other_kind=cython.uint, composite=cython.bint, j=cython.size_t, count=cython.size_t,
               step=cython.size_t, k=cython.size_t, here=cython.size_t, there=cython.size_t, x=cython.uint,
               y=cython.uint)
cpdef bint elements(Side a, Side b, size_t a_id, size_t b_id, Notes notes) except -1

cpdef bint passes_on(unsigned int kind) noexcept

@cython.locals(own=cython.uint, kind=cython.uint, copied=cython.uint, before=cython.uint, raised=cython.bint,
               mate=cython.uint)
cdef bint meet(Side a, Side b, unsigned int x, unsigned int y, unsigned int child, Notes notes) except -1

@cython.locals(info=cython.uint, kind=cython.uint, row=cython.uint, tail=cython.size_t, elem=cython.size_t,
               head_ids=cython.uint, child=cython.uint, good=cython.bint, slot=cython.size_t, x=cython.uint, y=cython.uint,
               name_at=cython.size_t, id_at=cython.size_t, _=cython.uint)
cdef bint same_record(Side a, Side b, size_t at, size_t to, bint a_own, bint b_own, const unsigned char[::1] table,
                      unsigned int level, Notes notes) except -1

@cython.locals(first=cython.uint, b_first=cython.uint, mates="unsigned int[::1]", copies="unsigned int[::1]",
               levels="unsigned char[::1]", todo=list, count=cython.size_t, index=cython.size_t, how=cython.uint,
               a_id=cython.uint, code=cython.size_t, a_own=cython.bint, b_own=cython.bint, b_id=cython.uint,
               level=cython.uint, at=cython.size_t, to=cython.size_t, info=cython.uint, other=cython.uint,
               kind=cython.uint, other_kind=cython.uint, x=cython.uint, plain=cython.bint, named=cython.bint,
               good=cython.bint, element=cython.bint, size=cython.uint, other_size=cython.uint, tag=cython.uint,
               other_tag=cython.uint)
cpdef size_t walk(Side a, Side b, const unsigned char[::1] table, unsigned int shared, unsigned int whole,
                  unsigned int told, unsigned char[::1] own_levels, Notes notes, list hard)

@cython.locals(a=cython.size_t)
cpdef clear(list seen, unsigned char[::1] levels, unsigned int[::1] mates, unsigned int[::1] copies,
            unsigned int[::1] nested)
