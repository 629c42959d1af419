cimport cython
from btfkit.hot cimport codes, kinds
from btfkit.hot.strings cimport StringTable

cdef unsigned int WORD
cdef unsigned int HASH
cdef unsigned int STT_FUNC
cdef unsigned int DOT

@cython.final
cdef class FunctionNames:
    cdef readonly StringTable names
    cdef unsigned int[::1] slots
    cdef readonly unsigned int[::1] name_at
    cdef readonly unsigned int[::1] first_symbol
    cdef unsigned int[::1] last_symbol
    cdef readonly unsigned int[::1] next_symbol
    cdef readonly unsigned int[::1] suffix_at
    cdef readonly unsigned long long[::1] values
    cdef readonly unsigned int[::1] first_candidate
    cdef unsigned int[::1] last_candidate
    cdef readonly size_t count
    cdef size_t symbols

    @cython.locals(mask=cython.size_t, slot=cython.size_t)
    cdef size_t entry(self, unsigned int name) except? 0xFFFFFFFF

    cpdef unsigned int find(self, unsigned int name) except? 0xFFFFFFFF

    @cython.locals(dot=cython.size_t, end=cython.size_t, name=cython.size_t, slot=cython.size_t, number=cython.uint)
    cpdef int add(self, const unsigned char[::1] strings, size_t start, unsigned long long value) except -1

    @cython.locals(at=cython.size_t, word=cython.ulonglong, name=cython.size_t, info=cython.uint, section=cython.size_t,
                   value=cython.ulonglong)
    cpdef take(self, const unsigned char[::1] strings, const unsigned long long[::1] table, bint big,
               const unsigned long long[::1] addresses, unsigned long long clear)

    @cython.locals(at=cython.size_t, count=cython.size_t, function=cython.size_t, parameters=cython.size_t,
                   named=cython.bint, _=cython.size_t, number=cython.uint)
    cpdef size_t candidates(self, const unsigned int[::1] functions, size_t end, unsigned int[::1] following) except? 0

    @cython.locals(number=cython.size_t, candidate=cython.size_t, symbol=cython.size_t, address=cython.ulonglong,
                   plain=cython.bint, first=cython.size_t, found=cython.size_t, at=cython.size_t, count=cython.size_t,
                   k=cython.size_t, value=cython.ulonglong)
    cpdef decide(self, const unsigned int[::1] functions, const unsigned int[::1] following,
                 const unsigned char[::1] flags, size_t registers, unsigned long long clear, unsigned int[::1] chosen)

@cython.locals(k=cython.size_t)
cdef bint starts(const unsigned char[::1] strings, size_t at, const unsigned char[::1] text) except -1

@cython.locals(count=cython.size_t, k=cython.size_t, at=cython.size_t)
cdef bint same_types(const unsigned int[::1] functions, size_t one, size_t other) except -1

@cython.locals(end=cython.size_t, index=cython.size_t, at=cython.size_t, count=cython.size_t, place=cython.size_t,
               plain=cython.bint, _=cython.size_t, name=cython.size_t, length=cython.size_t, more=cython.uint)
cpdef size_t prototypes(const unsigned int[::1] functions, const unsigned int[::1] places, size_t first,
                        const unsigned char[::1] special, const unsigned char[::1] pointers,
                        const unsigned char[::1] names, size_t longest, unsigned int next_id,
                        unsigned int[::1] out) except? 0
