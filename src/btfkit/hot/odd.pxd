cimport cython

@cython.locals(any_odd=cython.size_t, index=cython.size_t, at=cython.size_t, info=cython.uint, kind=cython.uint,
               value=cython.uint, row=cython.uint, elem=cython.size_t, mask=cython.uint, end=cython.size_t)
cpdef picked(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] kinds,
             const unsigned char[::1] flags, const unsigned char[::1] bare, const unsigned int[::1] vlens,
             const unsigned char[::1] odd, unsigned int first_offset, const unsigned char[::1] table, list found)
