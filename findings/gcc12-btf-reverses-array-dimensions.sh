#!/usr/bin/env bash
# GCC 12.2 (-gbtf): the dimensions of an array of arrays are written in reverse.
# Versions: Debian 12's cpp-12 12.2.0-14+deb12u1 (the C compiler proper), binutils 2.40-2; amd64.
# Expected: for `int m[2][3]`, the outer ARRAY has 2 elements, each an ARRAY of 3 int, as clang and pahole >= 1.32 write it.
# Seen: the outer ARRAY has 3 elements, each an ARRAY of 2 int, that is `int m[3][2]`.  The total size is right, so nothing looks damaged, but
# everyone who walks the type (an offset of m[1][0], a printed declaration, a CO-RE access by index) gets another element.
set -euo pipefail
tmp=$(mktemp -d) && chmod 755 "$tmp" && trap 'rm -rf "$tmp"' EXIT && cd "$tmp"
apt-get download -qq cpp-12=12.2.0-14+deb12u1 libisl23=0.25-1.1 libmpc3=1.3.1-1 libmpfr6=4.2.0-1 libgmp10=2:6.2.1+dfsg1-1.1 \
  binutils-x86-64-linux-gnu=2.40-2 libbinutils=2.40-2 libctf0=2.40-2 libjansson4=2.14-2 2>/dev/null
for deb in *.deb; do dpkg -x "$deb" root; done
with() { LD_LIBRARY_PATH=$tmp/root/usr/lib/x86_64-linux-gnu:$tmp/root/lib/x86_64-linux-gnu "$@"; }
echo 'struct a { int m[2][3]; } var;' >a.c
with root/usr/lib/gcc/x86_64-linux-gnu/12/cc1 -quiet -gbtf a.c -o a.s
with root/usr/bin/x86_64-linux-gnu-as a.s -o a.o
with root/usr/bin/x86_64-linux-gnu-objcopy -O binary --only-section=.BTF --set-section-flags .BTF=alloc a.o a.btf
python3 - >seen <<'PY'
import struct
data = open("a.btf", "rb").read()
magic, version, flags, header, type_off, type_len, str_off, str_len = struct.unpack_from("<HBBIIIII", data)
assert magic == 0xEB9F
at, types = header + type_off, [None]
extra = {1: 4, 3: 12, 14: 4}  # INT, ARRAY, VAR; the types of this file
while at < header + type_off + type_len:
    name, info, size = struct.unpack_from("<III", data, at)
    kind, vlen = info >> 24 & 31, info & 0xFFFF
    length = {4: 12 * vlen, 15: 12 * vlen}.get(kind, extra.get(kind, 0))
    types.append((kind, size, data[at + 12 : at + 12 + length]))
    at += 12 + length
(kind, size, member), *_ = [one for one in types[1:] if one[0] == 4]
at, counts = struct.unpack_from("<I", member, 4)[0], []
while types[at][0] == 3:
    at, _, count = struct.unpack("<III", types[at][2])
    counts.append(count)
print(f"struct a: {size} bytes; m, from the outside in:", counts)
PY
cat seen
[ "$(cat seen)" = "struct a: 24 bytes; m, from the outside in: [3, 2]" ] || { echo "CHANGED"; exit 1; }
