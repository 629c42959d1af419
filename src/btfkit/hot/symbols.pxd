cimport cython
from btfkit.hot cimport growth

cdef unsigned int WORD
cdef unsigned int HASH

cdef class Symbols:
    cdef unsigned int[::1] symbols
    cdef readonly unsigned int[::1] symbol_name
    cdef readonly unsigned int[::1] symbol_tag
    cdef readonly unsigned int[::1] symbol_record
    cdef unsigned int[::1] symbol_group
    cdef readonly size_t symbol_count
    cdef readonly list others
    cdef dict twice

    @cython.locals(mask=cython.size_t, slot=cython.size_t, found=cython.uint)
    cdef unsigned int symbol(self, unsigned int name, unsigned int tag) except? 0

    @cython.locals(old="unsigned int[::1]", mask=cython.size_t, at=cython.size_t, found=cython.uint, key=cython.uint,
                   slot=cython.size_t)
    cdef int more_symbols(self) except -1

    @cython.locals(found=cython.uint)
    cdef unsigned int fresh(self, unsigned int name, unsigned int tag) except? 0

    cdef unsigned int another(self, unsigned int symbol) except? 0
    cdef int define(self, unsigned int symbol, unsigned int record) except -1
