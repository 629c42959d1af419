cimport cython

@cython.locals(a_own=cython.bint, b_own=cython.bint, c=cython.uchar)
cpdef bint same_text(const unsigned char[::1] a_strings, const unsigned char[::1] a_low_strings, size_t a_off,
                     const unsigned char[::1] b_strings, const unsigned char[::1] b_low_strings, size_t b_off)

@cython.locals(_=cython.uint, at=cython.size_t, kind=cython.uint)
cpdef size_t stripped(const unsigned int[::1] words, const unsigned int[::1] positions, size_t type_id)

@cython.locals(_=cython.uint, at=cython.size_t, to=cython.size_t, kind=cython.uint, other=cython.uint,
               held=cython.bint, enums=cython.bint, declared=cython.bint, tag=cython.uint, other_tag=cython.uint,
               sized=cython.bint)
cpdef bint same_shape(const unsigned int[::1] a_words, const unsigned int[::1] a_positions,
                      const unsigned char[::1] a_strings, const unsigned int[::1] b_words,
                      const unsigned int[::1] b_positions, const unsigned char[::1] b_strings, size_t a, size_t b,
                      unsigned int[::1] nested, list todo, list seen)

@cython.locals(at=cython.size_t, to=cython.size_t, info=cython.uint, other=cython.uint, kind=cython.uint,
               j=cython.size_t, count=cython.size_t, step=cython.size_t, k=cython.size_t, here=cython.size_t,
               there=cython.size_t, x=cython.uint, y=cython.uint)
cpdef bint elements(const unsigned int[::1] a_words, const unsigned int[::1] a_positions,
                    const unsigned char[::1] a_strings, const unsigned int[::1] b_words,
                    const unsigned int[::1] b_positions, const unsigned char[::1] b_strings, size_t a, size_t b,
                    unsigned int[::1] nested, list todo, list seen)

@cython.locals(first=cython.uint, b_first=cython.uint, a_off=cython.uint, b_off=cython.uint, count=cython.size_t,
               index=cython.size_t, pairs=cython.size_t, wa="const unsigned int[::1]", wb="const unsigned int[::1]",
               how=cython.uint, a=cython.uint, code=cython.size_t, b=cython.uint, level=cython.uint,
               at=cython.size_t, to=cython.size_t, info=cython.uint, other=cython.uint, kind=cython.uint,
               other_kind=cython.uint, x=cython.uint, y=cython.uint, plain=cython.bint, named=cython.bint,
               alike=cython.bint, good=cython.bint, element=cython.bint, row=cython.uint, tail=cython.size_t, elem=cython.size_t,
               total=cython.size_t, child=cython.uint, phase=cython.size_t, slot=cython.size_t, what=cython.uint,
               here=cython.uint, raised=cython.bint, before=cython.uint, copied=cython.uint, mate=cython.uint)
cpdef size_t walk(const unsigned int[::1] a_words, const unsigned int[::1] a_positions,
                  const unsigned char[::1] a_strings, const unsigned int[::1] a_low_words,
                  const unsigned int[::1] a_low_positions, const unsigned char[::1] a_low_strings,
                  const unsigned int[::1] b_words, const unsigned int[::1] b_positions,
                  const unsigned char[::1] b_strings, const unsigned int[::1] b_low_words,
                  const unsigned int[::1] b_low_positions, const unsigned char[::1] b_low_strings,
                  const unsigned char[::1] table, unsigned int shared, unsigned int whole, unsigned int told,
                  unsigned char[::1] own_levels, unsigned char[::1] levels, unsigned int[::1] mates,
                  unsigned int[::1] copies, unsigned int[::1] nested, list todo, list seen, list hard)

@cython.locals(a=cython.size_t)
cpdef clear(list seen, unsigned char[::1] levels, unsigned int[::1] mates, unsigned int[::1] copies,
            unsigned int[::1] nested)
