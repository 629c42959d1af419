/* Kernel "a": everything is there, elsewhere than the programs think. */
#include "target.h"

struct fwd_only;
struct nobody;
struct inner { int x; long y; };
struct item {
	long before;
	char c;
	int i;
	long l;
	unsigned long ul;
	void *ptr;
	struct inner in;
	union { int ua; long ub; };
	struct { int da; union { char dda; short ddb; }; };
	int legacy;
	struct inner *inp;
};
union other_kind { long pad; int a; };
enum __attribute__((packed)) nums_e { NUMS_A };
struct nums {
	unsigned int u8; unsigned char u32; unsigned long long u64_; long long s32; unsigned char b; unsigned char ch;
	double f; enum nums_e e; int *to_int; int (*fn)(void);
};
struct mixed {
	int pad;
	union { int z; long a; } s;
	struct { char pad; int b; int c; } u;
	union { int x; long y; } both;
	struct { int z; } plain;
};
struct by_value { long pad; struct inner v1; struct inner v2; struct item it; };
typedef struct { int pad; int ta; int tb; } anon_t;
typedef struct item item_t;
struct renamed { int pad; int after; };
struct mods { int pad; int cv; int *cp; int **rp; item_t td; };
union whole { int a; long b; struct inner in; };
struct fwd_ptr { int pad; struct nobody *p; struct fwd_ptr *next; };

struct elem { char pad[4]; int k; long v[3]; };
struct arrays {
	long pad;
	int n;
	int arr[4];
	struct elem se[6];
	int md[2][5];
	struct elem me[2][3];
	char *names[8];
	int dim[2][2];
	int one;
	struct elem *pe;
};
struct flexible { int n; int m; struct elem tail[]; };
struct fixed_tail { int n; int more; int tail[]; };
struct marker { int a; int mark[0]; int b; int end[]; };
struct in_union { int pad; union { int n; int last[0]; }; };

struct bits {
	int first: 3;
	unsigned int u3: 3, u1: 1, u20: 20;
	short s5: 5;
	long long s12: 12;
	unsigned int b7: 7;
	unsigned long long w40: 40;
	long long sw33: 33;
	unsigned short plain;
	int became_plain;
	unsigned was_plain: 11;
	_Bool skip: 1, flag: 1;
	enum { BITS_A, BITS_B } en: 3;
};
#define BITS(B) B(u1, 1) B(u3, 5) B(u20, 0xabcde) B(s5, -9) B(s12, -1234) B(b7, 0x55) B(w40, 0xfedcba9876) B(sw33, -0x87654321LL) \
	B(plain, 0xbeef) B(became_plain, -77) B(was_plain, 0x6ef) B(flag, 1) B(en, 1)

enum color { RED = 10, GREEN = 20, BLUE = 30, MAUVE = 40 };
enum sgn { NEG = -50, POS = 5 };
enum big { BIG_LOW = 2, BIG_HIGH = 0xfedcba9876543210ULL };
enum bigneg { BIGNEG = -0x7654321fedcbaLL, BIGPOS = 1 };
enum uns { UNS_LOW = 10, UNS_TOP = 0x90000002u };
enum widened { WIDE_A = 1, WIDE_B = 0x700000000LL };
enum narrowed { NARROW_A = 6 };
struct not_enum { int NOT_A; };
typedef enum { TD_A = 10, TD_B = 20 } td_enum;
typedef enum color td_color;

union u { int a; long b; char more[32]; };
struct recursive { long extra; struct recursive (*fn)(struct recursive); struct recursive *next; int n; };
struct callbacks { int (*one)(int, struct item *); void (*two)(struct recursive); struct item (*three)(void); };
struct tagged { struct inner TAG("rcu") *p; int TAG("user") *q; };
struct untagged { struct inner TAG("rcu") *p; };
struct has_fwd { struct fwd_only *f; };
struct arr4 { int a[4]; };
struct anon_members { long first; struct { int c; }; union { int a; long b; }; };
struct intnames { int i; unsigned int u; unsigned char uc; short s; };
struct longname { long l; };
struct charname { char c; };
struct floats { float f; };
struct bitty { unsigned pad: 5, a: 3; };

typedef int int_t;
typedef struct inner struct_t;
typedef struct inner *ptr_t;
typedef struct inner *ptr_absent_t;
typedef struct inner *voidp_t;
typedef int (*fn_t)(int, struct item *);
typedef int (*fn2_t)(int, int);
typedef void proto_t(struct inner *, long);
typedef struct fwd_only *fwdp_t;
typedef struct fwd_only fwd_t;
typedef float float_t_;
typedef double double_t_;
typedef int arr_t[9];
typedef struct inner TAG("rcu") *tagged_t;
typedef int cv_t;
typedef int_t int_t2;
typedef enum color color_t;

struct regs {
	long pad;
	unsigned char b; unsigned short h; unsigned int w; unsigned long long dw; signed char sb; short sh; int sw; long long sdw;
	unsigned long ul; void *ptr; _Bool flag; int counter;
	union { struct { long pad2; unsigned int a; } deep; };
};
struct far { char pad[50000]; int end; };
