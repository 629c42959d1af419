/* tags.o.xz: clang 21.1.8, -O2 -g -c tags.c, xz -9 */
#define __user __attribute__((btf_type_tag("user")))
#define __marked __attribute__((btf_decl_tag("marked")))
struct tagged { int member __marked; char __user *text; } tagged __marked;
