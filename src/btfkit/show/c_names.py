"""Names in C text that are keywords of C, in some standard or compiler.

A keyword as a name becomes `default___c`: CO-RE ignores what follows three underscores in the names of types and enumerators.
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.hot import word_marks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.btf.btf import Btf

# Marks of strings, by offset (`hot/c_buffer.py`).
ALWAYS = 1  # a keyword in every standard
SINCE_C23 = 2
PREDEFINED = 3  # a macro that compilers define, on some machines, unless a standard without extensions is asked for
COMPILERS_OWN = 4  # the name of a type that the compiler provides, which never gets a prefix or suffix

_EVER = frozenset(
    b"asm auto break case char const continue default do double else enum extern float for goto if inline int long register "
    b"restrict return short signed sizeof static struct switch typedef typeof union unsigned void volatile while "
    b"_Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local _BitInt _Decimal32 "
    b"_Decimal64 _Decimal128 _Float16 _Float32 _Float32x _Float64 _Float64x _Float128 __float128 __float80 __ibm128 __bf16 "
    b"__int128 __alignof __alignof__ __asm __asm__ __attribute __attribute__ __auto_type __complex __complex__ __const "
    b"__const__ __extension__ __func__ __FUNCTION__ __PRETTY_FUNCTION__ __imag __imag__ __inline __inline__ __label__ __real "
    b"__real__ __restrict __restrict__ __signed __signed__ __thread __typeof __typeof__ __typeof_unqual __typeof_unqual__ "
    b"__volatile __volatile__ __builtin_choose_expr __builtin_offsetof __builtin_types_compatible_p __builtin_va_arg "
    # what the header itself defines
    b"__VMLINUX_H__ __ksym __weak __bpf_fastcall".split()
)
_C23 = frozenset(b"alignas alignof bool constexpr false nullptr static_assert thread_local true typeof_unqual".split())
_MACROS = frozenset(b"linux unix i386 mips sparc powerpc PPC".split())
_TYPES = frozenset(b"__builtin_va_list __gnuc_va_list".split())

_NO_NODES = array("H", bytes(512))

NO_BOOL = b"#if __STDC_VERSION__ < 202000L || (__STDC_VERSION__ < 202311L && __GNUC__ < 13 && __clang_major__ < 15)\n"
"""Begins what only compilers read to which bool, true and false are not keywords: C23 has them, and the drafts that GCC 13 and
Clang 15 know."""


def marks(strings: bytes | memoryview, exact: bool) -> bytearray:
    """A mark for each offset of `strings` at which one of those names begins; with `exact` also SINCE_C23 and PREDEFINED."""
    wanted = dict.fromkeys(_EVER, ALWAYS) | dict.fromkeys(_TYPES, COMPILERS_OWN)
    if exact:
        wanted |= dict.fromkeys(_C23, SINCE_C23) | dict.fromkeys(_MACROS, PREDEFINED)
    found = bytearray(len(strings))
    word_marks.mark(strings, *_backwards(wanted), found)
    return found


def _backwards(wanted: dict[bytes, int]) -> tuple[array[int], bytearray]:
    """The tree of the names read backwards, and the mark of the name that ends at each node (`hot/word_marks.py`)."""
    tree, ends = array("H", bytes(512)), bytearray(1)
    for name, mark in wanted.items():
        node = 0
        for byte in reversed(name):
            following = tree[256 * node + byte]
            if not following:
                following = tree[256 * node + byte] = len(ends)
                tree.extend(_NO_NODES)
                ends.append(0)
            node = following
        ends[node] = mark
    return tree, ends


def guarded(btf: Btf) -> Iterator[int]:
    """The ids of the types that C23 has itself: `typedef _Bool bool`, and an enum of nothing but false and true."""
    for type_id in btf.find_ids("bool", spec.TYPEDEF):
        if _is_bool(btf, btf.strip(type_id)):
            yield type_id
    for one in btf.types(spec.ENUM):
        words = one.words
        if len(words) == 7 and not words[0]:
            values = {(btf.string(words[n]), words[n + 1]) for n in (3, 5)}
            if values == {(b"false", 0), (b"true", 1)}:
                yield one.id


def _is_bool(btf: Btf, type_id: int) -> bool:
    if btf.kind(type_id) != spec.INT or btf.word(type_id, 2) != 1:
        return False
    return bool(btf.word(type_id, 3) >> 24 & spec.INT_BOOL) or btf.string(btf.word(type_id, 0)) == b"_Bool"
