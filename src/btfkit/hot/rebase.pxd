cimport cython
from btfkit.hot cimport kinds
from btfkit.hot.columns cimport id_place
from btfkit.hot.strings cimport hash_of, random_prime

cdef unsigned int STRUCTURE
cdef unsigned int UNION
cdef unsigned int ENUMERATION
cdef unsigned int NO_TAG
cdef unsigned int DECLARATION
cdef unsigned int DECLARED
cdef unsigned int ONLY_DECLARED
cdef unsigned int KNOWN
cdef unsigned int FITS
cdef unsigned int COUNTED
cdef unsigned int ASKED
cdef unsigned long long HASH

@cython.locals(kind=cython.uint)
cpdef unsigned int tag_of(unsigned int info) noexcept

@cython.locals(leaf=cython.uint, to=cython.size_t, end=cython.size_t, type_id=cython.size_t, at=cython.size_t,
               info=cython.uint, kind=cython.uint, row=cython.uint, size=cython.size_t, k=cython.size_t)
cpdef size_t part(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
                  list found, unsigned int[::1] board, unsigned int[::1] bare,
                  unsigned int[::1] bare_start, unsigned int[::1] others, list moved, unsigned int[::1] start,
                  unsigned int first_moved)

@cython.locals(index=cython.size_t, kind=cython.uint)
cpdef of_kinds(const unsigned int[::1] words, const unsigned int[::1] positions, unsigned int kinds_wanted, list found)

@cython.locals(type_id=cython.size_t)
cpdef clear(unsigned int[::1] board, list found)

cpdef bint same(const unsigned char[::1] one, size_t a, const unsigned char[::1] other, size_t b) noexcept

@cython.final
cdef class Records:
    cdef const unsigned int[::1] words
    cdef const unsigned int[::1] positions
    cdef const unsigned char[::1] strings

@cython.final
cdef class Index:
    cdef const unsigned int[::1] words
    cdef const unsigned int[::1] positions
    cdef const unsigned char[::1] strings
    cdef unsigned int[::1] buckets
    cdef unsigned int[::1] chain
    cdef readonly unsigned int[::1] twins
    cdef unsigned int[::1] hashes
    cdef unsigned int prime

    @cython.locals(words="const unsigned int[::1]", positions="const unsigned int[::1]", strings="const unsigned char[::1]",
                   buckets="unsigned int[::1]", chain="unsigned int[::1]", hashes="unsigned int[::1]",
                   mask=cython.size_t, left=cython.size_t, at=cython.size_t, h=cython.uint, before=cython.uint,
                   here=cython.uint)
    cdef fill(self)

    @cython.locals(h=cython.uint, here=cython.uint)
    cpdef unsigned int first(self, const unsigned char[::1] strings, size_t start) except? 0xFFFFFFFF

    @cython.locals(words="const unsigned int[::1]", positions="const unsigned int[::1]", twins="unsigned int[::1]",
                   mask=cython.ulonglong, both=cython.size_t, second=cython.int, number=cython.size_t, at=cython.size_t,
                   info=cython.uint, tag=cython.uint, key=cython.ulonglong, slot=cython.ulonglong, state=cython.uint,
                   here=cython.uint, place=cython.size_t, other=cython.uint)
    cpdef size_t differing(self, Records own, unsigned int[::1] groups, list doubtful) except? 0xFFFFFFFF

    @cython.locals(words="const unsigned int[::1]", positions="const unsigned int[::1]", twins="unsigned int[::1]",
                   d_words="const unsigned int[::1]", d_positions="const unsigned int[::1]",
                   d_strings="const unsigned char[::1]", index=cython.size_t, at=cython.size_t,
                   info=cython.uint, kind=cython.uint, name=cython.size_t, size=cython.uint, leaf=cython.bint,
                   held=cython.uint, head=cython.uint, left=cython.size_t, composites=cython.uint, first=cython.uint,
                   good=cython.uint, alternative=cython.uint, alternatives=cython.uint, sized=cython.uint,
                   of_size=cython.uint, candidate=cython.uint, here=cython.uint, to=cython.size_t,
                   other_info=cython.uint, other_kind=cython.uint, fits=cython.bint)
    cpdef match(self, Records old, const unsigned char[::1] marks, bint upstream, size_t most,
                unsigned int[::1] mapped, list hard, list full, list crowded)

@cython.locals(index=cython.size_t)
cpdef spellings(const unsigned int[::1] d_words, const unsigned int[::1] d_positions, const unsigned int[::1] mapped,
                const unsigned int[::1] words, const unsigned int[::1] positions, unsigned int[::1] offsets)

@cython.locals(leaves=cython.size_t, extent=cython.size_t, done=cython.size_t, index=cython.size_t,
               at=cython.size_t, info=cython.uint, kind=cython.uint, place=cython.size_t, target=cython.uint,
               type_id=cython.size_t)
cpdef tuple collect(const unsigned int[::1] words, const unsigned int[::1] ids, const unsigned char[::1] table,
                    unsigned int first_id, const unsigned int[::1] below_words,
                    const unsigned int[::1] below_positions, const unsigned char[::1] below_strings,
                    unsigned int[::1] board, list found)

cpdef bint is_leaf(unsigned int kind) noexcept

@cython.locals(count=cython.size_t, index=cython.size_t, kind=cython.uint, how=cython.uchar, place=cython.size_t,
               target=cython.uint, steps=cython.size_t, here=cython.size_t)
cpdef uses(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned int[::1] ids,
           const unsigned int[::1] id_starts, unsigned int first_id, unsigned char[::1] marks)
