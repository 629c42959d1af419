cimport cython
from btfkit.hot cimport kinds

cdef unsigned int STRONG
cdef unsigned int WEAK
cdef unsigned int NOTHING
cdef unsigned int WITHIN
cdef unsigned int WITHIN_POINTED

@cython.locals(mark=cython.uint, index=cython.size_t, first=cython.size_t, place=cython.size_t)
cpdef referred(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned int[::1] ids,
               const unsigned int[::1] id_starts, unsigned char[::1] states, const unsigned char[::1] returns)

@cython.locals(index=cython.size_t, at=cython.size_t, kind=cython.uint, target=cython.size_t)
cpdef returning(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] shown,
                unsigned char[::1] returns)

@cython.locals(ordered=cython.uint, count=cython.size_t, frames="unsigned int[::1]", larger="unsigned int[::1]",
               index=cython.size_t, depth=cython.size_t, type_id=cython.size_t, pointed=cython.uint, result=cython.uint,
               state=cython.uint, at=cython.size_t, info=cython.uint, kind=cython.uint, within=cython.uint,
               slot=cython.size_t, onward=cython.bint, here=cython.size_t)
cpdef tuple order(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned int[::1] roots,
                  unsigned char[::1] states, unsigned int[::1] queue, long long budget, list stack)

@cython.locals(count=cython.size_t, emitted=cython.uint, emitting=cython.uint, forwarded=cython.uint,
               path="unsigned int[::1]", larger="unsigned int[::1]", position=cython.size_t, type_id=cython.size_t,
               depth=cython.size_t, container=cython.size_t, mark=cython.uint, at=cython.size_t, kind=cython.uint,
               here=cython.size_t, slot=cython.size_t, onward=cython.bint, index=cython.size_t)
cpdef Py_ssize_t plan(const unsigned int[::1] words, const unsigned int[::1] positions,
                      const unsigned int[::1] queue, unsigned char[::1] marks, unsigned int[::1] steps,
                      long long budget)
