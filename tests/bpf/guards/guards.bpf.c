/* Reads of what no kernel has, guarded in every way that compilers and people come up with, and some that do not hold.
 * A function's name says what becomes of it: ok_ loads (the missing read cannot be reached), bad_ does not, open_ loads as it stands,
 * but user space may set what guards it.  tests/peers/test_check_peers.py asks libbpf and the kernel of the machine. */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

typedef int pid_t;

struct task_struct {
	pid_t pid;
	struct task_struct *group_leader;
} __attribute__((preserve_access_index));

struct task_struct___missing {
	int btfkit_no_such_member;
	unsigned long btfkit_no_such_long;
} __attribute__((preserve_access_index));

struct btfkit_no_such_struct {
	int member;
} __attribute__((preserve_access_index));

enum pid_type___missing { BTFKIT_NO_SUCH_VALUE = 77 };
enum pid_type { PIDTYPE_PID };

char LICENSE[] SEC("license") = "GPL";

const volatile int user_flag = 0;
const volatile int user_flag_on = 1;
const int fixed_flag = 0;
int writable_flag = 0;

extern int LINUX_KERNEL_VERSION __kconfig;
extern int btfkit_no_such_kfunc(int x) __ksym __weak;
extern void bpf_rcu_read_lock(void) __ksym __weak;
extern void bpf_rcu_read_unlock(void) __ksym __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, int);
	__type(value, long);
} map SEC(".maps");

#define PROGRAM(name) SEC("raw_tp/sched_switch") int name(void *ctx)
#define CURRENT ((struct task_struct___missing *)bpf_get_current_task())
#define HAS bpf_core_field_exists(CURRENT->btfkit_no_such_member)
#define HAS_PID bpf_core_field_exists(((struct task_struct *)0)->pid)
#define READ BPF_CORE_READ(CURRENT, btfkit_no_such_member)
#define hide(x) asm volatile("" : "+r"(x))

PROGRAM(ok_plain) { return HAS_PID ? BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), pid) : 0; }
PROGRAM(bad_plain) { return READ; }
PROGRAM(ok_field_exists) { return HAS ? READ : 1; }
PROGRAM(bad_wrong_way_round) { return HAS ? 1 : READ; }
PROGRAM(bad_other_guard) { return HAS_PID ? READ : 1; }
PROGRAM(ok_other_guard_negated) { return !HAS_PID ? READ : 1; }
PROGRAM(ok_type_exists) { return bpf_core_type_exists(struct btfkit_no_such_struct) ? BPF_CORE_READ((struct btfkit_no_such_struct *)ctx, member) : 1; }
PROGRAM(ok_type_size) { return bpf_core_type_size(struct btfkit_no_such_struct) ? BPF_CORE_READ((struct btfkit_no_such_struct *)ctx, member) : 1; }
PROGRAM(ok_size_compared) { return bpf_core_type_size(struct task_struct) < 8 ? READ : 1; }
PROGRAM(bad_size_compared) { return bpf_core_type_size(struct task_struct) > 8 ? READ : 1; }
PROGRAM(ok_enum_exists) { return bpf_core_enum_value_exists(enum pid_type___missing, BTFKIT_NO_SUCH_VALUE) ? bpf_core_enum_value(enum pid_type___missing, BTFKIT_NO_SUCH_VALUE) : 1; }
PROGRAM(bad_enum_value) { return bpf_core_enum_value(enum pid_type___missing, BTFKIT_NO_SUCH_VALUE); }
PROGRAM(ok_enum_compared) { return bpf_core_enum_value(enum pid_type, PIDTYPE_PID) == 5 ? READ : 1; }
PROGRAM(ok_both) { return HAS_PID && HAS ? READ : 1; }
PROGRAM(bad_either) { return HAS_PID || HAS ? READ : 1; }
PROGRAM(ok_early_return)
{
	if (!HAS)
		return 0;
	bpf_printk("%d", READ);
	return 1;
}
PROGRAM(bad_only_a_message)
{
	if (!HAS)
		bpf_printk("no such member");
	return READ;
}
PROGRAM(ok_hidden_register)
{
	long has = HAS;
	hide(has);
	return has ? READ : 1;
}
PROGRAM(ok_hidden_32)
{
	int has = HAS;
	asm volatile("%0 <<= 4" : "+w"(has));
	return has ? READ : 1;
}
PROGRAM(ok_arithmetic)
{
	unsigned long n = HAS;
	asm volatile("%0 += 3" : "+r"(n));
	asm volatile("%0 *= 5" : "+r"(n));
	asm volatile("%0 -= 10" : "+r"(n));
	return n > 5 ? READ : 1;
}
PROGRAM(bad_arithmetic)
{
	unsigned long n = HAS;
	asm volatile("%0 += 3" : "+r"(n));
	asm volatile("%0 *= 5" : "+r"(n));
	return n > 5 ? READ : 1;
}
PROGRAM(ok_signed)
{
	long n = HAS;
	asm volatile("%0 -= 1" : "+r"(n));
	return n >= 0 ? READ : 1;
}
PROGRAM(bad_signed)
{
	unsigned long n = HAS;
	asm volatile("%0 -= 1" : "+r"(n));
	return n > 100 ? READ : 1;
}
PROGRAM(ok_spill_64)
{
	volatile long has = HAS;
	bpf_get_current_pid_tgid();
	return has ? READ : 1;
}
PROGRAM(ok_spill_32)
{
	volatile int has = HAS;
	bpf_get_current_pid_tgid();
	return has ? READ : 1;
}
PROGRAM(bad_spill_overwritten)
{
	volatile long has = HAS;
	bpf_get_current_comm((void *)&has, sizeof(has));
	return has ? READ : 1;
}
PROGRAM(bad_spill_from_map)
{
	int key = 0;
	volatile long has = HAS;
	long *value = bpf_map_lookup_elem(&map, &key);
	if (value)
		has = *value;
	return has ? READ : 1;
}
PROGRAM(ok_spill_beside_buffer)
{
	char comm[16];
	volatile long has = HAS;
	bpf_get_current_comm(comm, sizeof(comm));
	return has ? READ : comm[0];
}
PROGRAM(bad_unknown)
{
	return bpf_get_current_pid_tgid() & 1 ? READ : 1;
}
PROGRAM(ok_masked)
{
	unsigned long n = bpf_get_current_pid_tgid() & 7;
	hide(n);
	return n > 7 ? READ : 1;
}
PROGRAM(bad_masked)
{
	unsigned long n = bpf_get_current_pid_tgid() & 7;
	hide(n);
	return n > 6 ? READ : 1;
}
PROGRAM(bad_hoisted) /* the compiler takes the read out of the loop, and with it out of its guard */
{
	long sum = 0;
	for (int i = 0; i < 20; i++) {
		hide(sum);
		sum += HAS ? READ : 1;
	}
	return sum;
}
PROGRAM(bad_loop)
{
	long sum = 0;
	for (int i = 0; i < 20; i++) {
		hide(sum);
		sum += i == 17 ? READ : 1;
	}
	return sum;
}
PROGRAM(ok_switch)
{
	int n = HAS;
	hide(n);
	switch (n) {
	case 0: return 0;
	case 1: return READ;
	default: return READ + 1;
	}
}

