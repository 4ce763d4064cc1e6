#!/usr/bin/env bash
# Makes the GPU bundle: a folder to carry to a machine with an NVIDIA GPU.
#
#   VERSION=... bench/gpu/bundle.sh DIR
#
# It runs on x86-64 Linux with an NVIDIA driver and glibc 2.36 or newer, and needs
# nothing else: see run.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../../deps/lib.sh"
cd "$here/../.."

limit=$((60 << 20)) # bytes, so that it can be sent around
out=${1:?use: bundle.sh DIR}
version=${VERSION:-unknown}
rm -rf "$out"
mkdir -p "$out"
programs=$(mktemp -d)
trap 'rm -rf "$programs"' EXIT
mkdir -p "$programs/tests" "$programs/nvjpeg"

build() { # without symbol tables, which are half of a binary
	go "$1" -trimpath -ldflags "-s -w -X main.version=$version" -o "$programs/$2" "$3"
}
build build frameport ./cmd/frameport
build build gpucheck ./bench/gpu/gpucheck
for package in gpu gpu/surface gpu/kernels decoder/nvdec convert/gpuconv jpeg/nvjpeg; do
	go test -c -trimpath -ldflags '-s -w' -o "$programs/tests/${package//\//-}.test" "./$package"
done
bench/gpu/clips.sh "$out/clips"
# A reader of the worker's GPU memory, for machines whose Python has grpcio, protobuf and
# numpy: PYTHONPATH=python python3 python/cuda_ipc.py
mkdir -p "$out/python"
cp -r clients/python/frameport clients/python/examples/cuda_ipc.py "$out/python"
find "$out/python" -name __pycache__ -prune -exec rm -r {} +

# nvJPEG is not part of the driver. Without a network the bundle is made without it.
wheels=$cache_dir/gpu-bundle/nvjpeg
mkdir -p "$wheels"
if python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
	--dest "$wheels" --requirement bench/gpu/nvjpeg.txt; then
	grep -v '^#' bench/gpu/nvjpeg.txt | while read -r what _; do
		name=${what%%==*} version_of=${what##*==}
		folder=$programs/nvjpeg/$version_of
		mkdir -p "$folder"
		python3 - "$wheels/${name//-/_}-$version_of"-*.whl "$folder" <<'PYTHON'
import os, sys, zipfile
wheel, folder = sys.argv[1:]
with zipfile.ZipFile(wheel) as z:
    for name in z.namelist():
        base = os.path.basename(name)
        if base.startswith("libnvjpeg.so.") or base.lower().startswith("license"):
            with open(os.path.join(folder, base), "wb") as f:
                f.write(z.read(name))
PYTHON
	done
else
	say "nvJPEG could not be fetched: the bundle uses the machine's own, if it has one"
fi

# Packed they are half the size; run.sh unpacks them.
tar -czf "$out/programs.tar.gz" -C "$programs" .
install -m 0755 bench/gpu/run.sh "$out/run.sh"
"$programs/gpucheck" manifest -bundle "$out" "$version"
bytes=$(du -sb "$out" | cut -f1)
[ "$bytes" -le "$limit" ] || die "$out is $bytes bytes, more than $limit"
printf '%s: %d MiB\n' "$out" $((bytes >> 20))
