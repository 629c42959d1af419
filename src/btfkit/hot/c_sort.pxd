cimport cython
from btfkit.hot cimport kinds

cdef unsigned int LAST_RANK
cdef unsigned int LONGEST
cdef unsigned int KNOWN
cdef unsigned int KNOWN_WHOLE
cdef unsigned long long WORD_64

@cython.locals(count=cython.size_t, index=cython.size_t)
cpdef size_t choose(const unsigned int[::1] words, const unsigned int[::1] positions,
                    const unsigned char[::1] kinds, unsigned int[::1] ids)

cpdef sort(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] strings,
           unsigned int[::1] ids, unsigned int[::1] room)

cdef class _Sorter:
    cdef const unsigned int[::1] words
    cdef const unsigned int[::1] positions
    cdef const unsigned char[::1] strings
    cdef unsigned long long[::1] keys
    cdef unsigned int[::1] names
    cdef unsigned long long[::1] hashes
    cdef unsigned char[::1] marks
    cdef unsigned int[::1] path

    @cython.locals(words="const unsigned int[::1]", positions="const unsigned int[::1]",
                   strings="const unsigned char[::1]", index=cython.size_t, type_id=cython.size_t, name=cython.uint,
                   rank=cython.uint, named=cython.bint, direct=cython.bint, ranked=cython.bint, here=cython.size_t,
                   at=cython.size_t, info=cython.uint, kind=cython.uint, key=cython.ulonglong, ended=cython.bint,
                   c=cython.uint, _=cython.uint)
    cdef int prepare(self, const unsigned int[::1] ids) except -1

    @cython.locals(strings="const unsigned char[::1]", at=cython.size_t, to=cython.size_t, own=cython.ulonglong,
                   its=cython.ulonglong)
    cdef bint less(self, size_t one, size_t other) except -1

    @cython.locals(words="const unsigned int[::1]", positions="const unsigned int[::1]", path=cython.size_t,
                   here=cython.size_t, steps=cython.uint, at=cython.size_t, kind=cython.uint,
                   value=cython.ulonglong, mine=cython.ulonglong)
    cdef unsigned long long hash(self, size_t type_id, unsigned int whole) except? 0

    @cython.locals(words="const unsigned int[::1]", at=cython.size_t, info=cython.uint,
                   kind=cython.uint, vlen=cython.size_t, value=cython.ulonglong, step=cython.size_t,
                   index=cython.size_t)
    cdef unsigned long long terminal(self, size_t type_id, unsigned int whole) except? 0

    @cython.locals(strings="const unsigned char[::1]", h=cython.ulonglong, c=cython.uint)
    cdef unsigned long long string_hash(self, unsigned long long value, size_t offset) except? 0

    @cython.locals(count=cython.size_t, width=cython.size_t, turned=cython.bint, source="unsigned int[::1]",
                   target="unsigned int[::1]", low=cython.size_t, middle=cython.size_t, high=cython.size_t,
                   left=cython.size_t, right=cython.size_t, at=cython.size_t)
    cdef int merge(self, unsigned int[::1] ids, unsigned int[::1] room) except -1
