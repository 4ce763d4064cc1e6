#!/usr/bin/env bash
# Writes frameport/_proto from proto/ and from the errors of this folder; with --check,
# compares instead.
#
# The compiler must be protoc 3.21, Debian's: its output works with every protobuf from
# 4.21 on, while that of newer compilers refuses older runtimes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

die() {
	printf 'stubs: %s\n' "$@" >&2
	exit 1
}
install="On Debian: apt-get install protobuf-compiler protobuf-compiler-grpc libprotobuf-dev"
version=$(protoc --version 2>/dev/null) || die "protoc is missing" "$install"
case $version in
"libprotoc 3.21."*) ;;
*) die "this is $version; 3.21 is needed, so that the stubs work with protobuf 4.21 too" "$install" ;;
esac
plugin=$(command -v grpc_python_plugin) || die "grpc_python_plugin is missing" "$install"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
protoc -I ../../proto --python_out="$work" --pyi_out="$work" ../../proto/frameport/v1/*.proto
protoc -I ../../proto --grpc_python_out="$work" --plugin=protoc-gen-grpc_python="$plugin" ../../proto/frameport/v1/*_service.proto
protoc -I proto --python_out="$work" --pyi_out="$work" proto/frameport/client/errors.proto
out=$work/_proto
mkdir "$out"
mv "$work/frameport/v1" "$out/v1"
mv "$work"/frameport/client/* "$out"
touch "$out/__init__.py" "$out/v1/__init__.py"
# protoc knows only absolute imports.
find "$out" -name '*.py*' -type f -exec sed -i \
	-e 's/^from frameport\.v1 import /from . import /' \
	-e "s/'frameport\.v1\.\([a-z_]*_pb2\)'/'frameport._proto.v1.\1'/" \
	-e "s/'frameport\.client\.\([a-z_]*_pb2\)'/'frameport._proto.\1'/" {} +

if [ "${1:-}" = --check ]; then
	diff -r -x __pycache__ "$out" frameport/_proto >&2 ||
		die "frameport/_proto is not what proto/ makes. Run make stubs and commit."
else
	rm -rf frameport/_proto
	mv "$out" frameport/_proto
fi
