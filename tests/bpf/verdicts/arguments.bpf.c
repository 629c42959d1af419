/* Reads of the arguments of programs that the kernel types by BTF: tracepoints and iterators. */
#include "common.h"

/* sys_enter(struct pt_regs *regs, long id) */
SEC("tp_btf/sys_enter") int ok_last(u64 *ctx) { seen = ctx[1]; return 0; }
SEC("tp_btf/sys_enter") int bad_third(u64 *ctx) { seen = ctx[2]; return 0; }
SEC("tp_btf/sys_enter") int bad_far(u64 *ctx) { seen = ctx[20]; return 0; }
SEC("tp_btf/sys_enter") int ok_half_of_a_number(u64 *ctx) { seen = *(u32 *)&ctx[1]; return 0; }
SEC("tp_btf/sys_enter") int bad_upper_half(u64 *ctx) { seen = *(volatile u32 *)((char *)ctx + 12); return 0; }
SEC("tp_btf/sys_enter") int bad_half_of_a_pointer(u64 *ctx) { seen = *(u32 *)&ctx[0]; return 0; }
/* block_rq_issue(struct request *): two arguments before 5.11 */
SEC("tp_btf/block_rq_issue") int ok_request(u64 *ctx) { seen = ctx[0]; return 0; }
SEC("tp_btf/block_rq_issue") int bad_second(u64 *ctx) { seen = ctx[1]; return 0; }
/* a raw tracepoint is loaded, but it cannot be attached */
SEC("raw_tp/sys_enter") int ok_raw(u64 *ctx) { seen = *(volatile u32 *)((char *)ctx + 12); return 0; }
SEC("raw_tp/sys_enter") int unattached_raw(u64 *ctx) { seen = ctx[2]; return 0; }
/* bpf_iter_task(struct bpf_iter_meta *meta, struct task_struct *task) */
SEC("iter/task") int ok_task(u64 *ctx) { seen = ctx[1] != 0; return 0; }
SEC("iter/task") int bad_task(u64 *ctx) { seen = ctx[2] != 0; return 0; }

/* What is found across branches, calls and the stack. */
static __attribute__((noinline)) int second(u64 *ctx) { return ctx[1]; }
static __attribute__((noinline)) int sixth(u64 *ctx) { return ctx[5]; }
SEC("tp_btf/sys_enter") int ok_in_a_subprogram(u64 *ctx) { seen = second(ctx); return 0; }
SEC("tp_btf/sys_enter") int bad_in_a_subprogram(u64 *ctx) { seen = sixth(ctx); return 0; }
SEC("tp_btf/sys_enter") int bad_after_a_branch(u64 *ctx)
{
	if (bpf_ktime_get_ns() & 1)
		seen = bpf_get_smp_processor_id();
	else
		seen = bpf_get_current_pid_tgid();
	seen += ctx[6];
	return 0;
}

/* A guard protects such a read as it does others. */
struct task_struct___gone { int no_such_member_here; } __attribute__((preserve_access_index));
SEC("tp_btf/sys_enter") int ok_guarded(u64 *ctx)
{
	if (bpf_core_field_exists(((struct task_struct___gone *)0)->no_such_member_here))
		seen = ctx[7];
	return 0;
}
