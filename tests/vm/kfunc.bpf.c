// SPDX-License-Identifier: GPL-2.0
/* Calls a kfunc of tests/vm/module: the kernel lets it only where the module's .BTF_ids and .BTF agree. kfunc.bpf.o is made by
 *     clang -O2 -g -target bpf -c kfunc.bpf.c -o kfunc.bpf.o && llvm-strip -g kfunc.bpf.o
 */
#define SEC(name) __attribute__((section(name), used))

extern unsigned long long btfkit_demo_twice(unsigned int number) SEC(".ksyms");

SEC("syscall") int call(void *context)
{
	return btfkit_demo_twice(21);
}

SEC("license") char its_license[] = "GPL";
