cimport cython
from btfkit.hot cimport kinds
from btfkit.hot.columns cimport id_place

cpdef bint has_elements(unsigned int kind) noexcept

@cython.locals(index=cython.size_t, level=cython.uint, at=cython.size_t, kind=cython.uint, child=cython.uint,
               number=cython.size_t, place=cython.size_t, target=cython.size_t)
cpdef reach(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
            size_t first_id, unsigned char[::1] levels, list stack, list below, unsigned int policy)

@cython.locals(index=cython.size_t, level=cython.uint, at=cython.size_t, kind=cython.uint)
cpdef whole(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] levels,
            unsigned int policy, list kept, list bare)
