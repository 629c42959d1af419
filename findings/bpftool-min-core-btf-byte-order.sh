#!/usr/bin/env bash
# bpftool 7.1 (`bpftool gen min_core_btf`): BTF of a big-endian kernel is written in the byte order of the machine that runs bpftool.
# Versions: Debian 12's bpftool 7.1.0+6.1.176-1 on amd64; the inputs are by clang (ziglang 0.15.1).  The defect is still there in 7.8.
# Expected: the reduced BTF of a big-endian kernel (s390x) is big-endian, as `bpftool btf dump ... format raw` and libbpf's btf__raw_data keep it:
# it is meant to be shipped to that kernel's machine.
# Seen: on a little-endian machine it becomes little-endian, exit status 0.
set -euo pipefail
tmp=$(mktemp -d) && chmod 755 "$tmp" && trap 'rm -rf "$tmp"' EXIT && cd "$tmp"
python3 -m venv venv && venv/bin/pip -q install ziglang==0.15.1 pyelftools==0.32 2>/dev/null  # clang 20; reads sections
apt-get download -qq bpftool=7.1.0+6.1.176-1 libelf1=0.188-2.1 2>/dev/null
for deb in *.deb; do dpkg -x "$deb" root; done
bpftool() { LD_LIBRARY_PATH=$tmp/root/usr/lib/x86_64-linux-gnu root/usr/sbin/bpftool "$@"; }
compile() { # NAME TARGET: NAME.c -> NAME.o, with BTF
  venv/bin/python -m ziglang cc -target "$2" -g -O2 -c "$1.c" -o "$1.o"
}
echo 'struct host { int pad; char after; } var;' >kernel.c
echo 'struct host { char after; } __attribute__((preserve_access_index));
__attribute__((section("tp/x"), used)) int f(struct host *h) { return h->after; }' >program.c
compile kernel bpfeb-freestanding
venv/bin/python -c 'from elftools.elf.elffile import ELFFile; open("kernel.btf", "wb").write(ELFFile(open("kernel.o", "rb")).get_section_by_name(".BTF").data())'
compile program bpfel-freestanding # bpftool opens objects of its own byte order only; the relocations are the same
bpftool gen min_core_btf kernel.btf small.btf program.o
for name in kernel small; do echo "$name.btf starts with $(xxd -p -l 2 $name.btf)"; done | tee seen
diff seen - <<'SEEN' || { echo "CHANGED"; exit 1; }
kernel.btf starts with eb9f
small.btf starts with 9feb
SEEN
