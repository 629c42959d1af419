cimport cython
from btfkit.hot cimport kinds
from btfkit.hot.strings cimport StringTable

cdef unsigned char OUT
cdef unsigned char IN
cdef unsigned char OPAQUE
cdef unsigned int WORD
cdef unsigned int HASH
cdef size_t HEAD
cdef size_t HEADS

@cython.locals(index=cython.size_t, name=cython.size_t)
cpdef bint are_whole(const unsigned int[::1] words, const unsigned int[::1] places, size_t first,
                     const unsigned char[::1] strings) except -1

@cython.locals(h=cython.uint, at=cython.size_t)
cdef size_t head_of(const unsigned char[::1] strings, size_t start, unsigned int prime) except? 0xFFFFFFFF

@cython.final
cdef class CommonNames:
    cdef unsigned char[::1] bits
    cdef unsigned int[::1] slots
    cdef size_t left
    cdef unsigned long long prime

    @cython.locals(mask=cython.ulonglong, slot=cython.ulonglong)
    cpdef bint add(self, unsigned long long old, unsigned int new) except -1

    @cython.locals(mask=cython.ulonglong, slot=cython.ulonglong)
    cpdef unsigned int of(self, unsigned long long old) except? 0xFFFFFFFF

@cython.locals(prime=cython.uint, heads="unsigned char[::1]", start=cython.size_t, size=cython.size_t, end=cython.size_t,
               found=cython.size_t)
cpdef bint common_names(const unsigned char[::1] strings, const unsigned char[::1] own, StringTable names,
                        CommonNames moved, unsigned int[::1] offsets) except -1

@cython.locals(word=cython.uint, h=cython.uint)
cdef inline size_t form(unsigned int name, unsigned int info, unsigned int third) noexcept

@cython.locals(index=cython.size_t, at=cython.size_t, name=cython.uint, third=cython.uint)
cpdef note_forms(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
                 unsigned int shift, unsigned char[::1] forms)

@cython.locals(count=cython.size_t, index=cython.size_t, at=cython.size_t, info=cython.uint, kind=cython.uint,
               name=cython.size_t, new=cython.uint, row=cython.size_t, third=cython.uint, declares=cython.bint, known=cython.bint,
               elem=cython.size_t, _=cython.size_t)
cpdef size_t select(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
                    const unsigned char[::1] strings, CommonNames moved, const unsigned char[::1] forms,
                    unsigned char[::1] state, unsigned int[::1] chosen) except? 0

@cython.locals(left=cython.size_t, total=cython.size_t, changed=cython.bint, end=cython.size_t, index=cython.size_t,
               number=cython.size_t, at=cython.size_t, row=cython.size_t)
cpdef tuple close(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
                  unsigned char[::1] state, unsigned int[::1] chosen, size_t count)

@cython.locals(info=cython.uint, row=cython.size_t, mask=cython.uint, slot=cython.size_t, elem=cython.size_t,
               _=cython.size_t)
cdef bint refers_out(const unsigned int[::1] words, size_t at, const unsigned char[::1] table,
                     const unsigned char[::1] state) except -1

@cython.locals(index=cython.size_t, end=cython.size_t, number=cython.size_t, at=cython.size_t, info=cython.uint,
               row=cython.size_t, tail=cython.size_t, slot=cython.size_t, word=cython.uint, elem=cython.size_t,
               _=cython.size_t)
cpdef size_t write(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
                   const unsigned char[::1] state, const unsigned int[::1] chosen, CommonNames moved,
                   const unsigned int[::1] opaque, unsigned int[::1] ids, unsigned int[::1] out) except? 0

@cython.locals(complete=cython.bint, index=cython.size_t, old=cython.uint)
cpdef bint move(unsigned int[::1] words, const unsigned int[::1] places, const unsigned int[::1] ids,
                unsigned int first, unsigned int new_first) except -1

@cython.locals(index=cython.size_t)
cpdef shift_names(unsigned int[::1] words, const unsigned int[::1] places, unsigned int by)

@cython.locals(end=cython.size_t, index=cython.size_t, name=cython.size_t, at=cython.size_t)
cpdef size_t rename(unsigned int[::1] words, const unsigned int[::1] places, unsigned int[::1] known,
                    const unsigned char[::1] strings, size_t first, unsigned char[::1] out) except? 0
