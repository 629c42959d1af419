/* Types and functions for the tests of `btfkit encode`; make.sh compiles it with several compilers and options. */
typedef int number;
typedef unsigned int vector __attribute__((vector_size(16)));
struct undefined;
union undefined_union;
enum undefined_enum;

struct arrays {
	int m[3][5];
	int none[2][0];
	int (*pointer)[4][2];
	vector v;
	char flexible[];
};
struct __attribute__((packed)) bits {
	char c;
	int b : 5;
	unsigned short s : 3;
	long long l : 33;
};
enum __attribute__((packed)) small { MINUS = -1, ONE = 1 };
enum wide { ALL_ONES = 0xffffffff };
enum large { LARGE = 1LL << 33 };
enum negative { NEGATIVE = -1LL << 33 };
struct holder {
	struct undefined *s;
	union undefined_union *u;
	enum undefined_enum *e;
	struct {
		int inner;
		union {
			float f;
			double d;
		};
	};
	enum { ANONYMOUS } kind;
	struct holder *next;
	const volatile number *restrict_me;
	int (*callback)(struct holder *, const char *, ...);
	enum small small;
	enum wide wide;
	enum large large;
	enum negative negative;
};
struct scalars {
	_Bool b;
	signed char sc;
	unsigned char uc;
	short s;
	unsigned long ul;
	long double ld;
#ifndef NO_INT128
#ifndef NO_INT128
	__int128 i128;
#endif
#endif
};
struct by_value {
	long a, b;
};
struct by_value_large {
	long a, b, c;
};

struct holder *exported;
struct arrays *arrays;
struct bits *bits;
struct scalars *scalars;

__attribute__((noinline)) int add(int one, long other) { return one + (int)other; }
__attribute__((noinline)) int variadic(const char *format, ...) { return format[0]; }
__attribute__((noinline)) static int not_static_at_all(struct holder *h) { return h->inner + add(1, 2); }
__attribute__((noinline)) long take(struct by_value v, int after) { return v.a + v.b + after; }
__attribute__((noinline)) long take_large(struct by_value_large v, int after) { return v.a + v.c + after; }
__attribute__((noinline)) int seven(int a, int b, int c, int d, int e, int f, int g) { return a + b + c + d + e + f + g; }
__attribute__((noinline)) int unnamed(int a, int) { return a; }
__attribute__((noinline)) static int loses_one(int used, int unused, int *p) { return used + *p; }
static inline int inlined(int x) { return x * 3; }

int uses(struct holder *h, int *p)
{
	struct local { int x; } local = { p[0] };
	static int kept;

	exported = h;
	return not_static_at_all(h) + loses_one(1, 2, p) + loses_one(p[1], 3, p + 1) + inlined(p[2]) + local.x + kept++ +
	       (int)take((struct by_value){ 1, p[3] }, 4) + variadic("x", 1);
}
