cimport cython
from btfkit.hot cimport kinds

cdef unsigned long long LONG

@cython.locals(count=cython.size_t, node=cython.size_t)
cpdef size_t all_dirty(const unsigned int[::1] starts, const unsigned int[::1] label, const unsigned int[::1] size,
                       unsigned int[::1] dirty)

@cython.locals(count=cython.size_t, edge=cython.size_t)
cpdef size_t count_keyed(const unsigned int[::1] refs, size_t edges, const unsigned char[::1] keyed)

@cython.locals(count=cython.size_t, node=cython.size_t, edge=cython.size_t)
cpdef keyed_edges(const unsigned int[::1] starts, const unsigned int[::1] refs, const unsigned char[::1] keyed,
                  unsigned int[::1] owners, unsigned int[::1] places, unsigned int[::1] targets)

@cython.locals(node=cython.size_t)
cpdef count_up(unsigned int[::1] to)

@cython.locals(i=cython.size_t)
cpdef patch(unsigned int[::1] refs, const unsigned int[::1] places, const unsigned int[::1] targets,
            const unsigned int[::1] to)

@cython.locals(node=cython.size_t, count=cython.size_t, i=cython.size_t)
cpdef size_t recount(const unsigned int[::1] label, unsigned int[::1] size, const unsigned int[::1] owners,
                     unsigned int[::1] dirty)

@cython.locals(node=cython.size_t)
cpdef lowest(const unsigned int[::1] label, unsigned int[::1] heads)

@cython.locals(count=cython.size_t, node=cython.size_t, at=cython.size_t, info=cython.uint, kind=cython.uint,
               name=cython.uint, declares=cython.bint)
cpdef size_t declared(const unsigned int[::1] norm, const unsigned int[::1] place, size_t first,
                      unsigned char[::1] flags)

@cython.locals(node=cython.size_t, at=cython.size_t, name=cython.uint, info=cython.uint, kind=cython.uint,
               bit=cython.uint)
cpdef tagged(const unsigned int[::1] norm, const unsigned int[::1] place, size_t first,
             const unsigned char[::1] flags, list nodes, list bits)

@cython.locals(long=cython.ulonglong, most=cython.size_t, table_mask=cython.size_t, begin=cython.size_t,
               i=cython.size_t, j=cython.size_t, h=cython.ulonglong, count=cython.size_t, done=cython.size_t,
               met=cython.size_t, fits=cython.bint, a=cython.size_t, b=cython.size_t, first=cython.size_t,
               there=cython.size_t, k=cython.size_t, x=cython.size_t, y=cython.size_t, place=cython.size_t,
               known=cython.bint, g=cython.size_t)
cpdef meetings(const unsigned int[::1] starts, const unsigned int[::1] refs, const unsigned int[::1] label,
               const unsigned int[::1] coarse, const unsigned char[::1] opened, const unsigned int[::1] roots,
               const unsigned int[::1] ends, const unsigned int[::1] others, unsigned int[::1] left,
               unsigned int[::1] right, unsigned int[::1] table, unsigned long long prime, Py_ssize_t budget,
               list found)

@cython.locals(limit=cython.size_t, k=cython.size_t, done=cython.size_t, number=cython.size_t, node=cython.size_t,
               here=cython.size_t, end=cython.size_t, there=cython.size_t, moved_end=cython.size_t, user=cython.size_t)
cpdef climb(const unsigned int[::1] norm, const unsigned int[::1] place, const unsigned int[::1] label,
            const unsigned char[::1] through, const unsigned int[::1] back_starts, const unsigned int[::1] back,
            const unsigned int[::1] moved_starts, const unsigned int[::1] moved, unsigned int[::1] todo, size_t count,
            size_t most, unsigned char[::1] seen, unsigned char[::1] met, list found)

@cython.locals(node=cython.size_t)
cpdef members(const unsigned int[::1] coarse, const unsigned int[::1] label, const unsigned char[::1] wanted,
              unsigned char[::1] seen, list nodes)

@cython.locals(node=cython.size_t, kind=cython.uint)
cpdef count_kinds(const unsigned int[::1] norm, const unsigned int[::1] place, const unsigned char[::1] stays, size_t first,
            unsigned int[::1] before, unsigned int[::1] after)

@cython.locals(following=cython.size_t, total=cython.size_t, node=cython.size_t, info=cython.uint, row=cython.uint)
cpdef tuple number(const unsigned int[::1] label, const unsigned int[::1] heads, const unsigned int[::1] to,
                   size_t first, const unsigned int[::1] norm, const unsigned int[::1] place,
                   const unsigned char[::1] table, unsigned int[::1] ids, unsigned char[::1] stays)
