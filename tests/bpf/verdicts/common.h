/* What the programs of this directory share.  They are read by `btfkit check` and loaded by libbpf on the kernel of the machine:
 * tests/peers/test_check_verdicts.py.  The name of a program says what becomes of it: ok_ loads, bad_ does not. */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

typedef unsigned long long u64;
typedef unsigned int u32;
char LICENSE[] SEC("license") = "GPL";
u64 seen;
