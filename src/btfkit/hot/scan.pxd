cimport cython

@cython.locals(size=cython.size_t, room=cython.size_t, at=cython.size_t, count=cython.size_t, info=cython.uint, row=cython.uint,
               tail=cython.uint, elem=cython.size_t, vlen=cython.size_t, need=cython.size_t, end=cython.size_t,
               mask=cython.uint, slot=cython.uint, ids=cython.uint, names=cython.uint, value=cython.uint,
               top_id=cython.uint, top_name=cython.uint)
cpdef tuple scan(const unsigned int[::1] words, const unsigned char[::1] table, unsigned int[::1] positions)

@cython.locals(index=cython.size_t, at=cython.size_t, target=cython.uint, below=list)
cpdef tuple functions(const unsigned int[::1] words, const unsigned int[::1] positions, unsigned int first_id)

@cython.locals(index=cython.size_t, at=cython.size_t, info=cython.uint, row=cython.uint, mask=cython.uint, slot=cython.uint,
               elem=cython.size_t, ids=cython.uint, names=cython.uint, end=cython.size_t)
cpdef Py_ssize_t check(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
                       unsigned int type_count, unsigned int string_count)

@cython.locals(index=cython.Py_ssize_t, first=cython.Py_ssize_t, count=cython.Py_ssize_t, name=cython.uint,
               previous=cython.uint, a=cython.size_t, b=cython.size_t, a_above=cython.bint, b_above=cython.bint,
               x=cython.uchar, y=cython.uchar)
cpdef Py_ssize_t is_sorted(const unsigned int[::1] words, const unsigned int[::1] positions,
                           const unsigned char[::1] below, const unsigned char[::1] strings,
                           unsigned int first_offset)

@cython.locals(types=cython.size_t, wrong=cython.size_t, names=cython.size_t, inside=cython.size_t,
               index=cython.size_t, at=cython.size_t, info=cython.uint, kind=cython.uint, row=cython.uint,
               tail=cython.size_t, elem=cython.size_t, tag=cython.bint, total=cython.size_t, slot=cython.size_t,
               is_name=cython.uint, is_type=cython.uint, value=cython.uint, other=cython.uint)
cpdef tuple misfits(const unsigned int[::1] words, const unsigned int[::1] positions,
                    const unsigned char[::1] table, unsigned int first_id, unsigned int first_offset,
                    const unsigned int[::1] base_words, const unsigned int[::1] base_positions,
                    unsigned int base_id, const unsigned char[::1] base_strings, unsigned int base_offset)
