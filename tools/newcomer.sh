#!/usr/bin/env bash
# tools/newcomer.sh [COMMAND...]: does what a newcomer does. In a bare Debian chroot, with the packages that README.md names as needed and
# nothing else, it runs `make demo` and `make test` in a clone of this checkout (of what is committed), or the commands given. pip inside
# reaches the same index as outside. Needs root and access to Debian's archive; ends with status 77 where no chroot can be made. The chroot is
# kept as a tar file in $BARE (~/.cache/btfkit-bare) and unpacked to a temporary directory; SUITE (bookworm) is its release. The ids of the tests
# that were skipped there are written to the file $SKIPPED, if that is set.
set -eu -o pipefail
cd "$(dirname "$0")/.."
BARE=${BARE:-$HOME/.cache/btfkit-bare} SUITE=${SUITE:-bookworm}
. tools/debian.sh newcomer
[ $# -gt 0 ] || set -- 'make demo' 'make test'
cannot() { say "$*"; exit 77; }

bring() { # ROOT PATH: into the chroot, at the same place; a file is copied, a folder is mounted read-only
  case $2 in / | /etc | /usr | /dev/*) return 0 ;; esac
  if [ -d "$2" ]; then
    mkdir -p "$1$2"
    mount --bind "$2" "$1$2"
    mount -o remount,bind,ro "$1$2"
  elif [ -f "$2" ]; then
    mkdir -p "$(dirname "$1$2")"
    cp -L "$2" "$1$2"
  fi
}
enter() { # ROOT COMMAND...: in a mount namespace of its own, so that no mount outlives this
  local root=$1 line variables=() paths=()
  shift
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  cp -L /etc/resolv.conf /etc/hosts "$root/etc" 2>/dev/null || true
  # pip's configuration, its variables, and the files and folders that they name
  while IFS= read -r line; do variables+=("$line"); done < <(
    env | grep -iE '^(PIP_[A-Z_]*|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|(https?|all|no)_proxy)=' || true)
  while IFS= read -r line; do paths+=("$line"); done < <(
    {
      python3 -m pip config debug | sed -n 's/^ *\(.*\), exists: True$/\1/p'
      { python3 -m pip config list; printf '%s\n' "${variables[@]}"; } | tr "'\"= " '\n\n\n\n' |
        sed -n 's,^file://\(/.*\)/simple/*$,\1,p; t; s,^file://\(/.*\),\1,p; t; /^\/./p' # the files of an index lie beside its pages
    } | sort -u)
  for line in "${paths[@]}"; do bring "$root" "$line"; done
  for line; do
    say "$line"
    env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "${variables[@]}" \
      chroot "$root" sh -c "cd /root/btfkit && $line" </dev/null || { say "FAILED: $line"; return 1; }
  done
}
if [ "${1:-}" = --enter ]; then # this script again, in the namespace
  shift
  enter "$@"
  exit
fi

is_root || cannot "making a chroot needs root"
need_mmdebstrap || cannot "no mmdebstrap"
unshare --mount true 2>/dev/null || cannot "no mount namespaces here"
packages=$(sed -n 's/^ *apt-get install \(.*[^ ]\)  *# needed.*/\1/p' README.md)
[ -n "$packages" ] || { say "README.md does not name what is needed"; exit 1; }
tar=$BARE/$SUITE-$(echo "$packages" | sha256sum | cut -c -12).tar
if [ ! -s "$tar" ]; then
  say "creating a chroot of Debian $SUITE with $packages ..."
  mkdir -p "$BARE"
  mmdebstrap -q --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' --dpkgopt='path-exclude=/usr/share/doc/*' --format=tar \
    --include="$(echo "$packages" | tr ' ' ,)" "$SUITE" "$tar.part" "$(find_mirror)" </dev/null ||
    { rm -f "$tar.part"; cannot "no chroot of Debian $SUITE could be made"; }
  mv "$tar.part" "$tar"
fi
root=$(mktemp -d "$BARE/root.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT # the mounts are not seen from here
tar -x -C "$root" --exclude='./dev/*' -f "$tar"
git clone -q --no-hardlinks "file://$PWD" "$root/root/btfkit"
status=0
unshare --mount --propagation private "$0" --enter "$root" "$@" || status=1
if [ -n "${SKIPPED:-}" ]; then
  cp "$root/root/btfkit/.pytest_cache/v/btfkit/skipped" "$SKIPPED" || status=1
fi
exit $status
