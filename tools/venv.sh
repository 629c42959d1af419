#!/usr/bin/env bash
# tools/venv.sh VENV [GROUP...]: creates a virtual environment with btfkit as users install it (not editable), and with the tools of the named
# groups in pyproject.toml (test, lint). Does nothing if everything is up to date. BTFKIT_PURE=1 makes the plain form,
# BTFKIT_REQUIRE_COMPILED=1 treats a build with plain loops as a failure, BTFKIT_PRELOAD=... names libraries that the compiled loops
# need (tools/fuzz_asan.sh), PYTHON=... selects the interpreter.
set -eu
cd "$(dirname "$0")/.."
venv=$1
shift
installer='pip>=26.3' # older ones write a script that imports re at each start
say() { echo "venv: $*" >&2; }

find_python() { # the real interpreter, not a shim in PATH (slow to start) and not in an environment that may be recreated here
  for name in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    [ -n "$name" ] || continue
    "$name" -c 'import sys; assert sys.version_info >= (3, 11); print(sys._base_executable)' 2>/dev/null && return
  done
  say "no Python 3.11 or later in PATH (set PYTHON=... to select one)"
  return 1
}
apt_install() { # on Debian and its derivatives, as root; fails elsewhere
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  say "apt-get install $*"
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y -q "$@" >/dev/null 2>&1 </dev/null && return
  apt-get update -q >/dev/null 2>&1 </dev/null && apt-get install -y -q "$@" >/dev/null </dev/null
}
extras() { # prints the requirements of the groups
  "$venv/bin/python" - "$@" <<'PY'
import sys, tomllib
groups = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]
print(*(line for name in sys.argv[1:] for line in groups[name]), sep="\n")
PY
}
pip() { "$venv/bin/python" -m pip --disable-pip-version-check -q "$@" </dev/null; }
ok() { [ -f "$venv/$1.stamp" ] && [ "$(cat "$venv/$1.stamp")" = "$2" ]; }
stamp() { echo "$2" >"$venv/$1.stamp"; }
digest() { # of names and contents
  find "$@" -type f ! -name '*.pyc' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c -64
}

python=$(find_python)
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if command -v flock >/dev/null; then # two makes at once take turns
  exec 9<tools/venv.sh
  flock 9
fi

if ! ok python "$python $version" || ! "$venv/bin/python" -c '' 2>/dev/null; then
  if ! "$python" -c 'import venv, ensurepip' 2>/dev/null && ! apt_install "python$version-venv"; then
    say "$python lacks venv or ensurepip; on Debian, run: apt-get install python$version-venv"
    exit 1
  fi
  rm -rf "$venv"
  "$python" -m venv "$venv"
  pip uninstall -y setuptools # Python 3.12 and later do not put it there; its .pth file costs each start 1 ms
  stamp python "$python $version"
fi
if ! ok pip "$installer"; then # tried once, so that every later run works without an index
  if pip install -U "$installer"; then
    rm -f "$venv/btfkit.stamp" # its script is written anew
  else
    say "no newer pip: the one that came with $python is used; the command may start a little later"
  fi
  stamp pip "$installer"
fi

build=$(digest pyproject.toml setup.py)
sources=$(digest pyproject.toml setup.py README.md LICENSE src)
pure=${BTFKIT_PURE:-0}
compiler=none
if [ "$pure" = 0 ]; then
  compiler=$(command -v "${CC:-cc}" || command -v gcc || true)
  header=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include") + "/Python.h")')
  if [ -z "$compiler" ]; then
    say "no C compiler: the loops run as plain Python (slower, same results); install gcc and run this again to compile them"
  elif [ ! -f "$header" ] && ! apt_install "libpython$version-dev"; then
    say "$header not found: the loops run as plain Python (slower, same results); on Debian, run: apt-get install libpython$version-dev"
    compiler=
  fi
fi
if ! ok btfkit "$sources $pure $compiler"; then
  tree=$venv/tree # a copy, so that the work tree stays clean; compiled files are reused
  ok build "$build $compiler" || rm -rf "$tree"
  mkdir -p "$tree/build"
  find "$tree" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
  find "$tree/build" -path '*/build/lib*' -type f ! -name '*.so' -delete
  cp -a pyproject.toml setup.py README.md LICENSE src "$tree"
  find "$tree/src" -name '*.egg-info' -prune -exec rm -rf {} +
  for so in "$tree"/build/lib*/btfkit/hot/*.so; do # of loops that no longer exist
    name=${so##*/}
    [ -f "$tree/src/btfkit/hot/${name%%.*}.pxd" ] || rm -f "$so"
  done
  say "installing btfkit into $venv ..."
  pip install "$tree"
  stamp build "$build $compiler"
  if [ "$pure" = 0 ] && [ -n "$compiler" ] && ! LD_PRELOAD=${BTFKIT_PRELOAD:-} "$venv/bin/btfkit" --version | grep -q '(compiled'; then
    say "there is a compiler, but some loops were not compiled; the compiler reports:"
    (cd "$tree" && "$venv/bin/python" -m pip install -v --no-deps --force-reinstall . 2>&1 </dev/null |
      grep -E -A3 'error|warning: .*failed|Optional' | head -40 >&2) || true
    [ "${BTFKIT_REQUIRE_COMPILED:-0}" = 0 ] || exit 1
  fi
  stamp btfkit "$sources $pure $compiler"
fi
if [ "${BTFKIT_REQUIRE_COMPILED:-0}" != 0 ] && [ "$pure" = 0 ] && ! LD_PRELOAD=${BTFKIT_PRELOAD:-} "$venv/bin/btfkit" --version | grep -q '(compiled'; then
  say "the loops are not compiled, and BTFKIT_REQUIRE_COMPILED is set"
  exit 1
fi

for group in "$@"; do
  wanted=$(extras "$group")
  if ! ok "$group" "$wanted"; then
    say "installing the tools for '$group' into $venv ..."
    extras "$group" >"$venv/$group.requirements"
    pip install -r "$venv/$group.requirements"
    stamp "$group" "$wanted"
  fi
done
