cimport cython
from btfkit.hot cimport kinds

cdef unsigned char SEEN

@cython.locals(limit=cython.size_t, room=cython.size_t, length=cython.size_t, top=cython.size_t, at_id=cython.size_t,
               pointed=cython.bint, more=cython.bint, at=cython.size_t, info=cython.uint, kind=cython.uint, named=cython.size_t,
               value=cython.uint, count=cython.size_t, place=cython.size_t, number=cython.size_t)
cpdef size_t prototype(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] strings,
                       size_t type_id, unsigned int[::1] pending, unsigned char[::1] out) except? 0

@cython.locals(limit=cython.size_t, room=cython.size_t, length=cython.size_t, count=cython.uint, top=cython.size_t,
               is_root=cython.bint, at_id=cython.size_t, more=cython.bint, value=cython.uint, at=cython.size_t, info=cython.uint,
               kind=cython.uint, vlen=cython.size_t, place=cython.size_t, _=cython.size_t, size=cython.size_t)
cpdef size_t composite(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] strings,
                       size_t type_id, unsigned int[::1] seen, unsigned int start, unsigned int[::1] pending,
                       unsigned char[::1] out) except? 0

@cython.locals(shift=cython.uint)
cdef size_t put(unsigned char[::1] out, size_t at, unsigned int value) except? 0

@cython.locals(limit=cython.size_t)
cdef size_t name(const unsigned char[::1] strings, size_t start, unsigned char[::1] out, size_t at) except? 0
