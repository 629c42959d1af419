cimport cython
from btfkit.hot cimport kinds as numbers

@cython.locals(index=cython.size_t, at=cython.size_t, info=cython.uint, wanted=cython.uint, row=cython.size_t,
               elem=cython.size_t, _=cython.uint)
cpdef used_names(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
                 const unsigned char[::1] kinds, unsigned char[::1] used)

@cython.locals(index=cython.size_t, at=cython.size_t, info=cython.uint, wanted=cython.uint, row=cython.size_t,
               elem=cython.size_t, number=cython.uint)
cpdef named(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] table,
            const unsigned char[::1] kinds, const unsigned char[::1] marks, list found)

@cython.locals(fresh=cython.Py_ssize_t, index=cython.size_t, at=cython.size_t, kind=cython.uint,
               place=cython.size_t, end=cython.size_t, nameless=cython.bint)
cpdef Py_ssize_t mark_users(const unsigned int[::1] words, const unsigned int[::1] positions,
                            const unsigned int[::1] ids, const unsigned int[::1] id_starts, size_t first_id,
                            unsigned char[::1] marks, unsigned char[::1] found)

@cython.locals(index=cython.size_t, kind=cython.uint, place=cython.size_t)
cpdef count_referrers(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned int[::1] ids,
                      const unsigned int[::1] id_starts, unsigned int[::1] counts)

@cython.locals(index=cython.size_t, kind=cython.uint, place=cython.size_t, target=cython.size_t)
cpdef fill_referrers(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned int[::1] ids,
                     const unsigned int[::1] id_starts, unsigned int first_id, unsigned int[::1] ends,
                     unsigned int[::1] referrers)

@cython.locals(any_odd=cython.size_t, index=cython.size_t, at=cython.size_t, info=cython.uint, kind=cython.uint,
               look=cython.bint, place=cython.size_t)
cpdef to_rewrite(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned int[::1] names,
                 const unsigned int[::1] name_starts, const unsigned char[::1] kinds,
                 const unsigned char[::1] flags, const unsigned char[::1] nameless, const unsigned int[::1] vlens,
                 const unsigned char[::1] odd, list found)
