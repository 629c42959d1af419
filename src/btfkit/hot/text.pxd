cimport cython

cdef unsigned int HIGH_SURROGATE
cdef unsigned int LOW_SURROGATE
cdef unsigned long long ABOVE_32

@cython.locals(limit=cython.Py_ssize_t, escaped=cython.bint, at=cython.Py_ssize_t, index=cython.Py_ssize_t,
               record=cython.size_t, info=cython.uint, kind=cython.uint, flag=cython.uint, vlen=cython.uint,
               elem=cython.uint, element=cython.size_t, units=cython.size_t, elements=cython.size_t,
               start=cython.Py_ssize_t, here=cython.size_t, f=cython.size_t, outer=cython.size_t, back=cython.size_t,
               letter=cython.uint, word=cython.uint, negative=cython.bint, value=cython.ulonglong, c=cython.uchar,
               offset=cython.size_t, label=bytes, high=cython.ulonglong, choice=cython.size_t, rest=cython.ulonglong,
               end=cython.Py_ssize_t,
               how=cython.uint, within=cython.bint, code=cython.uint, following=cython.size_t, pair=cython.bint, half=cython.uint, shift=cython.uint,
               digit=cython.uint)
cpdef tuple records(const unsigned int[::1] words, const unsigned int[::1] positions,
                    const unsigned char[::1] table, Py_ssize_t first, size_t unit, Py_ssize_t stop,
                    unsigned int first_id, const unsigned char[::1] formats, const unsigned int[::1] columns,
                    const unsigned char[::1] strings, const unsigned char[::1] odd, dict below,
                    unsigned char[::1] out)
