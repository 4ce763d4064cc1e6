#!/usr/bin/env bash
# Puts what a release consists of into build/release: the binary, its bill of materials,
# how it was made, checksums of all. Called by make release after the build.
#
#   eval "$(deps/env.sh)"; tools/release.sh BINARY VERSION
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
binary=$1 version=$2
if [ -n "$(git status --porcelain)" ]; then
	echo "release: the working tree is not what was committed; commit or remove:" >&2
	git status --short | head -10 >&2
	exit 1
fi
if [ "$("$binary" version | cut -d' ' -f2)" != "$version" ]; then
	echo "release: $binary is not version $version; run make release again" >&2
	exit 1
fi
out=build/release
name=frameport-$version-$(go env GOOS)-$(go env GOARCH)
rm -rf "$out"
mkdir -p "$out"
install -m 755 "$binary" "$out/$name"
go run ./deps/sbom "$out/$name" "$version" "$out/$name.cdx.json"
go run ./deps/provenance "$out/$name" "$version" "$out/$name.intoto.json"
(cd "$out" && sha256sum -- * >SHA256SUMS)
cat "$out/SHA256SUMS"
