cimport cython
from btfkit.hot cimport kinds
from btfkit.hot.columns cimport id_place

cdef unsigned int HASH_SEED
cdef unsigned int HASH_PRIME
cdef unsigned int WORD

@cython.locals(leaf=cython.uint, to=cython.size_t, end=cython.size_t, type_id=cython.size_t, at=cython.size_t,
               info=cython.uint, kind=cython.uint, row=cython.uint, size=cython.size_t, k=cython.size_t)
cpdef size_t part(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
                  list found, unsigned int[::1] board, unsigned int[::1] bare,
                  unsigned int[::1] bare_start, unsigned int[::1] others, list moved, unsigned int[::1] start,
                  unsigned int first_moved)

@cython.locals(type_id=cython.size_t)
cpdef clear(unsigned int[::1] board, list found)

@cython.locals(word=cython.uint, prime=cython.uint, mask=cython.size_t, count=cython.size_t, left=cython.size_t,
               at=cython.size_t, kind=cython.uint, here=cython.size_t, h=cython.uint)
cpdef size_t index_names(const unsigned int[::1] words, const unsigned int[::1] positions,
                         const unsigned char[::1] strings, unsigned int[::1] buckets, unsigned int[::1] chain,
                         unsigned int[::1] hashes)

@cython.locals(word=cython.uint, prime=cython.uint, h=cython.uint, length=cython.size_t, candidate=cython.uint,
               other=cython.size_t, k=cython.size_t)
cpdef named(const unsigned char[::1] name, const unsigned char[::1] strings, const unsigned int[::1] words,
            const unsigned int[::1] positions, const unsigned int[::1] buckets, const unsigned int[::1] chain,
            const unsigned int[::1] hashes, list found)

@cython.locals(word=cython.uint, prime=cython.uint, mask=cython.size_t, index=cython.size_t, at=cython.size_t,
               info=cython.uint, kind=cython.uint, name=cython.size_t, size=cython.uint, leaf=cython.bint,
               held=cython.uint, h=cython.uint, length=cython.size_t, first=cython.uint, good=cython.uint,
               alternative=cython.uint, alternatives=cython.uint, sized=cython.uint, of_size=cython.uint,
               candidate=cython.uint, here=cython.uint, to=cython.size_t, other=cython.size_t, k=cython.size_t,
               other_info=cython.uint, other_kind=cython.uint, count=cython.uint, twin=cython.uint,
               twin_kind=cython.uint, fits=cython.bint)
cpdef match(const unsigned int[::1] d_words, const unsigned int[::1] d_positions, const unsigned char[::1] d_strings,
            const unsigned char[::1] marks, const unsigned int[::1] words, const unsigned int[::1] positions,
            const unsigned char[::1] strings, const unsigned int[::1] buckets, const unsigned int[::1] chain,
            const unsigned int[::1] hashes, bint upstream, unsigned int[::1] mapped, list hard, list full)

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
