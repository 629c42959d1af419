/* Module "one" of kernel "a". */
struct inner { int x; long y; };
struct item { int only_in_module; int i; };	/* not the kernel's: never looked at, the kernel has one */
struct mod_only { long pad; int m; struct inner *ip; struct inner in; };
struct mod_two { int a; int b; };
enum mod_enum { MOD_A = 10, MOD_B = 20 };
typedef struct mod_only *mod_only_p;
