/* Kernel "b": what kernel "a" became: members moved, removed, of another type or kind; some types exist only here. */
#include "target.h"

struct nobody { int somebody; };
struct fwd_only { int defined; };
struct absent { int pad; int x; };
struct inner { long y; int x; int z; };
struct item {
	struct { struct { long l; int i; union { struct { long deep; int ua; }; long ub; }; }; };
	int c;
	unsigned int ul;
	struct inner *in;
	struct { short ddb; } nested;
	int gone;
	struct item *inp;
	int *ptr;
};
union other_kind { int b; };
struct nums {
	short s32; unsigned short u32; unsigned char u8; unsigned char u64_; char ch; _Bool b; long long f; int e; long to_int; int fn;
};
struct mixed { long s; int u; int plain; };
struct by_value { struct inner *v1; struct inner v2; };
typedef struct named { int tb; } anon_t;
typedef union { int i; long l; } item_t;
struct renamed { char pad; int before; };
struct mods { volatile long cv; const void *cp; int rp[3]; struct { int q; struct inner in; } td; };
struct whole { int a; struct inner in; };
struct fwd_ptr { struct fwd_ptr *next; void *p; };

struct elem { long v[4]; int k; };
struct arrays {
	long arr[16];
	struct elem *se;
	int md[4][6];
	struct elem me[6];
	char (*names)[8];
	int dim[2];
	int one[0];
	struct elem pe[];
};
struct flexible { int before; struct elem tail[2]; int n; };
struct fixed_tail { int tail[2]; int n; };
struct marker { int mark[4]; int end[0]; };
struct in_union { union { int last[0]; int n; }; };

struct bits {
	unsigned long long pad: 20, u1: 2, u3: 3;
	unsigned u20;
	int s5: 6, s12: 25;
	unsigned short b7: 9;
	unsigned long long w40: 33;
	unsigned char sw33: 3;
	unsigned short pad2: 3, plain: 13;
	signed char became_plain: 7;
	unsigned was_plain;
	int flag;
	enum { BITS_A = -1, BITS_B } en: 2;
	int gone: 2;
};
#define BITS(B) B(u1, 3) B(u3, 6) B(u20, 0x87654321) B(s5, -31) B(s12, -0xabcdef) B(b7, 0x1aa) B(w40, 0x1fedcba98) B(sw33, 5) \
	B(plain, 0x1eef) B(became_plain, -60) B(was_plain, 0x89abcdef) B(flag, 1) B(en, -1)

enum color { BLUE = 3, RED = 300, CYAN = 4, MAUVE = 5 };
enum sgn { NEG = 7, POS = -5 };
enum big { BIG_LOW = 1, BIG_HIGH = 9 };
enum bigneg { BIGPOS = 1 };
enum uns { UNS_LOW = 1, UNS_TOP = 0x7fffffff };
enum widened { WIDE_A = 1 };
enum narrowed { NARROW_A = 1, NARROW_BIG = 0x300000001LL };
union absent_enum { int ABSENT_A; };
enum not_enum { NOT_A = 44 };
typedef enum { TD_A = 10, TD_C = 20 } td_enum;
typedef int td_color;

union u { int a; };
struct recursive { struct recursive *(*fn)(struct recursive); struct recursive *next; int n; };
struct callbacks { int (*one)(int); void (*two)(struct recursive); struct item (*three)(void); };
struct tagged { struct inner *p; };
struct untagged { struct absent *p; };
struct has_fwd { struct fwd_only *f; };
struct arr4 { int a[5]; };
struct anon_members { int a; long b; int c; };
struct intnames { unsigned char uc; short s; int i; unsigned int u; };
struct longname { long l; };
struct charname { char c; };
struct floats { double f; };
struct bitty { unsigned a; };

typedef long int_t;
typedef union { int x; } struct_t;
typedef struct item *ptr_t;
typedef struct absent *ptr_absent_t;
typedef void *voidp_t;
typedef int (*fn_t)(long, struct inner *);
typedef long (*fn2_t)(short);
typedef void proto_t(struct inner *);
typedef struct fwd_only *fwdp_t;
typedef struct fwd_only fwd_t;
typedef int float_t_;
typedef float double_t_;
typedef long arr_t[7];
typedef struct inner *tagged_t;
typedef const long cv_t;
typedef int_t *int_t2;
typedef enum big color_t;

struct regs {
	unsigned long long b; unsigned char h; unsigned short w; unsigned int dw; short sb; signed char sh; long long sw; int sdw;
	unsigned int ul; int *ptr; unsigned int flag; long counter;
	struct { unsigned short a; } deep;
};
struct far { int end; };
