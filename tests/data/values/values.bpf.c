/* Initialized variables whose values the tests know: compile with -g, for either byte order (README.md). */
typedef unsigned char u8;
typedef signed short s16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef u8 mac_t[6];

enum color { RED, GREEN = 5, BLUE = -3 };
enum big { HUGE = 0x123456789abcdef0ULL, SMALL = 1 };
enum flags { HIGH = 0x80000000u };

struct in { int x; s16 y; };
struct bits { u32 a : 3; u32 b : 17; int c : 5; u32 : 2; enum color e : 4; _Bool f : 1; u64 g : 40; int h : 7; };
struct packed { u8 a; u32 b; s16 c; enum color d; u64 e; } __attribute__((packed));
union number { u32 whole; u8 bytes[4]; struct { s16 first, second; }; };

struct all {
	char c;
	u8 u;
	signed char s;
	_Bool yes;
	s16 half;
	u32 word;
	long long wide;
	u64 top;
	enum color color;
	enum big big;
	enum flags flags;
	char text[8];
	mac_t mac;
	int grid[2][3];
	struct in in;
	struct in ins[2];
	union number number;
	struct { u32 inner; union { u32 either; u8 other; }; };
	struct bits bits;
	struct packed packed;
	const volatile u32 qualified;
	void *null;
	char full[4];
	u32 none[0];
	u32 after;
};

struct tail { u32 count; u8 kind; s16 items[]; };

struct all all = {
	.c = 'A', .u = 200, .s = -100, .yes = 1, .half = -12345, .word = 0xdeadbeef, .wide = -1234567890123LL,
	.top = 0xfedcba9876543210ULL, .color = BLUE, .big = HUGE, .flags = HIGH, .text = "hello",
	.mac = {0, 1, 2, 0xfd, 0xfe, 0xff}, .grid = {{1, -2, 3}, {4, 5, 6}}, .in = {-7, 8},
	.ins = {{1, 2}, {3, -4}}, .number = {.bytes = {1, 2, 3, 4}}, .inner = 77, .either = 0x01020304,
	.bits = {.a = 5, .b = 0x1abcd, .c = -9, .e = BLUE, .f = 1, .g = 0xabcdef0123ULL, .h = -64},
	.packed = {1, 0x02030405, -6, GREEN, 0x0807060504030201ULL}, .qualified = 9, .full = {'f', 'u', 'l', 'l'}, .after = 11,
};
struct tail tail = {3, 1, {10, -20, 30}};
const int constant = 42;
static volatile u64 counter = 0x1122334455667788ULL;
int zero[4];
u64 use(void) { return counter + zero[0] + constant; }
