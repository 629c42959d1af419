cimport cython
from btfkit.hot cimport codes
from btfkit.hot.leb128 cimport Leb128

cdef unsigned int IMPLICIT_CONST

@cython.final
cdef class Abbreviations(Leb128):
    cdef const unsigned char[::1] tags
    cdef const unsigned char[::1] slots
    cdef const unsigned long long[::1] wanted
    cdef const unsigned char[::1] forms
    cdef unsigned int[::1] first
    cdef unsigned char[::1] classes
    cdef unsigned char[::1] parents
    cdef unsigned int[::1] steps
    cdef unsigned long long[::1] given
    cdef size_t top
    cdef size_t used
    cdef readonly unsigned int crosses

    @cython.locals(code=cython.ulonglong, tag=cython.ulonglong, i=cython.size_t)
    cpdef read(self, const unsigned char[::1] data, size_t at)

    @cython.locals(run=cython.ulonglong, attribute=cython.ulonglong, form=cython.ulonglong, value=cython.ulonglong,
                   row=cython.size_t, slot=cython.uint, size=cython.uint, kind=cython.uint)
    cdef int attributes(self, unsigned long long wanted) except -1

    @cython.locals(row=cython.ulonglong)
    cdef size_t row_of(self, unsigned long long form) except? 0xFFFF

    @cython.locals(size=cython.size_t, first="unsigned int[::1]", classes="unsigned char[::1]",
                   parents="unsigned char[::1]", at=cython.size_t)
    cdef int more_codes(self, size_t code) except -1

    @cython.locals(size=cython.size_t, steps="unsigned int[::1]", given="unsigned long long[::1]", at=cython.size_t)
    cdef int more_steps(self) except -1
