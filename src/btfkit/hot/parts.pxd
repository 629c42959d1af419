cimport cython

cdef unsigned int WORD
cdef unsigned long long LONG

@cython.locals(count=cython.size_t, index=cython.size_t, at=cython.size_t, info=cython.uint, row=cython.uint,
               value=cython.uint, elem=cython.size_t, mask=cython.uint, end=cython.size_t, slot=cython.size_t)
cpdef size_t mark_names(const unsigned int[::1] words, const unsigned int[::1] positions,
                        const unsigned char[::1] table, size_t first_offset, unsigned int[::1] moved)

@cython.locals(count=cython.size_t, begins=cython.bint, at=cython.size_t)
cpdef size_t mark_starts(const unsigned char[::1] strings, unsigned int[::1] moved)

@cython.locals(index=cython.size_t, at=cython.size_t, info=cython.uint, row=cython.uint, value=cython.uint,
               elem=cython.size_t, mask=cython.uint, end=cython.size_t, slot=cython.size_t)
cpdef not_settled(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
                  unsigned int limit, unsigned int[::1] moved, list found)

@cython.locals(long=cython.ulonglong, place_mask=cython.size_t, count=cython.size_t, at=cython.size_t,
               h=cython.ulonglong, begin=cython.size_t, c=cython.uint, place=cython.size_t, other=cython.size_t,
               k=cython.size_t)
cpdef size_t index(const unsigned char[::1] pool, size_t start, size_t end, unsigned int[::1] buckets,
                   unsigned long long prime, unsigned int mask)

@cython.locals(long=cython.ulonglong, place_mask=cython.size_t, below_mask=cython.size_t, offset=cython.size_t,
               h=cython.ulonglong, at=cython.size_t, c=cython.uint, length=cython.size_t, found=cython.size_t,
               place=cython.size_t, other=cython.size_t, k=cython.size_t)
cpdef tuple settle_names(const unsigned char[::1] strings, size_t start, unsigned int[::1] moved,
                         const unsigned char[::1] below, const unsigned int[::1] below_buckets,
                         unsigned char[::1] pool, size_t pool_start, size_t end, unsigned int[::1] buckets,
                         unsigned long long prime, unsigned int mask)

@cython.locals(long=cython.ulonglong, low=cython.uint, to=cython.size_t, index=cython.size_t, at=cython.size_t,
               info=cython.uint, row=cython.uint, value=cython.uint, h=cython.ulonglong, mask=cython.uint,
               slot=cython.size_t, elem=cython.size_t, end=cython.size_t, ids=cython.uint, names=cython.uint)
cpdef tuple take_apart(const unsigned int[::1] words, const unsigned int[::1] positions,
                       const unsigned char[::1] table, size_t first_offset, const unsigned int[::1] below,
                       const unsigned int[::1] moved, size_t first_id, size_t shift, unsigned int[::1] norm,
                       size_t at_word, unsigned int[::1] place, unsigned int[::1] starts, unsigned int[::1] refs,
                       size_t edges, unsigned int[::1] hashes, size_t node, unsigned long long prime)

@cython.locals(count=cython.size_t, index=cython.size_t, info=cython.uint, row=cython.uint, mask=cython.uint)
cpdef size_t count_refs(const unsigned int[::1] words, const unsigned int[::1] positions,
                        const unsigned char[::1] table)

@cython.locals(to_word=cython.size_t, node=cython.size_t, at=cython.size_t, info=cython.uint, row=cython.uint,
               edge=cython.size_t, tail=cython.size_t, elem=cython.size_t, mask=cython.uint, total=cython.size_t,
               phase=cython.size_t, slot=cython.size_t, value=cython.uint, is_name=cython.bint, is_type=cython.bint,
               here=cython.size_t)
cpdef size_t write(const unsigned int[::1] norm, const unsigned int[::1] place, const unsigned char[::1] table,
                   const unsigned int[::1] starts, const unsigned int[::1] refs, const unsigned char[::1] stays,
                   size_t first, const unsigned int[::1] ids, const unsigned char[::1] pool, size_t first_offset,
                   unsigned int[::1] renamed, size_t end, unsigned int[::1] out, list order)

@cython.locals(number=cython.Py_ssize_t, here=cython.size_t, c=cython.uchar)
cpdef size_t spell(const unsigned char[::1] pool, size_t start, list order, unsigned char[::1] out, size_t at)

@cython.locals(node=cython.size_t, info=cython.uint, kind=cython.uint)
cpdef declarations(const unsigned int[::1] norm, const unsigned int[::1] place, size_t first, list found)
