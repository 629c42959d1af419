/* A kernel function that does not exist, needed by a program that is not loaded: libbpf resolves it nevertheless. */
#include "common.h"

extern void btfkit_no_such_kfunc(void) __ksym;
SEC("?tc") int bad_user(struct __sk_buff *skb) { btfkit_no_such_kfunc(); return 0; }
SEC("raw_tp/sys_enter") int bad_other(void *ctx) { return 0; }
