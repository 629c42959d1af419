/* clang passes only the second half of the structure */
struct pair { long a, b; };
__attribute__((noinline)) static int changed(struct pair pair, int number) { return pair.a + number; }
int use_changed(struct pair pair, int number) { return changed(pair, number) + changed(pair, number + 1); }
