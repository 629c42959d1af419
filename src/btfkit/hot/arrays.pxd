cimport cython
from btfkit.hot cimport kinds

@cython.locals(first_id=cython.size_t, count=cython.size_t, index=cython.size_t, at=cython.size_t,
               element=cython.size_t, is_below=cython.bint, there=cython.size_t, info=cython.uint)
cpdef size_t nested(const unsigned int[::1] words, const unsigned int[::1] positions,
                    const unsigned int[::1] below_words, const unsigned int[::1] below_positions, list found)

@cython.locals(more=cython.bint, index=cython.size_t, at=cython.size_t, info=cython.uint, kind=cython.uint,
               member=cython.size_t)
cpdef bint holders(const unsigned int[::1] words, const unsigned int[::1] positions, unsigned char[::1] marks,
                   list found)

@cython.locals(limit=cython.size_t, index=cython.size_t, at=cython.size_t, kind=cython.uint, name=cython.size_t)
cpdef namesakes(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] wanted,
                size_t first, list found)
