/* Structs, unions and enums: exists, size, id, matches. */
#include "core.h"

struct fwd_only;
struct inner { int x; long y; };
struct item { int i; struct inner in; struct inner *inp; };
struct item___less { int i; };
struct item___wrong { long i; };
struct item___more { int i; int no_such_member; };
struct item___ptr { struct absent *inp; };
union u { int a; long b; };
enum color { RED = 1, GREEN = 2 };
enum color___subset { GREEN___subset = 77 };
enum color___other { GREEN___other, CYAN___other };
struct absent { int x; };
struct other_kind { int a; };
struct recursive { struct recursive (*fn)(struct recursive); struct recursive *next; int n; };
struct callbacks { int (*one)(int, struct item *); void (*two)(struct recursive); struct item (*three)(void); };
struct tagged { struct inner TAG("rcu") *p; int TAG("user") *q; };
struct untagged { struct inner *p; };
struct has_fwd { struct fwd_only *f; };
struct arr4 { int a[4]; };
struct anon_members { union { int a; long b; }; struct { int c; }; };
struct intnames { int i; unsigned int u; unsigned char uc; short s; };
struct longname { long l; };
struct charname { char c; };
struct floats { float f; };
struct bitty { unsigned a: 3; };

#define ALL(name, t) T(exists_##name, TYPE_EXISTS(t)) T(size_##name, TYPE_SIZE(t)) T(id_##name, ID_TARGET(t)) T(matches_##name, TYPE_MATCHES(t))
#define EM(name, t) T(exists_##name, TYPE_EXISTS(t)) T(matches_##name, TYPE_MATCHES(t))

ALL(inner, struct inner)
ALL(item, struct item)
EM(item_less, struct item___less)
EM(item_wrong, struct item___wrong)
EM(item_more, struct item___more)
EM(item_ptr, struct item___ptr)
ALL(u, union u)
ALL(color, enum color)
EM(color_subset, enum color___subset)
EM(color_other, enum color___other)
ALL(absent, struct absent)
ALL(other_kind, struct other_kind)
ALL(recursive, struct recursive)
EM(callbacks, struct callbacks)
EM(tagged, struct tagged)
EM(untagged, struct untagged)
EM(has_fwd, struct has_fwd)
EM(arr4, struct arr4)
EM(anon_members, struct anon_members)
EM(intnames, struct intnames)
EM(longname, struct longname)
EM(charname, struct charname)
EM(floats, struct floats)
EM(bitty, struct bitty)
T(local_inner, ID_LOCAL(struct inner))
T(local_ptr, ID_LOCAL(struct inner *))
T(local_absent, ID_LOCAL(struct absent))
T(local_int, ID_LOCAL(int))

#pragma clang attribute pop
