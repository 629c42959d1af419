#!/usr/bin/env bash
# tools/selftests.sh: compiles the BPF programs of the kernel's selftests, which judge `check`, in the chroot that tools/peers.sh makes
# ($PEERS/root). The sources and a vmlinux.h of the same kernel are Debian's packages linux-source and linux-bpf-dev (165 MB). The objects
# are put into $PEERS/selftests/objects; what does not compile is counted. Needs root; idempotent. Takes about 3 minutes of CPU time.
# `make selftests` runs it, and then tests/peers/test_selftests.py, which loads every program into the running kernel and attaches none.
set -eu -o pipefail
cd "$(dirname "$0")/.."
PEERS=${PEERS:-$HOME/.cache/btfkit-peers}
root=$PEERS/root
work=$PEERS/selftests # /lab/selftests inside
. tools/debian.sh selftests
inside() { chroot "$root" "$@" </dev/null; }

is_root || { say "entering the chroot of the peers needs root: run 'sudo -E make selftests'"; exit 1; }
[ -x "$root/usr/bin/clang" ] || { say "no clang in $root: run 'make peers' first"; exit 1; }
[ "$root/lab" -ef "$PEERS" ] || { say "$root/lab is not mounted: run 'make peers' again"; exit 1; }
if [ -s "$work/ready" ]; then
  cat "$work/ready"
  exit
fi
rm -rf "$work"
mkdir -p "$work/include/bpf" "$work/objects"
fetch() {
  inside sh -c 'cd /lab/selftests && apt-get -q -o APT::Sandbox::User=root download \
    "$(apt-cache depends --important linux-source | sed -n "s/^ *Depends: //p")" linux-bpf-dev >/dev/null'
}
fetch || { inside apt-get -q -o Acquire::Check-Valid-Until=false update >/dev/null; fetch; } || { say "the packages could not be fetched"; exit 1; }
say "unpacking $(cd "$work" && echo linux-source*.deb) ..."
dpkg-deb --fsys-tarfile "$work"/linux-source*.deb | tar -xO --wildcards '*/linux-source-*.tar.xz' | xz -dc -T0 |
  tar -x -C "$work" --strip-components=1 --wildcards '*/tools/testing/selftests/bpf' '*/tools/lib/bpf' '*/tools/include' \
    '*/include/uapi/linux/bpf.h' '*/scripts/bpf_doc.py'
dpkg-deb --fsys-tarfile "$work"/linux-bpf-dev*.deb | tar -xO --wildcards '*/vmlinux.h' >"$work/include/vmlinux.h"
cp "$work"/tools/lib/bpf/*.h "$work/include/bpf"
"${PYTHON:-python3}" "$work/scripts/bpf_doc.py" --header --file "$work/include/uapi/linux/bpf.h" >"$work/include/bpf/bpf_helper_defs.h"
case $(uname -m) in x86_64) arch=x86 ;; aarch64) arch=arm64 ;; ppc64le) arch=powerpc ;; s390x) arch=s390 ;; riscv64) arch=riscv ;; *) arch=$(uname -m) ;; esac
say "compiling $(find "$work/tools/testing/selftests/bpf/progs" -name '*.c' | wc -l) files ..."
# The flags are those of the Makefile there (BPF_CFLAGS), without warnings.
cat >"$work/compile" <<SH
cd /lab/selftests/tools/testing/selftests/bpf
object=/lab/selftests/objects/\$(basename "\$1" .c).bpf.o
clang -target bpf -g -O2 -w -mcpu=v3 -std=gnu11 -D__TARGET_ARCH_$arch -DENABLE_ATOMICS_TESTS -fno-strict-aliasing -fms-extensions \\
  -I/lab/selftests/include -I. -I/lab/selftests/tools/include/uapi -I/lab/selftests/tools/include -Ilibarena/include \\
  -I/usr/include/\$(gcc -print-multiarch) -c "\$1" -o "\$object" 2>/dev/null && llvm-strip -g "\$object" || rm -f "\$object"
SH
inside sh -c "cd /lab/selftests/tools/testing/selftests/bpf && ls progs/*.c | nice xargs -n 1 -P ${JOBS:-2} sh /lab/selftests/compile"
all=$(find "$work/tools/testing/selftests/bpf/progs" -name '*.c' | wc -l)
compiled=$(find "$work/objects" -name '*.bpf.o' | wc -l)
[ "$compiled" -gt 0 ] || { say "nothing was compiled"; exit 1; }
version=$(cd "$work" && echo linux-source*.deb | sed 's/_all.deb//; s/_/ /')
rm -rf "$work"/*.deb "$work/tools" "$work/scripts" "$work/include" "$work/compile"
echo "selftests of $version: $compiled of $all files compiled by $(inside clang --version | head -n 1)" >"$work/ready"
cat "$work/ready"
