cimport cython
from btfkit.hot cimport growth
from btfkit.hot.record_store cimport zeros

cdef unsigned int COPY
cdef unsigned int KNOWN
cdef unsigned int NEW

@cython.final
cdef class Column:
    cdef unsigned int[::1] words
    cdef size_t top
    cdef size_t limit

    cdef int put(self, unsigned int word) except -1

    cdef int put_signed(self, long long value) except -1

    cdef unsigned int take(self) except? 0

    @cython.locals(word=cython.longlong)
    cdef long long take_signed(self) except? 0

@cython.final
cdef class Ranks:
    cdef long long size
    cdef unsigned int[::1] tree
    cdef long long top

    @cython.locals(total=cython.longlong)
    cdef long long below(self, long long piece) except? 0

    @cython.locals(at=cython.longlong)
    cdef int use(self, long long piece) except -1

    @cython.locals(at=cython.longlong, step=cython.longlong)
    cdef long long find(self, long long rank) except? 0

@cython.final
cdef class Order:
    cdef Column kinds
    cdef Column lengths
    cdef Column starts
    cdef Column gaps
    cdef Column kept
    cdef Column jumps
    cdef readonly size_t next_new

    cpdef list columns(self)

    @cython.locals(size=cython.size_t, piece_at="unsigned int[::1]", pieces=cython.size_t, at=cython.size_t,
                   begin=cython.size_t, number=cython.longlong, end=cython.size_t, place=cython.size_t,
                   length=cython.size_t, ranks=Ranks, cursor=cython.longlong, last=cython.longlong)
    cpdef add(self, const unsigned int[::1] numbers, const unsigned int[::1] reference, const unsigned int[::1] match)

    @cython.locals(size=cython.size_t, pieces=cython.longlong, begins="unsigned int[::1]", lengths="unsigned int[::1]",
                   end=cython.ulonglong, ranks=Ranks, cursor=cython.longlong, last=cython.longlong, at=cython.size_t,
                   kind=cython.uint, rank=cython.longlong, piece=cython.longlong, begin=cython.size_t,
                   place=cython.size_t, length=cython.size_t, first=cython.longlong)
    cpdef take(self, unsigned int[::1] out, const unsigned int[::1] reference, long long limit)

@cython.final
cdef class Aligner:
    cdef unsigned int[::1] head

    @cython.locals(head="unsigned int[::1]", size=cython.size_t, following="unsigned int[::1]",
                   taken="unsigned char[::1]", back=cython.size_t, place=cython.size_t, last=cython.size_t,
                   pieces=cython.size_t, at=cython.size_t, number=cython.uint, found=cython.size_t)
    cpdef size_t align(self, const unsigned int[::1] numbers, const unsigned int[::1] reference,
                       unsigned int[::1] match) except? 0
