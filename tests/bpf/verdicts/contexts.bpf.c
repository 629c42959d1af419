/* Reads beyond the end of the context, which have a guard or not: newer kernels have more members there. */
#include "common.h"

struct __sk_buff___any { u32 btfkit_no_such_member; };

static int beyond(void *context) { return *(volatile u32 *)(context + 4096); }

SEC("tc") int ok_within(struct __sk_buff *skb) { seen = skb->len; return 0; }
SEC("tc") int bad_packet(struct __sk_buff *skb) { seen = beyond(skb); return 0; }
SEC("xdp") int bad_frame(struct xdp_md *frame) { seen = beyond(frame); return 1; }
SEC("cgroup/sock_create") int bad_socket(struct bpf_sock *sk) { seen = beyond(sk); return 1; }
SEC("tc") int ok_asked(struct __sk_buff *skb)
{
	if (bpf_core_field_exists(struct __sk_buff___any, btfkit_no_such_member))
		seen = beyond(skb);
	return 0;
}
