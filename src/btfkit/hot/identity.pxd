cimport cython
from btfkit.hot cimport growth, kinds

cdef unsigned long long LONG
cdef unsigned int TEXT
cdef unsigned int VOID
cdef unsigned int NAMED
cdef unsigned int INTEGER
cdef unsigned int TAGGED
cdef unsigned int WHOLE
cdef unsigned int MANY
cdef unsigned int PAIRED

cpdef unsigned int class_of(unsigned int kind) noexcept

@cython.final
cdef class Interner:
    cdef unsigned long long prime
    cdef readonly size_t count
    cdef unsigned int[::1] words
    cdef unsigned int[::1] begins
    cdef unsigned int[::1] slots
    cdef unsigned int[::1] stack
    cdef unsigned int[::1] ours
    cdef unsigned int[::1] theirs
    cdef readonly size_t top

    cpdef int push(self, unsigned int word) except -1

    @cython.locals(long=cython.ulonglong, h=cython.ulonglong, at=cython.size_t)
    cdef unsigned long long hash(self, unsigned int[::1] words, size_t start, size_t end) except? 0

    @cython.locals(length=cython.size_t, mask=cython.size_t, slot=cython.size_t, found=cython.size_t,
                   here=cython.size_t, k=cython.size_t)
    cpdef unsigned int close(self, size_t start) except 0

    @cython.locals(mask=cython.size_t, number=cython.size_t, slot=cython.size_t)
    cdef int more_slots(self) except -1

    @cython.locals(start=cython.size_t, shift=cython.uint, word=cython.uint, c=cython.uint)
    cpdef unsigned int text(self, const unsigned char[::1] strings, size_t at) except 0

@cython.final
cdef class Side:
    cdef readonly Interner interner
    cdef readonly const unsigned int[::1] words
    cdef readonly const unsigned int[::1] positions
    cdef const unsigned char[::1] strings
    cdef unsigned int levels
    cdef unsigned int[::1] references
    cdef unsigned int[::1] definitions
    cdef unsigned int[::1] tagged
    cdef unsigned int[::1] wholes

    @cython.locals(type_id=cython.size_t)
    cpdef restart(self, const unsigned int[::1] words, const unsigned int[::1] positions,
                  const unsigned char[::1] strings, size_t first)

    @cython.locals(at=cython.size_t, group=cython.uint)
    cpdef unsigned int key(self, size_t type_id) except? 0

    @cython.locals(interner=Interner, text=cython.uint, start=cython.size_t)
    cdef unsigned int named(self, unsigned int group, size_t name) except 0

    @cython.locals(interner=Interner, start=cython.size_t, found=cython.uint, at=cython.size_t, info=cython.uint,
                   kind=cython.uint, group=cython.uint, text=cython.uint)
    cpdef unsigned int reference(self, size_t type_id, unsigned int depth) except 0

    @cython.locals(interner=Interner, start=cython.size_t, found=cython.uint, at=cython.size_t)
    cpdef unsigned int definition(self, size_t type_id) except 0

    @cython.locals(interner=Interner, start=cython.size_t, found=cython.uint, at=cython.size_t, info=cython.uint,
                   kind=cython.uint, index=cython.uint, part=cython.uint)
    cpdef unsigned int whole(self, size_t type_id, unsigned int depth) except? 0

    @cython.locals(interner=Interner, start=cython.size_t, found=cython.uint, at=cython.size_t, kind=cython.uint,
                   index=cython.uint, part=cython.uint)
    cdef unsigned int text_of(self, size_t type_id, unsigned int depth) except? 0

    @cython.locals(interner=Interner, start=cython.size_t)
    cpdef tag(self, size_t type_id, list tags)

    @cython.locals(index=cython.size_t)
    cpdef tags(self, list found, size_t first)

    @cython.locals(interner=Interner, start=cython.size_t, info=cython.uint, count=cython.uint, flag=cython.uint,
                   where=cython.uint, _=cython.uint)
    cdef unsigned int body(self, size_t at, unsigned int kind, unsigned int depth) except 0

@cython.locals(interner=Interner, old_keys="unsigned int[::1]", new_keys="unsigned int[::1]", ours="unsigned int[::1]",
               theirs="unsigned int[::1]", type_id=cython.size_t, key=cython.uint, other=cython.uint)
cpdef differing(Side old, size_t old_first, Side new, size_t new_first, unsigned int[::1] same, list left, list right)
