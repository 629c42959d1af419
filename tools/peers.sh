#!/usr/bin/env bash
# tools/peers.sh: installs the real bpftool, pahole, clang and libbpf, as judges, in a disposable Debian chroot ($PEERS/root; PEERS defaults to
# ~/.cache/btfkit-peers). Needs root and access to Debian's archive; idempotent. SUITE=trixie uses only that release. PEERS_SETUP=SCRIPT runs
# another script that sets up $PEERS instead, with a larger set of peers. In addition, this installs
# $PEERS/bin/bpftool-bookworm (6.1) and bpftool-bullseye (5.10), the bpftools of Debian 12 and 11, which judge BTF made for old readers; without
# them, their tests are skipped. LOADERS=1 also builds programs that ask the cilium/ebpf and aya libraries (tools/loaders.sh, 1 GB).
set -eu
cd "$(dirname "$0")/.."
export PEERS=${PEERS:-$HOME/.cache/btfkit-peers}
root=$PEERS/root
. tools/debian.sh peers

if ! is_root; then
  say "setting up a chroot needs root: run 'sudo -E make peers', or install bpftool and pahole in PATH (Debian: bpftool, pahole)"
  say "or set BTFKIT_BPFTOOL=/path and BTFKIT_PAHOLE=/path; without them, the tests that need them are skipped"
  exit 1
fi
unmount() { for at in proc sys lab; do ! mounted "$root/$at" || umount -R "$root/$at"; done; }
mounted() { awk -v at="$1" '$2 == at { found = 1 } END { exit !found }' /proc/mounts; }
old_bpftool() { # SUITE: unpacks its bpftool and the libraries it needs (17 MB), and writes a script that starts it
  local tree=$PEERS/old/$1 start=$PEERS/bin/bpftool-$1
  if [ ! -x "$start" ] || ! "$start" version >/dev/null 2>&1; then
    rm -rf --one-file-system "$tree" "$start"
    mkdir -p "$PEERS/old" "$PEERS/bin"
    timeout 120 mmdebstrap -q --variant=extract --aptopt='Acquire::Check-Valid-Until "false"' --include=bpftool \
      "$1" "$tree" "$(find_mirror)" </dev/null || return 1
    loader=$(ls "$tree"/lib*/ld-linux*.so.* "$tree"/lib/*/ld-linux*.so.* 2>/dev/null | head -n 1)
    libraries=$(ls -d "$tree"/lib/*-linux-* "$tree"/usr/lib/*-linux-* 2>/dev/null | paste -sd :)
    printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' "$loader" "$libraries" "$tree/usr/sbin/bpftool" >"$start"
    chmod 755 "$start"
  fi
  "$start" version | head -n 1
}
old_bpftools() { # in parallel; a missing one is reported but is not a failure
  need_mmdebstrap || return 0
  for suite in ${OLD_SUITES:-bookworm bullseye}; do
    old_bpftool "$suite" || say "the bpftool of Debian $suite is not available: the tests that need it are skipped" &
  done
  wait
}
if [ -n "${PEERS_SETUP:-}" ]; then
  if [ -f "$PEERS/small" ]; then # the chroot that this script makes lacks what the other one needs
    unmount
    rm -rf --one-file-system "$root" "$PEERS/small"
  fi
  bash "$PEERS_SETUP"
  old_bpftools
  [ -z "${LOADERS:-}" ] || tools/loaders.sh
  exit
fi
if [ ! -x "$root/usr/sbin/bpftool" ] || [ ! -x "$root/usr/bin/pahole" ]; then
  need_mmdebstrap
  mirror=$(find_mirror)
  unmount
  mkdir -p "$PEERS"
  : >"$PEERS/small"
  for suite in ${SUITE:-sid trixie}; do
    say "creating a chroot of Debian $suite in $root ..."
    rm -rf --one-file-system "$root"
    # Check-Valid-Until: accept a mirror that lags or is frozen at a date
    mmdebstrap -q --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' \
      --include=bpftool,pahole,clang,llvm,gcc,libc6-dev,libbpf-dev,binutils "$suite" "$root" "$mirror" && break
  done
fi
mkdir -p "$root/lab" # $PEERS is /lab inside
mounted "$root/proc" || mount -t proc proc "$root/proc"
mounted "$root/sys" || mount --bind /sys "$root/sys"
mounted "$root/lab" || mount --bind "$PEERS" "$root/lab"
old_bpftools
[ -z "${LOADERS:-}" ] || tools/loaders.sh
chroot "$root" sh -c 'bpftool version | head -n 1; echo "pahole $(pahole --version)"'
echo "peers ready in the chroot $root"
