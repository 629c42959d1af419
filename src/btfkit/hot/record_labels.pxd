cimport cython
from btfkit.hot cimport growth, kinds
from btfkit.hot.identity cimport Interner
from btfkit.hot.record_store cimport RecordStore, zeros

cdef unsigned int LEVELS
cdef unsigned int VOID
cdef unsigned int NAMED
cdef unsigned int PRIME
cdef unsigned int SEED
cdef unsigned int WORD

cdef unsigned int label_class(unsigned int kind) noexcept

@cython.final
cdef class Known:
    cdef readonly Interner interner
    cdef readonly unsigned int[::1] number
    cdef readonly unsigned int void
    cdef readonly unsigned int no_text

    cpdef forget(self)

    cpdef fit(self)

    @cython.locals(group=cython.uint, interner=Interner, start=cython.size_t)
    cdef unsigned int named(self, unsigned int kind, unsigned int text) except? 0

cdef class Walk:
    cdef readonly Known known
    cdef const unsigned int[::1] words
    cdef const unsigned char[::1] table

    cdef unsigned int text_of(self, size_t word) except? 0

    cdef unsigned int label_of(self, size_t word, unsigned int depth) except? 0

    @cython.locals(interner=Interner, words="const unsigned int[::1]", table="const unsigned char[::1]",
                   start=cython.size_t, info=cython.uint, row=cython.uint, mask=cython.uint, slot=cython.uint,
                   elem=cython.uint, names=cython.uint, _=cython.uint)
    cdef unsigned int body(self, size_t at, unsigned int depth) except 0

cdef class StoredRecords(Walk):
    cdef RecordStore store
    cdef unsigned int[::1] texts
    cdef unsigned int[::1] labels
    cdef unsigned int[::1] contents

    cdef unsigned int text_of(self, size_t word) except? 0

    @cython.locals(at=cython.size_t, found=cython.uint)
    cdef unsigned int label_of(self, size_t word, unsigned int depth) except? 0

    cdef unsigned int content(self, size_t number, unsigned int depth) except 0

    @cython.locals(store=RecordStore, known=Known, equal=list, number=cython.size_t, text=cython.uint)
    cpdef list add_names(self, size_t first, size_t count)

    @cython.locals(store=RecordStore, known=Known, equal=list, number=cython.size_t, found=cython.uint,
                   label=cython.uint)
    cpdef list add_records(self, size_t first, size_t count)

    @cython.locals(store=RecordStore, place=cython.size_t, number=cython.size_t, label=cython.uint)
    cpdef newest(self, const unsigned int[::1] numbers, unsigned int[::1] latest)

cdef class KernelRecords(Walk):
    cdef const unsigned int[::1] positions
    cdef const unsigned char[::1] strings
    cdef size_t start
    cdef size_t first
    cdef KernelRecords below
    cdef unsigned int[::1] texts
    cdef unsigned int[::1] labels
    cdef unsigned int[::1] contents

    @cython.locals(at=cython.size_t)
    cdef unsigned int text_of(self, size_t word) except? 0

    @cython.locals(index=cython.size_t, at=cython.size_t, found=cython.uint)
    cdef unsigned int label_of(self, size_t word, unsigned int depth) except? 0

    cdef unsigned int content(self, size_t index, unsigned int depth) except 0

    @cython.locals(known=Known, at=cython.size_t, to=cython.size_t, size=cython.size_t, text=cython.uint)
    cpdef size_t number_names(self, size_t next_number, unsigned int[::1] out) except? 0

    @cython.locals(known=Known, index=cython.size_t, found=cython.uint, label=cython.uint, number=cython.uint)
    cpdef size_t number_records(self, size_t next_number, unsigned int[::1] out) except? 0

    @cython.locals(known=Known, words="const unsigned int[::1]", table="const unsigned char[::1]", due=cython.size_t,
                   index=cython.size_t, at=cython.size_t, info=cython.uint, row=cython.uint, tail=cython.uint,
                   elem=cython.uint, record="unsigned int[::1]", mask=cython.uint, named=cython.uint, slot=cython.uint,
                   word=cython.uint, to=cython.size_t, _=cython.uint)
    cpdef store_new(self, const unsigned int[::1] numbers, size_t first, size_t last, RecordStore store, size_t names)

    @cython.locals(number=cython.uint)
    cdef unsigned int name_number(self, size_t word, size_t names) except 0

    cdef unsigned int label_number(self, size_t word) except? 0

@cython.locals(to=cython.size_t, word=cython.uint, room=cython.size_t, index=cython.size_t, at=cython.size_t,
               info=cython.uint, row=cython.uint, h=cython.uint, place=cython.size_t, elem=cython.uint,
               mask=cython.uint, named=cython.uint, slot=cython.uint, _=cython.uint)
cpdef size_t sketch(const unsigned int[::1] words, const unsigned int[::1] positions,
                    const unsigned char[::1] strings, size_t start, const unsigned char[::1] table,
                    unsigned long long least, unsigned int[::1] out) except? 0
