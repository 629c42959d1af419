cimport cython
from btfkit.hot cimport kinds, spans
from btfkit.hot.strings cimport StringTable

cdef unsigned int WORD
cdef unsigned long long LONG

@cython.locals(begins=cython.bint, at=cython.size_t)
cpdef mark_starts(const unsigned char[::1] strings, unsigned int[::1] moved)

@cython.locals(count=cython.size_t)
cpdef size_t spell(const unsigned char[::1] pool, size_t here, unsigned char[::1] text, size_t at) except 0

@cython.locals(node=cython.size_t, info=cython.uint, kind=cython.uint)
cpdef declarations(const unsigned int[::1] norm, const unsigned int[::1] place, size_t first, list found)

@cython.locals(marked=cython.size_t, ids=cython.size_t, index=cython.size_t, at=cython.size_t, info=cython.uint,
               row=cython.uint, mask=cython.uint, elem=cython.uint, _=cython.size_t, slot=cython.uint)
cpdef tuple mark(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
                 size_t first_offset, unsigned int[::1] moved, unsigned int[::1] below, list found)

cdef inline size_t mark_name(unsigned int value, size_t first_offset, unsigned int[::1] moved,
                             unsigned int[::1] below, list found) except? 2

@cython.locals(at=cython.size_t)
cpdef clear(unsigned int[::1] moved)

@cython.locals(long=cython.ulonglong, low=cython.uint, edge=cython.size_t, index=cython.size_t, begin=cython.size_t,
               at=cython.size_t, info=cython.uint, row=cython.uint, tail=cython.size_t,
               elem=cython.size_t, end=cython.size_t, mask=cython.uint, names=cython.uint, slot=cython.uint,
               h=cython.ulonglong)
cpdef size_t take(unsigned int[::1] norm, size_t first_word, const unsigned int[::1] positions,
           const unsigned char[::1] table, size_t first_offset, const unsigned int[::1] below,
           unsigned int[::1] moved, size_t first_id, unsigned int shift, unsigned int[::1] refs,
           size_t first_edge, unsigned int[::1] place, unsigned int[::1] starts, unsigned int[::1] hashes,
           unsigned long long prime, StringTable pool, const unsigned char[::1] strings) except? 0

cdef inline unsigned int new_name(unsigned int value, size_t first_offset, const unsigned int[::1] below,
                                  unsigned int[::1] moved, StringTable pool,
                                  const unsigned char[::1] strings) except? 0xFFFFFFFF

cdef inline unsigned int new_reference(unsigned int value, size_t first_id, unsigned int shift) noexcept

@cython.locals(end=cython.size_t, at=cython.size_t, node=cython.size_t, following=cython.size_t, first=cython.size_t)
cpdef size_t share(unsigned int[::1] norm, unsigned int[::1] place, const unsigned int[::1] label,
                   const unsigned int[::1] heads) except? 0

@cython.locals(to=cython.size_t, node=cython.size_t, at=cython.size_t, edge=cython.size_t, info=cython.uint,
               row=cython.uint, value=cython.uint, mask=cython.uint, _=cython.size_t, elem=cython.size_t,
               names=cython.uint, slot=cython.uint)
cpdef size_t write(const unsigned int[::1] norm, const unsigned int[::1] place, const unsigned char[::1] table,
                   const unsigned int[::1] starts, const unsigned int[::1] refs, const unsigned char[::1] stays,
                   size_t first, const unsigned int[::1] ids, const unsigned char[::1] pool, size_t first_offset,
                   unsigned int[::1] renamed, size_t end, unsigned int[::1] out, unsigned char[::1] text,
                   size_t shift) except? 0

cdef size_t rename(const unsigned char[::1] pool, size_t name, unsigned int[::1] renamed, size_t end,
                   unsigned char[::1] text, size_t shift) except? 0
