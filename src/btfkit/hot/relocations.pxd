cimport cython
from btfkit.hot cimport codes

cdef unsigned long long LONG

@cython.locals(long=cython.ulonglong, at=cython.size_t, place=cython.ulonglong, info=cython.ulonglong,
               symbol=cython.ulonglong, kind=cython.ulonglong, action=cython.uint, width=cython.size_t,
               section=cython.ulonglong, value=cython.ulonglong, old=cython.ulonglong, k=cython.size_t)
cpdef long long apply(unsigned char[::1] out, const unsigned long long[::1] table, size_t columns,
                      const unsigned long long[:] values, const unsigned long long[:] sections, int shift,
                      const unsigned long long[::1] bases, const unsigned char[::1] actions, size_t word,
                      bint big) except? -2

@cython.locals(value=cython.ulonglong, k=cython.size_t)
cdef unsigned long long number(const unsigned char[::1] data, size_t at, size_t size, bint big) except? 0xFFFFFFFFFFFFFFFF
