#!/usr/bin/env bash
# tools/browser.sh: installs a real browser for tests/browser, Debian's chromium and its driver. Idempotent; needs root and access to Debian's archive.
set -eu
say() { echo "browser: $*" >&2; }
ready() { command -v chromium >/dev/null && command -v chromedriver >/dev/null; }

if ! ready; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "chromium and chromedriver are not in PATH; on Debian, as root, run: apt-get install chromium chromium-driver"
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  install() { timeout 420 apt-get install -y -q --no-install-recommends chromium chromium-driver fonts-dejavu-core >/dev/null </dev/null; }
  say "apt-get install chromium chromium-driver"
  install 2>/dev/null || { timeout 120 apt-get update -q >/dev/null </dev/null && install; }
fi
ready && say "$(timeout 30 chromium --version --no-sandbox 2>/dev/null | head -n 1)"
