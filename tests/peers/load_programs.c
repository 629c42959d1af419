/* What libbpf and the kernel of this machine say to each program of an object, loaded alone, with CO-RE answers from a BTF file:
 *
 *     load_programs BTF OBJECT...          (BTF may be "-": the running kernel's own)
 *
 * One line of JSON for each program: object, program, whether it was loaded, libbpf's error, whether the verifier met a poisoned
 * instruction.  Built by the tests in the peers' chroot: gcc load_programs.c -o load_programs -lbpf. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char log_buf[1 << 20];

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

static void load_one(const char *path, const char *btf, const char *name)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = btf, .kernel_log_buf = log_buf,
		    .kernel_log_size = sizeof(log_buf), .kernel_log_level = 0);
	struct bpf_object *object = bpf_object__open_file(path, &opts);
	struct bpf_program *program;
	struct bpf_map *map;
	int error = -1;

	log_buf[0] = 0;
	if (object) {
		bpf_object__for_each_program(program, object)
			bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), name));
		bpf_object__for_each_map(map, object)
			if (!bpf_map__max_entries(map) && bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
				bpf_map__set_max_entries(map, bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF ? 4096 : 1);
		error = bpf_object__load(object);
	}
	printf("{\"object\": \"%s\", \"program\": \"%s\", \"error\": %d, \"poison\": %d, \"last\": \"", path, name, error,
	       strstr(log_buf, "195896080") || strstr(log_buf, "invalid CO-RE") || strstr(log_buf, "<invalid"));
	char *last = log_buf + strlen(log_buf) > log_buf + 300 ? log_buf + strlen(log_buf) - 300 : log_buf;
	for (; *last; last++)
		if (*last == '\n')
			fputs(" | ", stdout);
		else if (*last != '"' && *last != '\\' && *last >= ' ')
			putchar(*last);
	printf("\"}\n");
	bpf_object__close(object);
}

int main(int argc, char **argv)
{
	const char *btf = argc > 1 && strcmp(argv[1], "-") ? argv[1] : NULL;

	libbpf_set_print(quiet);
	for (int i = 2; i < argc; i++) {
		struct bpf_object *object = bpf_object__open_file(argv[i], NULL);
		struct bpf_program *program;

		if (!object) {
			printf("{\"object\": \"%s\", \"program\": \"\", \"error\": -1}\n", argv[i]);
			continue;
		}
		bpf_object__for_each_program(program, object)
			load_one(argv[i], btf, bpf_program__name(program));
		bpf_object__close(object);
		fflush(stdout);
	}
	return 0;
}
