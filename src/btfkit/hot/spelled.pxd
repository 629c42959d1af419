cimport cython
from btfkit.hot cimport kinds
from btfkit.hot.c_buffer cimport Buffer

cdef Py_ssize_t MOST_TEXT

cdef class Spelled(Buffer):
    cdef const unsigned int[::1] words
    cdef const unsigned int[::1] positions
    cdef object show
    cdef size_t longest
    cdef unsigned int levels
    cdef unsigned int deepest
    cdef dict unusual
    cdef Py_ssize_t excess
    cdef Py_ssize_t declaration

    cdef unsigned int kind(self, size_t type_id) except? 255

    cdef size_t target(self, size_t type_id) except? 0

    cdef bint is_named(self, size_t type_id) except -1

    cdef too_deep(self, size_t type_id)

    cdef Py_ssize_t columns(self, Py_ssize_t start, Py_ssize_t excess) noexcept

    @cython.locals(_=cython.Py_ssize_t)
    cdef void put_spaces(self, Py_ssize_t count) except *

    @cython.locals(_=cython.Py_ssize_t)
    cdef void put_tabs(self, Py_ssize_t count) except *

    cdef void put_signed(self, long long value) except *

    @cython.locals(strings="const unsigned char[::1]", out="unsigned char[::1]", end=cython.size_t, text=bytes,
                   c=cython.uchar, at=cython.Py_ssize_t)
    cdef void put_shown(self, size_t offset) except *

    cdef void put_type_name(self, size_t type_id) except *

    @cython.locals(kind=cython.uint, target=cython.size_t, constant=cython.bint)
    cdef void put_type(self, size_t type_id, unsigned int depth) except *

    cdef void put_kind(self, unsigned int kind) except *

    @cython.locals(words="const unsigned int[::1]", at=cython.size_t, end=cython.size_t, variadic=cython.bint,
                   shown=cython.bint, name=cython.size_t, param=cython.size_t, target=cython.size_t)
    cdef void put_parameters(self, size_t type_id, unsigned int depth) except *

    @cython.locals(_=cython.uint, kind=cython.uint, target=cython.size_t)
    cdef size_t put_constants(self, size_t type_id) except? 0

    @cython.locals(count=cython.uint, last=cython.uint, at=cython.size_t)
    cdef size_t element(self, size_t type_id) except? 0

    @cython.locals(_=cython.uint)
    cdef size_t untagged(self, size_t type_id) except? 0

    @cython.locals(_=cython.uint, kind=cython.uint)
    cdef bint has_braces(self, size_t type_id) except -1

    @cython.locals(start=cython.Py_ssize_t, excess=cython.Py_ssize_t, outer=cython.size_t, _=cython.uint,
                   kind=cython.uint, proto=cython.size_t, pointer=cython.bint)
    cdef void put_plain(self, size_t type_id, size_t name, Py_ssize_t spacing, bint at_end) except *

    @cython.locals(_=cython.uint, kind=cython.uint)
    cdef void put_all_lengths(self, size_t type_id, bint at_end) except *

    @cython.locals(at=cython.size_t, length=cython.uint)
    cdef void put_lengths(self, size_t type_id, bint at_end) except *
