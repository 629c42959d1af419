struct list { struct list *next, *prev; };
enum state { NONE, SOME = 3, ALL = 9 };
union word { unsigned int whole; unsigned char parts[4]; };
struct inner { int a; long b; char name[16]; union word w[3]; };
struct shared { struct list list; struct inner inner; enum state state; int (*call)(struct shared *, const char *); unsigned int one : 3, two : 7; };
