#!/bin/sh
# make.sh: compiles kfuncs.c; needs gcc and xz. The object that is kept is of gcc 16.2.
set -eu
cd "$(dirname "$0")"
gcc -O2 -g -c kfuncs.c
xz -9 -f kfuncs.o
