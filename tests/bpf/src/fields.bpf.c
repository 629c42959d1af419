/* Members: plain, nested, anonymous, flavours, changed types, missing ones; struct by value; sizes of loads. */
#include "core.h"

struct inner { int x; long y; };
struct item {
	char c;
	int i;
	long l;
	unsigned long ul;
	void *ptr;
	struct inner in;
	union { int ua; long ub; };
	struct { int da; union { char dda; short ddb; }; };
	int gone;
};
struct item___old { int legacy; int i; };
struct item___v2 { struct inner *in; };
struct item___v2___x { int i; };	/* only the last flavour comes off */
struct item___in_union { struct { int ua; }; };
struct item____ { int i; };	/* five underscores would be a flavour, four are a name */
struct absent { int x; };
struct other_kind { int a; };	/* a union in the target */
struct nums {
	unsigned char u8; unsigned int u32; unsigned long long u64_; int s32; _Bool b; char ch;
	float f; enum { NUMS_A } e; int *to_int; int fn;
};
struct mixed { struct { int a; } s; union { int b; int c; } u; struct inner both; int plain; };
struct by_value { struct inner v1; struct inner v2; struct item it; };
typedef struct { int ta; int tb; } anon_t;
typedef struct item item_t;
struct renamed { int before; };
struct renamed___after { int after; };
struct mods { const volatile int cv; int * const cp; int *volatile *restrict rp; item_t td; };
union whole { int a; long b; struct inner in; };
struct fwd_ptr { struct nobody *p; struct fwd_ptr *next; };

P(off_c, struct item, OFF(p->c))
P(off_i, struct item, OFF(p->i))
P(read_i, struct item, p->i)
P(read_l, struct item, p->l)
P(read_ul, struct item, p->ul)
P(read_ptr, struct item, p->ptr)
P(size_l, struct item, SIZE(p->l))
P(size_ptr, struct item, SIZE(p->ptr))
P(size_in, struct item, SIZE(p->in))
P(read_in_y, struct item, p->in.y)
P(off_in_y, struct item, OFF(p->in.y))
P(off_ua, struct item, OFF(p->ua))
P(off_ub, struct item, OFF(p->ub))
P(off_da, struct item, OFF(p->da))
P(off_ddb, struct item, OFF(p->ddb))
P(size_ddb, struct item, SIZE(p->ddb))
P(signed_i, struct item, SIGNED(p->i))
P(signed_ul, struct item, SIGNED(p->ul))
P(lshift_i, struct item, LSHIFT(p->i))
P(rshift_i, struct item, RSHIFT(p->i))
P(has_gone, struct item, EXISTS(p->gone))
P(off_gone, struct item, OFF(p->gone))
P(has_i, struct item, EXISTS(p->i))
P(flavour_legacy, struct item___old, EXISTS(p->legacy))
P(flavour_i, struct item___old, p->i)
P(flavour_in_ptr, struct item___v2, EXISTS(p->in))
P(flavour_in_union, struct item___in_union, OFF(p->ua))
P(no_flavour, struct item____, EXISTS(p->i))
P(two_flavours, struct item___v2___x, EXISTS(p->i))
P(has_absent, struct absent, EXISTS(p->x))
P(off_absent, struct absent, OFF(p->x))
P(other_kind_a, struct other_kind, EXISTS(p->a))
P(nth_i, struct item, p[2].i)
P(nth_off, struct item, OFF(p[3].in.y))
P(num_u8, struct nums, p->u8)
P(num_u32, struct nums, p->u32)
P(num_u64, struct nums, p->u64_)
P(num_s32, struct nums, p->s32)
P(num_s32_off, struct nums, OFF(p->s32))
P(num_b, struct nums, p->b)
P(num_ch, struct nums, p->ch)
P(num_ch_signed, struct nums, SIGNED(p->ch))
P(num_f, struct nums, SIZE(p->f))
P(num_e, struct nums, p->e)
P(num_e_signed, struct nums, SIGNED(p->e))
P(num_to_int, struct nums, EXISTS(p->to_int))
P(num_fn, struct nums, EXISTS(p->fn))
P(mixed_s_a, struct mixed, OFF(p->s.a))
P(mixed_u_c, struct mixed, OFF(p->u.c))
P(mixed_both, struct mixed, SIZE(p->both))
P(mixed_plain, struct mixed, EXISTS(p->plain))
P(by_value_v2_y, struct by_value, p->v2.y)
P(by_value_it_in_x, struct by_value, p->it.in.x)
P(anon_tb, anon_t, p->tb)
P(typedef_i, item_t, p->i)
P(renamed_before, struct renamed, EXISTS(p->before))
P(renamed_after, struct renamed___after, EXISTS(p->after))
P(mods_cv, struct mods, p->cv)
P(mods_rp, struct mods, OFF(p->rp))
P(mods_td_in_y, struct mods, OFF(p->td.in.y))
P(whole_in_y, union whole, OFF(p->in.y))
P(whole_size_in, union whole, SIZE(p->in))
P(fwd_ptr_p, struct fwd_ptr, p->p)
P(fwd_ptr_next, struct fwd_ptr, OFF(p->next))

#pragma clang attribute pop
