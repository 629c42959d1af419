cimport cython
from btfkit.hot cimport kinds

cdef unsigned int WORD
cdef unsigned long long LONG

@cython.locals(begins=cython.bint, at=cython.size_t)
cpdef mark_starts(const unsigned char[::1] strings, unsigned int[::1] moved)

cpdef size_t spell(const unsigned char[::1] pool, size_t here, unsigned char[::1] text, size_t at) except 0

@cython.locals(node=cython.size_t, info=cython.uint, kind=cython.uint)
cpdef declarations(const unsigned int[::1] norm, const unsigned int[::1] place, size_t first, list found)

@cython.locals(index=cython.size_t, value=cython.uint)
cpdef mark_names(const unsigned int[::1] words, const unsigned int[::1] names, size_t first_offset,
                 unsigned int[::1] moved)

@cython.locals(index=cython.size_t, value=cython.uint)
cpdef settle(unsigned int[::1] norm, const unsigned int[::1] names, size_t first_offset,
             const unsigned int[::1] below, const unsigned int[::1] moved)

@cython.locals(index=cython.size_t, value=cython.uint)
cpdef take_ids(unsigned int[::1] norm, const unsigned int[::1] ids, size_t first_id, size_t shift,
               unsigned int[::1] refs)

@cython.locals(long=cython.ulonglong, low=cython.uint, count=cython.size_t, index=cython.size_t,
               h=cython.ulonglong, at=cython.size_t)
cpdef place_nodes(const unsigned int[::1] norm, size_t first_word, const unsigned int[::1] positions,
                  const unsigned int[::1] id_starts, size_t first_edge, unsigned int[::1] place,
                  unsigned int[::1] starts, unsigned int[::1] hashes, unsigned long long prime)

@cython.locals(end=cython.size_t, at=cython.size_t, node=cython.size_t, following=cython.size_t, first=cython.size_t)
cpdef size_t share(unsigned int[::1] norm, unsigned int[::1] place, const unsigned int[::1] label,
                   const unsigned int[::1] heads) except? 0

@cython.locals(to=cython.size_t, record=cython.size_t, edge=cython.size_t, node=cython.size_t, at=cython.size_t,
               info=cython.uint, row=cython.uint, end=cython.size_t)
cpdef gather(const unsigned int[::1] norm, const unsigned int[::1] place, const unsigned char[::1] table,
             const unsigned int[::1] starts, const unsigned int[::1] refs, const unsigned char[::1] stays, size_t first,
             const unsigned int[::1] ids, unsigned int[::1] out, unsigned int[::1] positions,
             unsigned int[::1] targets)

@cython.locals(index=cython.size_t)
cpdef put(unsigned int[::1] words, const unsigned int[::1] places, const unsigned int[::1] values)

@cython.locals(index=cython.size_t, value=cython.uint)
cpdef size_t rename(unsigned int[::1] words, const unsigned int[::1] names, const unsigned char[::1] pool,
                    size_t first_offset, unsigned int[::1] renamed, size_t end, unsigned char[::1] text, size_t shift)
