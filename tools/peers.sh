#!/usr/bin/env bash
# tools/peers.sh: the real bpftool and pahole, as judges, in a throw-away Debian chroot ($PEERS/root; PEERS is ~/.cache/btfkit-peers
# if not set). Needs root and Debian's archive; idempotent. SUITE=trixie takes that release only. Where ../shared/peers has a
# larger set (with clang and libbpf), that is set up instead.
set -eu
cd "$(dirname "$0")/.."
export PEERS=${PEERS:-$HOME/.cache/btfkit-peers}
root=$PEERS/root
say() { echo "peers: $*" >&2; }

if [ "$(id -u)" != 0 ]; then
  say "setting up a chroot needs root. Run 'sudo -E make peers', or install bpftool and pahole in PATH (Debian: linux-tools, pahole)"
  say "and name them if need be: BTFKIT_BPFTOOL=/path BTFKIT_PAHOLE=/path; without any, the tests that need them are skipped"
  exit 1
fi
unmount() { for at in proc sys lab; do ! mounted "$root/$at" || umount -R "$root/$at"; done; }
mounted() { awk -v at="$1" '$2 == at { found = 1 } END { exit !found }' /proc/mounts; }
shared=../shared/peers/setup.sh
if [ -f "$shared" ] && [ "${PEERS_OWN:-0}" = 0 ]; then
  if [ -f "$PEERS/small" ]; then # a chroot of ours lacks what that one wants
    unmount
    rm -rf --one-file-system "$root" "$PEERS/small"
  fi
  exec bash "$shared"
fi
if [ ! -x "$root/usr/sbin/bpftool" ] || [ ! -x "$root/usr/bin/pahole" ]; then
  command -v apt-get >/dev/null || { say "this needs Debian or a child of it (apt-get, mmdebstrap)"; exit 1; }
  if ! command -v mmdebstrap >/dev/null; then
    say "apt-get install mmdebstrap"
    apt-get update -q >/dev/null </dev/null || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q mmdebstrap >/dev/null </dev/null
  fi
  mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)}
  unmount
  mkdir -p "$PEERS"
  : >"$PEERS/small"
  for suite in ${SUITE:-sid trixie}; do
    say "a chroot of Debian $suite in $root ..."
    rm -rf --one-file-system "$root"
    # Check-Valid-Until: a mirror that lags, or one frozen at a date, will do
    mmdebstrap -q --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' \
      --include=bpftool,pahole "$suite" "$root" "$mirror" && break
  done
fi
mkdir -p "$root/lab" # what lies in $PEERS is /lab inside
mounted "$root/proc" || mount -t proc proc "$root/proc"
mounted "$root/sys" || mount --bind /sys "$root/sys"
mounted "$root/lab" || mount --bind "$PEERS" "$root/lab"
chroot "$root" sh -c 'bpftool version | head -n 1; echo "pahole $(pahole --version)"'
echo "peers ready: the chroot $root"
