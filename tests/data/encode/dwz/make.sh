#!/bin/sh
# make.sh: programs with partial units; needs gcc, dwz and xz.
set -eu
cd "$(dirname "$0")"
# Two units that share a header, whose common types dwz moves to partial units.
for v in 4 5; do
  for s in one two; do
    printf '#include "shared.h"\nstruct only_%s { struct shared s; int x; };\n__attribute__((noinline)) int f_%s(struct only_%s *o, struct shared *s, enum state t) { return o->x + s->state + t; }\n' $s $s $s |
      gcc -O2 -fPIC -gdwarf-$v "-fdebug-prefix-map=$PWD=." -I. -x c -c - -o $s.part
  done
  gcc -shared -nostdlib one.part two.part -o partial$v.o && dwz partial$v.o && xz -9 -f partial$v.o || echo "not made: partial$v" >&2
  rm -f one.part two.part
done
