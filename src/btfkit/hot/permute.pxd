cimport cython

@cython.locals(index=cython.size_t, here=cython.size_t, above=cython.bint, key=cython.ulonglong, k=cython.uint,
               c=cython.uchar)
cpdef keys(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] low,
           const unsigned char[::1] high, unsigned int first_offset, unsigned long long[::1] out)

@cython.locals(a=cython.size_t, b=cython.size_t, a_above=cython.bint, b_above=cython.bint, x=cython.uchar,
               y=cython.uchar)
cpdef bint follows(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] low,
                   const unsigned char[::1] high, unsigned int first_offset, size_t one, size_t other) except -1

@cython.locals(count=cython.size_t, width=cython.size_t, start=cython.size_t, middle=cython.size_t, end=cython.size_t,
               left=cython.size_t, right=cython.size_t, to=cython.size_t, a=cython.ulonglong, b=cython.ulonglong,
               later=cython.bint)
cpdef order(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] low,
            const unsigned char[::1] high, unsigned int first_offset, const unsigned long long[::1] key,
            unsigned int[::1] indexes, unsigned int[::1] work)

@cython.locals(count=cython.size_t, place=cython.size_t, type_id=cython.uint)
cpdef size_t both_ways(const unsigned int[::1] order, unsigned int first_id, unsigned int[::1] indexes,
                       unsigned int[::1] new_ids) except? 0
