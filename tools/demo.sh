#!/usr/bin/env bash
# tools/demo.sh VENV: minimizes a kernel's BTF, and its modules' if there are any, for a BPF program. Uses this machine's kernel if it has
# BTF, otherwise one from tests/data. OBJECT=..., KERNEL=... and MODULES=... select others.
set -euo pipefail
cd "$(dirname "$0")/.."
btfkit=$1/bin/btfkit
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
bold=$(tput bold 2>/dev/null || true) plain=$(tput sgr0 2>/dev/null || true)
[ -t 1 ] || bold='' plain=''
run() {
  local shown="$*"
  shown=${shown//"$out/"/}
  printf '%s$ %s%s\n' "$bold" "${shown/#"$btfkit"/btfkit}" "$plain"
  "$@" 2>&1 | sed "s,$out/,,g"
}
bytes() { find -L "$@" -type f -printf '%s\n' | awk '{ sum += $1 } END { printf "%d", sum }'; } # works for sysfs too, where du reports 0
size() { awk -v b="$(bytes "$@")" 'BEGIN { if (b < 1e6) printf "%.1f kB", b / 1e3; else printf "%.1f MB", b / 1e6 }'; }

object=${OBJECT:-}
if [ -z "$object" ]; then # a distributed program if the repository has one, otherwise one made for the tests
  for object in tests/data/*.bpf.o tests/bpf/obj/fields.el.bpf.o tests/bpf/obj/*.el.bpf.o; do [ -f "$object" ] && break; done
fi
kernel=${KERNEL:-}
what="the kernel in $kernel"
if [ -z "$kernel" ] && [ -r /sys/kernel/btf/vmlinux ]; then
  kernel=/sys/kernel/btf/vmlinux
  what="this machine's kernel $(uname -r)"
fi
if [ -z "$kernel" ]; then
  for packed in tests/data/*.btf.xz; do [ -f "$packed" ] && break; done
  [ -f "$packed" ] || { echo "no kernel with BTF: neither /sys/kernel/btf/vmlinux nor tests/data/*.btf.xz exists"; exit 3; }
  kernel=$out/$(basename "$packed" .xz)
  "$1/bin/python" -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), open(sys.argv[2], "wb"))' "$packed" "$kernel"
  what="a kernel from the tests (this machine's has no BTF): $(basename "$kernel")"
fi

"$btfkit" --version
echo "What $(basename "$object") reads in $what:"
echo
run "$btfkit" min "$kernel" "$out/min.btf" "$object"
printf '  %s -> %s\n\n' "$(size "$kernel")" "$(size "$out/min.btf")"
modules=${MODULES:-} # this kernel's: the loaded ones, otherwise those on disk
if [ -z "$modules" ] && [ "$kernel" = /sys/kernel/btf/vmlinux ]; then
  if [ -n "$(find /sys/kernel/btf -type f ! -name vmlinux -print -quit)" ]; then
    modules=/sys/kernel/btf
  elif [ -n "$(find "/lib/modules/$(uname -r)/" -name '*.ko*' -print -quit 2>/dev/null)" ]; then
    modules=/lib/modules/$(uname -r)
  fi
fi
if [ -n "$modules" ]; then
  echo "The same with the kernel's modules:"
  run "$btfkit" min -m "$modules" -o "$out/min" "$kernel" "$object"
  printf '  %s in %s file(s)\n\n' "$(size "$out/min")" "$(find "$out/min" -type f | wc -l)"
fi
if [ -z "$modules" ] && [ -z "${OBJECT:-}" ]; then # none on this machine: use those in the repository, with their own kernel
  kernel=tests/data/vmlinux-6.12.107+deb13-amd64.btf.xz object=tests/data/xdp-forward.4.bpf.o
  echo "A program that reads types in modules (with a kernel and modules from tests/data; this machine has no modules with BTF):"
  run "$btfkit" min -m tests/data/modules -o "$out/min" "$kernel" "$object"
  printf '  %s in %s file(s)\n\n' "$(size "$out/min")" "$(find "$out/min" -type f | wc -l)"
fi
run "$btfkit" info "$out/min.btf"
