cimport cython
from btfkit.hot cimport growth, kinds
from btfkit.hot.record_store cimport RecordStore, pages

cdef size_t SHORT
cdef unsigned int STEPS

@cython.final
cdef class Ids:
    cdef unsigned int[::1] only
    cdef unsigned int[::1] first
    cdef unsigned int[::1] last
    cdef unsigned int[::1] count
    cdef unsigned int[::1] chosen
    cdef unsigned int[::1] mark
    cdef unsigned int layer
    cdef unsigned int[::1] undo
    cdef size_t undone
    cdef unsigned int[::1] next
    cdef unsigned int[::1] rank
    cdef readonly size_t end
    cdef readonly size_t next_choice
    cdef long long steps

    @cython.locals(place=cython.size_t, label=cython.uint, type_id=cython.size_t, old="unsigned int[::1]",
                   is_first=cython.bint)
    cpdef add(self, RecordStore store, const unsigned int[::1] numbers)

    @cython.locals(found=cython.uint)
    cdef int begin_several(self, unsigned int label) except -1

    cdef int follow(self, unsigned int label, size_t type_id) except -1

    cdef int remember(self, unsigned int label) except -1

    cpdef begin_layer(self)

    @cython.locals(place=cython.size_t, label=cython.uint)
    cpdef clear(self, RecordStore store, const unsigned int[::1] numbers)

    @cython.locals(label=cython.uint)
    cpdef restore(self, size_t end)

    cdef int choose(self, unsigned int label, unsigned int type_id) except -1

    cdef int begin_choices(self, size_t first, long long steps) except -1

    @cython.locals(label=cython.uint, count=cython.uint, rank=cython.uint, found=cython.uint)
    cdef unsigned int meant(self, RecordStore store, unsigned int word, const unsigned int[::1] chosen) except? 0

    @cython.locals(found=cython.uint, _=cython.uint)
    cdef unsigned int ranked(self, unsigned int label, unsigned int rank) except? 0

@cython.locals(to=cython.size_t, steps=cython.longlong, table="const unsigned char[::1]", place=cython.size_t,
               here=cython.size_t, at=cython.size_t, info=cython.uint, row=cython.uint, tail=cython.uint,
               elem=cython.uint, slots=cython.size_t, slot=cython.size_t, label=cython.uint, type_id=cython.uint)
cpdef size_t choices(RecordStore store, Ids ids, const unsigned int[::1] numbers, const unsigned int[::1] words,
                     const unsigned int[::1] positions, unsigned int[::1] out) except? 0

cdef bint is_type(const unsigned char[::1] table, unsigned int row, size_t tail, size_t elem, size_t slot) except -1

@cython.locals(table="const unsigned char[::1]", words="unsigned int[::1]", to=cython.size_t, place=cython.size_t,
               at=cython.size_t, info=cython.uint, row=cython.uint, tail=cython.uint, elem=cython.uint,
               elem_ids=cython.uint, elem_names=cython.uint, count=cython.uint, slot=cython.uint, word=cython.uint,
               found=cython.uint, is_id=cython.uint, _=cython.uint)
cpdef size_t rebuild(RecordStore store, Ids ids, const unsigned int[::1] offsets, const unsigned int[::1] numbers,
                     const unsigned int[::1] chosen, size_t at_choice, unsigned int[::1] out) except? 0

@cython.locals(found=cython.uint)
cdef unsigned int offset_of(RecordStore store, const unsigned int[::1] offsets, unsigned int name) except? 0

@cython.locals(at=cython.ulonglong, place=cython.size_t, number=cython.size_t, name=cython.uint)
cpdef unsigned long long place_names(RecordStore store, const unsigned int[::1] numbers, unsigned long long start,
                                     unsigned int[::1] offsets) except? 0

@cython.locals(place=cython.size_t, name=cython.uint)
cpdef unplace_names(RecordStore store, const unsigned int[::1] numbers, unsigned int start,
                    unsigned int[::1] offsets)

@cython.locals(to=cython.size_t, place=cython.size_t, begin=cython.size_t, end=cython.size_t, at=cython.size_t)
cpdef write_names(RecordStore store, const unsigned int[::1] numbers, unsigned char[::1] out)
