/* A static function outside .text, as compilers place those that are marked cold. */
#include "common.h"

static __attribute__((noinline, section(".text.unlikely."))) int rarely(u64 *ctx) { return ctx[0] * 3; }
SEC("raw_tp/sys_enter") int bad_caller(u64 *ctx) { return ctx[1] == 5 ? rarely(ctx) : 0; }
