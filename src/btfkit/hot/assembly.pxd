cimport cython
from btfkit.hot cimport codes, kinds

cdef unsigned int SYMBOL
cdef unsigned int PLACE
cdef unsigned int NONE
cdef unsigned int WORD
cdef int CHAIN
cdef unsigned int IS_STRUCT
cdef unsigned int OPTIMIZED
cdef unsigned int UNEXPECTED
cdef unsigned int REORDERED
cdef unsigned int CHANGED
cdef unsigned int PARTIAL

@cython.locals(step=cython.int, record=cython.size_t, at=cython.size_t, number=cython.size_t, place=cython.size_t,
               token=cython.uint, target=cython.size_t)
cpdef index_users(const unsigned int[::1] records, const unsigned int[::1] record_at, size_t count,
                  unsigned int[::1] starts, unsigned int[::1] users)

@cython.locals(at=cython.size_t, record=cython.size_t)
cpdef index_records(const unsigned int[::1] occurrences, size_t end, unsigned int[::1] starts,
                    unsigned int[::1] places)

@cython.locals(info=cython.uint, kind=cython.uint, count=cython.size_t)
cdef size_t reference_at(const unsigned int[::1] words, size_t at, size_t step) except? 1

@cython.locals(step=cython.size_t, place=cython.size_t)
cpdef int references(const unsigned int[::1] words, size_t at, list found) except -1

@cython.locals(index=cython.size_t, at=cython.size_t, step=cython.size_t, place=cython.size_t)
cpdef used(const unsigned int[::1] records, const unsigned int[::1] record_at, const unsigned int[::1] order,
           unsigned char[::1] marks)

@cython.locals(end=cython.size_t, index=cython.size_t, at=cython.size_t, size=cython.size_t, k=cython.size_t,
               step=cython.size_t, place=cython.size_t, token=cython.uint)
cpdef size_t translate(const unsigned int[::1] records, const unsigned int[::1] record_at, const unsigned int[::1] order,
                       const unsigned int[::1] ids, const unsigned int[::1] symbol_ids, unsigned int index_type,
                       unsigned int[::1] out, unsigned int[::1] positions)

@cython.locals(index=cython.size_t, marking=cython.int, number=cython.size_t, steps=cython.size_t, at=cython.size_t)
cpdef void_types(const unsigned int[::1] words, const unsigned int[::1] positions, size_t longest,
                 unsigned char[::1] empty)

@cython.locals(index=cython.size_t, at=cython.size_t, kind=cython.uint, place=cython.size_t, step=cython.size_t,
               count=cython.size_t, k=cython.size_t)
cpdef void_places(const unsigned int[::1] words, const unsigned int[::1] positions, const unsigned char[::1] empty,
                  list found)

@cython.locals(index=cython.size_t, place=cython.size_t)
cpdef renumber(unsigned int[::1] words, const unsigned int[::1] id_places, const unsigned int[::1] ids,
               const unsigned int[::1] name_places, unsigned int shift)

@cython.locals(index=cython.size_t, at=cython.size_t, direct=cython.bint, size=cython.uint, _=cython.int,
               kind=cython.uint, following=cython.size_t)
cpdef measure(const unsigned int[::1] words, const unsigned int[::1] positions, unsigned int pointer,
              unsigned int[::1] sizes, unsigned char[::1] flags)

@cython.locals(at=cython.size_t, count=cython.size_t, number=cython.size_t, function=cython.size_t,
               origin=cython.size_t, registers=cython.uint, kept=cython.uint)
cpdef merge_instances(unsigned int[::1] functions, size_t end)

@cython.locals(at=cython.size_t, group=cython.uint, count=cython.size_t, number=cython.size_t, place=cython.size_t,
               token=cython.uint)
cpdef resolve_types(unsigned int[::1] functions, size_t end, const unsigned int[::1] ids,
                    const unsigned int[::1] symbol_ids, list special, const unsigned char[::1] tainted,
                    const unsigned char[::1] tainted_symbols)

@cython.locals(limit=cython.size_t, index=cython.size_t, at=cython.size_t, head=cython.uint, result=cython.uint,
               origin=cython.size_t, marks=cython.uint, changed=cython.bint, plain=cython.bint, count=cython.size_t,
               place=cython.size_t, slot=cython.size_t, has_struct=cython.bint, unexpected=cython.bint,
               optimized=cython.bint, stopped=cython.bint, _=cython.size_t, flag=cython.uint, size=cython.uint,
               located=cython.uint, slots=cython.size_t, memory=cython.bint, register=cython.uint, known=cython.bint,
               k=cython.size_t, counts=cython.bint, covered=cython.uint)
cpdef judge(unsigned int[::1] functions, const unsigned int[:] positions, const unsigned int[::1] sizes,
            const unsigned char[::1] flags, const unsigned char[::1] registers, unsigned int address, bint single)
