/* The same for functions.  Some machines do not allow such programs. */
#include "common.h"

/* ssize_t vfs_read(struct file *file, char *buf, size_t count, loff_t *pos) */
SEC("fentry/vfs_read") int ok_last(u64 *ctx) { seen = ctx[3]; return 0; }
SEC("fentry/vfs_read") int bad_fifth(u64 *ctx) { seen = ctx[4]; return 0; }
SEC("fexit/vfs_read") int ok_result(u64 *ctx) { seen = ctx[4]; return 0; }
SEC("fexit/vfs_read") int bad_after_the_result(u64 *ctx) { seen = ctx[5]; return 0; }
/* void fput(struct file *file) */
SEC("fexit/fput") int ok_argument_of_void(u64 *ctx) { seen = ctx[0]; return 0; }
SEC("fexit/fput") int bad_result_of_void(u64 *ctx) { seen = ctx[1]; return 0; }
