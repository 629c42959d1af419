cimport cython

cdef unsigned int HASH_SEED
cdef unsigned int WORD
cdef size_t LONGEST

@cython.locals(mask=cython.size_t, place=cython.size_t, here=cython.size_t, k=cython.size_t)
cpdef size_t find(const unsigned char[::1] pool, const unsigned int[::1] buckets, const unsigned char[::1] strings,
                  size_t start, size_t end, unsigned int h) except? 4294967295

@cython.locals(word=cython.uint, h=cython.uint, k=cython.size_t)
cpdef unsigned int digest(const unsigned char[::1] strings, size_t start, size_t end, unsigned int prime) except? 4294967295

@cython.locals(word=cython.uint, count=cython.uint, start=cython.size_t, stop=cython.size_t,
               end=cython.size_t, h=cython.uint, place=cython.size_t)
cpdef index(const unsigned char[::1] pool, unsigned int[::1] buckets, unsigned int[::1] state, unsigned int prime)

@cython.locals(mask=cython.size_t, at=cython.size_t, place=cython.size_t)
cpdef grow(const unsigned int[::1] old, unsigned int[::1] buckets)

@cython.locals(word=cython.uint, start=cython.size_t, size=cython.size_t, end=cython.size_t,
               wanted=cython.uint, full=cython.uint, whole=cython.uint, at=cython.size_t, h=cython.uint,
               place=cython.size_t, k=cython.size_t)
cpdef add(unsigned char[::1] pool, unsigned int[::1] buckets, unsigned int[::1] state, unsigned int prime,
          const unsigned char[::1] strings, unsigned char[::1] used, unsigned int[::1] moved)
