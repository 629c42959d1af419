#!/usr/bin/env bash
# Rebuilds the objects of this directory in the peers' chroot ($PEERS, see ../README.md). Needs root.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PEERS=${PEERS:-$HOME/.cache/btfkit-peers}
work=$(mktemp -d "$PEERS/root/lab/verdicts.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp "$here"/*.c "$here"/*.h "$work"
chroot "$PEERS/root" sh -eu -s "/lab/${work##*/}" <<'CHROOT'
cd "$1"
for f in *.bpf.c; do
  clang -target bpf -g -O2 -mcpu=v3 -Wall -Werror -Wno-visibility -I/usr/include/$(gcc -print-multiarch) -ffile-prefix-map=$1=. -fdebug-compilation-dir=. \
    -c "$f" -o "${f%.c}.o"
  llvm-strip -g "${f%.c}.o"
done
CHROOT
cp "$work"/*.o "$here"
