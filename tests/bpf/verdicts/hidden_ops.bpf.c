/* A variable of struct_ops that must exist, and an optional one with the same program. */
#include "common.h"

struct btfkit_no_such_ops { int (*call)(void); };
SEC("struct_ops") int bad_call(u64 *ctx) { return 0; }
SEC(".struct_ops.link") struct btfkit_no_such_ops must = { .call = (void *)bad_call };
SEC("?.struct_ops.link") struct btfkit_no_such_ops may = { .call = (void *)bad_call };
