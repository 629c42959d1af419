/* Kernel "dup", first of two units: types that share names with others in the second. */
struct dup { int a; int b; };
struct same_off { int x; int a; };
enum dup_enum { DUP_ONE = 1, DUP_DIFFERS = 2, DUP_FIRST_ONLY = 3 };
typedef int dup_td;
union dup_kind { int a; long z; };
struct same_size { int a; };
struct half { int a; };
