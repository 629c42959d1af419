// What libbpf shows of values: dump_values BTF ID DATA SIZE [compact] [skip_names] [emit_zeroes] [emit_strings] [indent=TEXT]
// [level=N] [quiet].  DATA is records of SIZE bytes; each is dumped from an aligned buffer, and its text is followed by a line with
// the return value of btf_dump__dump_type_data.  With `quiet`, nothing is written: for measurements.
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *text;
static size_t used, room;

static void collect(void *ctx, const char *format, va_list args)
{
	va_list again;
	int length;

	va_copy(again, args);
	length = vsnprintf(text + used, room - used, format, args);
	if (length >= 0 && used + length >= room) {
		room = 2 * (used + length) + 4096;
		text = realloc(text, room);
		length = vsnprintf(text + used, room - used, format, again);
	}
	va_end(again);
	used += length > 0 ? length : 0;
}

static int silent(enum libbpf_print_level level, const char *format, va_list args) { return 0; }

int main(int argc, char **argv)
{
	LIBBPF_OPTS(btf_dump_type_data_opts, options);
	struct btf_dump *dump;
	struct btf *btf;
	size_t size, got, total = 0;
	int quiet = 0, id;
	char *record;
	FILE *data;

	libbpf_set_print(silent);
	if (argc < 5 || !(btf = btf__parse(argv[1], NULL)) || !(data = fopen(argv[3], "rb")))
		return 1;
	id = atoi(argv[2]);
	size = atol(argv[4]);
	for (int i = 5; i < argc; i++) {
		options.compact |= !strcmp(argv[i], "compact");
		options.skip_names |= !strcmp(argv[i], "skip_names");
		options.emit_zeroes |= !strcmp(argv[i], "emit_zeroes");
		options.emit_strings |= !strcmp(argv[i], "emit_strings");
		quiet |= !strcmp(argv[i], "quiet");
		if (!strncmp(argv[i], "indent=", 7))
			options.indent_str = argv[i] + 7;
		if (!strncmp(argv[i], "level=", 6))
			options.indent_level = atoi(argv[i] + 6);
	}
	dump = btf_dump__new(btf, collect, NULL, NULL);
	record = aligned_alloc(64, (size + 127) / 64 * 64);
	if (!dump || !record)
		return 1;
	memset(record, 0, (size + 127) / 64 * 64);
	while ((got = fread(record, 1, size, data)) == size || (size == 0 && got == 0 && total == 0)) {
		int result;

		used = 0;
		result = btf_dump__dump_type_data(dump, id, record, size, &options);
		total += used;
		if (!quiet) {
			fwrite(text, 1, used, stdout);
			printf("\n= %d\n", result);
		}
		if (!size)
			break;
	}
	if (quiet)
		printf("%zu\n", total);
	return 0;
}
