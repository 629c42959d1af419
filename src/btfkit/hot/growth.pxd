cimport cython

@cython.locals(new="unsigned int[::1]", at=cython.size_t)
cpdef unsigned int[::1] grown(unsigned int[::1] old, size_t used)

@cython.locals(new="unsigned char[::1]", at=cython.size_t)
cpdef unsigned char[::1] grown_bytes(unsigned char[::1] old, size_t used)

cpdef unsigned int[::1] room()
