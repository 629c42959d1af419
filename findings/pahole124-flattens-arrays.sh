#!/usr/bin/env bash
# pahole 1.24 (-J): an array of arrays becomes one ARRAY with all elements, so the BTF of one kernel and that of a newer pahole are not the same types.
# Versions: Debian 12's pahole 1.24-4.1 and bpftool 7.1.0+6.1.176-1; the input is DWARF by clang (ziglang 0.15.1).
# Expected: `int m[2][3]` is an ARRAY of 2 of an ARRAY of 3 int, as clang writes BTF itself and pahole 1.32 does.
# Seen: one ARRAY of 6 int.  Sizes agree, but m's type is another one: a module whose BTF was made by the one pahole does not share types with a
# vmlinux by the other (each struct that holds such a member, and all that refers to it, is a copy), and a CO-RE access m[1][2] finds no match.
set -euo pipefail
tmp=$(mktemp -d) && chmod 755 "$tmp" && trap 'rm -rf "$tmp"' EXIT && cd "$tmp"
python3 -m venv venv && venv/bin/pip -q install ziglang==0.15.1 2>/dev/null
apt-get download -qq pahole=1.24-4.1 bpftool=7.1.0+6.1.176-1 libelf1=0.188-2.1 libdw1=0.188-2.1 libbpf1=1:1.1.2-0+deb12u1 2>/dev/null
for deb in *.deb; do dpkg -x "$deb" root; done
with() { LD_LIBRARY_PATH=$tmp/root/usr/lib/x86_64-linux-gnu:$tmp/root/lib/x86_64-linux-gnu "$@"; }
echo 'struct a { int m[2][3]; } var;' >a.c
venv/bin/python -m ziglang cc -target x86_64-linux-gnu -g -c a.c -o a.o
venv/bin/python -m ziglang cc -target bpfel-freestanding -g -O1 -c a.c -o clang.o
with root/usr/bin/pahole -J a.o
for name in a clang; do echo "$name.o: $(with root/usr/sbin/bpftool btf dump file $name.o | grep -o 'ARRAY.*nr_elems=.*' | sed 's/.*nr_elems=//' | xargs)"; done | tee seen
diff seen - <<'SEEN' || { echo "CHANGED"; exit 1; }
a.o: 6
clang.o: 3 2
SEEN
