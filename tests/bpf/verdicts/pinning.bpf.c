/* A map that is pinned in a way which libbpf does not know: it rejects the object. */
#include "common.h"

struct { int (*type)[2]; int (*max_entries)[1]; int *key; int *value; int (*pinning)[2]; } pinned SEC(".maps");
SEC("raw_tp/sched_switch") int bad_all(void *ctx) { return 0; }
