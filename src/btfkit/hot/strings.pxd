cimport cython
from btfkit.hot cimport spans

cdef unsigned int WORD
cdef size_t CELL
cdef size_t LONGEST

cpdef random_prime()

cpdef unsigned int hash_of(const unsigned char[::1] strings, size_t start, unsigned int prime) except? 0xFFFFFFFF

@cython.final
cdef class StringTable:
    cdef readonly object data
    cdef unsigned char[::1] pool
    cdef readonly size_t start
    cdef readonly size_t end
    cdef size_t added
    cdef readonly size_t count
    cdef public size_t limit
    cdef readonly unsigned int prime
    cdef unsigned int mask
    cdef unsigned int h
    cdef StringTable below
    cdef size_t before
    cdef size_t following
    cdef unsigned int[::1] slots
    cdef unsigned int[::1] followers

    @cython.locals(start=cython.size_t, end=cython.size_t, h=cython.uint, slot=cython.size_t)
    cpdef index(self)

    @cython.locals(size=cython.size_t, old="unsigned int[::1]", at=cython.size_t, slot=cython.size_t)
    cpdef reserve(self, size_t count)

    @cython.locals(mask=cython.size_t, slot=cython.size_t, here=cython.size_t)
    cdef inline size_t slot_of(self, const unsigned char[::1] strings, size_t start, size_t end, unsigned int h) except? 1

    cdef inline int learn(self, size_t slot, size_t offset, unsigned int h) except -1

    @cython.locals(end=cython.size_t)
    cdef inline size_t measure(self, const unsigned char[::1] strings, size_t start) except? 0xFFFFFFFFFFFFFFFF

    @cython.locals(slot=cython.size_t)
    cdef inline size_t find(self, const unsigned char[::1] strings, size_t start, size_t end, unsigned int h) except? 0xFFFFFFFFFFFFFFFF

    @cython.locals(slot=cython.size_t, to=cython.size_t, offset=cython.size_t)
    cdef inline size_t add(self, const unsigned char[::1] strings, size_t start, size_t end, unsigned int h) except? 0xFFFFFFFFFFFFFFFF

    @cython.locals(count=cython.size_t)
    cdef inline size_t stage(self, const unsigned char[::1] strings, size_t start) except? 0xFFFFFFFFFFFFFFFF

    @cython.locals(mask=cython.size_t, slot=cython.size_t, here=cython.size_t, offset=cython.size_t)
    cdef inline size_t keep_staged(self, size_t end) except? 0xFFFFFFFFFFFFFFFF

    @cython.locals(end=cython.size_t)
    cdef size_t put(self, const unsigned char[::1] strings, size_t start) except? 0xFFFFFFFFFFFFFFFF

    cdef size_t put_part(self, const unsigned char[::1] strings, size_t start, size_t end) except? 0xFFFFFFFFFFFFFFFF

    @cython.locals(size=cython.size_t)
    cdef int lengthen(self, size_t need) except -1

    cpdef begin(self, const unsigned char[::1] strings)

    @cython.locals(end=cython.size_t, cell=cython.size_t, guess=cython.size_t, offset=cython.size_t)
    cdef size_t resolve(self, const unsigned char[::1] strings, size_t start) except? 0

    @cython.locals(at=cython.size_t)
    cpdef settle(self, const unsigned char[::1] strings, unsigned int[::1] moved)

    @cython.locals(cell=cython.size_t, old="unsigned int[::1]")
    cdef int lengthen_followers(self) except -1

    cpdef finish(self)

    @cython.locals(mask=cython.size_t, index=cython.size_t, old=cython.uint, slot=cython.size_t, end=cython.size_t,
                   word=cython.uint)
    cpdef rename(self, unsigned int[::1] words, const unsigned int[::1] places, const unsigned char[::1] low,
                 const unsigned char[::1] high, unsigned int first_offset, unsigned int[::1] known)

    @cython.locals(start=cython.size_t, size=cython.size_t, end=cython.size_t, wanted=cython.uint, whole=cython.size_t,
                   at=cython.size_t, found=cython.size_t)
    cpdef add_used(self, const unsigned char[::1] strings, unsigned char[::1] used, unsigned int[::1] moved)
