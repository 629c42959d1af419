/* A variable of struct_ops that sets a member which no kernel has. */
#include "common.h"

struct sock;
struct tcp_congestion_ops {
	u32 (*ssthresh)(struct sock *sk);
	void (*btfkit_no_such_member)(struct sock *sk);
};
SEC("struct_ops") u32 bad_known(u64 *ctx) { return 2; }
SEC("struct_ops") void bad_unknown(u64 *ctx) { }
SEC(".struct_ops") struct tcp_congestion_ops ops = {
	.ssthresh = (void *)bad_known,
	.btfkit_no_such_member = (void *)bad_unknown,
};
