# tools/debian.sh NAME: sourced by the scripts that use Debian's archive; messages begin with NAME.
here=$1
say() { echo "$here: $*" >&2; }
is_root() { [ "$(id -u)" = 0 ]; }
find_mirror() { echo "${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)}"; }
need_mmdebstrap() {
  command -v apt-get >/dev/null || { say "this needs Debian or a derivative (apt-get, mmdebstrap)"; return 1; }
  command -v mmdebstrap >/dev/null && return
  say "apt-get install mmdebstrap"
  apt-get update -q >/dev/null </dev/null || true
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q mmdebstrap >/dev/null </dev/null
}

# Packages of other suites and architectures, with package lists of their own below $lists, so that this machine's lists do not change. SUITE is
# the name of a suite (for amd64) or SUITE:ARCHITECTURE.
suite_apt() { # SUITE COMMAND ARGS...: runs apt with the packages of that suite only
  local state=$lists/$1 architecture=amd64 tool=$2
  case $1 in *:*) architecture=${1#*:} ;; esac
  shift 2
  "$tool" -o "Dir::State=$state" -o "Dir::Cache=$state/cache" -o "Dir::Etc::SourceList=$state/sources.list" \
    -o "APT::Architecture=$architecture" -o "APT::Architectures::=$architecture" \
    -o Dir::Etc::SourceParts=/dev/null -o 'Acquire::Check-Valid-Until=false' -o 'APT::Sandbox::User=root' \
    -o 'Acquire::Languages=none' -o 'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false' -q "$@" </dev/null
}
suite_update() { # SUITE
  local state=$lists/$1 architecture=amd64
  case $1 in *:*) architecture=${1#*:} ;; esac
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  echo "deb [arch=$architecture signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(find_mirror) ${1%:*} main" >"$state/sources.list"
  suite_apt "$1" apt-get update >/dev/null
}
releases() { # SUITE VERSION FLAVOUR: releases of its kernels of that version, oldest first
  suite_apt "$1" apt-cache pkgnames linux-image- | sed -n "s/^linux-image-\($2[.0-9+a-z-]*-$3\)$/\1/p" |
    grep -Ev -- "-(rt|dbg|unsigned)|-[a-z]+-$3$" | sort -V || true # there may be none
}
with_its_own() { # SUITE PACKAGE: the package and those of the same kernel that it depends on
  local more
  more=$(suite_apt "$1" apt-cache depends --important "$2" |
    sed -n 's/^ *Depends: \(linux-\(base-[0-9]\|binary-\|modules-\|headers-\|kbuild-\)[^ ]*\)$/\1/p')
  echo "$2"
  for package in $more; do with_its_own "$1" "$package"; done
}
