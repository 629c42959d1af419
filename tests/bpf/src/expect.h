/* Expected answers as bytes in a section: the compiler's own offsetof and sizeof, for machines that cannot be run here. */
#include <stddef.h>
struct expect { char object[16], name[40]; unsigned char how; unsigned char value[8]; } __attribute__((packed));
enum { MISSING, VALUE };
#define BYTE(v, n) ((unsigned long long)(v) >> (8 * (n)) & 255)
#define V(object, name, v) { #object, #name, VALUE, \
	{ BYTE(v, 0), BYTE(v, 1), BYTE(v, 2), BYTE(v, 3), BYTE(v, 4), BYTE(v, 5), BYTE(v, 6), BYTE(v, 7) } },
#define M(object, name) { #object, #name, MISSING, {} },
#define TABLE __attribute__((section("expect"), used)) static const struct expect table[] =
