/* A target with several types of one name. In whole, libbpf narrows the candidates in the order of the relocations. */
#include "core.h"

struct dup { int a; int b; int c; };
struct same_off { int x; int a; int b; };
enum dup_enum { DUP_ONE = 1, DUP_DIFFERS = 2, DUP_FIRST_ONLY = 3 };
typedef int dup_td;
struct dup_kind { int a; };	/* a struct here, a union there */
struct same_size { int a; };

T(exists_dup, TYPE_EXISTS(struct dup))
T(matches_dup, TYPE_MATCHES(struct dup))
P(same_x, struct same_off, p->x)
P(same_a, struct same_off, EXISTS(p->a))
P(same_b, struct same_off, EXISTS(p->b))
T(enum_one, ENUM(enum dup_enum, DUP_ONE))
T(enum_first, HAS_ENUM(enum dup_enum, DUP_FIRST_ONLY))
T(enum_differs, ENUM(enum dup_enum, DUP_DIFFERS))
T(td_exists, TYPE_EXISTS(dup_td))
T(kind_a, EXISTS(((struct dup_kind *)p)->a))
T(size_same, TYPE_SIZE(struct same_size))
P(dup_a, struct dup, p->a)
P(dup_b, struct dup, p->b)
P(dup_c, struct dup, p->c)
P(dup_c_exists, struct dup, EXISTS(p->c))

#pragma clang attribute pop
