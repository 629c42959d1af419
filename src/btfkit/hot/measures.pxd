cimport cython
from btfkit.hot cimport kinds
from btfkit.hot cimport member_rows as part

cdef long long LONGEST
cdef size_t ROOM

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
    cdef unsigned int[::1] rooms
    cdef size_t taken
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

    @cython.locals(count=cython.size_t, rooms="unsigned int[::1]", number=cython.size_t, type_id=cython.size_t)
    cpdef restart(self, const unsigned int[::1] words, const unsigned int[::1] positions, size_t first)

    @cython.locals(had=cython.Py_ssize_t, known="unsigned char[::1]", targets="unsigned int[::1]", sizes="long long[::1]",
                   alignments="long long[::1]", fields="unsigned short[::1]")
    cdef void grow(self, Py_ssize_t count) except *

    @cython.locals(number=cython.size_t, room=cython.size_t)
    cdef size_t place(self, size_t type_id) except? 0

    cdef void clear(self) noexcept

    cdef cycle(self, size_t type_id)

    cdef unsigned int kind(self, size_t type_id) except? 255

    @cython.locals(place=cython.size_t, target=cython.size_t, kind=cython.uint, steps=cython.uint, size=cython.longlong,
                   align=cython.longlong, field=cython.uint, element=cython.size_t, word=cython.uint, bits=cython.uint)
    cpdef size_t learn(self, size_t type_id, unsigned int depth) except? 0

    @cython.locals(place=cython.size_t)
    cdef long long alignment_of(self, size_t type_id, unsigned int depth) except? 0

    @cython.locals(place=cython.size_t)
    cdef size_t target_of(self, size_t type_id) except? 0

    @cython.locals(factor=cython.longlong, _=cython.uint, kind=cython.uint, at=cython.size_t, size=cython.longlong)
    cdef long long sized(self, size_t type_id) except? 0

    @cython.locals(at=cython.size_t, end=cython.size_t, widest=cython.longlong, align=cython.longlong)
    cdef long long widest(self, size_t type_id, unsigned int depth) except? 0

    @cython.locals(words="const unsigned int[::1]", rows="long long[::1]", at=cython.size_t, info=cython.uint,
                   count=cython.Py_ssize_t, flag=cython.uint, end=cython.longlong, number=cython.Py_ssize_t,
                   member=cython.size_t, place=cython.size_t, where=cython.uint, size=cython.longlong, bits=cython.longlong,
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
