cimport cython
from btfkit.hot cimport codes

cdef unsigned long long LONG

@cython.locals(long=cython.ulonglong, size=cython.size_t, count=cython.size_t, index=cython.size_t, at=cython.size_t,
               place=cython.ulonglong, info=cython.ulonglong, addend=cython.ulonglong, symbol=cython.ulonglong,
               kind=cython.ulonglong, action=cython.uint, width=cython.size_t, section=cython.ulonglong,
               value=cython.ulonglong, old=cython.ulonglong, k=cython.size_t)
cpdef long long apply(unsigned char[::1] out, const unsigned char[::1] table, const unsigned long long[::1] symbols,
                      const unsigned long long[::1] bases, const unsigned char[::1] actions, size_t word, bint big,
                      bint addends) except? -2

@cython.locals(value=cython.ulonglong, k=cython.size_t)
cdef unsigned long long number(const unsigned char[::1] data, size_t at, size_t size, bint big) except? 0xFFFFFFFFFFFFFFFF
