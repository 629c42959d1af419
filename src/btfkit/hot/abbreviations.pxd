cimport cython
from btfkit.hot cimport codes

cdef unsigned int IMPLICIT_CONST
cdef unsigned long long LONG

@cython.final
cdef class Abbreviations:
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
    cdef readonly size_t at
    cdef readonly unsigned int crosses

    @cython.locals(code=cython.ulonglong, tag=cython.ulonglong, i=cython.size_t)
    cpdef read(self, const unsigned char[::1] data, size_t at)

    @cython.locals(run=cython.ulonglong, attribute=cython.ulonglong, form=cython.ulonglong, value=cython.ulonglong,
                   row=cython.size_t, slot=cython.uint, size=cython.uint, kind=cython.uint)
    cdef int attributes(self, const unsigned char[::1] data, unsigned long long wanted) except -1

    @cython.locals(row=cython.ulonglong)
    cdef size_t row_of(self, unsigned long long form) except? 0xFFFF

    @cython.locals(value=cython.ulonglong, shift=cython.uint, byte=cython.ulonglong)
    cdef unsigned long long uleb(self, const unsigned char[::1] data) except? 0xFFFFFFFFFFFFFFFF

    @cython.locals(value=cython.ulonglong, shift=cython.uint, byte=cython.ulonglong)
    cdef unsigned long long sleb(self, const unsigned char[::1] data) except? 0xFFFFFFFFFFFFFFFF

    @cython.locals(size=cython.size_t, first="unsigned int[::1]", classes="unsigned char[::1]",
                   parents="unsigned char[::1]", at=cython.size_t)
    cdef int more_codes(self, size_t code) except -1

    @cython.locals(size=cython.size_t, steps="unsigned int[::1]", given="unsigned long long[::1]", at=cython.size_t)
    cdef int more_steps(self) except -1
