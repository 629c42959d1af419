#!/usr/bin/env bash
# GNU ld (2.40) on objects that GCC compiled with -gbtf: the .BTF sections are put one after the other, and only the first is found by readers.
# Versions: Debian 12's cpp-12 12.2.0-14+deb12u1, binutils 2.40-2; amd64.
# Expected: as with DWARF and CTF, linking keeps the types of all objects: merged, or in a form that a reader can walk.
# Seen: `ld -r` (and a full link alike) joins the sections as if they were plain data.  The header at the front describes the first object's
# types alone; the second header lies right behind its strings, where no reader looks (bpftool and libbpf take the first and say nothing).
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
echo 'struct first { int a; }; int f(struct first *p) { return p->a; }' >one.c
echo 'struct second { long b; }; long g(struct second *p) { return p->b; }' >two.c
compile one
compile two
with root/usr/bin/x86_64-linux-gnu-ld -r one.o two.o -o both.o
for name in one two both; do btf_of $name; done
python3 - >seen <<'PY'
import struct
def described(data):
    magic, version, flags, header, type_off, type_len, str_off, str_len = struct.unpack_from("<HBBIIIII", data)
    assert magic == 0xEB9F
    return header + max(type_off + type_len, str_off + str_len)
one, two, both = (open(f"{name}.btf", "rb").read() for name in ("one", "two", "both"))
print("sizes add up:", len(both) == len(one) + len(two))
first = described(both)
print("the header describes the first only:", first == described(one) == len(one))
print("a second header follows:", both[first : first + 2] == b"\x9f\xeb", "with struct second:", b"second" in both[first:])
print("struct second in what is described:", b"second" in both[:first])
PY
cat seen
diff seen - <<'SEEN' || { echo "CHANGED"; exit 1; }
sizes add up: True
the header describes the first only: True
a second header follows: True with struct second: True
struct second in what is described: False
SEEN
