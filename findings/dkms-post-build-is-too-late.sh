#!/usr/bin/env bash
# DKMS 3.0.10: what POST_BUILD does to the module does not reach the copy that is installed, and a POST_BUILD that cannot run or fails is no failure.
# Versions: Debian 12's dkms 3.0.10-8+deb12u1, on a "kernel" of one file, with cp as the compiler and a strip that leaves a mark.  3.2.2 is alike,
# except that there the status of a POST_BUILD that fails is DKMS's (9 below; the module counts as built all the same).
# Expected: "the script to be run after a build is performed" (dkms(8)) can still add something to the module, such as a distilled base of types;
# if it cannot be run, or fails, the build fails, as it does with MAKE.
# Seen: it runs when the module has been stripped, signed and copied, so it changes the file in the build directory in vain.  If the file that it
# names is not in the source tree (a command line, for example), DKMS warns that "the script is not executable", and the status is 0; it is 0 as
# well if the script fails.  The same command after && in MAKE[0] is run before strip, and its failure counts.
set -euo pipefail
tmp=$(mktemp -d) && chmod 755 "$tmp" && trap 'rm -rf "$tmp"' EXIT && cd "$tmp"
apt-get download -qq dkms=3.0.10-8+deb12u1 2>/dev/null
dpkg -x dkms_*.deb root
mkdir -p bin modules/1.0-fake/build/include
touch modules/1.0-fake/build/.config
printf '#!/bin/sh\nfor file; do :; done\necho stripped >>"$file"\n' >bin/strip # appends to its last argument
chmod 755 bin/strip
build() { # NAME LINE: builds a module whose dkms.conf has this line, too
  local name=$1 line=$2 source=sources/$1-1 status=0
  mkdir -p "$source" "tree-$name"
  echo built >"$source/$name.c"
  printf '#!/bin/sh\necho "POST_BUILD sees:" $(cat *.ko)\necho changed >>%s.ko\n' "$name" >"$source/change.sh"
  printf '#!/bin/sh\nexit 9\n' >"$source/fail.sh"
  chmod 755 "$source"/*.sh
  {
    printf 'PACKAGE_NAME=%s\nPACKAGE_VERSION=1\nAUTOINSTALL=no\nCLEAN=true\nDEST_MODULE_LOCATION[0]=/updates\n' "$name"
    printf 'BUILT_MODULE_NAME[0]=%s\nMAKE[0]="cp %s.c %s.ko"\n%s\n' "$name" "$name" "$name" "$line"
  } >"$source/dkms.conf"
  PATH=$tmp/bin:$PATH bash root/usr/sbin/dkms build "$name/1" -k 1.0-fake -a x86_64 --dkmstree "$tmp/tree-$name" --sourcetree "$tmp/sources" \
    --installtree "$tmp/modules" --kernelsourcedir "$tmp/modules/1.0-fake/build" >log 2>&1 || status=$?
  echo "$name: status $status; to be installed:" $(cat "tree-$name/$name/1/1.0-fake/x86_64/module/$name.ko" 2>/dev/null | xargs)
  grep -o -e 'POST_BUILD sees:.*' -e 'The post_build script is not executable.*' log || true
}
{
  build script 'POST_BUILD="change.sh"'
  build command 'POST_BUILD="echo changed >>command.ko"'
  build fails 'POST_BUILD="fail.sh"'
  build make 'MAKE[0]="cp make.c make.ko && ./change.sh"'
  build makefails 'MAKE[0]="cp makefails.c makefails.ko && ./fail.sh"'
} | tee seen
diff seen - <<'SEEN' || { echo "CHANGED"; exit 1; }
script: status 0; to be installed: built stripped
POST_BUILD sees: built stripped
command: status 0; to be installed: built stripped
The post_build script is not executable.
fails: status 0; to be installed: built stripped
make: status 0; to be installed: built changed stripped
makefails: status 10; to be installed:
SEEN
