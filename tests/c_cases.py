"""Types whose C text is worth a look, each with that text: what `show.c` and bpftool both have to print for them.

`CASES` maps a name to (a function that adds types to a `Builder` and returns the ids to be printed, the text).
"""

from __future__ import annotations

from collections.abc import Callable

from btfkit.btf.build import Builder

Case = tuple[Callable[[Builder], list[int]], str]
CASES: dict[str, Case] = {}


def case(text: str) -> Callable[[Callable[[Builder], list[int]]], None]:
    def keep(build: Callable[[Builder], list[int]]) -> None:
        CASES[build.__name__] = build, text.removeprefix("\n")

    return keep


class Ints:
    """The usual INTs of a 64-bit machine, added to a builder."""

    def __init__(self, b: Builder) -> None:
        self.long = b.int("long int", 8, encoding=1)
        self.int = b.int("int", 4, encoding=1)
        self.short = b.int("short int", 2, encoding=1)
        self.char = b.int("char", 1, encoding=1)
        self.longlong = b.int("long long int", 8, encoding=1)
        self.wide = b.int("__int128", 16, encoding=1)


@case("""
struct simple {
	int a;
	char b;
	short int c;
	long int d;
};
""")
def simple(b: Builder) -> list[int]:
    i = Ints(b)
    return [b.struct("simple", 16, [("a", i.int, 0), ("b", i.char, 32), ("c", i.short, 48), ("d", i.long, 64)])]


@case("""
struct packed {
	char a;
	int b;
} __attribute__((packed));
""")
def packed_member(b: Builder) -> list[int]:
    i = Ints(b)
    return [b.struct("packed", 5, [("a", i.char, 0), ("b", i.int, 8)])]


@case("""
struct packed_size {
	int a;
	char b;
} __attribute__((packed));
""")
def packed_size(b: Builder) -> list[int]:
    i = Ints(b)
    return [b.struct("packed_size", 5, [("a", i.int, 0), ("b", i.char, 32)])]


@case("""
struct inner {
	char a;
	long int b;
} __attribute__((packed));

struct outer {
	char a;
	struct inner in;
};
""")
def packed_within(b: Builder) -> list[int]:
    i = Ints(b)
    inner = b.struct("inner", 9, [("a", i.char, 0), ("b", i.long, 8)])
    return [b.struct("outer", 10, [("a", i.char, 0), ("in", inner, 8)])]


@case("""
struct holes {
	char a;
	long: 0;
	char b;
	long: 64;
	long: 64;
	char c;
	int: 0;
	char d;
	long: 64;
};
""")
def padding(b: Builder) -> list[int]:
    i = Ints(b)
    members = [("a", i.char, 0), ("b", i.char, 64), ("c", i.char, 192 + 8 * 8), ("d", i.char, 256 + 32)]
    return [b.struct("holes", 48, members)]


@case("""
struct bits {
	int a: 3;
	int b: 5;
	char: 2;
	int c: 6;
	int: 0;
	char d;
	long int e: 40;
};
""")
def bitfields(b: Builder) -> list[int]:
    i = Ints(b)
    members = [("a", i.int, 0, 3), ("b", i.int, 3, 5), ("c", i.int, 10, 6), ("d", i.char, 32, 0), ("e", i.long, 64, 40)]
    return [b.struct("bits", 16, members)]


@case("""
struct empty {};

struct empty_with_size {
	long: 64;
};

union u {
	int a;
	char b[16];
};
""")
def empty(b: Builder) -> list[int]:
    i = Ints(b)
    return [
        b.struct("empty", 0),
        b.struct("empty_with_size", 8),
        b.union("u", 16, [("a", i.int, 0), ("b", b.array(i.char, i.int, 16), 0)]),
    ]


@case("""
struct nested {
	struct {
		int a;
		union {
			char b;
			struct {
				short int c;
			} in;
		};
	};
	enum {
		ONE = 1,
		TWO = 2,
	} e;
};
""")
def anonymous(b: Builder) -> list[int]:
    i = Ints(b)
    innermost = b.struct("", 2, [("c", i.short, 0)])
    union = b.union("", 2, [("b", i.char, 0), ("in", innermost, 0)])
    inner = b.struct("", 8, [("a", i.int, 0), ("", union, 32)])
    e = b.enum("", [("ONE", 1), ("TWO", 2)])
    return [b.struct("nested", 12, [("", inner, 0), ("e", e, 64)])]


@case("""
struct other;

struct list {
	struct list *next;
	struct other *other;
};

struct other {
	struct list by_value;
};
""")
def circle(b: Builder) -> list[int]:
    Ints(b)
    first = b.next_id
    list_, other, list_p, other_p = range(first, first + 4)
    b.struct("list", 16, [("next", list_p, 0), ("other", other_p, 64)])
    b.struct("other", 16, [("by_value", list_, 0)])
    b.ptr(list_)
    b.ptr(other)
    return [list_, other]


@case("""
struct t;

typedef struct t t_t;

struct t {
	t_t *again;
};
""")
def typedef_of_what_needs_it(b: Builder) -> list[int]:
    Ints(b)
    first = b.next_id
    b.struct("t", 8, [("again", first + 1, 0)])
    b.ptr(first + 2)
    b.typedef("t_t", first)
    return [first, first + 2]


