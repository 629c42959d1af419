/* What libbpf and the kernel of this machine say to each program of an object, loaded alone, with CO-RE answers from a BTF file:
 *
 *     load_programs BTF OBJECT...          (BTF may be "-": the running kernel's own)
 *     SECTIONS="fentry lsm" load_programs BTF OBJECT...      only programs in sections that begin so, with or without "?"
 *
 * One line of JSON for each program: object, program, libbpf's error (-1: it did not open the object, or there was no end in 60
 * seconds; -2: it crashed), whether the verifier met a poisoned instruction, the end of the verifier's log and that of libbpf's own.
 * An object without programs has one line, with program "".  Each program is loaded in a process of its own, and nothing is
 * attached or pinned.  Built by the tests in the peers' chroot: gcc load_programs.c -o load_programs -lbpf. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 60

static char log_buf[1 << 20], said[1 << 14];
static size_t said_length;

static int record(enum libbpf_print_level level, const char *format, va_list args)
{
	int length;

	if (level > LIBBPF_INFO)
		return 0;
	if (said_length > sizeof(said) / 2) { /* keep the end */
		memmove(said, said + sizeof(said) / 4, said_length - sizeof(said) / 4);
		said_length -= sizeof(said) / 4;
	}
	length = vsnprintf(said + said_length, sizeof(said) - said_length, format, args);
	if (length > 0)
		said_length += (size_t)length < sizeof(said) - said_length ? (size_t)length : sizeof(said) - said_length - 1;
	return 0;
}

static void print_end(const char *key, const char *text, size_t size)
{
	size_t length = strlen(text);

	printf(", \"%s\": \"", key);
	for (const char *at = length > size ? text + length - size : text; *at; at++)
		if (*at == '\n')
			fputs(" | ", stdout);
		else if (*at != '"' && *at != '\\' && *at >= ' ' && *at < 127)
			putchar(*at);
	putchar('"');
}

static void print_result(const char *path, const char *name, int error)
{
	printf("{\"object\": \"%s\", \"program\": \"%s\", \"error\": %d, \"poison\": %d", path, name, error,
	       strstr(log_buf, "195896080") || strstr(log_buf, "invalid CO-RE") || strstr(log_buf, "<invalid"));
	print_end("last", log_buf, 600);
	print_end("libbpf", said, 600);
	printf("}\n");
	fflush(stdout);
}

static struct bpf_object *open_object(const char *path, const char *btf)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = btf, .kernel_log_buf = log_buf,
		    .kernel_log_size = sizeof(log_buf), .kernel_log_level = 0);

	return bpf_object__open_file(path, &opts);
}

/* How many entries a map gets if the object leaves that to user space. */
static unsigned int entries(enum bpf_map_type type)
{
	switch (type) {
	case BPF_MAP_TYPE_STRUCT_OPS:
	case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
	case BPF_MAP_TYPE_SK_STORAGE:
	case BPF_MAP_TYPE_INODE_STORAGE:
	case BPF_MAP_TYPE_TASK_STORAGE:
	case BPF_MAP_TYPE_CGRP_STORAGE:
		return 0; /* as it has to be */
	case BPF_MAP_TYPE_RINGBUF:
	case BPF_MAP_TYPE_USER_RINGBUF:
		return 4096;
	default:
		return 1;
	}
}

static void load_one(const char *path, const char *btf, const char *name)
{
	struct bpf_object *object = open_object(path, btf);
	struct bpf_program *program;
	struct bpf_map *map;
	int error = -1;

	if (object) {
		bpf_object__for_each_program(program, object)
			bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), name));
		bpf_object__for_each_map(map, object) {
			bpf_map__set_pin_path(map, NULL);
			if (!bpf_map__max_entries(map))
				bpf_map__set_max_entries(map, entries(bpf_map__type(map)));
		}
		error = bpf_object__load(object);
	}
	print_result(path, name, error);
}

/* Loads one program in a process of its own. */
static void load_apart(const char *path, const char *btf, const char *name)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child) {
		alarm(SECONDS);
		load_one(path, btf, name);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		exit(1);
	if (!WIFEXITED(status))
		print_result(path, name, WTERMSIG(status) == SIGALRM ? -1 : -2);
}

static int is_chosen(const struct bpf_program *program)
{
	const char *section = bpf_program__section_name(program), *chosen = getenv("SECTIONS");

	section += *section == '?';
	while (chosen && *chosen) {
		size_t length = strcspn(chosen, " ");

		if (!strncmp(section, chosen, length))
			return 1;
		chosen += length + (chosen[length] == ' ');
	}
	return !getenv("SECTIONS");
}

int main(int argc, char **argv)
{
	const char *btf = argc > 1 && strcmp(argv[1], "-") ? argv[1] : NULL;

	libbpf_set_print(record);
	for (int i = 2; i < argc; i++) {
		struct bpf_object *object;
		struct bpf_program *program;
		int count = 0;

		log_buf[0] = said[0] = 0;
		said_length = 0;
		object = open_object(argv[i], NULL);
		if (!object) {
			print_result(argv[i], "", -1);
			continue;
		}
		bpf_object__for_each_program(program, object) {
			if (is_chosen(program))
				load_apart(argv[i], btf, bpf_program__name(program));
			count++;
		}
		if (!count)
			load_apart(argv[i], btf, "");
		bpf_object__close(object);
	}
	return 0;
}
