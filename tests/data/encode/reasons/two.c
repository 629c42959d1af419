#define noinline __attribute__((noinline))
static noinline int ambiguous(int number) { return number * 4; }
static inline __attribute__((always_inline)) char inconsistent(char *text) { return text[1]; }
int use_two(char *text) { return ambiguous(text[0]) + inconsistent(text); }
