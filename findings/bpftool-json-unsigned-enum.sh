#!/usr/bin/env bash
# bpftool 7.1 (`bpftool -j btf dump`): an enumerator of an unsigned 32-bit enum with the highest bit set is printed with 20 digits.
# Versions: Debian 12's bpftool 7.1.0+6.1.176-1; the input is by clang (ziglang 0.15.1).  The defect is still there in 7.8.
# Expected: 2147483648 for TOP = 0x80000000u, as the plain and the C output print it.
# Seen: 18446744071562067968 in JSON only, which is not even a value of a 32-bit type; a consumer that reads the numbers of a kernel's enums
# (flags, mostly) from the JSON gets wrong ones for the highest flag.
set -euo pipefail
tmp=$(mktemp -d) && chmod 755 "$tmp" && trap 'rm -rf "$tmp"' EXIT && cd "$tmp"
python3 -m venv venv && venv/bin/pip -q install ziglang==0.15.1 pyelftools==0.32 2>/dev/null  # clang 20; reads sections
apt-get download -qq bpftool=7.1.0+6.1.176-1 libelf1=0.188-2.1 2>/dev/null
for deb in *.deb; do dpkg -x "$deb" root; done
bpftool() { LD_LIBRARY_PATH=$tmp/root/usr/lib/x86_64-linux-gnu root/usr/sbin/bpftool "$@"; }
compile() { # NAME TARGET: NAME.c -> NAME.o, with BTF
  venv/bin/python -m ziglang cc -target "$2" -g -O2 -c "$1.c" -o "$1.o"
}
echo 'enum flags { TOP = 0x80000000u } var;' >a.c
compile a bpfel-freestanding
bpftool -j btf dump file a.o >a.json
python3 -c 'import json; print("JSON:", *(v for t in json.load(open("a.json"))["types"] if t["kind"] == "ENUM" for v in [t["encoding"], t["size"], t["values"]]))' >seen
bpftool btf dump file a.o | grep TOP | xargs echo "plain:" >>seen
bpftool btf dump file a.o format c | grep TOP | xargs echo "C:" >>seen
cat seen
diff seen - <<'SEEN' || { echo "CHANGED"; exit 1; }
JSON: UNSIGNED 4 [{'name': 'TOP', 'val': 18446744071562067968}]
plain: TOP val=2147483648
C: TOP = 2147483648,
SEEN
