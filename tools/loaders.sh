#!/usr/bin/env bash
# tools/loaders.sh: builds cilium-answers and aya-answers, which ask the real cilium/ebpf and aya libraries (Debian's packages of them, with
# Go and Rust: 1 GB), in the chroot that tools/peers.sh makes ($PEERS/root), as $PEERS/bin/cilium-answers and $PEERS/bin/aya-answers.
# Needs root; idempotent. `LOADERS=1 make peers` runs it. Without them, the tests that need them are skipped.
set -eu
cd "$(dirname "$0")/.."
PEERS=${PEERS:-$HOME/.cache/btfkit-peers}
root=$PEERS/root
inside() { chroot "$root" "$@"; }
if ! inside sh -c 'command -v go && command -v cargo' >/dev/null || ! inside test -d /usr/share/cargo/registry/aya-obj-0.2.1; then
  inside apt-get -o Acquire::Check-Valid-Until=false update -q >/dev/null
  inside env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    golang-go golang-github-cilium-ebpf-dev rustc cargo librust-aya-obj-dev >/dev/null
fi
rm -rf "$PEERS/judges/src"
mkdir -p "$PEERS/judges/src" "$PEERS/judges/aya" "$PEERS/bin"
cp -r tests/peers/judges/cilium "$PEERS/judges/src/cilium-answers"
cp -r tests/peers/judges/aya/. "$PEERS/judges/aya"
inside env GO111MODULE=off GOFLAGS= GOPROXY=off GOTOOLCHAIN=local HOME=/tmp GOCACHE=/lab/judges/go-cache \
  GOPATH=/lab/judges:/usr/share/gocode go build -o /lab/bin/cilium-answers cilium-answers
inside sh -c 'cd /lab/judges/aya && CARGO_HOME=/lab/judges/cargo cargo build -q --release --offline \
  --config "source.crates-io.replace-with=\"debian\"" --config "source.debian.directory=\"/usr/share/cargo/registry\"" &&
  cp target/release/aya-answers /lab/bin/'
inside dpkg-query -W golang-github-cilium-ebpf-dev librust-aya-obj-dev
