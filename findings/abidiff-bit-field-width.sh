#!/usr/bin/env bash
# libabigail's abidiff 2.2 (the tool behind kernel ABI checks, kmidiff included): a bit-field that gets narrower is no change at all, exit status 0.
# Versions: Debian 12's abigail-tools and libabigail0 2.2-2; the libraries are compiled by clang (ziglang 0.15.1).
# Expected: `unsigned a:5` that becomes `unsigned a:4` is reported as a changed member, for code compiled against the one loses the fifth bit of the
# other's values.  (abidiff does report a member that moves by a bit, and int that becomes unsigned int.)
# Seen: nothing, with --harmless too.  abidw, whose XML is what is compared, has the offset of a bit-field in bits, and not its width: its type is
# the declared one, of 32 bits.  So a member that narrows without moving the next one is invisible.
set -euo pipefail
tmp=$(mktemp -d) && chmod 755 "$tmp" && trap 'rm -rf "$tmp"' EXIT && cd "$tmp"
python3 -m venv venv && venv/bin/pip -q install ziglang==0.15.1 2>/dev/null
apt-get download -qq abigail-tools=2.2-2 libabigail0=2.2-2 libelf1=0.188-2.1 libdw1=0.188-2.1 'libxml2=2.9.14*' 'libbpf1=1:1.1.2-0+deb12u1' libxxhash0=0.8.1-1 2>/dev/null
for deb in *.deb; do dpkg -x "$deb" root; done
with() { LD_LIBRARY_PATH=$tmp/root/usr/lib/x86_64-linux-gnu:$tmp/root/lib/x86_64-linux-gnu "$@"; }
make() { # NAME MEMBERS
  echo "struct s { $2 }; int f(struct s *p) { return p->a + p->c; }" >"$1.c"
  venv/bin/python -m ziglang cc -target x86_64-linux-gnu -g -shared -fPIC -o "$1.so" "$1.c"
}
make five 'unsigned a:5; int c;'
make four 'unsigned a:4; int c;'
make unsigned 'unsigned a:5; unsigned c;'
{
  for other in four unsigned; do
    status=0
    with root/usr/bin/abidiff --harmless five.so $other.so >report || status=$?
    echo "five, $other: exit status $status, $(grep -c "data member change" report || true) changed member(s)"
  done
  echo "width of a in the XML: $(with root/usr/bin/abidw five.so | grep -B1 "var-decl name='a'" | grep -c 'size-in-bits\|bit-size' || true)"
} | tee seen
diff seen - <<'SEEN' || { echo "CHANGED"; exit 1; }
five, four: exit status 0, 0 changed member(s)
five, unsigned: exit status 4, 1 changed member(s)
width of a in the XML: 0
SEEN
