#!/usr/bin/env bash
# GCC 12.2 (-gbtf): a global function has the linkage "static" in its FUNC.
# Versions: Debian 12's cpp-12 12.2.0-14+deb12u1 (the C compiler proper), binutils 2.40-2; amd64.
# Expected: BTF_KIND_FUNC of a global function has vlen 1 (BTF_FUNC_GLOBAL), that of a static function 0, as clang writes them.
# Seen: both have 0.  The verifier checks a global function of a BPF program by its own, and a static one inline with its callers, so a reader
# that goes by the BTF takes every function for static.
set -euo pipefail
tmp=$(mktemp -d) && chmod 755 "$tmp" && trap 'rm -rf "$tmp"' EXIT && cd "$tmp"
apt-get download -qq cpp-12=12.2.0-14+deb12u1 libisl23=0.25-1.1 libmpc3=1.3.1-1 libmpfr6=4.2.0-1 libgmp10=2:6.2.1+dfsg1-1.1 \
  binutils-x86-64-linux-gnu=2.40-2 libbinutils=2.40-2 libctf0=2.40-2 libjansson4=2.14-2 2>/dev/null
for deb in *.deb; do dpkg -x "$deb" root; done
with() { LD_LIBRARY_PATH=$tmp/root/usr/lib/x86_64-linux-gnu:$tmp/root/lib/x86_64-linux-gnu "$@"; }
compile() { # NAME: NAME.c -> NAME.o
  with root/usr/lib/gcc/x86_64-linux-gnu/12/cc1 -quiet -gbtf "$1.c" -o "$1.s"
  with root/usr/bin/x86_64-linux-gnu-as "$1.s" -o "$1.o"
}
btf_of() { # NAME: NAME.o -> NAME.btf, the bytes of its section
  with root/usr/bin/x86_64-linux-gnu-objcopy -O binary --only-section=.BTF --set-section-flags .BTF=alloc "$1.o" "$1.btf"
}
echo 'static __attribute__((noinline)) int inner(int x) { return x * x; } int outer(int x) { return inner(x + 1); }' >a.c
compile a
btf_of a
python3 - >seen <<'PY'
import struct
data = open("a.btf", "rb").read()
magic, version, flags, header, type_off, type_len, str_off, str_len = struct.unpack_from("<HBBIIIII", data)
assert magic == 0xEB9F
strings = data[header + str_off :]
at, found = header + type_off, {}
while at < header + type_off + type_len:
    name, info, size = struct.unpack_from("<III", data, at)
    kind, vlen = info >> 24 & 31, info & 0xFFFF
    if kind == 12:
        found[strings[name : strings.index(0, name)].decode()] = vlen
    at += 12 + {1: 4, 3: 12, 14: 4, 13: 8 * vlen, 15: 12 * vlen}.get(kind, 0)
print("linkage:", *(f"{name} {found[name]}" for name in sorted(found)))
PY
with root/usr/bin/x86_64-linux-gnu-nm a.o >>seen
cat seen
diff <(cut -d' ' -f2- seen) - <<'SEEN' || { echo "CHANGED"; exit 1; }
inner 0 outer 0
t inner
T outer
SEEN
