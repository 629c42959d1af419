cimport cython
from btfkit.hot cimport kinds

cdef unsigned int NONE
cdef unsigned int TOO_LONG
cdef unsigned int MOST_STEPS
cdef unsigned int MOST_LEVELS
cdef unsigned int MOST_NUMBER
cdef unsigned int LOW_32
cdef unsigned long long MOST_BITS
cdef unsigned int BYTE_OFFSET
cdef unsigned int BYTE_SIZE
cdef unsigned int FIELD_EXISTS
cdef unsigned int SIGNED
cdef unsigned int LSHIFT
cdef unsigned int RSHIFT
cdef unsigned int ABSENT
cdef unsigned int FOUND
cdef unsigned int UNUSUAL

@cython.locals(count=cython.size_t, stop=cython.size_t)
cpdef size_t groups(const unsigned char[::1] data, size_t at, size_t end, size_t record_size, bint is_little,
                    list found) except? 0

@cython.locals(size=cython.size_t, section=cython.uint, at=cython.size_t, stop=cython.size_t, name=bytes, access=cython.uint,
               number=cython.uint, way=bytes)
cpdef long long relocations(const unsigned char[::1] data, list places, size_t record_size, bint is_little,
                            const unsigned char[::1] strings, bytes blob, Py_ssize_t text_at, list found) except? -2

@cython.locals(number=cython.uint)
cdef unsigned int word(const unsigned char[::1] data, size_t at, bint is_little) except? 0xFFFFFFFF

@cython.locals(end=cython.size_t)
cdef bytes text_of(const unsigned char[::1] strings, bytes blob, Py_ssize_t text_at, size_t offset)

@cython.final
cdef class Fields:
    cdef const unsigned int[::1] words
    cdef const unsigned int[::1] positions
    cdef const unsigned char[::1] strings
    cdef bytes blob
    cdef Py_ssize_t text_at
    cdef unsigned int pointer_size
    cdef bint is_little
    cdef readonly size_t visits
    cdef readonly bint saw_pointer
    cdef readonly bint is_plain
    cdef unsigned int[::1] seen
    cdef unsigned int seen_count
    cdef unsigned int[::1] path
    cdef unsigned int depth
    cdef unsigned int[::1] numbers

    @cython.locals(count=cython.uint, current=cython.uint, size=cython.ulonglong, steps=list, offset=cython.ulonglong,
                   bits=cython.uint, leaf=cython.uint, nameless=cython.bint, after_last=cython.bint, place=cython.uint,
                   number=cython.ulonglong, at=cython.size_t, info=cython.uint, kind=cython.uint, name=cython.uint,
                   member=cython.uint, moved=cython.uint, length=cython.uint, key=tuple)
    cpdef tuple local(self, unsigned int root, const unsigned char[::1] access)

    @cython.locals(count=cython.uint, place=cython.size_t, end=cython.size_t, number=cython.ulonglong, start=cython.size_t)
    cdef unsigned int read_numbers(self, const unsigned char[::1] access) except? 0

    @cython.locals(depth=cython.uint, at=cython.size_t, kind=cython.uint, name=bytes)
    cdef tuple key(self, unsigned int type_id)

    @cython.locals(at=cython.size_t, kind=cython.uint, encoding=cython.uint, size=cython.ulonglong)
    cdef tuple load(self, unsigned int type_id)

    @cython.locals(current=cython.uint, size=cython.ulonglong, offset=cython.ulonglong, composite=cython.uint, member=cython.uint,
                   length=cython.uint, at=cython.size_t, number=cython.ulonglong, found=cython.uint)
    cpdef tuple answer(self, unsigned int root, unsigned long long index, tuple steps, unsigned int kind, list types,
                       list members, list pointers)

    @cython.locals(bits=cython.uint, at=cython.size_t, size=cython.ulonglong, start=cython.ulonglong, of_kind=cython.uint,
                   encoding=cython.uint, is_enum=cython.bint, shift=cython.ulonglong)
    cdef tuple value(self, unsigned int kind, unsigned int current, unsigned int composite, unsigned int member,
                     unsigned long long offset, list types)

    cdef bint is_flexible(self, size_t array, unsigned int composite, unsigned int member) except -1

    @cython.locals(number=cython.uint, at=cython.size_t, info=cython.uint, kind=cython.uint, index=cython.uint,
                   start=cython.uint, found=cython.uint, offset=cython.uint)
    cdef unsigned int find(self, unsigned int type_id, const unsigned char[::1] name, tuple key, unsigned int depth,
                           list types) except? 2

    @cython.locals(first=cython.uint, composite=cython.uint, index=cython.uint, start=cython.size_t)
    cpdef bint is_sole_way(self, list members) except -1

    cpdef unsigned int count(self, unsigned int type_id, const unsigned char[::1] name) except? 2

    @cython.locals(number=cython.uint, at=cython.size_t, info=cython.uint, kind=cython.uint, found=cython.uint, index=cython.uint,
                   start=cython.uint)
    cdef unsigned int count_from(self, unsigned int type_id, const unsigned char[::1] name) except? 2

    @cython.locals(length=cython.size_t, k=cython.size_t)
    cdef bint is_called(self, size_t start, const unsigned char[::1] name) except -1

    @cython.locals(depth=cython.uint, at=cython.size_t, kind=cython.uint, wanted=cython.uint, name=bytes)
    cdef bint fits(self, unsigned int type_id, tuple key, list types) except -1

    @cython.locals(_=cython.uint, at=cython.size_t)
    cdef unsigned int strip(self, unsigned int type_id) except? 0xFFFFFFFF

    @cython.locals(_=cython.uint, at=cython.size_t)
    cdef unsigned int innermost(self, unsigned int type_id) except? 0xFFFFFFFF

    @cython.locals(_=cython.uint, factor=cython.ulonglong, at=cython.size_t, kind=cython.uint)
    cdef unsigned int size(self, unsigned int type_id, list types) except? 0xFFFFFFFF

    cdef bytes text(self, size_t offset)
