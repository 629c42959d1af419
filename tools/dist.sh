#!/usr/bin/env bash
# tools/dist.sh: builds the sdist and, from it, the wheels of both forms. Then it checks in temporary environments that they are complete
# and that what they install runs, also without a C compiler. With its build requirements at hand, the sdist is built without a network.
set -eu
cd "$(dirname "$0")/.."
tools/venv.sh .venv
python=$PWD/.venv/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
die() { echo "dist: $*" >&2; exit 1; }

mkdir "$work/tree" "$work/tools"
cp -a .venv/tree/. "$work/tree"
rm -rf "$work/tree/build"
"$python" -m venv "$work/tools"
"$work/tools/bin/python" -m pip --disable-pip-version-check -q install build $("$python" -c '
import tomllib
print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])') </dev/null
"$work/tools/bin/python" -m build --no-isolation --sdist -o "$work/dist" "$work/tree" >"$work/log" 2>&1 || { tail -n 20 "$work/log"; die "the sdist could not be built"; }
tar -tzf "$work"/dist/*.tar.gz | sed 's,^[^/]*/,,' >"$work/sdist"
for file in setup.py pyproject.toml LICENSE README.md $(cd "$work/tree" && find src/btfkit -name '*.py' -o -name '*.pxd' -o -name '*.pyi' -o -name py.typed -o -path '*/templates/*'); do
  grep -qxF "$file" "$work/sdist" || die "the sdist lacks $file"
done
isolation= offline= # once as users build it; then with what is in $work/tools, for the same requirements
check() { # NAME EXPECTED-FORM WHEEL-PATTERN ENV...: builds a wheel from the sdist, installs it and runs it
  name=$1 form=$2 pattern=$3
  shift 3
  $offline env "$@" "$work/tools/bin/python" -m pip --disable-pip-version-check -q wheel $isolation --no-deps --no-cache-dir -w "$work/$name" "$work"/dist/*.tar.gz \
    </dev/null >"$work/log" 2>&1 || { cat "$work/log"; die "$name: the wheel could not be built"; }
  ls "$work/$name"/$pattern >/dev/null 2>&1 || die "$name: unexpected wheel name: $(ls "$work/$name")"
  "$python" -m venv "$work/$name.venv"
  "$work/$name.venv/bin/python" -m pip --disable-pip-version-check -q install "$work/$name"/*.whl </dev/null
  for run in "$work/$name.venv/bin/btfkit" "$work/$name.venv/bin/python -m btfkit"; do
    said=$(cd / && $run --version)
    case $said in *"($form loops"*) ;; *) die "$name: $run printed '$said', expected $form loops" ;; esac
  done
  echo "$name: $(cd "$work/$name" && echo *.whl): $said"
}
.venv/bin/btfkit --version | grep -qv '(compiled' || check compiled compiled 'btfkit-*-linux_*.whl' BTFKIT_PURE=0
isolation=--no-build-isolation offline="env PIP_NO_INDEX=1"
if unshare --map-root-user --net true 2>/dev/null; then
  offline="unshare --map-root-user --net $offline"
else
  echo "no network namespaces here: the sdist is built without an index, but not without a network"
fi
check plain 'plain Python' 'btfkit-*-py3-none-any.whl' BTFKIT_PURE=1
check no-compiler 'plain Python' 'btfkit-*.whl' BTFKIT_PURE=0 CC=/nonexistent/cc
rm -rf dist
mkdir dist
cp "$work"/dist/*.tar.gz "$work"/compiled/*.whl "$work"/plain/*.whl dist 2>/dev/null || true
ls dist
