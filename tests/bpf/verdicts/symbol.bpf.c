/* A symbol without a type that no kernel has: libbpf rejects the object. */
#include "common.h"

extern const void btfkit_no_such_symbol __ksym;
SEC("raw_tp/sys_enter") int bad_strong(void *ctx) { seen = (u64)&btfkit_no_such_symbol; return 0; }
SEC("raw_tp/sys_enter") int bad_beside(void *ctx) { return 0; }
