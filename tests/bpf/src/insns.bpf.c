/* Instruction forms: LDX, ST, STX of every size, ALU with immediate, LDIMM64, atomic; calls; two relocations in one statement. */
/* cflags: -mcpu=v4 */
#include "core.h"

struct regs {
	unsigned char b; unsigned short h; unsigned int w; unsigned long long dw; signed char sb; short sh; int sw; long long sdw;
	unsigned long ul; void *ptr; _Bool flag; int counter;
	struct { unsigned int a; } deep;
};
struct far { unsigned char pad[30000]; int end; };

SEC("socket") u64 ldx(struct regs *p) { return p->b + p->h + p->w + p->dw; }
SEC("socket") u64 ldsx(struct regs *p) { return (long long)p->sb + p->sh + p->sw + p->sdw; }
SEC("socket") u64 ldx_ul(struct regs *p) { return p->ul; }
SEC("socket") u64 ldx_ptr(struct regs *p) { return (u64)p->ptr; }
SEC("socket") u64 st(struct regs *p) { p->b = 1; p->h = 2; p->w = 3; p->dw = 4; return 0; }
SEC("socket") u64 st_ul(struct regs *p) { p->ul = 5; return 0; }
SEC("socket") u64 stx(struct regs *p, u64 v) { p->b = v; p->h = v; p->w = v; p->dw = v; return 0; }
SEC("socket") u64 stx_ul(struct regs *p, u64 v) { p->ul = v; return 0; }
SEC("socket") u64 stx_ptr(struct regs *p, void *v) { p->ptr = v; return 0; }
SEC("socket") u64 atomic(struct regs *p) { return __sync_fetch_and_add(&p->counter, 1); }
SEC("socket") u64 address(struct regs *p) { return (u64)&p->w; }
SEC("socket") u64 deep_address(struct regs *p) { return (u64)&p->deep.a; }
SEC("xdp") u64 alu(struct regs *p, u64 v) { return v + OFF(p->w); }
SEC("xdp") u64 shifts(struct regs *p, u64 v) { return v << LSHIFT(p->w) >> RSHIFT(p->w); }
SEC("xdp") u64 ldimm64(void *p) { return TYPE_SIZE(struct regs); }
SEC("xdp") u64 far_read(struct far *p) { return p->end; }
SEC("xdp") u64 far_off(struct far *p) { return OFF(p->end); }
SEC("xdp") u64 loop(struct regs *p, unsigned n)
{
	u64 s = 0;

	for (unsigned i = 0; i < n; i++)
		s += p[1].w * i;
	return s;
}
static __attribute__((noinline)) u64 sub_program(struct regs *p, u64 v) { return p->w * v + p->deep.a; }
SEC("xdp") u64 with_call(struct regs *p) { return sub_program(p, 3) + sub_program(p, p->h); }
SEC("?xdp") u64 optional(struct regs *p) { return p->dw; }
char LICENSE[] SEC("license") = "GPL";

#pragma clang attribute pop
