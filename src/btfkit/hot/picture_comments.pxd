cimport cython
from btfkit.hot.measures cimport Measures
from btfkit.hot cimport member_rows as part
from btfkit.hot.spelled cimport Spelled

cdef tuple DIGITS

@cython.final
cdef class Gaps:
    cdef long long size
    cdef Py_ssize_t count
    cdef long long alignment
    cdef bint packed
    cdef long long pre_hole
    cdef long long pre_bit_hole
    cdef long long holes
    cdef long long bit_holes
    cdef long long padding
    cdef long long bit_padding
    cdef long long sum_members
    cdef long long sum_bits
    cdef long long sum_holes
    cdef long long sum_bit_holes
    cdef bint is_flexible
    cdef bint holds_flexible

@cython.final
cdef class Totals:
    cdef long long holes
    cdef long long sum_holes
    cdef long long bit_holes
    cdef long long sum_bit_holes
    cdef long long bit_paddings
    cdef long long sum_bit_paddings
    cdef long long paddings
    cdef long long sum_paddings
    cdef long long flexible
    cdef long long holding

    cdef void add(self, Gaps inner) noexcept

cdef class Comments(Spelled):
    cdef long long[::1] rows
    cdef long long cacheline
    cdef bint hexadecimal
    cdef long long line

    cdef void put_counted(self, long long number, bytes noun) except *

    cdef void put_hole(self, long long size, bytes unit, Py_ssize_t tabs) except *

    @cython.locals(start=cython.Py_ssize_t)
    cdef bint put_note(self, Gaps inner, Py_ssize_t tabs) except -1

    cdef void put_part(self, Py_ssize_t start, long long number, bytes noun, bytes end) except *

    @cython.locals(gaps=cython.bint, last=cython.longlong)
    cdef void put_statistics(self, Gaps outer, Totals totals, Py_ssize_t rows, Py_ssize_t tabs, long long base) except *

    cdef void put_fact(self, Py_ssize_t tabs, bytes words, long long number) except *

    cdef void put_more(self, bytes words, long long number) except *

    @cython.locals(start=cython.bint)
    cdef void put_totals(self, Totals totals, Py_ssize_t tabs) except *

    @cython.locals(count=cython.longlong, holes=cython.longlong, total=cython.longlong, before=cython.longlong,
                   number=cython.Py_ssize_t, row=cython.Py_ssize_t)
    cdef void put_forced(self, Gaps outer, Py_ssize_t rows, Py_ssize_t tabs) except *

    @cython.locals(whole=cython.longlong, unaccounted=cython.longlong)
    cdef void put_overlaps(self, Gaps outer, Py_ssize_t tabs) except *

    cdef void put_alignment(self, long long alignment) except *

    @cython.locals(into=cython.longlong)
    cdef void put_boundary(self, long long offset, Py_ssize_t tabs) except *

    @cython.locals(digits=cython.Py_ssize_t, rest=cython.longlong, place=cython.Py_ssize_t)
    cdef void put_column(self, long long value, Py_ssize_t width) except *
