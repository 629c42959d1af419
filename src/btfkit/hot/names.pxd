cimport cython

cdef unsigned int HASH_SEED
cdef unsigned int HASH_PRIME
cdef unsigned int LOW_32
cdef unsigned int HEADS

@cython.locals(low=cython.uint, h=cython.uint, i=cython.size_t)
cpdef unsigned int name_hash(const unsigned char[::1] name)

cpdef buckets_of(object names)

@cython.locals(heads=cython.size_t, low=cython.uint, mask=cython.uint, below=cython.size_t, seed=cython.uint, prime=cython.uint, index=cython.size_t,
               at=cython.size_t, offset=cython.uint, start=cython.size_t, h=cython.uint, before_run=cython.uint,
               kept=cython.uint, has_flavor=cython.bint, run=cython.uint, c=cython.uint, bucket=cython.uint)
cpdef size_t find_hashes(const unsigned int[::1] words, const unsigned int[::1] positions,
                         const unsigned char[::1] kinds, const unsigned char[::1] strings, unsigned int first_offset,
                         const unsigned int[::1] buckets, list found)

@cython.locals(length=cython.size_t, size=cython.size_t, lowest=cython.size_t, index=cython.Py_ssize_t,
               at=cython.size_t, offset=cython.size_t, k=cython.size_t)
cpdef Py_ssize_t find_name(const unsigned int[::1] words, const unsigned int[::1] positions,
                           const unsigned char[::1] strings, unsigned int first_offset,
                           const unsigned char[::1] name, const unsigned int[::1] below, unsigned int kind,
                           Py_ssize_t start)

@cython.locals(low=cython.uint, prime=cython.uint, seed=cython.uint, mask=cython.size_t, left=cython.size_t,
               at=cython.size_t, own=cython.bint, h=cython.uint, c=cython.uchar)
cpdef chain_names(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] below,
                  const unsigned char[::1] strings, unsigned int first_offset, unsigned int[::1] buckets,
                  unsigned int[::1] following)

@cython.locals(length=cython.size_t, here=cython.size_t, at=cython.size_t, own=cython.bint, k=cython.size_t,
               c=cython.uchar)
cpdef Py_ssize_t next_named(const unsigned int[::1] words, const unsigned int[::1] positions,
                            const unsigned char[::1] below, const unsigned char[::1] strings,
                            unsigned int first_offset, const unsigned int[::1] buckets,
                            const unsigned int[::1] following, const unsigned char[::1] name, Py_ssize_t last)

@cython.locals(low=cython.Py_ssize_t, high=cython.Py_ssize_t, middle=cython.Py_ssize_t, at=cython.size_t,
               own=cython.bint, c=cython.uchar, k=cython.size_t, length=cython.size_t)
cpdef Py_ssize_t first_not_below(const unsigned int[::1] words, const unsigned int[::1] positions,
                                 const unsigned char[::1] below, const unsigned char[::1] strings,
                                 unsigned int first_offset,
                                 const unsigned char[::1] name, Py_ssize_t start)

@cython.locals(length=cython.size_t, size=cython.size_t, index=cython.Py_ssize_t, offset=cython.size_t,
               k=cython.size_t)
cpdef Py_ssize_t next_member(const unsigned int[::1] words, size_t at, Py_ssize_t count,
                             const unsigned char[::1] strings, unsigned int first_offset,
                             const unsigned char[::1] name, Py_ssize_t start)

@cython.locals(at=cython.size_t, size=cython.size_t, end=cython.size_t)
cpdef bint has_longer(const unsigned char[::1] strings, size_t limit) except -1

@cython.locals(total=cython.size_t, index=cython.size_t, offset=cython.size_t)
cpdef size_t distinct_length(const unsigned int[::1] words, const unsigned int[::1] places,
                             const unsigned char[::1] strings, unsigned int first_offset, unsigned char[::1] seen,
                             size_t most)

@cython.locals(index=cython.size_t, at=cython.size_t, offset=cython.uint)
cpdef named_below(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] kinds,
                  unsigned int first_offset, object indexes, object offsets)

@cython.locals(mask=cython.size_t, prime=cython.uint, low=cython.uint, index=cython.size_t, at=cython.size_t,
               group=cython.uchar, start=cython.size_t, h=cython.uint, before_run=cython.uint,
               kept=cython.uint, end=cython.size_t, run_start=cython.size_t, run=cython.size_t, c=cython.uchar,
               length=cython.size_t, bucket=cython.size_t, first=cython.size_t, other=cython.size_t, k=cython.size_t)
cpdef namesakes(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] groups,
                const unsigned char[::1] strings, unsigned int seed, unsigned int[::1] buckets,
                unsigned int[::1] lengths, list leaders, list followers)
