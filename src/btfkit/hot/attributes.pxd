cimport cython
from btfkit.hot cimport codes
from btfkit.hot.abbreviations cimport Abbreviations
from btfkit.hot.interning cimport Interner
from btfkit.hot.leb128 cimport Leb128
from btfkit.hot.locations cimport Locations
from btfkit.hot.strings cimport StringTable

cdef unsigned long long LONG
cdef unsigned int WORD
cdef unsigned int HASH
cdef size_t ALL_BUT_3
cdef size_t SHORT

cdef class Attributes(Leb128):
    cdef readonly Interner types
    cdef bint big
    cdef const unsigned char[::1] strings
    cdef const unsigned char[::1] line_strings
    cdef const unsigned char[::1] alt_strings
    cdef const unsigned char[::1] string_offsets
    cdef const unsigned char[::1] addresses
    cdef const unsigned char[::1] lists
    cdef const unsigned char[::1] old_lists
    cdef public bint split
    cdef public bint placeless
    cdef public unsigned long long info_base
    cdef public unsigned long long alt_base
    cdef public list reached
    cdef public unsigned char[::1] seen
    cdef public dict signatures
    cdef size_t start
    cdef size_t end
    cdef unsigned int version
    cdef unsigned int offset_size
    cdef unsigned int address_size
    cdef unsigned long long string_base
    cdef unsigned long long address_base
    cdef unsigned long long list_base
    cdef unsigned long long list_start
    cdef Locations locations
    cdef long long budget
    cdef readonly size_t place
    cdef unsigned long long[::1] values
    cdef unsigned char[::1] classes
    cdef unsigned long long[::1] lengths
    cdef unsigned long long have
    cdef unsigned int[::1] known
    cdef unsigned int[::1] following
    cdef unsigned int last_name
    cdef unsigned long long[::1] short_text
    cdef unsigned int[::1] short_name
    cdef unsigned long long[::1] memo
    cdef unsigned int[::1] memo_name
    cdef size_t memos

    @cython.locals(at=cython.size_t)
    cpdef sections(self, const unsigned char[::1] info, const unsigned char[::1] strings,
                   const unsigned char[::1] line_strings, const unsigned char[::1] alt_strings,
                   const unsigned char[::1] string_offsets, const unsigned char[::1] addresses,
                   const unsigned char[::1] lists, const unsigned char[::1] old_lists)

    cpdef unit(self, size_t start, size_t end, unsigned int version, unsigned int offset_size, unsigned int address_size)

    cpdef bases(self, unsigned long long strings, unsigned long long addresses, unsigned long long lists,
                unsigned long long list_start)

    @cython.locals(code=cython.ulonglong)
    cpdef int root(self, size_t at, Abbreviations table) except -1

    cpdef int has(self, int slot) except -1

    cpdef unsigned long long number(self, int slot) except? 0xFFFFFFFFFFFFFFFF

    cpdef bytes text(self, int slot)

    @cython.locals(data="const unsigned char[::1]", at=cython.size_t, steps="unsigned int[::1]", big=cython.bint,
                   have=cython.ulonglong, word=cython.uint, op=cython.uint, slot=cython.uint, kind=cython.uint,
                   value=cython.ulonglong, row=cython.size_t, length=cython.ulonglong, k=cython.size_t,
                   one=cython.ulonglong)
    cdef int decode(self, Abbreviations table, size_t step) except -1

    @cython.locals(value=cython.ulonglong, k=cython.size_t)
    cdef unsigned long long fixed(self, const unsigned char[::1] data, size_t at, size_t size) except? 0xFFFFFFFFFFFFFFFF

    @cython.locals(kind=cython.uint, value=cython.ulonglong, key=cython.ulonglong, mask=cython.size_t, place=cython.size_t,
                   name=cython.uint, guess=cython.size_t)
    cdef unsigned int name_of(self, int slot) except? 0xFFFFFFFF

    @cython.locals(pool="const unsigned char[::1]", strings="const unsigned char[::1]")
    cdef bint is_spelled(self, size_t name, size_t at) except -1

    @cython.locals(old="unsigned int[::1]", at=cython.size_t)
    cdef int more_following(self, size_t need) except -1

    @cython.locals(data="const unsigned char[::1]", text=cython.ulonglong, end=cython.size_t, slot=cython.size_t)
    cdef unsigned int in_place(self, size_t at) except? 0xFFFFFFFF

    @cython.locals(names=StringTable, end=cython.size_t)
    cdef unsigned int spelled(self, const unsigned char[::1] strings, size_t at) except? 0xFFFFFFFF

    @cython.locals(old="unsigned long long[::1]", old_name="unsigned int[::1]", mask=cython.size_t, at=cython.size_t,
                   slot=cython.size_t)
    cdef int more_memo(self) except -1

    @cython.locals(kind=cython.uint, value=cython.ulonglong)
    cdef unsigned int reference(self, int slot) except? 0xFFFFFFFF

    @cython.locals(at=cython.size_t, bit=cython.uint)
    cdef int reach(self, unsigned long long place) except -1

    cdef unsigned int by_signature(self, unsigned long long signature) except? 0xFFFFFFFF

    @cython.locals(value=cython.ulonglong)
    cdef unsigned long long address(self, int slot) except? 0xFFFFFFFFFFFFFFFF

    cdef unsigned long long indexed_address(self, unsigned long long index) except? 0xFFFFFFFFFFFFFFFF

    @cython.locals(slot=cython.int, value=cython.ulonglong, start=cython.size_t, op=cython.uint)
    cdef unsigned long long member_offset(self) except? 0xFFFFFFFFFFFFFFFF
