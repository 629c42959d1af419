#!/bin/sh
# make.sh: compiles one.c, two.c and changed.c; needs gcc, ld, clang and xz. The objects that are kept are of gcc 16.2 and clang 21.1.8.
set -eu
cd "$(dirname "$0")"
gcc -O2 -g -c one.c
gcc -O2 -g -c two.c
ld -r one.o two.o -o gcc.o
clang -O2 -g -c changed.c -o clang.o
rm one.o two.o
xz -9 -f gcc.o clang.o
