cimport cython
from btfkit.hot cimport kinds
from btfkit.hot.measures cimport Measures
from btfkit.hot cimport member_rows as part
from btfkit.hot.picture_comments cimport Comments, Gaps, Totals

cdef Py_ssize_t TYPE_COLUMN
cdef Py_ssize_t STRUCT_REST
cdef Py_ssize_t UNION_REST
cdef Py_ssize_t EXPANDED_REST
cdef long long NO_BASE
cdef long long MOST_BYTES
cdef unsigned int NOTHING
cdef unsigned int NAME
cdef unsigned int POINTER
cdef unsigned int ALIAS

cdef class Pictures(Comments):
    cdef Measures measures
    cdef long long most_members
    cdef bint expand
    cdef dict known
    cdef dict flexible
    cdef Py_ssize_t top
    cdef Py_ssize_t rest
    cdef long long left
    cdef bytes alias

    @cython.locals(at=cython.size_t, count=cython.size_t, last=cython.size_t)
    cdef bint is_flexible(self, size_t type_id) except -1

    @cython.locals(holds=cython.bint, at=cython.size_t, end=cython.size_t, member=cython.size_t, target=cython.size_t)
    cdef bint holds_flexible(self, size_t type_id, unsigned int depth) except -1

    @cython.locals(known=Gaps, holds=cython.bint, count=cython.Py_ssize_t)
    cdef Gaps gaps(self, size_t type_id)

    @cython.locals(size=cython.Py_ssize_t, start=cython.Py_ssize_t, larger="long long[::1]", rows="long long[::1]",
                   measured="long long[::1]", at=cython.Py_ssize_t)
    cdef Py_ssize_t open(self, size_t type_id) except -1

    @cython.locals(natural=cython.longlong)
    cdef bint packs(self, Gaps outer, bint is_union, long long offset, size_t target) except -1

    @cython.locals(is_union=cython.bint, suffix=cython.uint, spacing=cython.Py_ssize_t)
    cpdef draw(self, size_t type_id, bytes alias)

    cpdef draw_enum(self, size_t type_id, bytes alias)

    cpdef put_numbers(self, size_t type_id, bytes alias)

    cdef void put_suffix(self, unsigned int suffix, size_t name) except *

    cdef void put_head(self, bytes word, size_t type_id) except *

    @cython.locals(outer=Gaps, rows=cython.Py_ssize_t, line=cython.longlong, at=cython.size_t, number=cython.Py_ssize_t)
    cdef void put_union(self, size_t type_id, Py_ssize_t tabs, Py_ssize_t spacing, long long base, unsigned int suffix,
                        size_t name) except *

    @cython.locals(outer=Gaps, rows=cython.Py_ssize_t, count=cython.Py_ssize_t, totals=Totals, commented=cython.bint,
                   at=cython.size_t, last=cython.Py_ssize_t, last_size=cython.longlong, number=cython.Py_ssize_t,
                   row=cython.Py_ssize_t, step=cython.longlong, at_end=cython.bint, member=cython.size_t)
    cdef void put_struct(self, size_t type_id, Py_ssize_t tabs, Py_ssize_t spacing, long long base, bint in_union,
                         bint packed, unsigned int suffix, size_t name, bint statistics) except *

    @cython.locals(step=cython.longlong, width=cython.longlong)
    cdef bint put_between(self, Py_ssize_t last, long long last_size, Py_ssize_t row, size_t member, Py_ssize_t tabs,
                          Py_ssize_t spacing, bint commented) except -1

    @cython.locals(name=cython.size_t, type_id=cython.size_t, offset=cython.longlong, bits=cython.longlong,
                   inner=cython.longlong, start=cython.Py_ssize_t, excess=cython.Py_ssize_t, anonymous=cython.bint,
                   packed=cython.bint, target=cython.size_t, width=cython.Py_ssize_t)
    cdef void put_member(self, Gaps outer, bint is_union, size_t at, Py_ssize_t row, Py_ssize_t tabs, Py_ssize_t spacing,
                         long long base, bint in_union, bint at_end) except *

    cdef void put_place(self, long long offset, Py_ssize_t row) except *

    @cython.locals(count=cython.uint, start=cython.Py_ssize_t, leads=cython.bint, kind=cython.uint, target=cython.size_t,
                   element=cython.size_t)
    cdef void put_declaration(self, size_t type_id, size_t name, Py_ssize_t tabs, Py_ssize_t spacing, long long base,
                              bint in_union, bint at_end, bint packed) except *

    @cython.locals(kind=cython.uint)
    cdef void put_braces(self, size_t type_id, unsigned int suffix, size_t name, Py_ssize_t tabs, Py_ssize_t spacing,
                         long long base, bint in_union, bint packed, bint statistics) except *

    @cython.locals(words="const unsigned int[::1]", at=cython.size_t, info=cython.uint, count=cython.size_t,
                   step=cython.size_t, widest=cython.Py_ssize_t, mark=cython.Py_ssize_t, excess=cython.Py_ssize_t,
                   number=cython.size_t, start=cython.Py_ssize_t, before=cython.Py_ssize_t, here=cython.size_t,
                   width=object, value=object, high=object)
    cdef void put_enum(self, size_t type_id, unsigned int suffix, size_t name, Py_ssize_t tabs) except *