@case("""
struct declarators {
	const int *a;
	int * const b;
	const int * const * volatile c;
	int d[2][3];
	int *e[4];
	int (*f)[5];
	void (*g)(void);
	int (*h[6])(int, const char *, ...);
	void (* (*i)(int))(char *x);
	void * restrict j;
	const void *k;
	int l[0];
	volatile int m;
	long int (*n[2])[3];
};
""")
def declarators(b: Builder) -> list[int]:
    i = Ints(b)
    const_int = b.const(i.int)
    a = b.ptr(const_int)
    bb = b.const(b.ptr(i.int))
    c = b.volatile(b.ptr(b.const(b.ptr(const_int))))
    d = b.array(b.array(i.int, i.int, 3), i.int, 2)
    e = b.array(b.ptr(i.int), i.int, 4)
    f = b.ptr(b.array(i.int, i.int, 5))
    g = b.ptr(b.func_proto(0))
    h = b.array(b.ptr(b.func_proto(i.int, [("", i.int), ("", b.ptr(b.const(i.char))), ("", 0)])), i.int, 6)
    inner = b.ptr(b.func_proto(0, [("x", b.ptr(i.char))]))
    ii = b.ptr(b.func_proto(inner, [("", i.int)]))
    j = b.restrict(b.ptr(0))
    k = b.ptr(b.const(0))
    l_ = b.array(i.int, i.int, 0)
    m = b.volatile(i.int)
    n = b.array(b.ptr(b.array(i.long, i.int, 3)), i.int, 2)
    types = [
        (a, 8),
        (bb, 8),
        (c, 8),
        (d, 24),
        (e, 32),
        (f, 8),
        (g, 8),
        (h, 48),
        (ii, 8),
        (j, 8),
        (k, 8),
        (l_, 0),
        (m, 4),
    ]
    members, at = [], 0
    for name, (type_id, size) in zip("abcdefghijklm", types, strict=True):
        members.append((name, type_id, 8 * at))
        at += size
    members.append(("n", n, 8 * (at + 4)))
    return [b.struct("declarators", at + 4 + 16, members)]


@case("""
struct tagged {
	int __attribute__((btf_type_tag("user"))) *a;
	const int __attribute__((btf_type_tag("rcu"))) __attribute__((btf_type_tag("two"))) *b;
	void __attribute__((address_space(1))) *c;
};
""")
def type_tags(b: Builder) -> list[int]:
    i = Ints(b)
    a = b.ptr(b.type_tag("user", i.int))
    bb = b.ptr(b.type_tag("two", b.type_tag("rcu", b.const(i.int))))
    c = b.ptr(b.type_tag("address_space(1)", 0, attribute=True))
    return [b.struct("tagged", 24, [("a", a, 0), ("b", bb, 64), ("c", c, 128)])]


@case("""
enum plain {
	A = 0,
	B = 4294967295,
};

enum negative {
	C = -1,
	D = -2147483648,
};

enum byte {
	E = 1,
} __attribute__((mode(byte)));

enum word {
	F = 1,
} __attribute__((mode(word)));

enum wide {
	G = 18446744073709551615ULL,
	H = 1ULL,
};

enum narrow_values {
	I = 3ULL,
} __attribute__((mode(word)));

enum wide_negative {
	J = -1LL,
	K = 9223372036854775807LL,
	L = -9223372036854775808LL,
};

enum forward;

enum two_bytes {
	M = 1,
};
""")
def enums(b: Builder) -> list[int]:
    Ints(b)
    return [
        b.enum("plain", [("A", 0), ("B", 0xFFFFFFFF)]),
        b.enum("negative", [("C", -1), ("D", -(1 << 31))]),
        b.enum("byte", [("E", 1)], size=1),
        b.enum("word", [("F", 1)], size=8),
        b.enum64("wide", [("G", (1 << 64) - 1), ("H", 1)]),
        b.enum64("narrow_values", [("I", 3)]),
        b.enum64("wide_negative", [("J", -1), ("K", (1 << 63) - 1), ("L", -(1 << 63))]),
        b.enum("forward"),
        b.enum("two_bytes", [("M", 1)], size=2),
    ]


@case("""
struct twice {
	int a;
};

struct twice___2 {
	char a;
};

enum twice___3 {
	X = 0,
};

typedef int twice;

enum other {
	twice___2 = 1,
	X___2 = 2,
};

struct uses {
	struct twice one;
	struct twice___2 two;
	twice three;
};
""")
def names_twice(b: Builder) -> list[int]:
    i = Ints(b)
    one = b.struct("twice", 4, [("a", i.int, 0)])
    two = b.struct("twice", 1, [("a", i.char, 0)])
    e = b.enum("twice", [("X", 0)])
    t = b.typedef("twice", i.int)
    o = b.enum("other", [("twice", 1), ("X", 2)])
    uses = b.struct("uses", 12, [("one", one, 0), ("two", two, 32), ("three", t, 64)])
    return [one, two, e, t, o, uses]


@case("""
struct only_declared;

union u;

typedef struct only_declared *handle;

typedef unsigned char __Poly8_t;

typedef __Poly8_t poly[2];

typedef unsigned __int128 __Poly128_t;

typedef __Poly128_t big;

typedef __builtin_va_list __gnuc_va_list;

typedef __gnuc_va_list va_list;

typedef void (*callback)(union u *, struct only_declared *);
""")
def forwards_and_typedefs(b: Builder) -> list[int]:
    i = Ints(b)
    s = b.fwd("only_declared")
    u = b.fwd("u", union=True)
    poly8 = b.int("__Poly8_t", 1)
    poly128 = b.int("__Poly128_t", 16)
    handle = b.typedef("handle", b.ptr(s))
    poly = b.typedef("poly", b.array(poly8, i.int, 2))
    big = b.typedef("big", poly128)
    gnuc = b.typedef("__gnuc_va_list", 0)
    va = b.typedef("va_list", gnuc)
    builtin = b.typedef("__builtin_va_list", i.int)
    callback = b.typedef("callback", b.ptr(b.func_proto(0, [("", b.ptr(u)), ("", b.ptr(s))])))
    return [s, u, handle, poly, big, gnuc, va, builtin, callback]
