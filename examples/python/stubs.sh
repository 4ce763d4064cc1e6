#!/bin/sh
# Makes the Python stubs of Frameport's API in examples/python/stubs.
#
#   apt-get install python3-grpcio python3-protobuf protobuf-compiler protobuf-compiler-grpc libprotobuf-dev
set -eu
cd "$(dirname "$0")"
mkdir -p stubs
protoc -I ../../proto -I . \
	--python_out=stubs --grpc_python_out=stubs \
	--plugin=protoc-gen-grpc_python="$(command -v grpc_python_plugin)" \
	../../proto/frameport/v1/*.proto errors.proto
