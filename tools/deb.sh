#!/usr/bin/env bash
# tools/deb.sh [deb|rpm]: builds the Debian package of what is committed in a chroot of Debian SUITE (sid), as dpkg-buildpackage does it, has
# lintian check it, installs it, and runs its smoke test; with `rpm`, builds the package of packaging/btfkit.spec there by Debian's rpmbuild,
# installs it into an empty root, and runs the same smoke test on it.
# What was built is in dist/. Needs root and access to Debian's archive; ends with status 77 where no chroot can be made. The chroot is kept
# as a tar file in $BARE (~/.cache/btfkit-bare) and unpacked to a temporary directory.
set -eu -o pipefail
cd "$(dirname "$0")/.."
what=${1:-deb}
BARE=${BARE:-$HOME/.cache/btfkit-bare} SUITE=${SUITE:-sid}
. tools/debian.sh deb
cannot() { say "$*"; exit 77; }
PACKAGES=build-essential,debhelper,dh-python,pybuild-plugin-pyproject,python3-all-dev,python3-setuptools,cython3,python3-zstandard,lintian,bash-completion,fish,man-db,zsh,rpm

build_deb() { # in the chroot, in /root/btfkit
  dpkg-buildpackage -us -uc -b
  lintian --allow-root --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs ../btfkit_*.changes
  apt-get install -y -q --no-install-recommends ../btfkit_*.deb >/dev/null # what it depends on is there
  debian/tests/smoke
  apt-get remove -y -q btfkit >/dev/null
  [ ! -e /usr/bin/btfkit ] || { echo "the package leaves files"; return 1; }
}
build_rpm() { # likewise
  local version
  version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' src/btfkit/_version.py)
  mkdir -p ~/rpmbuild/SOURCES
  git archive --prefix="btfkit-$version/" -o ~/rpmbuild/SOURCES/"btfkit-$version.tar.gz" HEAD 2>/dev/null ||
    tar -czf ~/rpmbuild/SOURCES/"btfkit-$version.tar.gz" --transform "s,^\.,btfkit-$version," --exclude=./build --exclude=./debian/btfkit .
  # Debian's rpm has no database of what is installed: the requirements are those of the chroot
  rpmbuild -bb --nodeps --define "btfkit_version $version" packaging/btfkit.spec
  cp ~/rpmbuild/RPMS/*/*.rpm ..
  install_rpm ../btfkit-*.rpm /root/empty
}
install_rpm() { # RPM ROOT: into an empty root, where it works by the Python of the chroot, and which it leaves empty
  local rpm=$1 root=$2 left
  mkdir "$root"
  rpm --root "$root" --initdb
  rpm --root "$root" -i --nodeps "$rpm"
  rpm --root "$root" -V --nodeps btfkit
  PATH=$root/usr/bin:$PATH PYTHONPATH=$(echo "$root"/usr/lib*/python3*/*-packages) PYTHONDONTWRITEBYTECODE=1 ROOT=$root debian/tests/smoke
  rpm --root "$root" -e --nodeps btfkit
  left=$(find "$root" \( -path "$root/var/lib/rpm" -o -name .rpmdb \) -prune -o ! -type d -print -o -name '*btfkit*' -print)
  [ -z "$left" ] || { echo "the package leaves $left"; return 1; }
  echo "rpm: built, installed, run and removed by Debian's rpm. Not tried: what Fedora and openSUSE call the packages it requires, and their macros"
}
if [ "${1:-}" = --enter ]; then # this script again, in a mount namespace of its own
  root=$2 what=$3
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  cp -L /etc/resolv.conf /etc/hosts "$root/etc" 2>/dev/null || true
  env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    DEB_BUILD_OPTIONS="parallel=$(nproc)" chroot "$root" bash -c "set -eu; cd /root/btfkit; $(declare -f build_deb build_rpm install_rpm); build_$what" </dev/null
  exit
fi

is_root || cannot "making a chroot needs root"
need_mmdebstrap || cannot "no mmdebstrap"
unshare --mount true 2>/dev/null || cannot "no mount namespaces here"
tar=$BARE/$SUITE-$(echo "$PACKAGES" | sha256sum | cut -c -12).tar
if [ ! -s "$tar" ]; then
  say "creating a chroot of Debian $SUITE to build in ..."
  mkdir -p "$BARE"
  mmdebstrap -q --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' --format=tar --include="$PACKAGES,cpio" "$SUITE" "$tar.part" \
    "$(find_mirror)" </dev/null || { rm -f "$tar.part"; cannot "no chroot of Debian $SUITE could be made"; }
  mv "$tar.part" "$tar"
fi
root=$(mktemp -d "$BARE/root.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT # the mounts are not seen from here
tar -x -C "$root" --exclude='./dev/*' -f "$tar"
mkdir "$root/root/btfkit"
git archive HEAD | tar -x -C "$root/root/btfkit"
unshare --mount --propagation private "$0" --enter "$root" "$what"
mkdir -p dist
cp "$root"/root/*."$what" dist
ls -l dist/*."$what"
