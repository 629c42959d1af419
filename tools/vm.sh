#!/usr/bin/env bash
# tools/vm.sh: installs real kernels as judges. Creates a disposable Debian chroot ($VM/root; VM defaults to ~/.cache/btfkit-vm) with QEMU, busybox,
# gcc, pahole and bpftool, and in it some of Debian's kernels with their modules and, to build modules for them, their headers.
# $VM/kernels has a line for each: its role in the tests and its release:
#   now      the newest 6.12, which knows .BTF.base; with headers
#   before   the oldest 6.12 available: modules for `now` are built with it
#   old      6.1, which does not know .BTF.base; with headers
#   older    the oldest 6.1 available: modules for `old` are encoded on it
#   new      sid's, whose BTF is sorted, and which rejects a module if it rejects its BTF; with headers
#   beside   the same with another configuration, which has drivers for media; with headers
# $VM/dkms lists what there is for the test of the recipe for DKMS: dkms itself, and source packages that it builds (NAME/VERSION).
# Needs root and access to Debian's archive. Idempotent (VM_AGAIN=1 looks for newer kernels; so does a run after one that did not get all
# kernels). Nothing is mounted, and nothing is installed outside $VM except mmdebstrap. To remove everything: rm -rf $VM.
set -eu -o pipefail
cd "$(dirname "$0")/.."
VM=${VM:-$HOME/.cache/btfkit-vm}
FLAVOUR=${FLAVOUR:-cloud-amd64} # the smallest of Debian's kernels that has everything the tests need
root=$VM/root
. tools/debian.sh vm

if ! is_root; then
  say "setting up a chroot with QEMU and kernels needs root: run 'sudo -E make vm'; without it, the tests in tests/vm are skipped"
  exit 1
fi
[ "$(uname -m)" = x86_64 ] || { say "only x86_64 is supported, this machine is $(uname -m)"; exit 1; }
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { say "this needs Debian or a derivative (apt-get, mmdebstrap)"; exit 1; }
mkdir -p "$VM"
exec 9>"$VM/lock"
flock 9

lists=$VM/apt

chroot_with_tools() { # created once
  [ ! -e "$VM/tools" ] || return 0
  need_mmdebstrap
  say "creating a chroot of Debian trixie with QEMU and gcc in $root (about a minute) ..."
  rm -rf --one-file-system "$root"
  mmdebstrap -q --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' \
    --include=qemu-system-x86,busybox-static,cpio,gcc-14,libc6-dev,make,bpftool,pahole,kmod,libelf1t64,libssl3t64,xz-utils \
    trixie "$root" "$(find_mirror)" </dev/null || return 1
  # every kernel is built with its own gcc; one is enough to build a module for each
  mkdir -p "$root/vm/bin"
  for name in gcc-12 gcc-16 x86_64-linux-gnu-gcc-16; do ln -sf /usr/bin/gcc-14 "$root/vm/bin/$name"; done
  : >"$VM/tools"
}

# ---- DKMS

dkms_packages() { # into $VM/debs/dkms; v4l2loopback of trixie is too old for sid's kernel
  mkdir -p "$VM/debs/dkms"
  cd "$VM/debs/dkms" || return 1
  suite_apt trixie apt-get download dkms patch openssl acpi-call-dkms >/dev/null || return 1
  suite_apt sid apt-get download v4l2loopback-dkms >/dev/null || say "sid's v4l2loopback-dkms could not be fetched"
}
list_dkms() { # what is installed of that
  local conf
  for conf in "$root"/usr/src/{acpi-call,v4l2loopback}-*/dkms.conf; do
    [ ! -e "$conf" ] || sed -n 's/^PACKAGE_NAME="\(.*\)"$/\1/p; s/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$conf" | paste -sd /
  done
}

# ---- kernels

