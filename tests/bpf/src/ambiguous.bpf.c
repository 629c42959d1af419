/* Every relocation here is ambiguous on the target "dup": libbpf refuses the object at the first. */
#include "core.h"

struct dup { int a; int b; int c; };
enum dup_enum { DUP_DIFFERS = 2 };
typedef int dup_td;
struct half { int a; };

P(dup_b, struct dup, p->b)
P(dup_b_exists, struct dup, EXISTS(p->b))
T(dup_size, TYPE_SIZE(struct dup))
T(dup_id, ID_TARGET(struct dup))
T(enum_differs, ENUM(enum dup_enum, DUP_DIFFERS))
T(td_size, TYPE_SIZE(dup_td))
P(half_size, struct half, SIZE(p->a))
P(half_off, struct half, OFF(p->a))

#pragma clang attribute pop
