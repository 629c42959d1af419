/* Bit-fields: the five kinds that it takes to read one, signed and unsigned, at several places. */
#include "core.h"

struct bits {
	unsigned int u1: 1, u3: 3, u20: 20;
	int s5: 5, s12: 12;
	unsigned char b7: 7;
	unsigned long long w40: 40;
	long long sw33: 33;
	unsigned short plain;
	int became_plain: 7;
	unsigned was_plain;
	int gone: 3;
	_Bool flag: 1;
	enum { BITS_A, BITS_B } en: 2;
};

#define FIVE(m) \
	P(off_##m, struct bits, OFF(p->m)) P(size_##m, struct bits, SIZE(p->m)) P(signed_##m, struct bits, SIGNED(p->m)) \
	P(lshift_##m, struct bits, LSHIFT(p->m)) P(rshift_##m, struct bits, RSHIFT(p->m))

FIVE(u1)
FIVE(u3)
FIVE(u20)
FIVE(s5)
FIVE(s12)
FIVE(b7)
FIVE(w40)
FIVE(sw33)
FIVE(plain)
FIVE(became_plain)
FIVE(was_plain)
FIVE(flag)
FIVE(en)
P(has_u20, struct bits, EXISTS(p->u20))
P(has_gone, struct bits, EXISTS(p->gone))
P(off_gone, struct bits, OFF(p->gone))

/* all at once, as BPF_CORE_READ_BITFIELD does: the shifts sit in ALU instructions */
SEC("socket") long long read_s12(struct bits *p)
{
	const void *at = (const void *)p + OFF(p->s12);
	u64 v = 0;

	switch (SIZE(p->s12)) {
	case 1: v = *(const unsigned char *)at; break;
	case 2: v = *(const unsigned short *)at; break;
	case 4: v = *(const unsigned int *)at; break;
	case 8: v = *(const u64 *)at; break;
	}
	v <<= LSHIFT(p->s12);
	return SIGNED(p->s12) ? (long long)v >> RSHIFT(p->s12) : v >> RSHIFT(p->s12);
}

#pragma clang attribute pop
