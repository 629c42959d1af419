/* A weak kernel function with another prototype counts as absent. */
#include "common.h"

struct task_struct { int pid; };
extern struct task_struct *bpf_task_acquire___old(struct task_struct *p, void *more) __ksym __weak;
extern struct task_struct *bpf_task_acquire___new(struct task_struct *p) __ksym __weak;
extern void bpf_task_release(struct task_struct *p) __ksym;
SEC("tp_btf/task_newtask") int ok_flavors(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0], *found = 0;

	if (bpf_ksym_exists(bpf_task_acquire___new))
		found = bpf_task_acquire___new(task);
	else if (bpf_ksym_exists(bpf_task_acquire___old))
		found = bpf_task_acquire___old(task, &seen);
	if (found)
		bpf_task_release(found);
	return 0;
}
