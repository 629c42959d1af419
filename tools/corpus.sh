#!/usr/bin/env bash
# tools/corpus.sh: makes a corpus of real inputs out of Debian's packages, in $CORPUS (~/.cache/btfkit-corpus), where the tests and benchmarks look
# if BTFKIT_CORPUS is not set:
#   hub/debian/RELEASE/ARCH/UNAME.btf.tar.xz   vmlinux BTF, in BTFHub's layout
#   modules/UNAME.tar.xz                       the split BTF of every module of a kernel
#   kernel-files/                              kernel images and modules as packages have them
#   objects/                                   BPF objects out of libbpf-tools and xdp-tools, and one executable that holds one
#   debug/UNAME/                               modules with DWARF and the distribution's own BTF, from a debug package, and vmlinux.btf.xz
# Needs access to Debian's archive (apt-get, dpkg-deb), no root; about 1.4 GB is fetched, a package at a time, and about 150 MB are kept. Idempotent: what
# is there stays. A suite, an architecture or a package that the archive does not have is reported, and the rest is made. Where the archive still has
# the releases that tests name, these are taken, otherwise the newest. ONLY=REGEX selects lines of the table below.
set -eu -o pipefail
cd "$(dirname "$0")/.."
CORPUS=${CORPUS:-$HOME/.cache/btfkit-corpus}
. tools/debian.sh corpus
for tool in apt-get dpkg-deb xz; do
  command -v $tool >/dev/null || { say "no $tool: this needs Debian or a derivative"; exit 1; }
done
tools/venv.sh .venv
btfkit=$PWD/.venv/bin/btfkit python=$PWD/.venv/bin/python
mkdir -p "$CORPUS"/{modules,kernel-files,objects}
work=$(mktemp -d "$CORPUS/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT
lists=$work/apt

# suite:architecture  version  flavour  as in hub  what is taken; tests name the releases in PREFERRED
TABLE='
bullseye:amd64  5.10.0  amd64        11/x86_64   hub
bookworm:amd64  6.1.0   amd64        12/x86_64   hub image nf_conntrack
bookworm:amd64  6.1.0   cloud-amd64  12/x86_64   image
trixie:amd64    6.12    amd64        13/x86_64   hub modules xfs
trixie:amd64    6.12    cloud-amd64  13/x86_64   image
trixie:arm64    6.12    cloud-arm64  13/arm64    hub image
trixie:ppc64el  6.12    powerpc64le  13/ppc64el  hub
trixie:riscv64  6.12    riscv64      13/riscv64  hub
trixie:s390x    6.12    s390x        13/s390x    hub image modules xfs
sid:amd64       [7-9]   amd64        14/x86_64   hub modules
'
PREFERRED='5.10.0-32-amd64 6.1.0-47-amd64 6.1.0-50-cloud-amd64 6.12.107+deb13-amd64 6.12.107+deb13-cloud-amd64 6.12.107+deb13-cloud-arm64
6.12.107+deb13-powerpc64le 6.12.107+deb13-riscv64 6.12.107+deb13-s390x 7.2.13+deb14-amd64'
failed=()
lacking() { say "$*"; failed+=("$*"); }

release() { # of the names on standard input, oldest first: the preferred one, or the newest
  local name newest=''
  while read -r name; do
    case " $(echo $PREFERRED) " in *" $name "*) echo "$name"; cat >/dev/null; return ;; esac
    newest=$name
  done
  echo "$newest"
}
unpack() { # SUITE FOLDER PACKAGE...: fetches the packages and unpacks them there
  local suite=$1 folder=$2 deb
  shift 2
  mkdir -p "$folder"
  (cd "$folder" && suite_apt "$suite" apt-get download "$@" >/dev/null) || return 1
  for deb in "$folder"/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink --exclude='./usr/share/*' -C "$folder" || return 1
    rm "$deb"
  done
}
packed() { # FOLDER NAME... TARGET: into a .tar.xz, the same for the same input
  tar -c --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$1" "${@:2:$#-2}" | xz -6 -T 2 >"${!#}.part"
  mv "${!#}.part" "${!#}"
}
done_before() { # UNAME HUB WHAT...
  local uname=$1 hub=$2 what
  shift 2
  for what; do
    case $what in
      hub) [ -s "$CORPUS/hub/debian/$hub/$uname.btf.tar.xz" ] || return 1 ;;
      modules) [ -s "$CORPUS/modules/$uname.tar.xz" ] || return 1 ;;
      image) [ -n "$(find "$CORPUS/kernel-files" -name "vmlinu*-$uname" -o -name "Image-$uname.xz")" ] || return 1 ;;
      *) [ -n "$(find "$CORPUS/kernel-files" -name "$what-$uname.ko*")" ] || return 1 ;;
    esac
  done
}
take() { # UNAME HUB FOLDER WHAT...: what is wanted of the unpacked packages
  local uname=$1 hub=$2 folder=$3 image what found
  shift 3
  image=$(find "$folder" -path '*boot/vmlinu*' -o -path "*/modules/*/vmlinuz" -type f | head -n 1)
  [ -n "$image" ] || { say "$uname: no image in its packages"; return 1; }
  for what; do
    case $what in
      hub)
        mkdir -p "$CORPUS/hub/debian/$hub"
        "$btfkit" extract "$image" -o "$work/$uname.btf"
        packed "$work" "$uname.btf" "$CORPUS/hub/debian/$hub/$uname.btf.tar.xz"
        rm "$work/$uname.btf"
        ;;
      modules)
        "$btfkit" extract "$folder" -o "$work/modules/$uname" -q || true # a few modules have no BTF
        rm -f "$work/modules/$uname/vmlinux"
        [ -n "$(ls "$work/modules/$uname")" ] || { say "$uname: its modules have no BTF"; return 1; }
        packed "$work/modules" "$uname" "$CORPUS/modules/$uname.tar.xz"
        rm -rf "$work/modules"
        ;;
      image)
        case $uname in
          *arm64) xz -c "$image" >"$CORPUS/kernel-files/Image-$uname.xz" ;;
          *) cp "$image" "$CORPUS/kernel-files/$(basename "$image" "-$uname")-$uname" ;;
        esac
        ;;
      *)
        found=$(find "$folder" -name "$what.ko*" | head -n 1)
        [ -n "$found" ] && cp "$found" "$CORPUS/kernel-files/$what-$uname.${found##*/"$what".}"
        ;;
    esac
  done
}
kernel() { # SUITE VERSION FLAVOUR HUB WHAT...
  local suite=$1 version=$2 flavour=$3 hub=$4 uname packages
  shift 4
  [ -d "$lists/$suite" ] || suite_update "$suite" || { lacking "$suite: the archive does not have it"; return 0; }
  uname=$(releases "$suite" "$version" "$flavour" | release)
  [ -n "$uname" ] || { lacking "$suite: no kernel $version-$flavour"; return 0; }
  ! done_before "$uname" "$hub" "$@" || { say "$uname: is there"; return 0; }
  say "$uname: $* ..."
  packages=$(with_its_own "$suite" "linux-image-$uname" | grep -Ev -- '^linux-(headers|kbuild|base)' | sort -u)
  # shellcheck disable=SC2086
  { unpack "$suite" "$work/$uname" $packages && take "$uname" "$hub" "$work/$uname" "$@"; } || lacking "$uname: could not be made"
  rm -rf "${work:?}/$uname"
}
programs() { # BPF objects embedded in executables, and one such executable
  [ -z "$(find "$CORPUS/objects" -name '*.bpf.o' -print -quit)" ] || { say "objects: are there"; return 0; }
  [ -d "$lists/trixie:amd64" ] || suite_update trixie:amd64 || { lacking "objects: no archive"; return 0; }
  say "objects: libbpf-tools xdp-tools ..."
  unpack trixie:amd64 "$work/programs" libbpf-tools xdp-tools || { lacking "objects: could not be fetched"; return 0; }
  "$python" - "$work/programs" "$CORPUS/objects" <<'PY'
import pathlib, shutil, sys
from btfkit.errors import BtfError
from btfkit.files.container import read_objects
folder, target = map(pathlib.Path, sys.argv[1:])
for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink() and "bin" in p.parent.name):
    try:
        objects = read_objects(path.read_bytes(), str(path))
    except BtfError:
        continue
    for number, found in enumerate(objects):
        if found.elf.btf_section(".BTF") is not None:
            name = f"{path.name}{f'.{number}' if number else ''}.bpf.o"
            (target / name).write_bytes(found.elf.view)
    if path.name.startswith("opensnoop"):
        shutil.copy(path, target / f"{path.name}.elf-with-skeleton")
