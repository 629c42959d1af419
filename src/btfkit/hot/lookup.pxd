cimport cython

@cython.locals(total=cython.size_t, index=cython.size_t, at=cython.size_t, start=cython.size_t, own=cython.bint, end=cython.size_t,
               run=cython.size_t, closed=cython.bint, c=cython.uchar, low=cython.size_t, high=cython.size_t, middle=cython.size_t,
               place=cython.size_t, stop=cython.size_t)
cpdef candidates(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] kinds,
                 const unsigned char[::1] below, const unsigned char[::1] strings, unsigned int first_offset,
                 const unsigned char[::1] wanted, const unsigned int[::1] starts,
                 const unsigned char[::1] heads, list found)
