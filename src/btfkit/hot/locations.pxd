cimport cython
from btfkit.hot.leb128 cimport Leb128

cdef unsigned long long LONG
cdef int LIMIT

@cython.final
cdef class Locations(Leb128):
    cdef size_t address
    cdef size_t offset
    cdef bint big
    cdef readonly int small
    cdef readonly int large
    cdef readonly unsigned int covered
    cdef unsigned int first
    cdef int inner

    cpdef int reset(self) except -1

    @cython.locals(small=cython.uint, large=cython.uint)
    cpdef unsigned int packed(self) except? 0xFFFFFFFF

    @cython.locals(end=cython.size_t, first=cython.uint, number=cython.uint, last=cython.uint, register=cython.int,
                   inner=cython.int, covered=cython.ulonglong, pieces=cython.bint, value=cython.bint, op=cython.uint,
                   operand=cython.ulonglong, stack=cython.bint, found=cython.int)
    cpdef int expression(self, const unsigned char[::1] data, size_t start, size_t length, unsigned int index) except -1

    @cython.locals(value=cython.ulonglong, length=cython.ulonglong, start=cython.size_t)
    cdef unsigned long long operand(self, const unsigned char[::1] data, unsigned int op, size_t end) except? 0xFFFFFFFFFFFFFFFF

    cdef int entries(self, const unsigned char[::1] data, size_t start, bint new, bint split) except -1

    @cython.locals(size=cython.size_t, index=cython.uint, _=cython.int, begin=cython.ulonglong, end=cython.ulonglong,
                   length=cython.size_t, place=cython.size_t)
    cpdef int old_list(self, const unsigned char[::1] data, size_t start) except -1

    @cython.locals(index=cython.uint, _=cython.int, kind=cython.uint, length=cython.ulonglong, place=cython.size_t)
    cpdef int new_list(self, const unsigned char[::1] data, size_t start) except -1

    @cython.locals(index=cython.uint, _=cython.int, kind=cython.uint, length=cython.ulonglong, place=cython.size_t)
    cpdef int split_list(self, const unsigned char[::1] data, size_t start) except -1

    cdef unsigned long long highest(self) except? 0

    @cython.locals(value=cython.ulonglong, k=cython.size_t, byte=cython.ulonglong)
    cdef unsigned long long number(self, const unsigned char[::1] data, size_t at, size_t size) except? 0xFFFFFFFFFFFFFFFF
