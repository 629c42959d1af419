/* An extern that is not in a section of externs. */
#include "common.h"

extern int somewhere(int);
SEC("raw_tp/sys_enter") int bad_call(u64 *ctx) { return somewhere(1); }
