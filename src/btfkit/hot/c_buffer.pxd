cimport cython

cdef Py_ssize_t LONGEST_NAME
cdef unsigned int DEEPEST
cdef unsigned int ALWAYS
cdef unsigned int SINCE_C23
cdef unsigned int PREDEFINED
cdef unsigned int COMPILERS_OWN
cdef unsigned int WORD

cdef class NameCounts:
    cdef Py_ssize_t used
    cdef unsigned int[::1] slots

    @cython.locals(old="unsigned int[::1]", new="unsigned int[::1]", size=cython.Py_ssize_t, mask=cython.size_t,
                   at=cython.Py_ssize_t, slot=cython.Py_ssize_t)
    cdef void grow(self) except *

    @cython.locals(slots="unsigned int[::1]", size=cython.Py_ssize_t, h=cython.uint, at=cython.size_t, c=cython.uchar,
                   slot=cython.Py_ssize_t, to=cython.size_t)
    cdef unsigned int count(self, const unsigned char[::1] strings, const unsigned char[::1] shown,
                            size_t offset) except 0

cdef class Buffer:
    cdef const unsigned char[::1] strings
    cdef const unsigned char[::1] shown
    cdef const unsigned char[::1] attributed
    cdef bint literal
    cdef const unsigned char[::1] marks
    cdef public bint plain
    cdef bytes prefix
    cdef bytes suffix
    cdef bint affixed
    cdef long long most
    cdef long long long_bits
    cdef unsigned char[::1] out
    cdef public Py_ssize_t at

    cpdef bytes take(self)

    @cython.locals(new="unsigned char[::1]")
    cdef void grow(self, Py_ssize_t more) except *

    @cython.locals(size=cython.Py_ssize_t, at=cython.Py_ssize_t, c=cython.uchar)
    cpdef void put(self, bytes text) except *

    @cython.locals(rest=cython.ulonglong, end=cython.Py_ssize_t)
    cdef void put_number(self, unsigned long long value) except *

    @cython.locals(_=cython.uint)
    cdef void put_line(self, unsigned int level) except *

    @cython.locals(strings="const unsigned char[::1]", out="unsigned char[::1]", at=cython.Py_ssize_t,
                   end=cython.Py_ssize_t, c=cython.uchar)
    cdef void put_spelled(self, size_t offset, const unsigned char[::1] how) except *

    @cython.locals(start=cython.Py_ssize_t)
    cdef void put_name(self, size_t offset, unsigned int number) except *

    @cython.locals(mark=cython.uint)
    cdef void put_keyword(self, size_t offset) except *

    cdef void put_affixed(self, size_t offset, unsigned int number) except *

    @cython.locals(strings="const unsigned char[::1]", how="const unsigned char[::1]", open_=cython.int, quoted=cython.bint,
                   at=cython.size_t, c=cython.uchar)
    cdef void put_tag(self, size_t offset, bint attribute) except *

    @cython.locals(c=cython.uchar)
    cdef bint spells(self, size_t offset, bytes text) except -1

    @cython.locals(bits=cython.longlong, start=cython.longlong, pad=cython.int, natural=cython.longlong,
                   rest=cython.longlong)
    cdef void put_padding(self, long long offset, long long end, unsigned int align, bint in_bitfield,
                         unsigned int level) except *

    cdef void put_unnamed(self, int pad, unsigned long long bits, unsigned int level) except *

    @cython.locals(pad=cython.int, bits=cython.longlong)
    cdef void put_filler(self, long long size, unsigned int align, unsigned int level) except *
