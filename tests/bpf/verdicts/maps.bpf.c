/* A map of a type that no kernel has: libbpf cannot create it, and rejects the object. */
#include "common.h"

struct { int (*type)[4711]; int (*max_entries)[1]; int *key; int *value; } unknown SEC(".maps");
SEC("raw_tp/sched_switch") int bad_all(void *ctx) { return 0; }
