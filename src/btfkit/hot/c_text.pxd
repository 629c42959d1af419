cimport cython

cdef unsigned int FORWARD
cdef unsigned int CHAIN
cdef unsigned int MEMBERS
cdef unsigned int DIMENSION
cdef unsigned int PARAMETERS
cdef Py_ssize_t FRAME
cdef Py_ssize_t LONGEST_NAME
cdef unsigned int DEEPEST
cdef unsigned int WORD
cdef unsigned long long ABOVE

@cython.locals(count=cython.Py_ssize_t)
cpdef Py_ssize_t write(Writer writer, const unsigned int[::1] plan, Py_ssize_t first, Py_ssize_t enough)

cpdef prototype(Writer writer, unsigned int proto, unsigned int name)

cdef class _Names:
    cdef Py_ssize_t used
    cdef unsigned int[::1] slots

    @cython.locals(old="unsigned int[::1]", new="unsigned int[::1]", size=cython.Py_ssize_t, mask=cython.size_t,
                   at=cython.Py_ssize_t, slot=cython.Py_ssize_t)
    cdef void grow(self) except *

    @cython.locals(slots="unsigned int[::1]", size=cython.Py_ssize_t, h=cython.uint, at=cython.size_t, c=cython.uchar,
                   slot=cython.Py_ssize_t, to=cython.size_t)
    cdef unsigned int count(self, const unsigned char[::1] strings, const unsigned char[::1] shown,
                            size_t offset) except 0

cdef class Writer:
    cdef const unsigned int[::1] words
    cdef const unsigned int[::1] positions
    cdef const unsigned char[::1] strings
    cdef const unsigned char[::1] aligns
    cdef const unsigned int[::1] sizes
    cdef unsigned int pointer_size
    cdef const unsigned char[::1] shown
    cdef const unsigned char[::1] spaced
    cdef const unsigned char[::1] attributed
    cdef bint literal
    cdef bint inline
    cdef long long steps
    cdef long long most
    cdef unsigned int[::1] numbers
    cdef _Names tags
    cdef _Names idents
    cdef long long[::1] frames
    cdef Py_ssize_t depth
    cdef unsigned int[::1] chain
    cdef Py_ssize_t top
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

    @cython.locals(strings="const unsigned char[::1]", how="const unsigned char[::1]", open_=cython.int, quoted=cython.bint,
                   at=cython.size_t, c=cython.uchar)
    cdef void put_tag(self, size_t offset, bint attribute) except *

    @cython.locals(number=cython.uint, at=cython.size_t, offset=cython.uint, info=cython.uint, kind=cython.uint,
                   names=_Names)
    cdef unsigned int number(self, size_t type_id, bint idents) except 0

    cdef void put_type_name(self, size_t type_id, bint idents) except *

    @cython.locals(c=cython.uchar)
    cdef bint spells(self, size_t offset, bytes text) except -1

    @cython.locals(type_id=cython.size_t, kind=cython.uint, at=cython.size_t)
    cdef void emit(self, unsigned int step) except *

    @cython.locals(at=cython.size_t, info=cython.uint, kind=cython.uint)
    cdef void put_reference(self, size_t type_id) except *

    @cython.locals(at=cython.size_t, name=cython.uint, number=cython.uint)
    cdef void put_typedef(self, size_t type_id) except *

    @cython.locals(name=cython.uint, number=cython.uint)
    cdef void put_alias(self, size_t type_id) except *

    @cython.locals(words="const unsigned int[::1]", at=cython.size_t, info=cython.uint, kind=cython.uint,
                   vlen=cython.size_t, step=cython.size_t, wide=cython.bint, here=cython.size_t, number=cython.uint,
                   value=cython.ulonglong, high=cython.ulonglong, _=cython.size_t)
    cdef void put_enum(self, size_t type_id, unsigned int level) except *

    cdef void declare(self, size_t type_id, unsigned int name, unsigned int number, unsigned int level) except *

    @cython.locals(here=cython.Py_ssize_t, larger="long long[::1]", slot=cython.Py_ssize_t)
    cdef Py_ssize_t push(self, unsigned int kind) except -1

    cdef void open_composite(self, size_t type_id, unsigned int level) except *

    @cython.locals(words="const unsigned int[::1]", at=cython.size_t, kind=cython.uint)
    cdef bint open_unnamed(self, size_t type_id, unsigned int level) except -1

    @cython.locals(here=cython.Py_ssize_t)
    cdef void open_members(self, size_t type_id, unsigned int level) except *

    @cython.locals(words="const unsigned int[::1]", here=cython.Py_ssize_t, larger="unsigned int[::1]",
                   at=cython.size_t, kind=cython.uint)
    cdef void open_chain(self, size_t type_id, unsigned int name, unsigned int number, unsigned int level) except *

    @cython.locals(here=cython.Py_ssize_t, kind=cython.uint)
    cdef void run(self) except *

    @cython.locals(words="const unsigned int[::1]", frames="long long[::1]", start=cython.Py_ssize_t,
                   level=cython.uint, pointer=cython.bint, type_id=cython.size_t, at=cython.size_t, info=cython.uint,
                   kind=cython.uint)
    cdef void run_chain(self, Py_ssize_t here) except *

    @cython.locals(inner=cython.Py_ssize_t, frames="long long[::1]", slot=cython.Py_ssize_t)
    cdef void within(self, Py_ssize_t here) except *

    @cython.locals(name=cython.size_t)
    cdef void put_own_name(self, Py_ssize_t here, bint pointer) except *

    @cython.locals(type_id=cython.size_t, kind=cython.uint)
    cdef void put_qualifiers(self, Py_ssize_t start) except *

    @cython.locals(type_id=cython.size_t, kind=cython.uint)
    cdef void drop_qualifiers(self, Py_ssize_t start) except *

    @cython.locals(words="const unsigned int[::1]", frames="long long[::1]", at=cython.size_t, vlen=cython.size_t,
                   index=cython.size_t, name=cython.uint, type_id=cython.size_t)
    cdef void run_parameters(self, Py_ssize_t here) except *

    @cython.locals(words="const unsigned int[::1]", frames="long long[::1]", type_id=cython.size_t, at=cython.size_t,
                   info=cython.uint, vlen=cython.size_t, index=cython.size_t, level=cython.uint, packed=cython.bint,
                   bits=cython.uint, member=cython.size_t, offset=cython.longlong, align=cython.uint,
                   size=cython.longlong)
    cdef void run_members(self, Py_ssize_t here) except *

    @cython.locals(bits=cython.longlong, start=cython.longlong, pad=cython.int, natural=cython.longlong,
                   rest=cython.longlong)
    cdef void pad(self, long long offset, long long end, unsigned int align, bint in_bitfield,
                 unsigned int level) except *

    cdef void put_pad(self, int pad, unsigned long long bits, unsigned int level) except *
