cimport cython
from btfkit.hot cimport codes, growth, kinds
from btfkit.hot.strings cimport StringTable
from btfkit.hot.symbols cimport Symbols

cdef unsigned long long LONG
cdef unsigned int WORD
cdef unsigned int HASH
cdef unsigned int FLAG
cdef unsigned int HIGH_BYTE
cdef unsigned int NOT_FLAG
cdef unsigned int SYMBOL
cdef unsigned int SYNTHETIC
cdef unsigned int FUNCTION
cdef unsigned int PARAMETER
cdef unsigned int PLACE
cdef unsigned int NONE
cdef unsigned int ALIAS
cdef unsigned int DECLARATION
cdef unsigned int NO_TAG
cdef int CHAIN
cdef unsigned int LONGEST_OFFSET

@cython.final
cdef class Interner(Symbols):
    cdef readonly StringTable names
    cdef readonly unsigned long long prime
    cdef public bint force
    cdef public unsigned long long die_base
    cdef readonly unsigned int group
    cdef readonly size_t count
    cdef size_t used
    cdef unsigned int[::1] words
    cdef unsigned char[::1] bits
    cdef unsigned int[::1] at
    cdef unsigned int[::1] die
    cdef unsigned int[::1] token
    cdef unsigned int[::1] state
    cdef unsigned int[::1] stack
    cdef unsigned int[::1] cursor
    cdef unsigned int[::1] map
    cdef size_t mapped
    cdef list signs
    cdef list named_elsewhere
    cdef list tags
    cdef dict notes
    cdef list noted
    cdef readonly list type_tags
    cdef readonly list function_tags
    cdef readonly list variable_tags
    cdef list storage
    cdef readonly unsigned int[::1] records
    cdef readonly unsigned int[::1] record_at
    cdef unsigned int[::1] record_hash
    cdef readonly unsigned int[::1] record_die
    cdef readonly size_t record_count
    cdef readonly size_t record_end
    cdef unsigned int[::1] following
    cdef size_t last_record
    cdef unsigned int[::1] slots
    cdef readonly unsigned int[::1] occurrences
    cdef readonly size_t occurred
    cdef readonly list starts
    cdef readonly unsigned int[::1] functions
    cdef readonly size_t function_end
    cdef size_t function_start

    @cython.locals(slot=cython.size_t)
    cpdef unsigned int begin(self) except? 0

    @cython.locals(mask=cython.size_t, slot=cython.size_t)
    cdef int put(self, unsigned int die, unsigned int value) except -1

    @cython.locals(old="unsigned int[::1]", mask=cython.size_t, at=cython.size_t, slot=cython.size_t)
    cdef int more_map(self) except -1

    @cython.locals(mask=cython.size_t, slot=cython.size_t)
    cdef unsigned int get(self, unsigned int die) except? 0xFFFFFFFE

    @cython.locals(number=cython.size_t)
    cdef unsigned int add(self, unsigned int die, unsigned int name, unsigned int info, unsigned int third) except? 0

    cdef int append(self, size_t number, unsigned int first, unsigned int second) except -1
    cdef int append_word(self, size_t number, unsigned int word, unsigned int bits) except -1
    cdef int more_words(self) except -1

    @cython.locals(at=cython.size_t, k=cython.size_t)
    cdef size_t add_function(self, unsigned int die) except? 0xFFFFFFFF

    @cython.locals(at=cython.size_t)
    cdef size_t add_parameter(self, size_t function, unsigned int die) except? 0xFFFFFFFF

    @cython.locals(found=cython.uint)
    cdef unsigned int local(self, unsigned int reference) except? 0xFFFFFFFF

    @cython.locals(count=cython.size_t, number=cython.size_t, tag=cython.uint, symbol=cython.uint,
                   subject=cython.size_t)
    cpdef settle(self)

    @cython.locals(at=cython.size_t, info=cython.uint, kind=cython.uint)
    cdef unsigned int tag(self, size_t number) except? 0xFFFFFFFF

    @cython.locals(number=cython.size_t, reference=cython.uint, found=cython.size_t, at=cython.size_t,
                   place=cython.size_t, kind=cython.uint, _=cython.int)
    cdef int finish_reading(self) except -1

    cdef int follow_notes(self, int what, size_t number, component, reference) except -1

    @cython.locals(at=cython.size_t, info=cython.uint, kind=cython.uint, count=cython.size_t)
    cdef size_t reference_at(self, size_t number, size_t step) except? 0

    @cython.locals(depth=cython.size_t, number=cython.size_t, step=cython.size_t, descend=cython.bint,
                   place=cython.size_t, target=cython.size_t, token=cython.uint)
    cdef int visit(self, size_t root) except -1

    @cython.locals(at=cython.size_t, kind=cython.uint, token=cython.uint, record=cython.uint)
    cdef int finish(self, size_t number) except -1

    @cython.locals(count=cython.size_t, k=cython.size_t, fits=cython.bint, place=cython.size_t, size=cython.uint)
    cdef int pack_offsets(self, size_t at) except -1

    @cython.locals(at=cython.size_t, kind=cython.uint, made=cython.uint, _=cython.int)
    cdef unsigned int narrow(self, unsigned int token, unsigned int bits, unsigned int shift) except? 0

    @cython.locals(found=cython.size_t)
    cdef unsigned int record(self, size_t start, size_t end, unsigned int die) except? 0

    @cython.locals(here=cython.size_t)
    cdef bint is_record(self, size_t number, size_t start, size_t end) except -1

    @cython.locals(prime=cython.ulonglong, long=cython.ulonglong, h=cython.ulonglong, at=cython.size_t, key=cython.uint,
                   mask=cython.size_t, slot=cython.size_t, found=cython.size_t)
    cdef unsigned int hashed_record(self, size_t start, size_t end, unsigned int die) except? 0

    @cython.locals(prime=cython.ulonglong, long=cython.ulonglong, h=cython.ulonglong, at=cython.size_t,
                   mask=cython.size_t, number=cython.size_t, slot=cython.size_t)
    cdef int more_slots(self) except -1

    @cython.locals(at=cython.size_t, count=cython.size_t, _=cython.size_t, here=cython.size_t, following=cython.uint)
    cdef int settle_functions(self) except -1

    cdef unsigned int token_of(self, unsigned int reference) except? 0xFFFFFFFF

    @cython.locals(found=cython.uint)
    cdef unsigned int origin(self, unsigned int die, unsigned int kind) except? 0xFFFFFFFE
