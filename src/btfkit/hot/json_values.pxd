cimport cython
from btfkit.hot cimport value_codes as codes
from btfkit.hot.c_buffer cimport Buffer

cdef unsigned long long ALL

cpdef lines(Writer writer, const unsigned char[::1] data, Py_ssize_t at, Py_ssize_t size, Py_ssize_t count, bint has_rest)

cdef class Writer(Buffer):
    cdef const long long[::1] rows
    cdef const unsigned long long[::1] enums
    cdef list others
    cdef object escaped
    cdef bint is_big

    cdef void put_char(self, unsigned char c) except *

    @cython.locals(at=cython.Py_ssize_t, end=cython.Py_ssize_t)
    cdef void put_part(self, Py_ssize_t start, Py_ssize_t size) except *

    @cython.locals(value=cython.ulonglong, end=cython.Py_ssize_t)
    cdef unsigned long long number(self, const unsigned char[::1] data, Py_ssize_t at, Py_ssize_t size) except? 77

    @cython.locals(at=cython.Py_ssize_t, skip=cython.Py_ssize_t, size=cython.Py_ssize_t, over=cython.Py_ssize_t,
                   value=cython.ulonglong)
    cdef unsigned long long bit_number(self, const unsigned char[::1] data, Py_ssize_t bit_at, Py_ssize_t bits) except? 77

    cdef void put_signed(self, unsigned long long value, Py_ssize_t bits) except *

    @cython.locals(key=cython.ulonglong, low=cython.Py_ssize_t, high=cython.Py_ssize_t, middle=cython.Py_ssize_t)
    cdef void put_enum(self, Py_ssize_t r, unsigned long long value, Py_ssize_t bits, bint signed) except *

    @cython.locals(shift=cython.int, digit=cython.uint)
    cdef void put_pointer(self, unsigned long long value) except *

    @cython.locals(end=cython.Py_ssize_t, is_plain=cython.bint, to=cython.Py_ssize_t)
    cdef void put_text(self, const unsigned char[::1] data, Py_ssize_t at, Py_ssize_t size) except *

    @cython.locals(member=cython.Py_ssize_t, last=cython.Py_ssize_t)
    cdef void put_members(self, const unsigned char[::1] data, Py_ssize_t r, Py_ssize_t at, Py_ssize_t end) except *

    @cython.locals(size=cython.Py_ssize_t, element=cython.Py_ssize_t)
    cdef void put_items(self, const unsigned char[::1] data, Py_ssize_t r, Py_ssize_t at, Py_ssize_t count) except *

    @cython.locals(r=cython.Py_ssize_t, op=cython.int, bits=cython.Py_ssize_t, size=cython.Py_ssize_t, at=cython.Py_ssize_t,
                   count=cython.Py_ssize_t, value=cython.ulonglong)
    cdef void value(self, const unsigned char[::1] data, Py_ssize_t row, Py_ssize_t base, Py_ssize_t end) except *
