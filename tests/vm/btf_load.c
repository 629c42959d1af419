// SPDX-License-Identifier: GPL-2.0
/* btf_load FILE...: BPF_BTF_LOAD of raw BTF; for each file a line "NAME: ERRNO" (0: loaded), and the end of the verifier's log. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char verdict[1 << 20];

int main(int count, char **names)
{
	for (int i = 1; i < count; i++) {
		union bpf_attr attr;
		struct stat file;
		int fd = open(names[i], O_RDONLY);

		if (fd < 0 || fstat(fd, &file))
			return 2;
		memset(&attr, 0, sizeof(attr));
		attr.btf = (unsigned long)mmap(0, file.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		attr.btf_size = file.st_size;
		int loaded = syscall(SYS_bpf, BPF_BTF_LOAD, &attr, sizeof(attr));
		printf("%s: %d\n", strrchr(names[i], '/') + 1, loaded < 0 ? errno : 0);
		if (loaded < 0) {
			attr.btf_log_buf = (unsigned long)verdict;
			attr.btf_log_size = sizeof(verdict);
			attr.btf_log_level = 1;
			syscall(SYS_bpf, BPF_BTF_LOAD, &attr, sizeof(attr));
			printf("%s\n", verdict + (strlen(verdict) > 500 ? strlen(verdict) - 500 : 0));
		} else {
			close(loaded);
		}
		close(fd);
	}
	return 0;
}
