/* Programs that read the registers of an x86-64 machine, by their place and by CO-RE. */
#include "common.h"

struct pt_regs { unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss; };
struct pt_regs___core { unsigned long di; } __attribute__((preserve_access_index));
SEC("kprobe/vfs_read") int ok_place(struct pt_regs *ctx) { seen = ctx->di; return 0; }
SEC("kprobe/vfs_read") int ok_core(struct pt_regs *ctx) { seen = BPF_CORE_READ((struct pt_regs___core *)ctx, di); return 0; }
SEC("kprobe/vfs_read") int ok_neither(void *ctx) { seen = 1; return 0; }
SEC("kprobe/__x64_sys_getpid") int ok_call(void *ctx) { seen = 1; return 0; }
