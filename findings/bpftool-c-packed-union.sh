#!/usr/bin/env bash
# bpftool 7.1 (`bpftool btf dump ... format c`): a packed union loses "packed", and the header that comes out compiles to another size.
# Versions: Debian 12's bpftool 7.1.0+6.1.176-1; the input is by clang (ziglang 0.15.1).  libbpf 1.7 (bpftool 7.8) still does so.
# Expected: the C text of a type has the type's size: a struct that needs it is marked packed, and so is a union.
# Seen: `union { char five[5]; int four; } __attribute__((packed))`, 5 bytes, is written without the attribute: 8 bytes.  An array of them, or a
# struct that holds one, has other offsets in a program that includes this vmlinux.h.
set -euo pipefail
tmp=$(mktemp -d) && chmod 755 "$tmp" && trap 'rm -rf "$tmp"' EXIT && cd "$tmp"
python3 -m venv venv && venv/bin/pip -q install ziglang==0.15.1 pyelftools==0.32 2>/dev/null  # clang 20; reads sections
apt-get download -qq bpftool=7.1.0+6.1.176-1 libelf1=0.188-2.1 2>/dev/null
for deb in *.deb; do dpkg -x "$deb" root; done
bpftool() { LD_LIBRARY_PATH=$tmp/root/usr/lib/x86_64-linux-gnu root/usr/sbin/bpftool "$@"; }
compile() { # NAME TARGET: NAME.c -> NAME.o, with BTF
  venv/bin/python -m ziglang cc -target "$2" -g -O2 -c "$1.c" -o "$1.o"
}
cat >a.c <<'C'
union packed_union { char five[5]; int four; } __attribute__((packed));
struct holder { union packed_union each[3]; char after; } var;
_Static_assert(sizeof(union packed_union) == 5 && __builtin_offsetof(struct holder, after) == 15, "the source");
C
compile a bpfel-freestanding
bpftool btf dump file a.o | grep -E "UNION|STRUCT|after" >seen
bpftool btf dump file a.o format c >b.c
cat >>b.c <<'C'
char size_in_c[sizeof(union packed_union)], offset_in_c[__builtin_offsetof(struct holder, after)];
C
sed -i '/#pragma/d' b.c # about BPF programs only
venv/bin/python -m ziglang cc -target x86_64-freestanding -c b.c -o b.o
venv/bin/python - >>seen <<'PY'
from elftools.elf.elffile import ELFFile
table = ELFFile(open("b.o", "rb")).get_section_by_name(".symtab")
print("in C:", *(f"{name} {table.get_symbol_by_name(name)[0]['st_size']}" for name in ("size_in_c", "offset_in_c")))
PY
cat seen
diff seen - <<'SEEN' || { echo "CHANGED"; exit 1; }
[1] STRUCT 'holder' size=16 vlen=2
	'after' type_id=3 bits_offset=120
[2] UNION 'packed_union' size=5 vlen=2
in C: size_in_c 8 offset_in_c 24
SEEN