static __noinline int takes(int has) { hide(has); return has ? READ : 1; }
PROGRAM(ok_argument) { return takes(HAS); }
PROGRAM(bad_argument) { return takes(HAS_PID); }
PROGRAM(bad_one_of_two_calls) { return takes(HAS) + takes(1); }

static __noinline int returns(void) { int has = HAS; hide(has); return has; }
PROGRAM(ok_returned) { return returns() ? READ : 1; }
static __noinline int reads(void) { return READ; }
PROGRAM(ok_guard_in_caller) { return HAS ? reads() : 1; }
PROGRAM(bad_sub_program) { return reads(); }
static __noinline int nested(int has) { hide(has); return takes(has) + 1; }
PROGRAM(ok_nested) { return nested(HAS); }
static __noinline int by_pointer(int *has) { return *has ? READ : 1; }
PROGRAM(ok_by_pointer) { int has = HAS; hide(has); return by_pointer(&has); }
static __noinline int sets(long *has) { *has = 1; return 0; }
PROGRAM(bad_set_by_callee) { long has = HAS; hide(has); sets(&has); return has ? READ : 1; }

__noinline int global_reads(int x) { hide(x); return READ + x; }
PROGRAM(bad_global) { int x = 1; hide(x); return global_reads(x); }
__noinline int global_takes(int has) { hide(has); return has ? READ : 1; }
PROGRAM(bad_global_argument) { return global_takes(HAS); }
__noinline int global_guards(int x) { hide(x); return HAS ? READ : x; }
PROGRAM(ok_global_guards) { int x = 1; hide(x); return global_guards(x); }

static int callback_reads(__u32 index, void *ctx) { return READ; }
static int callback_guards(__u32 index, void *ctx) { return HAS ? READ : 0; }
static int callback_sets(__u32 index, void *ctx) { *(long *)ctx = 1; return 0; }
PROGRAM(bad_callback) { return bpf_loop(4, callback_reads, 0, 0); }
PROGRAM(ok_callback_guards) { return bpf_loop(4, callback_guards, 0, 0); }
PROGRAM(ok_callback_guarded) { return HAS ? bpf_loop(4, callback_reads, 0, 0) : 0; }
PROGRAM(bad_callback_sets) { volatile long has = HAS; bpf_loop(4, callback_sets, (void *)&has, 0); return has ? READ : 1; }

PROGRAM(open_rodata) { return user_flag ? READ : 1; }
PROGRAM(bad_rodata_on) { return user_flag_on ? READ : 1; }
PROGRAM(open_rodata_and_field) { return user_flag && HAS_PID ? READ : 1; }
PROGRAM(ok_rodata_and_field) { return user_flag_on && HAS ? READ : 1; }
PROGRAM(bad_writable) { return *(volatile int *)&writable_flag ? READ : 1; }
PROGRAM(ok_version_field) { return LINUX_KERNEL_VERSION > 100 && HAS ? READ : 1; }
PROGRAM(ok_version) { return LINUX_KERNEL_VERSION < (5 << 16) ? READ : 1; }
PROGRAM(bad_version) { return LINUX_KERNEL_VERSION > (5 << 16) ? READ : 1; }

PROGRAM(ok_kfunc_exists) { return bpf_ksym_exists(btfkit_no_such_kfunc) ? btfkit_no_such_kfunc(1) : 1; }
PROGRAM(bad_kfunc) { return btfkit_no_such_kfunc(1); }
PROGRAM(ok_kfunc_instead) { return bpf_ksym_exists(btfkit_no_such_kfunc) ? READ : 1; }
PROGRAM(ok_kfunc_there) { return bpf_ksym_exists(bpf_rcu_read_lock) ? 1 : READ; }

SEC("?raw_tp/sched_switch") int bad_optional(void *ctx) { return READ; }
