cimport cython

@cython.locals(end=cython.size_t, at=cython.size_t, node=cython.size_t)
cpdef mark(const unsigned char[::1] strings, const unsigned short[::1] tree, const unsigned char[::1] ends,
           unsigned char[::1] found)
