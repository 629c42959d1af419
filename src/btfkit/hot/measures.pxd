cimport cython
from btfkit.hot cimport kinds

cdef Py_ssize_t OFFSET
cdef Py_ssize_t SIZE
cdef Py_ssize_t BIT_OFFSET
cdef Py_ssize_t BITS
cdef Py_ssize_t FIRST_BIT
cdef Py_ssize_t ALIGNMENT
cdef Py_ssize_t HOLE
cdef Py_ssize_t BIT_HOLE
cdef Py_ssize_t ROW
cdef long long LONGEST

@cython.locals(gap=cython.longlong, alignment=cython.longlong)
cpdef long long forced_alignment(long long offset, long long natural, long long end, long long cacheline) except? 0

@cython.locals(found=list, index=cython.size_t, at=cython.size_t, kind=cython.uint)
cpdef list named_composites(const unsigned int[::1] words, const unsigned int[::1] positions, size_t first_id)

@cython.final
cdef class Field:
    cdef readonly str name
    cdef readonly unsigned int type_id
    cdef readonly unsigned int kind
    cdef readonly long long offset
    cdef readonly long long size
    cdef readonly long long bit_offset
    cdef readonly long long bits
    cdef readonly long long first_bit
    cdef readonly long long alignment
    cdef readonly long long hole
    cdef readonly long long bit_hole

@cython.final
cdef class Measures:
    cdef const unsigned int[::1] words
    cdef const unsigned int[::1] positions
    cdef long long pointer_size
    cdef long long cacheline
    cdef unsigned int levels
    cdef unsigned char[::1] known
    cdef readonly unsigned int[::1] targets
    cdef readonly long long[::1] sizes
    cdef readonly long long[::1] alignments
    cdef readonly unsigned short[::1] fields
    cdef readonly long long[::1] rows
    cdef readonly long long size
    cdef readonly long long alignment
    cdef readonly long long natural_alignment
    cdef readonly long long forced
    cdef readonly bint packed
    cdef readonly long long pre_hole
    cdef readonly long long pre_bit_hole
    cdef readonly long long holes
    cdef readonly long long bit_holes
    cdef readonly long long padding
    cdef readonly long long bit_padding
    cdef readonly long long sum_members
    cdef readonly long long sum_bits
    cdef readonly long long sum_holes
    cdef readonly long long sum_bit_holes

    @cython.locals(count=cython.size_t, room=cython.size_t, type_id=cython.size_t)
    cpdef restart(self, const unsigned int[::1] words, const unsigned int[::1] positions, size_t first)

    cdef void clear(self) noexcept

    cdef cycle(self, size_t type_id)

    cdef unsigned int kind(self, size_t type_id) except? 255

    @cython.locals(target=cython.size_t, kind=cython.uint, steps=cython.uint, size=cython.longlong,
                   align=cython.longlong, field=cython.uint, element=cython.size_t, word=cython.uint, bits=cython.uint)
    cpdef void learn(self, size_t type_id, unsigned int depth) except *

    @cython.locals(factor=cython.longlong, _=cython.uint, kind=cython.uint, at=cython.size_t, size=cython.longlong)
    cdef long long sized(self, size_t type_id) except? 0

    @cython.locals(at=cython.size_t, end=cython.size_t, widest=cython.longlong, member=cython.size_t)
    cdef long long widest(self, size_t type_id, unsigned int depth) except? 0

    @cython.locals(words="const unsigned int[::1]", rows="long long[::1]", at=cython.size_t, info=cython.uint,
                   count=cython.Py_ssize_t, flag=cython.uint, end=cython.longlong, number=cython.Py_ssize_t,
                   member=cython.size_t, where=cython.uint, size=cython.longlong, bits=cython.longlong,
                   bit_offset=cython.longlong, offset=cython.longlong, first_bit=cython.longlong, field=cython.uint,
                   kind=cython.uint, alignment=cython.longlong, row=cython.Py_ssize_t)
    cpdef void measure(self, size_t type_id) except *

    @cython.locals(found=list, rows="long long[::1]", at=cython.size_t, count=cython.Py_ssize_t,
                   number=cython.Py_ssize_t, place=cython.uint, member=cython.uint, field=Field, row=cython.Py_ssize_t)
    cpdef list fields_of(self, size_t type_id, dict names, spell)

    @cython.locals(rows="long long[::1]", seen=cython.longlong, in_bits=cython.bint, unit_end=cython.longlong,
                   unit_bits=cython.longlong, number=cython.Py_ssize_t, row=cython.Py_ssize_t, start=cython.longlong,
                   bits=cython.longlong, size=cython.longlong, offset=cython.longlong, end=cython.longlong,
                   hole=cython.longlong, bit_hole=cython.longlong, limit=cython.longlong, unit=cython.longlong)
    cdef void find_holes(self, Py_ssize_t count) except *

    @cython.locals(widest=cython.longlong, number=cython.Py_ssize_t, natural=cython.longlong)
    cdef bint is_packed(self, size_t at, Py_ssize_t count) except *
