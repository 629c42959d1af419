/* Module "two" of kernel "a". */
struct mod_two { int pad; int a; };
