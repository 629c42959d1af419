/* Kernel "dup", second unit. */
struct dup { long pad; int b; int c; };
struct same_off { int x; long pad; int b; };
enum dup_enum { DUP_ONE = 1, DUP_DIFFERS = 20 };
typedef long dup_td;
struct dup_kind { long p; int a; };
struct same_size { int b; };
struct half { short s; long long a; };
