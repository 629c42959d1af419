#!/usr/bin/env bash
# resolve_btfids (Linux 6.12): run a second time on a module, it gives the flags of kfuncs to other kfuncs.
# Versions: Debian 13's linux-kbuild-6.12.117+deb13 6.12.117-1 and pahole 1.30-1; the input is DWARF by clang (ziglang 0.15.1).
# Expected: the second run, on the same BTF, changes nothing.  kbuild itself runs it again on a module that is up to date if vmlinux is newer
# (Makefile.modfinal: "Re-generate module BTFs if either module's .ko or vmlinux changed", without linking it again).
# Seen: a set is sorted by id with its flags, and its symbols stay.  The next run takes each flag to be that of the symbol at its place, so a
# kfunc with KF_RET_NULL loses it to another, and the verifier no longer asks programs to check its result.  No message, status 0.
set -euo pipefail
tmp=$(mktemp -d) && chmod 755 "$tmp" && trap 'rm -rf "$tmp"' EXIT && cd "$tmp"
python3 -m venv venv && venv/bin/pip -q install ziglang==0.15.1 2>/dev/null
uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | sort | head -n 1)
mkdir -p lists/partial cache/archives/partial && touch status
echo "deb [trusted=yes check-valid-until=no] $uri trixie main" >sources.list
apt() { apt-get -qq -o Dir::Etc::SourceList="$tmp/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$tmp/lists" \
  -o Dir::State::status="$tmp/status" -o Dir::Cache="$tmp/cache" -o APT::Sandbox::User=root "$@" 2>/dev/null; }
apt update
apt download linux-kbuild-6.12.117+deb13=6.12.117-1 pahole=1.30-1 libelf1t64 libdw1t64 libbpf1 zlib1g libzstd1 libbz2-1.0 liblzma5 libc6
for deb in *.deb; do dpkg -x "$deb" root; done
with() { # runs a program of these packages with their libraries and loader
  "$tmp/root/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" --library-path "$tmp/root/usr/lib/x86_64-linux-gnu" "$@"
}
cat >a.c <<'C'
struct item { int number; };
struct item *with_null(struct item *item) { return item; }
int plain(struct item *item) { return item->number; }
#define ENTRY(name, number, flags) \
	"__BTF_ID__func__" #name "__" #number ": .zero 4\n.long " #flags "\n.type __BTF_ID__func__" #name "__" #number ", STT_OBJECT\n" \
	".size __BTF_ID__func__" #name "__" #number ", 4\n"
__asm__(".pushsection .BTF_ids, \"a\"\n__BTF_ID__set8__items: .zero 4\n.long 1\n" /* as include/linux/btf_ids.h */
	ENTRY(with_null, 1, 2) /* KF_RET_NULL */ ENTRY(plain, 2, 0)
	".type __BTF_ID__set8__items, STT_OBJECT\n.size __BTF_ID__set8__items, . - __BTF_ID__set8__items\n.popsection");
C
venv/bin/python -m ziglang cc -target x86_64-linux-gnu -fno-sanitize=all -O2 -g -c a.c -o a.o
LLVM_OBJCOPY=objcopy with root/usr/bin/pahole -J a.o
show() { # the names are those of the ids: FUNCs are sorted, so `plain` has the lower id
  objcopy -O binary --only-section=.BTF_ids --set-section-flags .BTF_ids=alloc a.o ids
  python3 - "$1" <<'PY'
import struct, sys
count, _, low, of_plain, high, of_with_null = struct.unpack("<6I", open("ids", "rb").read())
assert count == 2 and 0 < low < high
print(f"{sys.argv[1]}: plain has flags {of_plain}, with_null has flags {of_with_null}")
PY
}
for run in first second third; do
  with root/usr/lib/linux-kbuild-6.12.117+deb13/tools/bpf/resolve_btfids/resolve_btfids a.o
  show "$run run"
done | tee seen
diff seen - <<'SEEN' || { echo "CHANGED"; exit 1; }
first run: plain has flags 0, with_null has flags 2
second run: plain has flags 2, with_null has flags 0
third run: plain has flags 0, with_null has flags 2
SEEN
