cimport cython
from btfkit.hot cimport kinds

cdef unsigned int WORD
cdef unsigned int LONGEST

@cython.locals(start=cython.size_t, depth=cython.size_t, type_id=cython.size_t, at=cython.size_t, info=cython.uint,
               kind=cython.uint, vlen=cython.size_t, missing=cython.uint, index=cython.size_t, widest=cython.uint,
               result=cython.uint, packed=cython.bint, align=cython.uint, offset=cython.uint, size=cython.ulonglong,
               here=cython.size_t, total=cython.ulonglong, steps=cython.uint, sized=cython.bint, count=cython.uint, unknown=cython.uint,
               packed_mark=cython.uint, wide_mark=cython.uint, wide=cython.uint, is_wide=cython.uint, narrow=cython.bint,
               across=cython.bint)
cpdef natural(const unsigned int[::1] words, const unsigned int[::1] positions, unsigned int pointer_size,
              bint exact, unsigned char[::1] aligns, unsigned int[::1] sizes, unsigned int[::1] stack)
