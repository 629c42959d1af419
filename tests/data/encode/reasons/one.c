/* one.c, two.c: a function for each reason for which `btfkit encode` omits a function; make.sh compiles them. */
#define noinline __attribute__((noinline))
struct packed { char c; int i; long l; } __attribute__((packed));

int written(int number) { return number + 1; }

/* two.c has another: no one can say which is meant */
static noinline int ambiguous(int number) { return number * 3; }

/* never called with anything but 7: the compiler makes optimized.constprop, which has one parameter */
static noinline int optimized(int number, int seven) { return number * seven + number / seven; }

/* parameters in the registers of another calling convention */
int __attribute__((ms_abi)) unexpected(int first, int second) { return first - second; }

/* the compiler drops the first parameter, and lists it last; its code is in two parts, so the symbol's suffix is not looked at */
void fail(int) __attribute__((cold, noreturn));
static noinline int reordered(int unused, int number)
{
	if (number < 0)
		fail(number);
	return number * 5;
}

/* two.c has one that returns something else */
int inconsistent(long number) { return number + 9; }

/* a packed structure after six parameters, on the stack */
int uncertain(int a, int b, int c, int d, int e, int f, struct packed last) { return a + b + c + d + e + f + last.i; }

static inline __attribute__((always_inline)) int inlined(int number) { return number ^ 5; }

int unnamed(int, int second) { return second; }

__asm__(".globl assembled\n.type assembled, @function\nassembled: ret\n.size assembled, . - assembled");

int use_one(int number)
{
	return ambiguous(number) + optimized(number, 7) + optimized(number + 1, 7) + reordered(1, number) + reordered(2, number + 1) +
	       inlined(number);
}
