#!/bin/sh
# make.sh: compiles types.c with the compilers that are installed; needs gcc, clang and xz.
set -eu
cd "$(dirname "$0")"
one() { # NAME COMMAND...
  name=$1
  shift
  "$@" "-fdebug-prefix-map=$PWD=." -c types.c -o "$name.o" 2>/dev/null || { echo "not made: $name" >&2; rm -f "$name.o"; return 0; }
  ! command -v xz >/dev/null || xz -9 -f "$name.o"
}
for v in 2 3 4 5; do one gcc-dwarf$v gcc -O2 -gdwarf-$v -gstrict-dwarf; done
one gcc-dwarf5-64 gcc -O2 -gdwarf-5 -gdwarf64
one gcc-types gcc -O2 -gdwarf-5 -fdebug-types-section
one gcc-types4 gcc -O2 -gdwarf-4 -fdebug-types-section
one gcc-zlib gcc -O2 -g -gz=zlib
one gcc-split gcc -O2 -g -gsplit-dwarf
rm -f gcc-split.dwo
one gcc-no-debug gcc -O2
for v in 4 5; do one clang-dwarf$v clang -O2 -gdwarf-$v; done
for target in aarch64 riscv64 powerpc64le s390x armv7 i686 mips64 mips64el loongarch64 sparc64; do one clang-$target clang --target=$target-linux-gnu -O2 -gdwarf-5 -DNO_INT128; done
