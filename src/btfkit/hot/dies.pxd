cimport cython
from btfkit.hot cimport codes, kinds
from btfkit.hot.abbreviations cimport Abbreviations
from btfkit.hot.attributes cimport Attributes
from btfkit.hot.interning cimport Interner
from btfkit.hot.locations cimport Locations

cdef unsigned long long LONG
cdef unsigned int WORD
cdef unsigned int FLAG
cdef unsigned int SYNTHETIC
cdef size_t DEEPEST
cdef unsigned int ALIAS
cdef unsigned int MOST_ELEMENTS
cdef unsigned int OPEN_OTHER
cdef unsigned int OPEN_UNIT
cdef unsigned int OPEN_FUNCTION
cdef unsigned int OPEN_SKIPPED
cdef unsigned int OPEN_STRUCT
cdef unsigned int OPEN_ENUM
cdef unsigned int OPEN_PROTO
cdef unsigned int OPEN_ARRAY
cdef unsigned int OPEN_REFERENCE
cdef unsigned int OPEN_MEMBER
cdef unsigned int OPEN_PARAMETER
cdef unsigned int OPEN_VARIABLE
cdef unsigned int ATE_COMPLEX
cdef unsigned int ATE_BOOLEAN
cdef unsigned int ATE_FLOAT
cdef unsigned int ATE_SIGNED
cdef unsigned int ATE_SIGNED_CHAR
cdef unsigned int ATE_IMAGINARY

@cython.final
cdef class Reader(Attributes):
    cdef public bint want_floats
    cdef public bint want_enum64
    cdef public bint want_type_tags
    cdef public bint want_decl_tags
    cdef public bint clang
    cdef public bint force
    cdef public const unsigned long long[::1] ranges
    cdef readonly list variables
    cdef readonly dict warnings
    cdef unsigned long long located_at
    cdef readonly size_t dies
    cdef unsigned char[::1] open
    cdef unsigned int[::1] opened
    cdef unsigned int[::1] part
    cdef unsigned int[::1] later
    cdef size_t put_off
    cdef list unit_variables

    @cython.locals(types=Interner, first="unsigned int[::1]", data="const unsigned char[::1]", end=cython.size_t,
                   depth=cython.size_t, inside=cython.size_t, pending=cython.size_t, begun=cython.bint,
                   place=cython.size_t, code=cython.ulonglong, tag=cython.uint, parents=cython.bint, parent=cython.uint,
                   opens=cython.uint, subject=cython.uint, part=cython.uint, kind=cython.uint, what=cython.uint)
    cpdef walk(self, size_t at, Abbreviations table)

    @cython.locals(later="unsigned int[::1]", k=cython.size_t)
    cdef int postpone(self, size_t place) except -1

    @cython.locals(types=Interner, number=cython.size_t, what=cython.uint)
    cdef unsigned int type(self, size_t place, unsigned int kind, unsigned int variant) except? 0xFFFFFFFF

    cdef int warn(self, str what) except -1

    @cython.locals(types=Interner, size=cython.ulonglong, encoding=cython.ulonglong, name=cython.uint, flags=cython.uint,
                   number=cython.size_t)
    cdef unsigned int base(self, size_t place) except? 0xFFFFFFFF

    @cython.locals(types=Interner, name=cython.uint, what=cython.uint, size=cython.ulonglong, number=cython.size_t)
    cdef unsigned int composite(self, size_t place, unsigned int union) except? 0xFFFFFFFF

    @cython.locals(types=Interner, at=cython.size_t)
    cdef int count_part(self, size_t number) except -1

    @cython.locals(types=Interner, at=cython.size_t, have=cython.ulonglong, union=cython.bint, offset=cython.ulonglong,
                   bits=cython.ulonglong, reference=cython.uint, part=cython.uint)
    cdef unsigned int member(self, size_t number) except? 0xFFFFFFFE

    @cython.locals(offset=cython.ulonglong, storage=cython.ulonglong)
    cdef unsigned long long old_bit_offset(self, unsigned long long bits, unsigned int reference) except? 0xFFFFFFFFFFFFFFFF

    @cython.locals(types=Interner, size=cython.ulonglong, what=cython.uint, number=cython.size_t)
    cdef unsigned int enumeration(self, size_t place) except? 0xFFFFFFFF

    @cython.locals(types=Interner, value=cython.ulonglong, kind=cython.uint, info=cython.size_t, large=cython.bint)
    cdef int enumerator(self, size_t number) except -1

    @cython.locals(types=Interner, length=cython.ulonglong, number=cython.size_t, element=cython.uint,
                   made=cython.uint)
    cdef int dimension(self, size_t level) except -1

    @cython.locals(types=Interner, text=cython.uint, at=cython.size_t, made=cython.uint)
    cdef int note(self, unsigned int parent, unsigned int subject, unsigned int part) except -1

    cdef int note_die(self, size_t place) except -1

    @cython.locals(types=Interner, at=cython.size_t, flags=cython.uint, inlined=cython.ulonglong, name=cython.uint,
                   result=cython.uint, origin=cython.uint, specification=cython.uint, functions="unsigned int[::1]",
                   address=cython.ulonglong)
    cdef unsigned int subprogram(self, size_t place) except? 0xFFFFFFFF

    @cython.locals(types=Interner, at=cython.size_t, name=cython.uint, reference=cython.uint, origin=cython.uint,
                   flags=cython.uint, registers=cython.uint, functions="unsigned int[::1]")
    cdef int parameter(self, unsigned int function) except -1

    @cython.locals(locations=Locations, lists="const unsigned char[::1]", value=cython.ulonglong, kind=cython.uint)
    cdef unsigned int registers(self) except? 0xFFFFFFFF

    @cython.locals(reference=cython.uint, flags=cython.uint, wanted=cython.bint, address=cython.ulonglong,
                   k=cython.size_t)
    cdef unsigned int variable(self, size_t place) except? 0xFFFFFFFF

    @cython.locals(end=cython.size_t, data="const unsigned char[::1]", at=cython.size_t, back=cython.size_t, op=cython.uint)
    cdef int located(self) except -1

    @cython.locals(types=Interner)
    cpdef settle(self)
