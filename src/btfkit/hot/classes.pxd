cimport cython
from btfkit.hot cimport kinds

cdef unsigned int WORD
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
cdef inline bint lead_alike(const unsigned int[::1] starts, const unsigned int[::1] refs, const unsigned int[::1] label,
                            size_t one, size_t other) noexcept

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
