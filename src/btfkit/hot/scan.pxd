cimport cython
from btfkit.hot cimport kinds

cdef unsigned int FUNC_ROW

@cython.locals(size=cython.size_t, room=cython.size_t, at=cython.size_t, count=cython.size_t, info=cython.uint, row=cython.uint,
               tail=cython.uint, elem=cython.size_t, need=cython.size_t, end=cython.size_t,
               mask=cython.uint, slot=cython.uint, ids=cython.uint, names=cython.uint, value=cython.uint,
               top_id=cython.uint, top_name=cython.uint, unsure=cython.size_t, earlier=cython.bint)
cpdef tuple scan(const unsigned int[::1] words, const unsigned char[::1] table, unsigned int[::1] positions, size_t first_id)

@cython.locals(index=cython.size_t, at=cython.size_t, target=cython.uint, below=list)
cpdef tuple functions(const unsigned int[::1] words, const unsigned int[::1] positions, unsigned int first_id)

@cython.locals(index=cython.Py_ssize_t, first=cython.Py_ssize_t, count=cython.Py_ssize_t, name=cython.uint,
               previous=cython.uint, a=cython.size_t, b=cython.size_t, a_above=cython.bint, b_above=cython.bint,
               x=cython.uchar, y=cython.uchar)
cpdef Py_ssize_t is_sorted(const unsigned int[::1] words, const unsigned int[::1] positions,
                           const unsigned char[::1] below, const unsigned char[::1] strings,
                           unsigned int first_offset)

@cython.locals(count=cython.size_t, wrong=cython.size_t, index=cython.size_t, kind=cython.uint, tag=cython.bint,
               place=cython.size_t, value=cython.uint, declared=cython.bint)
cpdef tuple targets(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned int[::1] ids,
                    const unsigned int[::1] id_starts, unsigned int low, unsigned int high,
                    const unsigned int[::1] below_words, const unsigned int[::1] below_positions)

@cython.locals(count=cython.size_t, wrong=cython.size_t, index=cython.size_t, value=cython.uint)
cpdef tuple inside(const unsigned int[::1] words, const unsigned int[::1] names, unsigned int low,
                   unsigned int high, const unsigned char[::1] strings)