fetch() { # ROLE SUITE PACKAGE...: into $VM/debs/ROLE
  local role=$1 suite=$2 packages
  shift 2
  packages=$(for package in "$@"; do with_its_own "$suite" "$package"; done | sort -u)
  mkdir -p "$VM/debs/$role"
  # shellcheck disable=SC2086
  (cd "$VM/debs/$role" && suite_apt "$suite" apt-get download $packages >/dev/null)
}
kernel() { # ROLE SUITE RELEASE PACKAGE...
  local role=$1 suite=$2 release=$3
  shift 3
  if [ -z "$release" ]; then
    say "$suite has no kernel for '$role'"
    return 0
  fi
  if ! grep -qsx "$role $release" "$VM/kernels"; then
    say "$role: $release ..."
    fetch "$role" "$suite" "${@/%/-$release}" || { say "$role: could not be fetched"; rm -rf "$VM/debs/$role"; return 0; }
  fi
  echo "$role $release" >>"$VM/kernels.part"
}
trixie() {
  local all
  all=$(releases trixie 6.12 "$FLAVOUR")
  kernel now trixie "$(tail -n 1 <<<"$all")" linux-image linux-headers
  [ "$(wc -l <<<"$all")" = 1 ] || kernel before trixie "$(head -n 1 <<<"$all")" linux-image
}
bookworm() {
  local all
  all=$(releases bookworm 6.1.0 "$FLAVOUR")
  kernel old bookworm "$(tail -n 1 <<<"$all")" linux-image linux-headers
  [ "$(wc -l <<<"$all")" = 1 ] || kernel older bookworm "$(head -n 1 <<<"$all")" linux-image
}
sid() {
  local newest
  newest=$(releases sid '[7-9]' "$FLAVOUR" | tail -n 1)
  kernel new sid "$newest" linux-image linux-headers
  [ -z "$newest" ] || kernel beside sid "${newest%-"$FLAVOUR"}-amd64" linux-image linux-headers
}
suite() { # if a suite is not available, only its kernels are missing
  if suite_update "$1"; then "$1"; else say "packages of $1 are not available"; fi
}
fetch_all() { # NEED...: what is needed of `kernels` and `dkms`
  rm -rf "$VM/kernels.part" "$VM/debs"
  case " $* " in *' kernels '*) for name in trixie bookworm sid; do suite "$name"; done ;; esac
  case " $* " in
    *' dkms '*)
      for name in trixie sid; do [ -d "$lists/$name" ] || suite_update "$name" || say "packages of $name are not available"; done
      (dkms_packages) || { rm -rf "$VM/debs/dkms"; say "dkms could not be fetched"; } ;;
  esac
  rm -rf "$VM/apt"
}

# The packages are fetched while the chroot is created.
need=()
[ -e "$VM/tools" ] || rm -f "$VM/kernels" "$VM/dkms"
if [ "$(wc -l 2>/dev/null <"$VM/kernels" || echo 0)" -lt 6 ] || [ -n "${VM_AGAIN:-}" ]; then need+=(kernels); fi
if [ "$(wc -l 2>/dev/null <"$VM/dkms" || echo 0)" -lt 2 ]; then need+=(dkms); fi
fetching=
if [ ${#need[@]} -gt 0 ]; then
  fetch_all "${need[@]}" &
  fetching=$!
fi
chroot_with_tools || { [ -z "$fetching" ] || wait "$fetching"; exit 1; }
if [ -n "$fetching" ]; then
  wait "$fetching"
  [ -s "$VM/kernels.part" ] || [ -s "$VM/kernels" ] || { say "no kernels could be fetched"; exit 1; }
  for deb in "$VM"/debs/*/*.deb; do
    [ -e "$deb" ] || continue
    dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink --exclude='./usr/share/*' -C "$root"
  done
  rm -rf "$VM/debs"
  list_dkms >"$VM/dkms"
fi
if [ -s "$VM/kernels.part" ]; then
  touch "$VM/kernels"
  awk 'NR == FNR { got[$1] = 1 } NR == FNR || !($1 in got)' "$VM/kernels.part" "$VM/kernels" >"$VM/kernels.new" # keeps kernels that could not be fetched again
  mv "$VM/kernels.new" "$VM/kernels"
  rm "$VM/kernels.part"
fi
chroot "$root" sh -c 'qemu-system-x86_64 --version | head -n 1; gcc-14 --version | head -n 1; echo "pahole $(pahole --version)"'
cat "$VM/kernels" "$VM/dkms"
echo "vm ready: $root; tests/vm boots its kernels"
