cimport cython
from libc.string cimport memchr, memcmp, memcpy

@cython.boundscheck(False)
cdef inline size_t end_of(const unsigned char[::1] strings, size_t start) noexcept:
    cdef size_t size = strings.shape[0]
    cdef const unsigned char *found
    if start >= size:
        return start
    found = <const unsigned char *>memchr(&strings[start], 0, size - start)
    return start + (found - &strings[start]) if found != NULL else size

@cython.boundscheck(False)
cdef inline unsigned int hash_of(const unsigned char[::1] strings, size_t start, size_t end,
                                 unsigned long long prime) except? 0xFFFFFFFF:
    cdef size_t size = strings.shape[0]
    cdef unsigned long long h, word
    cdef const unsigned char *at
    cdef size_t left = end - start
    if start > end or end > size:
        raise IndexError("span beyond the end")
    prime |= prime << 32
    h = prime ^ left
    if left == 0:
        return <unsigned int>h
    at = &strings[start]
    while left > 8:
        memcpy(&word, at, 8)
        h = (h ^ word) * prime
        h ^= h >> 32
        at += 8
        left -= 8
    if end - start >= 8:
        memcpy(&word, at + left - 8, 8)
    else:
        word = 0
        while left:
            left -= 1
            word = word << 8 | at[left]
    h = (h ^ word) * prime
    h ^= h >> 32
    return <unsigned int>h

@cython.boundscheck(False)
cdef inline bint are_equal(const unsigned char[::1] one, size_t here, const unsigned char[::1] other, size_t there,
                           size_t count) noexcept:
    cdef size_t size = one.shape[0]
    cdef size_t other_size = other.shape[0]
    if here >= size or there >= other_size or count > size - here or count > other_size - there:
        return count == 0
    return memcmp(&one[here], &other[there], count) == 0

@cython.boundscheck(False)
cdef inline int copy(unsigned char[::1] to, size_t here, const unsigned char[::1] strings, size_t start,
                     size_t count) except -1:
    cdef size_t size = to.shape[0]
    cdef size_t other_size = strings.shape[0]
    if here >= size or start >= other_size or count > size - here or count > other_size - start:
        if count:
            raise IndexError("span beyond the end")
        return 0
    memcpy(&to[here], &strings[start], count)
    return 0
