/* Programs that libbpf loads when user space has set more, one that it never loads, and one with a jump table, for which libbpf
 * creates a map of a type that Linux has since 6.19.  This object is only read: tests/unit/test_user_space.py. */
#include "common.h"

SEC("section_of_no_type") int type(void *ctx) { return 0; }
SEC("fentry") int target(void *ctx) { return 0; }
SEC("freplace/function") int replacing(void *ctx) { return 0; }
SEC("struct_ops") int unreferenced(void *ctx) { return 0; }
SEC("socket") __attribute__((naked)) int jump_table(void *ctx)
{
	asm volatile(".pushsection .jumptables,\"\",@progbits;"
		     "jt: .quad 0;"
		     ".size jt, 8; .global jt;"
		     ".popsection;"
		     "r0 = jt ll; r0 = 0; exit" ::: "r0");
}
