#!/usr/bin/env bash
# Makes the clips that the GPU bundle measures with, and copies them to DIR:
#
#   bench/gpu/clips.sh DIR
#
# Two seconds of a moving test picture under noise as cameras code it: one reference, no B
# pictures, access unit delimiters. Made once with the ffmpeg program and kept in the
# cache folder.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../deps/lib.sh"

dir=${1:?use: clips.sh DIR}
mkdir -p "$dir" "$cache_dir/gpu-bundle"

# clip NAME WIDTH HEIGHT KBITS ENCODER-ARGUMENTS...
clip() {
	local name=$1 width=$2 height=$3 kbits=$4 key made
	shift 4
	local -a args=(
		-f lavfi -i "testsrc2=size=${width}x${height}:rate=25" -vf "noise=alls=6:allf=t,format=yuv420p" -frames:v 50
		-b:v "${kbits}k" -g 50 -keyint_min 50 -sc_threshold 0 -bf 0 -refs 1
		-color_range tv -colorspace bt709 -color_primaries bt709 -color_trc bt709 "$@"
	)
	key=$(printf '%s\n' "${args[@]}" | sha256sum | cut -c1-12)
	made=$cache_dir/gpu-bundle/$key-$name
	if [ ! -f "$made" ]; then
		say "making $name"
		ffmpeg -hide_banner -nostdin -y -v error "${args[@]}" "$made.part"
		mv "$made.part" "$made"
	fi
	cp "$made" "$dir/$name"
}

h264=(-c:v libx264 -preset veryfast -profile:v main -x264-params aud=1 -f h264)
hevc=(-c:v libx265 -preset ultrafast -x265-params "aud=1:repeat-headers=1:bframes=0:ref=1:keyint=50:min-keyint=50:scenecut=0:log-level=error" -f hevc)
clip 720p.h264 1280 720 2000 "${h264[@]}"
clip 1080p.h264 1920 1080 4000 "${h264[@]}"
clip 2160p.h264 3840 2160 12000 "${h264[@]}"
clip 720p.hevc 1280 720 1500 "${hevc[@]}"
clip 1080p.hevc 1920 1080 3000 "${hevc[@]}"
clip 2160p.hevc 3840 2160 8000 "${hevc[@]}"
