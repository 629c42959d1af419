#!/usr/bin/env bash
# tools/release.sh VERSION [--dry-run]: makes a release of what is committed: the version, the heading in CHANGELOG.md, the entry in
# debian/changelog, a commit and a tag; then the sdist and the wheels (tools/wheels.sh), the Debian package if a chroot can be made, a CycloneDX
# SBOM and SHA256SUMS, in dist/. It pushes nothing and uploads nothing: it ends with the commands that do.
#
# --dry-run does all of that in a temporary clone, which it removes, and leaves this checkout as it is. ARTIFACTS=DIR takes the packages from
# there instead of building them.
set -eu -o pipefail
cd "$(dirname "$0")/.."
die() { echo "release: $*" >&2; exit 1; }
say() { echo "release: $*"; }
version= dry=
for word; do
  case $word in
    --dry-run) dry=1 ;;
    -*) die "unknown option $word; usage: tools/release.sh VERSION [--dry-run]" ;;
    *) [ -z "$version" ] || die "one VERSION is expected, got $version and $word"; version=$word ;;
  esac
done
[ -n "$version" ] || die "VERSION is missing; usage: tools/release.sh VERSION [--dry-run]"
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+((a|b|rc)[0-9]+)?$ ]] || die "$version: expected X.Y.Z, or X.Y.Zrc1 (semantic versioning, spelled as PEP 440 has it)"
[ -z "$(git status --porcelain)" ] || die "commit first: the checkout has changes"
current=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' src/btfkit/_version.py)
git rev-parse -q --verify "refs/tags/v$version" >/dev/null && die "there is a tag v$version already"
newest=$(printf '%s\n' "$(echo "$current" | sed 's/\(a\|b\|rc\)/~\1/')" "$(echo "$version" | sed 's/\(a\|b\|rc\)/~\1/')" | sort -V | tail -n 1 | tr -d '~')
[ "$newest" = "$version" ] || die "$version is older than $current"
awk '/^## /{here = ($0 == "## Unreleased")} here && /^- /{found = 1} END {exit !found}' CHANGELOG.md ||
  die "CHANGELOG.md has nothing under \"## Unreleased\""
python=$(command -v python3) || die "no python3"
if [ -n "$dry" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  git clone -q --no-hardlinks "file://$PWD" "$work/btfkit"
  [ -z "${ARTIFACTS:-}" ] || ARTIFACTS=$(cd "$ARTIFACTS" && pwd)
  cd "$work/btfkit"
  for name in user.name user.email; do git config $name >/dev/null || git config $name release; done
fi

today=$(date -u ${SOURCE_DATE_EPOCH:+-d "@$SOURCE_DATE_EPOCH"} +%F)
sed -i "s/^__version__ = .*/__version__ = \"$version\"/" src/btfkit/_version.py
sed -i "s/^## Unreleased$/## Unreleased\n\n## $version ($today)/" CHANGELOG.md
if [ "$version" != "$(sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog | tr -d '~')" ]; then
  {
    printf 'btfkit (%s) unstable; urgency=medium\n\n  * New version: see CHANGELOG.md.\n\n' "$(echo "$version" | sed 's/\(a\|b\|rc\)/~\1/')"
    printf ' -- The btfkit authors <btfkit@users.noreply.github.com>  %s\n\n' "$(date -u -d "$today 12:00" -R)"
    cat debian/changelog
  } >debian/changelog.new
  mv debian/changelog.new debian/changelog
fi
git commit -q -a -m "Release $version"
git tag -a -m "btfkit $version" "v$version"
say "version $version, tag v$version at $(git rev-parse --short HEAD)"

rm -rf dist
mkdir dist
if [ -n "${ARTIFACTS:-}" ]; then
  cp "$ARTIFACTS"/* dist
else
  tools/wheels.sh
  tools/deb.sh || [ $? = 77 ] || die "the Debian package could not be built"
fi
"$python" -m venv "${work:=$(mktemp -d)}/sbom" "$work/described"
"$work/sbom/bin/python" -m pip --disable-pip-version-check -q install 'cyclonedx-bom>=7' </dev/null
wheel=$(ls dist/btfkit-*-py3-none-any.whl 2>/dev/null | head -n 1)
[ -n "$wheel" ] || die "no plain wheel in dist"
"$work/described/bin/python" -m pip --disable-pip-version-check -q install "$wheel" </dev/null
"$work/described/bin/python" -m pip --disable-pip-version-check -q uninstall -y pip setuptools btfkit </dev/null >/dev/null 2>&1 || true
"$work/sbom/bin/cyclonedx-py" environment --output-reproducible --pyproject pyproject.toml --of JSON -o "dist/btfkit-$version.cdx.json" "$work/described/bin/python" 2>/dev/null
(cd dist && LC_ALL=C sha256sum -- * >../SHA256SUMS && mv ../SHA256SUMS .)
cat dist/SHA256SUMS
if [ -n "$dry" ]; then
  say "dry run: nothing here has changed; without --dry-run, this follows:"
else
  say "all is in dist/ and in the local repository; this follows:"
fi
echo "  git push origin HEAD v$version"
echo "  python -m twine upload dist/*.whl dist/*.tar.gz"
