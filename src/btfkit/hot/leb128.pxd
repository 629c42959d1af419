cimport cython

cdef unsigned long long LONG

cdef class Leb128:
    cdef const unsigned char[::1] data
    cdef readonly size_t at

    @cython.locals(data="const unsigned char[::1]", value=cython.ulonglong, shift=cython.uint, byte=cython.ulonglong)
    cdef unsigned long long uleb(self) except? 0xFFFFFFFFFFFFFFFF

    @cython.locals(start=cython.size_t, value=cython.ulonglong, bits=cython.uint)
    cdef unsigned long long sleb(self) except? 0xFFFFFFFFFFFFFFFF
