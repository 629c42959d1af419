/* Types of modules: only there, in both, in two modules. */
#include "core.h"

struct inner { int x; long y; };
struct item { int i; int only_in_module; };
struct mod_only { int m; struct inner *ip; struct inner in; };
struct mod_two { int a; int b; };
enum mod_enum { MOD_A = 1, MOD_B = 2 };
typedef struct mod_only *mod_only_p;
struct nowhere { int x; };

P(item_i, struct item, p->i)
P(item_module, struct item, EXISTS(p->only_in_module))
P(mod_m, struct mod_only, p->m)
P(mod_ip, struct mod_only, p->ip)
P(mod_in_y, struct mod_only, p->in.y)
T(mod_size, TYPE_SIZE(struct mod_only))
T(mod_matches, TYPE_MATCHES(struct mod_only))
T(mod_id, ID_TARGET(struct mod_only))
T(mod_enum_b, ENUM(enum mod_enum, MOD_B))
T(mod_td, TYPE_EXISTS(mod_only_p))
P(two_a, struct mod_two, p->a)
P(two_b, struct mod_two, EXISTS(p->b))
P(nowhere_x, struct nowhere, EXISTS(p->x))

#pragma clang attribute pop
