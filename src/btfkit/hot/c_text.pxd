cimport cython
from btfkit.hot cimport kinds
from btfkit.hot.c_buffer cimport Buffer, NameCounts

cdef unsigned int FORWARD
cdef unsigned int TYPE_NAME
cdef unsigned int CHAIN
cdef unsigned int MEMBERS
cdef unsigned int DIMENSION
cdef unsigned int PARAMETERS
cdef Py_ssize_t FRAME
cdef unsigned int WORD
cdef unsigned long long ABOVE

@cython.locals(count=cython.Py_ssize_t)
cpdef Py_ssize_t write(Writer writer, const unsigned int[::1] plan, Py_ssize_t first, Py_ssize_t enough)

cpdef prototype(Writer writer, unsigned int proto, unsigned int name)

cdef class Writer(Buffer):
    cdef const unsigned int[::1] words
    cdef const unsigned int[::1] positions
    cdef const unsigned char[::1] aligns
    cdef const unsigned int[::1] sizes
    cdef const unsigned char[::1] spaced
    cdef bint inline
    cdef const unsigned char[::1] guards
    cdef bytes guard
    cdef long long steps
    cdef unsigned int[::1] numbers
    cdef NameCounts tags
    cdef NameCounts idents
    cdef long long[::1] frames
    cdef Py_ssize_t depth
    cdef unsigned int[::1] chain
    cdef Py_ssize_t top

    @cython.locals(number=cython.uint, at=cython.size_t, offset=cython.uint, info=cython.uint, kind=cython.uint,
                   names=NameCounts)
    cdef unsigned int number(self, size_t type_id, bint idents) except 0

    @cython.locals(name=cython.uint, number=cython.uint)
    cdef void put_type_name(self, size_t type_id, bint idents) except *

    @cython.locals(words="const unsigned int[::1]", at=cython.size_t, kind=cython.uint, step=cython.size_t,
                   index=cython.size_t)
    cpdef void claim(self, size_t type_id) except *

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

    @cython.locals(name=cython.size_t, number=cython.uint)
    cdef void put_own_name(self, Py_ssize_t here, bint pointer) except *

    @cython.locals(type_id=cython.size_t, kind=cython.uint)
    cdef void put_qualifiers(self, Py_ssize_t start) except *

    @cython.locals(type_id=cython.size_t, kind=cython.uint)
    cdef void drop_qualifiers(self, Py_ssize_t start) except *

    @cython.locals(words="const unsigned int[::1]", frames="long long[::1]", at=cython.size_t, vlen=cython.size_t,
                   index=cython.size_t, name=cython.uint, type_id=cython.size_t)
    cdef void run_parameters(self, Py_ssize_t here) except *

    @cython.locals(words="const unsigned int[::1]", at=cython.size_t, info=cython.uint, index=cython.size_t,
                   align=cython.longlong, bits=cython.longlong, largest=cython.longlong)
    cdef void put_union_end(self, Py_ssize_t type_id, long long size, unsigned int level) except *

    @cython.locals(words="const unsigned int[::1]", frames="long long[::1]", type_id=cython.size_t, at=cython.size_t,
                   info=cython.uint, vlen=cython.size_t, index=cython.size_t, level=cython.uint, packed=cython.bint,
                   bits=cython.uint, member=cython.size_t, offset=cython.longlong, align=cython.uint,
                   size=cython.longlong)
    cdef void run_members(self, Py_ssize_t here) except *
