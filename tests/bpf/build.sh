#!/usr/bin/env bash
# Rebuilds obj/ and btf/ from src/ in the peers' chroot ($PEERS, see README.md), then manifest.json. Needs root.
# The compiler's and pahole's versions go into manifest.json.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PEERS=${PEERS:-$HOME/.cache/btfkit-peers}
work=$(mktemp -d "$PEERS/bpf-build.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp "$here"/src/* "$work"
chroot "$PEERS/root" sh -eu -s "/lab/${work##*/}" <<'CHROOT'
cd "$1"
mkdir obj btf expect
same="-g -ffile-prefix-map=$1=. -fdebug-compilation-dir=."
for f in *.bpf.c; do
  flags=$(sed -n 's,^/\* cflags: \(.*\) \*/$,\1,p' "$f")
  for e in el eb; do
    o=obj/${f%.bpf.c}.$e.bpf.o
    clang -target bpf$e $same -O2 -mcpu=v3 -Wall -Werror -Wno-visibility -Wno-pragma-clang-attribute $flags -c "$f" -o "$o"
    llvm-strip -g "$o"
  done
done
pahole="pahole --btf_features=encode_force,var,float,decl_tag,type_tag,enum64"
kernel() { # COMPILER ARCH NAME FLAGS...
  cc=$1; arch=$2; name=$3; shift 3
  $cc -g -fno-eliminate-unused-debug-types "$@" -c target_$name.c -o target.o
  $pahole --btf_encode_detached=btf/$name.$arch.btf target.o
  $cc "$@" -c expect_$name.c -o expect.o
  for s in expect sample sampled; do llvm-objcopy -O binary -j $s expect.o expect/$name.$arch.$s; done
}
duplicates() { # ARCH: two units, one BTF
  for n in dup_1 dup_2; do clang --target=$1-linux-gnu $same -fno-eliminate-unused-debug-types -c $n.c -emit-llvm -o $n.bc; done
  llvm-link dup_1.bc dup_2.bc -o dup.bc
  llc -filetype=obj dup.bc -o dup.o
  $pahole --btf_encode_detached=btf/dup.$1.btf dup.o
}
modules() { # ARCH: split BTF on kernel "a"; a folder of files called as their modules
  mkdir btf/modules.$1
  for n in mod_one mod_two; do
    clang --target=$1-linux-gnu $same -fno-eliminate-unused-debug-types -c $n.c -o $n.o
    $pahole --btf_base btf/a.$1.btf --btf_encode_detached=btf/modules.$1/$n $n.o
  done
}
for arch in x86_64 i386 s390x mips; do kernel clang $arch a --target=$arch-linux-gnu; done
for arch in x86_64 i386 s390x; do kernel clang $arch b --target=$arch-linux-gnu; done
kernel gcc x86_64-gcc a
for arch in x86_64 s390x; do duplicates $arch; modules $arch; done
chmod -R a+r btf
{ clang --version | head -1; gcc --version | head -1; echo "pahole $(pahole --version)"; bpftool version | head -1; } > tools
CHROOT
rm -rf "$here/obj" "$here/btf"
cp -r "$work/obj" "$work/btf" "$here"
"${PYTHON:-python3}" "$here/manifest.py" "$work"
