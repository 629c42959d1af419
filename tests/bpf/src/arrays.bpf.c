/* Arrays: plain, of structs, of several dimensions, flexible, zero-length in mid-struct; indexes out of range. */
#include "core.h"

struct elem { int k; long v[2]; };
struct arrays {
	int n;
	int arr[8];
	struct elem se[4];
	int md[3][5];
	struct elem me[2][3];
	char *names[4];
	int dim[4];
	int one[4];
	struct elem *pe;
};
struct flexible { int n; struct elem tail[]; };
struct flexible___0 { int n; struct elem tail[0]; };
struct fixed_tail { int n; int tail[4]; };
struct marker { int a; int mark[0]; int b; };
struct marker___flex { int mark[]; };
struct marker___fix { int mark[4]; };
struct marker___end { int end[]; };
struct in_union { union { int n; int last[0]; }; };
struct in_union___mid { union { int last[0]; int n; }; };

P(arr_whole, struct arrays, OFF(p->arr))
P(arr_size, struct arrays, SIZE(p->arr))
P(arr_0, struct arrays, p->arr[0])
P(arr_3, struct arrays, p->arr[3])
P(arr_7, struct arrays, EXISTS(p->arr[7]))
P(arr_7_off, struct arrays, OFF(p->arr[7]))
P(arr_3_size, struct arrays, SIZE(p->arr[3]))
P(se_2_k, struct arrays, p->se[2].k)
P(se_2_v_1, struct arrays, p->se[2].v[1])
P(se_3, struct arrays, OFF(p->se[3]))
P(se_3_size, struct arrays, SIZE(p->se[3]))
P(md_2_4, struct arrays, p->md[2][4])
P(md_2_4_address, struct arrays, &p->md[2][4])
P(md_2_4_off, struct arrays, OFF(p->md[2][4]))
P(md_1, struct arrays, OFF(p->md[1]))
P(md_1_size, struct arrays, SIZE(p->md[1]))
P(me_1_2_k, struct arrays, p->me[1][2].k)
P(names_2, struct arrays, p->names[2])
P(dim_1, struct arrays, EXISTS(p->dim[1]))
P(dim_whole, struct arrays, OFF(p->dim))
P(one_0, struct arrays, EXISTS(p->one[0]))
P(one_whole, struct arrays, EXISTS(p->one))
P(pe_off, struct arrays, OFF(p->pe))
P(flex_whole, struct flexible, OFF(p->tail))
P(flex_0, struct flexible, p->tail[0].k)
P(flex_5, struct flexible, p->tail[5].v[1])
P(flex0_2, struct flexible___0, OFF(p->tail[2].k))
P(fixed_tail_3, struct fixed_tail, OFF(p->tail[3]))
P(marker_whole, struct marker, OFF(p->mark))
P(marker_0, struct marker, EXISTS(p->mark[0]))
P(marker_1, struct marker, EXISTS(p->mark[1]))
P(marker_flex_0, struct marker___flex, EXISTS(p->mark[0]))
P(marker_flex_2, struct marker___flex, EXISTS(p->mark[2]))
P(marker_fix_0, struct marker___fix, EXISTS(p->mark[0]))
P(marker_fix_1_off, struct marker___fix, OFF(p->mark[1]))
P(marker_end_1, struct marker___end, OFF(p->end[1]))
P(in_union_1, struct in_union, EXISTS(p->last[1]))
P(in_union_mid_whole, struct in_union___mid, EXISTS(p->last))
P(nth_arr_1, struct arrays, p[1].arr[1])
P(nth_8_flex, struct flexible, OFF(p[8].n))

#pragma clang attribute pop
