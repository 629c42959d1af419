cimport cython
from btfkit.hot cimport kinds

cpdef zeros(size_t count)

@cython.locals(ids=cython.size_t, names=cython.size_t, index=cython.size_t, info=cython.uint, row=cython.uint,
               mask=cython.uint)
cpdef tuple count(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table)

@cython.locals(to_id=cython.size_t, to_name=cython.size_t, index=cython.size_t, at=cython.size_t, info=cython.uint,
               row=cython.uint, tail=cython.size_t, elem=cython.size_t, mask=cython.uint, name_mask=cython.uint,
               slot=cython.size_t, end=cython.size_t)
cpdef fill(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
           unsigned int[::1] ids, unsigned int[::1] id_starts, unsigned int[::1] names,
           unsigned int[::1] name_starts)

@cython.locals(info=cython.uint, row=cython.uint, tail=cython.size_t, mask=cython.uint, slot=cython.size_t)
cpdef size_t id_place(const unsigned int[::1] words, const unsigned char[::1] table, size_t at,
                      size_t number) except? 0

@cython.locals(index=cython.size_t, value=cython.uint)
cpdef replace(unsigned int[::1] words, const unsigned int[::1] places, unsigned int low,
              const unsigned int[::1] board, unsigned int high, unsigned int new_high)

@cython.locals(index=cython.size_t, value=cython.size_t)
cpdef by_value(const unsigned int[::1] words, const unsigned int[::1] places, unsigned int[::1] starts,
               unsigned int[::1] sorted_places)

@cython.locals(index=cython.size_t, value=cython.uint)
cpdef look_up(unsigned int[::1] words, const unsigned int[::1] places, dict known, object ask)

@cython.locals(index=cython.size_t, value=cython.uint)
cpdef mark(const unsigned int[::1] words, const unsigned int[::1] places, unsigned int low, unsigned int high,
           unsigned char[::1] marks)

@cython.locals(index=cython.size_t, value=cython.uint)
cpdef missing(const unsigned int[::1] words, const unsigned int[::1] places, unsigned int high,
              unsigned int[::1] board, list found)

@cython.locals(last=cython.Py_ssize_t, place=cython.size_t, index=cython.Py_ssize_t, end=cython.size_t,
               k=cython.size_t)
cpdef size_t gather(const unsigned int[::1] words, const unsigned int[::1] positions,
                    const unsigned int[::1] indexes, unsigned int[::1] out, size_t at) except? 0

@cython.locals(last=cython.Py_ssize_t, place=cython.size_t, index=cython.Py_ssize_t, total=cython.size_t)
cpdef size_t extent(const unsigned int[::1] words, const unsigned int[::1] positions, list indexes) except? 0

@cython.locals(to=cython.size_t, place=cython.size_t, index=cython.size_t, at=cython.size_t, info=cython.uint,
               row=cython.uint, elem=cython.size_t, size=cython.size_t, k=cython.size_t, item=cython.size_t)
cpdef size_t copy(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
                  list indexes, dict chosen, unsigned int[::1] out,
                  unsigned int[::1] starts) except? 0

@cython.locals(index=cython.size_t)
cpdef size_t first_from(const unsigned int[::1] words, const unsigned int[::1] places,
                        unsigned int limit) except? 0