PY
}
DEBUG_MODULES='algif_skcipher auth_rpcgss garp iosm ip_tables nf_conntrack nls_cp857 romfs sch_fq xt_ecn' # small ones, each of interest to tests
debug() { # SUITE VERSION FLAVOUR: modules out of a debug package
  local suite=$1 uname folder name
  [ -z "$(find "$CORPUS/debug" -name vmlinux.btf.xz -print -quit 2>/dev/null)" ] || { say "debug: is there"; return 0; }
  [ -d "$lists/$suite" ] || suite_update "$suite" || { lacking "debug: no archive"; return 0; }
  uname=$(releases "$suite" "$2" "$3" | tail -n 1)
  [ -n "$uname" ] || { lacking "debug: no kernel $2-$3"; return 0; }
  say "debug: linux-image-$uname-dbg ..."
  folder=$work/debug
  mkdir -p "$folder/out"
  (cd "$folder" && suite_apt "$suite" apt-get download "linux-image-$uname-dbg" >/dev/null) || { lacking "debug: could not be fetched"; return 0; }
  # shellcheck disable=SC2046
  dpkg-deb --fsys-tarfile "$folder"/*.deb |
    tar -x -C "$folder" --wildcards "*/boot/vmlinux-$uname" $(printf '*/%s.ko ' $DEBUG_MODULES) ||
    say "debug: linux-image-$uname-dbg does not have all of its modules"
  "$btfkit" extract "$folder/usr/lib/debug/boot/vmlinux-$uname" -o "$folder/out/vmlinux.btf"
  xz -6 -T 1 "$folder/out/vmlinux.btf"
  for name in $DEBUG_MODULES; do
    find "$folder/usr" -name "$name.ko" -exec xz -6 -T 1 -c {} + >"$folder/out/$name.ko.xz"
    [ -s "$folder/out/$name.ko.xz" ] || rm "$folder/out/$name.ko.xz"
  done
  mkdir -p "$CORPUS/debug"
  mv "$folder/out" "$CORPUS/debug/$uname"
  rm -rf "$folder"
}
while read -r line; do
  # shellcheck disable=SC2086
  [ -z "$line" ] || kernel $line
done < <(grep -E -- "${ONLY:-.}" <<<"$TABLE" || true)
[ -n "${ONLY:-}" ] && ! grep -qE -- "$ONLY" <<<objects || programs
[ -n "${ONLY:-}" ] && ! grep -qE -- "$ONLY" <<<debug || debug trixie:amd64 6.12 cloud-amd64
say "$(find "$CORPUS" -path "$work" -prune -o -type f -print | wc -l) files in $CORPUS"
[ ${#failed[@]} = 0 ] || { printf 'corpus: lacking: %s\n' "${failed[@]}" >&2; [ -n "$(find "$CORPUS/hub" -name '*.btf.tar.xz' -print -quit)" ]; }
