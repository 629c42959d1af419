/* Reads that are right on some kernels and read something else on others (tests/unit/test_misreads.py). */
#include "common.h"

struct sock { unsigned char sk_protocol; unsigned long sk_state; } __attribute__((preserve_access_index));
struct sock___bits { u32 sk_flags : 8, sk_protocol : 8; } __attribute__((preserve_access_index));
enum dsq_id_flags { DSQ_LOCAL = (1ULL << 63) | 2 };

SEC("kprobe/vfs_read") int protocol(struct sock *sk)
{
	unsigned char value = 0;

	bpf_core_read(&value, sizeof(value), &sk->sk_protocol);
	seen = value;
	return 0;
}
SEC("kprobe/vfs_read") int protocol_by_shifts(struct sock *sk)
{
	seen = BPF_CORE_READ_BITFIELD_PROBED((struct sock___bits *)sk, sk_protocol);
	return 0;
}
SEC("kprobe/vfs_read") int state(struct sock *sk)
{
	unsigned long value = 0;

	bpf_core_read(&value, sizeof(value), &sk->sk_state);
	seen = value;
	return 0;
}
SEC("kprobe/vfs_read") int enumerator(void *ctx)
{
	seen = bpf_core_enum_value(enum dsq_id_flags, DSQ_LOCAL);
	return 0;
}
SEC("tp_btf/sys_enter") int syscall(u64 *ctx) { seen = ctx[1]; return 0; }
