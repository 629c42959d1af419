cimport cython
from btfkit.hot cimport kinds

cdef unsigned int WORD
cdef unsigned int MOST_PASSES
cdef unsigned long long LONG

@cython.locals(place_mask=cython.size_t, classes=cython.size_t, node=cython.size_t, at=cython.size_t,
               kind=cython.uint, found=cython.size_t, slot=cython.size_t, other=cython.size_t, following=cython.size_t)
cpdef size_t seed(const unsigned int[::1] norm, const unsigned int[::1] place, const unsigned int[::1] hashes,
                  unsigned int[::1] label, unsigned int[::1] size, unsigned int[::1] buckets, unsigned int[::1] heads,
                  unsigned int mask)

@cython.locals(here=cython.size_t, there=cython.size_t, end=cython.size_t)
cdef inline bint have_same_words(const unsigned int[::1] norm, const unsigned int[::1] place, size_t one,
                                 size_t other) noexcept

@cython.locals(here=cython.size_t, there=cython.size_t, end=cython.size_t)
cdef inline bint lead_alike(const unsigned int[::1] starts, const unsigned int[::1] refs, const unsigned int[::1] own,
                            const unsigned int[::1] label, size_t one, size_t other) noexcept

@cython.locals(count=cython.size_t, after=cython.size_t, edge=cython.size_t, target=cython.size_t, node=cython.size_t)
cpdef reverse(const unsigned int[::1] starts, const unsigned int[::1] refs, const unsigned int[::1] omitted,
              unsigned int[::1] back_starts, unsigned int[::1] back)

@cython.locals(count=cython.size_t, k=cython.size_t, target=cython.size_t, node=cython.size_t)
cpdef reverse_some(const unsigned int[::1] starts, const unsigned int[::1] refs, const unsigned int[::1] owners,
                   const unsigned int[::1] numbers, unsigned int[::1] back_starts, unsigned int[::1] back)

@cython.locals(count=cython.size_t, low=cython.uint, long=cython.ulonglong, node=cython.size_t, h=cython.ulonglong,
               edge=cython.size_t)
cdef deepen(const unsigned int[::1] starts, const unsigned int[::1] refs, const unsigned int[::1] label,
            unsigned long long prime, const unsigned int[::1] before, unsigned int[::1] after)

@cython.locals(i=cython.size_t, node=cython.size_t, edge=cython.size_t, other=cython.size_t)
cdef size_t users(const unsigned int[::1] nodes, size_t number, const unsigned int[::1] back_starts,
                  const unsigned int[::1] back, const unsigned int[::1] label, const unsigned int[::1] size,
                  unsigned char[::1] mark, unsigned int[::1] found, size_t count) noexcept

@cython.locals(count=cython.size_t, low=cython.uint, long=cython.ulonglong, rounds=cython.size_t, room=cython.size_t,
               place_mask=cython.size_t, groups=cython.size_t, i=cython.size_t, node=cython.size_t, own=cython.uint,
               begin=cython.size_t, width=cython.size_t, h=cython.ulonglong, k=cython.size_t, key=cython.uint,
               place=cython.size_t, g=cython.size_t, following=cython.size_t,
               changed=cython.size_t, level=cython.size_t, known="unsigned int[::1]")
cpdef tuple refine(const unsigned int[::1] starts, const unsigned int[::1] refs, const unsigned int[::1] back_starts,
                   const unsigned int[::1] back, const unsigned int[::1] other_starts,
                   const unsigned int[::1] other_back, unsigned int[::1] label, unsigned int[::1] size, size_t classes,
                   unsigned int[::1] dirty, size_t dirty_count, unsigned int[::1] group, unsigned int[::1] heads,
                   unsigned int[::1] counts, unsigned int[::1] fresh, unsigned int[::1] touched,
                   unsigned int[::1] best, unsigned char[::1] mark, unsigned int[::1] buckets,
                   unsigned long long prime, unsigned int mask, size_t depth)

@cython.locals(count=cython.size_t, waiting=cython.size_t, node=cython.size_t, passes=cython.uint, outer=cython.size_t,
               edges=cython.size_t, found=cython.size_t, k=cython.size_t, edge=cython.size_t)
cpdef tuple peel(const unsigned int[::1] starts, const unsigned int[::1] refs, unsigned char[::1] level,
                 unsigned char[::1] used, unsigned int[::1] left)

@cython.locals(number=cython.size_t, node=cython.size_t)
cpdef arrange(const unsigned char[::1] level, unsigned int passes, unsigned int[::1] order)

@cython.locals(most=cython.size_t, room=cython.size_t, count=cython.size_t, classes=cython.size_t, node=cython.size_t, edge=cython.size_t,
               number=cython.size_t, k=cython.size_t)
cpdef size_t gather(const unsigned int[::1] starts, const unsigned int[::1] refs, const unsigned char[::1] level,
                    const unsigned int[::1] label, unsigned int[::1] numbers, unsigned int[::1] nodes,
                    unsigned int[::1] inner_starts, unsigned int[::1] inner_refs, unsigned int[::1] inner_label,
                    unsigned int[::1] known) except? 0

@cython.locals(number=cython.size_t)
cpdef spread(const unsigned int[::1] nodes, const unsigned int[::1] inner_label, unsigned int[::1] label)

@cython.locals(long=cython.ulonglong, low=cython.uint, count=cython.size_t, place_mask=cython.size_t,
               groups=cython.size_t, following=cython.size_t, inner=cython.size_t, index=cython.size_t,
               node=cython.size_t, own=cython.size_t, begin=cython.size_t, end=cython.size_t, edge=cython.size_t,
               h=cython.ulonglong, key=cython.uint, g=cython.size_t, place=cython.size_t)
cpdef size_t classify(const unsigned int[::1] starts, const unsigned int[::1] refs, const unsigned int[::1] order,
                      const unsigned int[::1] before, const unsigned int[::1] size, unsigned int[::1] label,
                      size_t classes, const unsigned int[::1] nodes, unsigned int[::1] heads, unsigned int[::1] keys,
                      unsigned int[::1] buckets, unsigned long long prime, unsigned int mask) except? 0
