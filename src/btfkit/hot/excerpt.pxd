cimport cython
from btfkit.hot cimport kinds
from btfkit.hot.strings cimport StringTable

cdef unsigned char OUT
cdef unsigned char IN
cdef unsigned char OPAQUE

@cython.locals(index=cython.size_t, name=cython.size_t)
cpdef bint are_whole(const unsigned int[::1] words, const unsigned int[::1] places, size_t first,
                     const unsigned char[::1] strings) except -1

@cython.locals(start=cython.size_t, size=cython.size_t, end=cython.size_t, found=cython.size_t)
cpdef common_names(const unsigned char[::1] strings, StringTable names, unsigned int[::1] moved,
                   unsigned int[::1] offsets)

@cython.locals(index=cython.size_t, at=cython.size_t, info=cython.uint, kind=cython.uint, name=cython.size_t,
               row=cython.size_t, known=cython.bint, elem=cython.size_t, _=cython.size_t)
cpdef bint select(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
                  const unsigned char[::1] strings, const unsigned int[::1] moved, unsigned char[::1] state) except -1

@cython.locals(changed=cython.bint, total=cython.size_t, index=cython.size_t, at=cython.size_t, row=cython.size_t)
cpdef size_t close(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
                   unsigned char[::1] state) except? 0

@cython.locals(info=cython.uint, row=cython.size_t, mask=cython.uint, slot=cython.size_t, elem=cython.size_t,
               _=cython.size_t)
cdef bint refers_out(const unsigned int[::1] words, size_t at, const unsigned char[::1] table,
                     const unsigned char[::1] state) except -1

@cython.locals(count=cython.uint, index=cython.size_t, end=cython.size_t, number=cython.size_t, at=cython.size_t,
               info=cython.uint, row=cython.size_t, tail=cython.size_t, slot=cython.size_t, word=cython.uint,
               elem=cython.size_t, _=cython.size_t)
cpdef size_t write(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
                   const unsigned char[::1] state, const unsigned int[::1] moved, const unsigned int[::1] opaque,
                   unsigned int[::1] ids, unsigned int[::1] out) except? 0

@cython.locals(complete=cython.bint, index=cython.size_t, old=cython.uint)
cpdef bint move(unsigned int[::1] words, const unsigned int[::1] places, const unsigned int[::1] ids,
                unsigned int first, unsigned int new_first) except -1

@cython.locals(index=cython.size_t)
cpdef shift_names(unsigned int[::1] words, const unsigned int[::1] places, unsigned int by)

@cython.locals(end=cython.size_t, index=cython.size_t, name=cython.size_t, at=cython.size_t)
cpdef size_t rename(unsigned int[::1] words, const unsigned int[::1] places, unsigned int[::1] known,
                    const unsigned char[::1] strings, size_t first, unsigned char[::1] out) except? 0
