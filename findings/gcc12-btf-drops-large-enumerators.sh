#!/usr/bin/env bash
# GCC 12.2 (-gbtf): enumerators that do not fit into 31 bits are missing, and negative ones look unsigned.
# Versions: Debian 12's cpp-12 12.2.0-14+deb12u1 (the C compiler proper), binutils 2.40-2; amd64.
# Expected: every enumerator is there, with its value (in an ENUM64 if it needs 64 bits); an enum with negative values has kind_flag 1 (signed).
# Seen: of `enum { TOP = 0x80000000u, ONE = 1 }` only ONE is written, of an enum with 64-bit values only those that fit; an enum with the
# enumerator -1 has kind_flag 0, so it reads as 4294967295.  vlen agrees with what is left: nothing shows that something is missing.
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
cat >a.c <<'C'
enum wide { TOP = 0x80000000u, ONE = 1 };
enum wider { HUGE_ = 0x100000000ull, TWO = 2 };
enum minus { MINUS = -1, FIVE = 5 };
enum wide a; enum wider b; enum minus c;
C
compile a
btf_of a
python3 - >seen <<'PY'
import struct
data = open("a.btf", "rb").read()
magic, version, flags, header, type_off, type_len, str_off, str_len = struct.unpack_from("<HBBIIIII", data)
assert magic == 0xEB9F
strings = data[header + str_off :]
text = lambda at: strings[at : strings.index(0, at)].decode()
at = header + type_off
while at < header + type_off + type_len:
    name, info, size = struct.unpack_from("<III", data, at)
    kind, vlen = info >> 24 & 31, info & 0xFFFF
    if kind == 6:
        items = [struct.unpack_from("<Ii" if info >> 31 else "<II", data, at + 12 + 8 * one) for one in range(vlen)]
        print("enum", text(name), "size", size, *(f"{text(label)}={value}" for label, value in items))
    at += 12 + {1: 4, 3: 12, 14: 4, 6: 8 * vlen, 15: 12 * vlen, 19: 12 * vlen}.get(kind, 0)
PY
cat seen
diff seen - <<'SEEN' || { echo "CHANGED"; exit 1; }
enum wide size 4 ONE=1
enum wider size 8 TWO=2
enum minus size 4 MINUS=4294967295 FIVE=5
SEEN
