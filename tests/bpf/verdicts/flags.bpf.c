/* A map with a flag that no kernel has: the kernel does not create it, and libbpf rejects the object. */
#include "common.h"

struct { int (*type)[BPF_MAP_TYPE_HASH]; int (*max_entries)[1]; int *key; int *value; int (*map_flags)[BPF_F_NO_PREALLOC]; } known SEC(".maps");
struct { int (*type)[BPF_MAP_TYPE_ARRAY]; int (*max_entries)[1]; int *key; int *value; int (*map_flags)[1 << 29]; } unknown SEC(".maps");
SEC("raw_tp/sched_switch") int bad_uses_it(void *ctx) { int zero = 0; return bpf_map_lookup_elem(&unknown, &zero) != 0; }
SEC("raw_tp/sched_switch") int bad_does_not(void *ctx) { int zero = 0; return bpf_map_lookup_elem(&known, &zero) != 0; }
