cimport cython

@cython.locals(index=cython.size_t, at=cython.size_t, info=cython.uint, row=cython.uint, count=cython.size_t,
               elem=cython.size_t, tail=cython.size_t, value=cython.uint, mask=cython.uint, name_mask=cython.uint,
               slot=cython.size_t, first=cython.size_t, item=cython.size_t)
cpdef compact(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
              object kept, dict chosen, dict ids, object follow, dict names, object rename, object out)
