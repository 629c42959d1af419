cimport cython

@cython.locals(index=cython.Py_ssize_t, at=cython.size_t, info=cython.uint, kind=cython.uint, wanted=cython.uint,
               elem=cython.size_t, end=cython.size_t)
cpdef used_names(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
                 const unsigned char[::1] kinds, unsigned char[::1] used)

@cython.locals(index=cython.Py_ssize_t, at=cython.size_t, info=cython.uint, kind=cython.uint, wanted=cython.uint,
               elem=cython.size_t, count=cython.Py_ssize_t, number=cython.Py_ssize_t)
cpdef named(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
            const unsigned char[::1] kinds, const unsigned char[::1] names, list found)

@cython.locals(fresh=cython.Py_ssize_t, index=cython.Py_ssize_t, at=cython.size_t, info=cython.uint, kind=cython.uint,
               row=cython.uint, hit=cython.bint, tail=cython.size_t, mask=cython.uint, slot=cython.size_t,
               elem=cython.size_t, here=cython.size_t, end=cython.size_t, bare=cython.bint)
cpdef Py_ssize_t mark_users(const unsigned int[::1] words, const unsigned int[::1] positions,
                            const unsigned char[::1] table, size_t first_id, unsigned char[::1] marks,
                            unsigned char[::1] found)
