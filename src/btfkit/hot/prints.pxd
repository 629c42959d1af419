cimport cython
from btfkit.hot cimport kinds

cdef unsigned long long LONG

@cython.locals(long=cython.ulonglong, node=cython.size_t, h=cython.ulonglong, at=cython.size_t, kind=cython.uint)
cpdef skeletons(const unsigned int[::1] norm, const unsigned int[::1] place, size_t first,
                unsigned long long[::1] prints, unsigned long long prime)

@cython.locals(long=cython.ulonglong, node=cython.size_t, h=cython.ulonglong, edge=cython.size_t,
               target=cython.size_t)
cpdef step(const unsigned int[::1] starts, const unsigned int[::1] refs, size_t first,
           const unsigned long long[::1] skeleton, const unsigned long long[::1] below,
           const unsigned long long[::1] before, unsigned long long[::1] after, unsigned long long prime)

@cython.locals(mask=cython.size_t, node=cython.size_t, place=cython.size_t)
cpdef bint index_prints(const unsigned long long[::1] prints, const unsigned int[::1] rep, unsigned int[::1] buckets)

@cython.locals(mask=cython.size_t, index=cython.size_t, place=cython.size_t)
cpdef look_up(const unsigned long long[::1] own, const unsigned long long[::1] prints,
              const unsigned int[::1] buckets, unsigned int[::1] match)

@cython.locals(count=cython.size_t, removed="unsigned int[::1]", wrong=cython.size_t, index=cython.size_t,
               other=cython.size_t, at=cython.size_t, length=cython.size_t, there=cython.size_t, fits=cython.bint,
               k=cython.size_t, begin=cython.size_t, width=cython.size_t, target=cython.size_t, became=cython.size_t)
cpdef size_t verify(const unsigned int[::1] norm, const unsigned int[::1] place, const unsigned int[::1] starts,
                    const unsigned int[::1] refs, size_t first, unsigned int[::1] match,
                    const unsigned int[::1] b_norm, const unsigned int[::1] b_place, const unsigned int[::1] b_starts,
                    const unsigned int[::1] b_refs, const unsigned int[::1] rep)

@cython.locals(count=cython.size_t, ends="unsigned int[::1]", users="unsigned int[::1]", edge=cython.size_t,
               index=cython.size_t, target=cython.size_t, done=cython.size_t)
cdef size_t remove_users(const unsigned int[::1] starts, const unsigned int[::1] refs, size_t first,
                         unsigned int[::1] match, unsigned int[::1] removed, size_t wrong) except? 1


@cython.locals(count=cython.size_t, index=cython.size_t, word=cython.size_t, edge=cython.size_t, node=cython.size_t,
               following=cython.size_t, at=cython.size_t, target=cython.size_t)
cpdef tuple gather(const unsigned int[::1] norm, const unsigned int[::1] place, const unsigned int[::1] starts,
                   const unsigned int[::1] refs, const unsigned int[::1] hashes, size_t first,
                   const unsigned int[::1] match, unsigned int[::1] local, unsigned int[::1] board,
                   unsigned int[::1] g_norm, unsigned int[::1] g_place, unsigned int[::1] g_starts,
                   unsigned int[::1] g_refs, unsigned int[::1] g_hashes, list below)

@cython.locals(index=cython.Py_ssize_t, head=cython.size_t)
cpdef size_t classify(list below, const unsigned int[::1] rep, unsigned int[::1] board, unsigned int[::1] label,
                      unsigned int[::1] size, size_t first, size_t classes)

@cython.locals(index=cython.size_t)
cpdef spread(const unsigned int[::1] match, const unsigned int[::1] local, const unsigned int[::1] ids, size_t first,
             unsigned int[::1] out)
