// What libbpf offers for a merge: btf__add_btf of every module to a split on vmlinux, then btf__dedup; the result, which it
// leaves split on vmlinux, is written as it is.  merge_peer OUT VMLINUX MODULES_DIR
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static int quiet(enum libbpf_print_level level, const char *format, va_list args) { return 0; }

int main(int argc, char **argv)
{
	struct dirent *entry;
	char **names = NULL, path[4096];
	struct btf *base, *all;
	const void *raw;
	unsigned size;
	int count = 0;
	DIR *dir;
	FILE *out;

	libbpf_set_print(quiet);
	if (argc != 4 || !(base = btf__parse(argv[2], NULL)) || !(dir = opendir(argv[3])))
		return 1;
	all = btf__new_empty_split(base);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		names = realloc(names, (count + 1) * sizeof(*names));
		names[count++] = strdup(entry->d_name);
	}
	qsort(names, count, sizeof(*names), by_name);
	for (int i = 0; i < count; i++) {
		struct btf *module;

		snprintf(path, sizeof(path), "%s/%s", argv[3], names[i]);
		module = btf__parse_split(path, base);
		if (!module || btf__add_btf(all, module) < 0)
			return 1;
		btf__free(module);
	}
	if (btf__dedup(all, NULL))
		return 1;
	raw = btf__raw_data(all, &size);
	out = fopen(argv[1], "wb");
	if (!raw || !out || fwrite(raw, 1, size, out) != size || fclose(out))
		return 1;
	printf("%u\n", btf__type_cnt(all) - 1);
	return 0;
}
