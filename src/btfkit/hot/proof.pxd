cimport cython
from btfkit.hot cimport kinds

@cython.locals(low_size=cython.size_t, new_end=cython.size_t, index=cython.size_t, at=cython.size_t,
               new=cython.size_t, below=cython.bint, there=cython.size_t, info=cython.uint, other=cython.uint,
               kind=cython.uint, row=cython.uint, tail=cython.size_t, elem=cython.size_t, total=cython.size_t,
               became=cython.bint, kind_now=cython.uint, phase=cython.size_t, slot=cython.size_t, old=cython.size_t,
               now=cython.size_t, is_name=cython.bint, is_type=cython.bint, mapped=cython.size_t, k=cython.size_t,
               a=cython.uint, b=cython.uint)
cpdef size_t prove(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
                   size_t start, const unsigned int[::1] ids, size_t shift, const unsigned char[::1] low,
                   const unsigned char[::1] high, const unsigned int[::1] base_words,
                   const unsigned int[::1] base_positions, const unsigned int[::1] new_words,
                   const unsigned int[::1] new_positions, const unsigned char[::1] new_high, unsigned int[::1] known,
                   list doubtful, list arrays)
