#!/usr/bin/env bash
# tools/fuzz_asan.sh [ARGUMENTS]: fuzzes loops that are compiled with AddressSanitizer and UndefinedBehaviorSanitizer, in an environment of
# their own (.venv-asan). The arguments are those of tests/fuzz/fuzz.py. A finding of a sanitizer ends its process, and counts as a crash.
set -eu
cd "$(dirname "$0")/.."
compiler=$(command -v "${CC:-gcc}") || { echo "fuzz-asan: no C compiler (gcc or clang)" >&2; exit 1; }
preload=
for name in libasan.so libubsan.so; do
  library=$("$compiler" -print-file-name=$name)
  [ -e "$library" ] || { echo "fuzz-asan: $compiler has no $name (on Debian: apt-get install gcc)" >&2; exit 1; }
  preload="$preload $(readlink -f "$library")"
done
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:allocator_may_return_null=1
export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1
flags="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
CFLAGS=$flags LDFLAGS=-fsanitize=address,undefined BTFKIT_PRELOAD=$preload BTFKIT_REQUIRE_COMPILED=1 tools/venv.sh .venv-asan test
export PYTHONMALLOC=malloc # so that an access beyond any Python object is seen
export FUZZ_SECONDS=${FUZZ_SECONDS:-90} # all of this takes about ten times as long
PATH="$PWD/.venv-asan/bin:$PATH" LD_PRELOAD=$preload exec .venv-asan/bin/python tests/fuzz/fuzz.py "$@"
