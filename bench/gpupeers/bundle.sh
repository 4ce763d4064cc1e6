#!/usr/bin/env bash
# Makes a folder that measures the reference stack on a machine with a GPU and
# without a network (README.md):
#
#   bench/gpupeers/bundle.sh build/gpu-peers-bundle
#
# Wheels and clips are fetched (with python3's pip) and made once, into the cache
# folder. PYTHONS=3.12 CUDAS=13 leave out the wheels for others: half the size.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: bundle.sh FOLDER" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-${HOME:?set HOME or XDG_CACHE_HOME}/.cache}/frameport
most=$((64 << 20))
pythons=${PYTHONS:-3.10 3.11 3.12 3.13}
cudas=${CUDAS:-12 13}

# wheels prints the folder of the slim wheels; its name changes with their list.
wheels() {
	local key folder work version platform
	local -a platforms=()
	key=$(cat "$here/wheels.txt" "$here/slim.py" | sha256sum | cut -c1-12)
	folder=$cache/gpu-wheels-$key
	if [ ! -d "$folder" ]; then
		python3 -m pip --version >/dev/null 2>&1 || { echo "bundle: python3 has no pip. Install python3-pip." >&2; exit 1; }
		mkdir -p "$cache"
		work=$(mktemp -d "$cache/gpu-wheels.XXXXXX")
		# shellcheck disable=SC2064 # the folder of now
		trap "rm -rf '$work'" EXIT
		mkdir "$work/whole" "$work/slim"
		for platform in manylinux_2_28 manylinux_2_17 manylinux2014; do platforms+=(--platform "${platform}_x86_64"); done
		for version in 3.10 3.11 3.12 3.13; do
			echo "fetching the reference stack for Python $version" >&2
			python3 -m pip --disable-pip-version-check download --quiet --no-deps --only-binary=:all: --require-hashes \
				--implementation cp --python-version "$version" "${platforms[@]}" \
				--dest "$work/whole" -r "$here/wheels.txt" >&2
		done
		python3 "$here/slim.py" "$work"/whole/*.whl "$work/slim"
		mv -T "$work/slim" "$folder" 2>/dev/null || [ -d "$folder" ]
	fi
	echo "$folder"
}

clips=$("$here/clips.sh")
stack=$(wheels)
mkdir -p "$(dirname "$1")"
work=$(mktemp -d "$1.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/wheels" "$work/clips" "$work/gpupeers" "$work/standin"
for version in $pythons; do cp "$stack"/pynvvideocodec-*-cp"${version/./}"-*.whl "$work/wheels/"; done
for version in $cudas; do
	cp "$stack/nvidia_nvimgcodec_cu$version"-*.whl "$work/wheels/"
	# From CUDA 13 on, nvJPEG's package has no number in its name.
	case $version in 12) cp "$stack"/nvidia_nvjpeg_cu12-*.whl "$work/wheels/" ;; *) cp "$stack"/nvidia_nvjpeg-*.whl "$work/wheels/" ;; esac
done
cp "$clips"/* "$work/clips/"
cp "$here"/gpupeers/*.py "$work/gpupeers/"
cp "$here/run.sh" "$here/README.md" "$work/"
"${CC:-cc}" -shared -fPIC -O2 -s -Wl,-soname,libnvidia-encode.so.1 -o "$work/standin/libnvidia-encode.so.1" "$here/standin/nvenc.c"
chmod 755 "$work"

size=$(du -sb "$work" | cut -f1)
[ "$size" -le "$most" ] || { echo "the bundle is $size bytes, more than $most" >&2; exit 1; }
rm -rf "$1"
mv -T "$work" "$1"
echo "$1: $((size >> 20)) MiB"
