/* Symbols without a type, which libbpf looks up in /proc/kallsyms: a weak one that is missing is 0. */
#include "common.h"

struct no_such_struct { int member; } __attribute__((preserve_access_index));
extern const void vfs_read __ksym;
extern const void btfkit_weak_symbol __ksym __weak;
SEC("raw_tp/sys_enter") int ok_weak(void *ctx)
{
	struct no_such_struct *pointer = ctx;

	seen = (u64)&vfs_read;
	if (&btfkit_weak_symbol)
		seen = pointer->member;
	return 0;
}
