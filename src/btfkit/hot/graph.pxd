cimport cython

@cython.locals(index=cython.size_t, level=cython.uint, at=cython.size_t, info=cython.uint, kind=cython.uint,
               row=cython.uint, child=cython.uint, slot=cython.size_t, tail=cython.size_t, elem=cython.size_t,
               mask=cython.uint, total=cython.size_t, target=cython.size_t)
cpdef reach(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
            size_t first_id, unsigned char[::1] levels, list stack, list below, unsigned int policy)

@cython.locals(index=cython.size_t, level=cython.uint, at=cython.size_t, kind=cython.uint, element=cython.bint)
cpdef whole(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] levels,
            unsigned int policy, list kept, list bare)

@cython.locals(index=cython.size_t, at=cython.size_t, info=cython.uint, row=cython.uint, tail=cython.uint,
               mask=cython.uint, slot=cython.uint, elem=cython.size_t, end=cython.size_t)
cpdef references_below(const unsigned int[::1] words, const unsigned int[::1] positions,
                       const unsigned char[::1] table, unsigned int first_id, unsigned char[::1] found)
