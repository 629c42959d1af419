cimport cython
from btfkit.hot cimport growth, kinds

cdef unsigned int INFO
cdef unsigned int NAME
cdef unsigned int SIZE
cdef unsigned int TYPE
cdef unsigned int TAIL_TYPE
cdef unsigned int TAIL
cdef unsigned int MEMBER
cdef unsigned int PARAMETER
cdef unsigned int ELEMENT_TYPE
cdef unsigned int OFFSET
cdef unsigned int VALUE
cdef unsigned int COLUMNS

cdef size_t LARGE
cdef int PRIVATE

cpdef zeros(size_t count)

cpdef pages(size_t count)

cdef size_t roomy(size_t size) except? 0

@cython.locals(to=cython.size_t, place=cython.size_t)
cpdef size_t replaced(const unsigned int[::1] before, unsigned int first, unsigned int[::1] out) except? 0

@cython.final
cdef class RecordStore:
    cdef readonly const unsigned char[::1] table
    cdef readonly unsigned int[::1] words
    cdef readonly size_t used
    cdef readonly unsigned int[::1] at
    cdef readonly unsigned int[::1] label
    cdef readonly unsigned int[::1] same_record
    cdef readonly unsigned char[::1] text
    cdef readonly size_t text_used
    cdef readonly unsigned int[::1] name_at
    cdef readonly unsigned int[::1] name_length
    cdef readonly unsigned int[::1] same_name

    cpdef make_room(self, size_t records, size_t names)

    @cython.locals(size=cython.size_t, start=cython.size_t, to=cython.size_t, number=cython.size_t, end=cython.size_t,
                   place=cython.size_t, old="unsigned char[::1]")
    cpdef add_names(self, const unsigned char[::1] data, size_t first, size_t count)

    @cython.locals(start=cython.size_t)
    cpdef bytes name(self, size_t number)

    @cython.locals(old="unsigned int[::1]")
    cdef int reserve(self, size_t need) except -1

    @cython.locals(need=cython.size_t, to=cython.size_t, place=cython.size_t)
    cpdef add(self, const unsigned int[::1] words, size_t number, unsigned int label)

    @cython.locals(at=cython.size_t, info=cython.uint, row=cython.uint)
    cdef size_t extent(self, size_t number) except? 0

    @cython.locals(total=cython.size_t, place=cython.size_t, number=cython.size_t, size=cython.size_t)
    cpdef size_t total(self, const unsigned int[::1] numbers) except? 0

    @cython.locals(table="const unsigned char[::1]", place=cython.size_t, at=cython.size_t, info=cython.uint,
                   kind=cython.uint, row=cython.uint, slot=cython.uint)
    cpdef lengths(self, const unsigned int[::1] numbers, const unsigned int[::1] before, unsigned int[::1] lengths)

    @cython.locals(table="const unsigned char[::1]", words="unsigned int[::1]", tops="unsigned int[::1]",
                   info_column="unsigned int[::1]", name_column="unsigned int[::1]", size_column="unsigned int[::1]",
                   type_column="unsigned int[::1]", tail_type_column="unsigned int[::1]", tail_column="unsigned int[::1]",
                   place=cython.size_t, at=cython.size_t, info=cython.uint, row=cython.uint, slot=cython.uint,
                   which=cython.uint)
    cpdef write(self, const unsigned int[::1] numbers, const unsigned int[::1] before, list columns)

    @cython.locals(table="const unsigned char[::1]", words="unsigned int[::1]", to=cython.size_t, place=cython.size_t,
                   at=cython.size_t, info=cython.uint, kind=cython.uint, row=cython.uint, elem=cython.uint,
                   mask=cython.uint, slot=cython.uint, _=cython.uint)
    cdef int write_elements(self, const unsigned int[::1] numbers, unsigned int which, unsigned int[::1] column) except -1

    @cython.locals(last=cython.longlong, place=cython.size_t, value=cython.longlong)
    cpdef predecessors(self, long long first, const unsigned int[::1] coded, unsigned int[::1] before)

    @cython.locals(table="const unsigned char[::1]", words="unsigned int[::1]", tops="unsigned int[::1]",
                   info_column="const unsigned int[::1]", name_column="const unsigned int[::1]",
                   size_column="const unsigned int[::1]", type_column="const unsigned int[::1]",
                   tail_type_column="const unsigned int[::1]", tail_column="const unsigned int[::1]",
                   room=cython.size_t, which=cython.uint, limit=cython.size_t, begin=cython.size_t, at=cython.size_t,
                   place=cython.size_t, number=cython.size_t, info=cython.uint, row=cython.uint, tail=cython.uint,
                   need=cython.size_t, slot=cython.uint)
    cpdef load(self, size_t first, const unsigned int[::1] before, list columns)

    @cython.locals(table="const unsigned char[::1]", words="unsigned int[::1]", record_at="unsigned int[::1]",
                   masks="unsigned int[::1]", top=cython.size_t, number=cython.size_t, at=cython.size_t,
                   info=cython.uint, kind=cython.uint, row=cython.uint, elem=cython.uint, mask=cython.uint,
                   slot=cython.uint, value=cython.uint, limit=cython.size_t, is_type=cython.bint, is_name=cython.bint,
                   _=cython.uint)
    cdef int load_elements(self, size_t first, size_t count, unsigned int which,
                           const unsigned int[::1] column) except -1

    cdef unsigned int a_name(self, unsigned int number) except? 0

    cdef unsigned int a_label(self, unsigned int number) except? 0

@cython.locals(start=cython.size_t, shift=cython.uint, plane=cython.uint, place=cython.size_t)
cpdef joined_planes(const unsigned char[::1] data, size_t count, unsigned int used, unsigned int[::1] out)

cdef unsigned int column_of(const unsigned char[::1] table, unsigned int kind, unsigned int slot) except? 0

@cython.locals(new="unsigned int[::1]")
cdef unsigned int[::1] extended(unsigned int[::1] old, size_t size)

@cython.locals(to=cython.size_t, table="const unsigned char[::1]", words="unsigned int[::1]", place=cython.size_t,
               at=cython.size_t, info=cython.uint, row=cython.uint, name=cython.uint, mask=cython.uint, elem=cython.uint,
               slot=cython.uint, element=cython.uint)
cpdef size_t first_uses(RecordStore store, const unsigned int[::1] numbers, unsigned char[::1] seen,
                        unsigned int[::1] out) except? 0
