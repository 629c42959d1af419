/* Helpers that no kernel has: enum bpf_func_id ends at 211. */
#include "common.h"

static long (*no_such_helper)(void) = (void *)4711;
enum bpf_func_id___any { BPF_FUNC_no_such_helper___any = 4711, BPF_FUNC_ktime_get_ns___any = 5 };

SEC("raw_tp/sched_switch") int ok_known(void *ctx) { seen = bpf_ktime_get_ns(); return 0; }
SEC("raw_tp/sched_switch") int bad_unknown(void *ctx) { seen = no_such_helper(); return 0; }
SEC("raw_tp/sched_switch") int ok_asked(void *ctx)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id___any, BPF_FUNC_no_such_helper___any))
		seen = no_such_helper();
	return 0;
}
