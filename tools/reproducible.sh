#!/usr/bin/env bash
# Builds the last commit twice, in two folders, with two of Go's build caches, one of them
# empty, and compares the bytes. Minutes: the second build compiles everything.
#
#   eval "$(deps/env.sh)"; tools/reproducible.sh VERSION
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() {
	mkdir -p "$1"
	git archive HEAD | tar -x -C "$1"
	(cd "$1" && go build -trimpath -buildvcs=false -ldflags "-X main.version=$version" -o "$work/$2" ./cmd/frameport)
}

echo "reproducible: building $(git rev-parse --short HEAD), twice"
build "$work/one" first
GOCACHE=$work/cache build "$work/another/place" second
sha256sum "$work/first" "$work/second" | sed "s|$work/||"
cmp "$work/first" "$work/second" || {
	echo "reproducible: the two builds differ" >&2
	exit 1
}
echo "reproducible: the same bytes"
