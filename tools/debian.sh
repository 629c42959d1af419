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

# Packages of other suites and architectures, with package lists of their own, so that this machine's lists do not change. $lists is where
# they lie.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
suite_apt() { # SUITE COMMAND ARGS...: runs apt with the packages of that suite only
  local state=$lists/$1 tool=$2
  shift 2
  "$tool" -o "Dir::State=$state" -o "Dir::Cache=$state/cache" -o "Dir::Etc::SourceList=$state/sources.list" \
    -o Dir::Etc::SourceParts=/dev/null -o 'Acquire::Check-Valid-Until=false' -o 'APT::Sandbox::User=root' \
    -o 'Acquire::Languages=none' -o 'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false' -q "$@" </dev/null
}
suite_update() { # SUITE [ARCHITECTURES]: comma-separated; amd64
  local state=$lists/$1
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  echo "deb [arch=${2:-amd64} signed-by=$keyring] $mirror $1 main" >"$state/sources.list"
  suite_apt "$1" apt-get update >/dev/null
}
