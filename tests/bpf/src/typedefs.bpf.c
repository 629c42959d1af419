/* Typedefs: exists, size, id, matches, through pointers, prototypes, tags, to floats and to declarations. */
#include "core.h"

struct fwd_only;
struct inner { int x; long y; };
struct item { int i; struct inner in; struct inner *inp; };
enum color { RED = 1, GREEN = 2 };
struct absent { int x; };

typedef int int_t;
typedef struct inner struct_t;
typedef struct inner *ptr_t;
typedef struct absent *ptr_absent_t;
typedef void *voidp_t;
typedef int (*fn_t)(int, struct item *);
typedef int (*fn2_t)(int);
typedef void proto_t(struct inner *, long);
typedef struct fwd_only *fwdp_t;
typedef struct fwd_only fwd_t;
typedef float float_t_;
typedef double double_t_;
typedef int arr_t[7];
typedef struct { int a, b; } anon_t;
typedef struct inner TAG("rcu") *tagged_t;
typedef const volatile int cv_t;
typedef int_t int_t2;
typedef enum color color_t;

#define ALL(name, t) T(exists_##name, TYPE_EXISTS(t)) T(size_##name, TYPE_SIZE(t)) T(id_##name, ID_TARGET(t)) T(matches_##name, TYPE_MATCHES(t))
#define EM(name, t) T(exists_##name, TYPE_EXISTS(t)) T(matches_##name, TYPE_MATCHES(t))

ALL(int_t, int_t)
ALL(struct_t, struct_t)
ALL(ptr_t, ptr_t)
ALL(ptr_absent_t, ptr_absent_t)
ALL(voidp_t, voidp_t)
ALL(fn_t, fn_t)
ALL(fn2_t, fn2_t)
EM(proto_t, proto_t)
ALL(fwdp_t, fwdp_t)
EM(fwd_t, fwd_t)
ALL(float_t_, float_t_)
ALL(double_t_, double_t_)
ALL(arr_t, arr_t)
ALL(anon_t, anon_t)
ALL(tagged_t, tagged_t)
ALL(cv_t, cv_t)
ALL(int_t2, int_t2)
ALL(color_t, color_t)

#pragma clang attribute pop
