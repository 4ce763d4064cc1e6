#!/usr/bin/env bash
# Makes the clips that GPU measurements share, once, and prints their folder:
#
#   bench/gpupeers/clips.sh
#
# {720p,1080p}-{h264,hevc}.{h264,hevc}: elementary streams of 8 s at 25 pictures a
# second, coded as cameras do: one reference, no B pictures, constant rate. 720p.rgb
# is one picture of the same scene, packed RGB. Needs the test packages' ffmpeg.
set -euo pipefail
cache=${XDG_CACHE_HOME:-${HOME:?set HOME or XDG_CACHE_HOME}/.cache}/frameport
key=$(sha256sum "${BASH_SOURCE[0]}" | cut -c1-12)
clips=$cache/gpu-clips-$key
if [ -d "$clips" ]; then
	echo "$clips"
	exit 0
fi
command -v ffmpeg >/dev/null || { echo "clips: ffmpeg is missing. Run: make deps-test" >&2; exit 1; }

mkdir -p "$cache"
work=$(mktemp -d "$cache/gpu-clips.XXXXXX")
trap 'rm -rf "$work"' EXIT
quiet=(ffmpeg -hide_banner -nostdin -v error -y)

# scene SIZE draws a moving test picture under noise that is new in each picture.
scene() { printf 'testsrc2=size=%s:rate=25,noise=alls=6:allf=t,format=yuv420p' "$1"; }
colour=(-color_range tv -colorspace bt709 -color_primaries bt709 -color_trc bt709)

for clip in "720p 1280x720 2000k 1200k" "1080p 1920x1080 4000k 2400k"; do
	read -r name size h264 hevc <<<"$clip"
	"${quiet[@]}" -f lavfi -i "$(scene "$size")" -frames:v 200 -c:v libx264 -preset veryfast -profile:v main \
		-bf 0 -refs 1 -g 50 -keyint_min 50 -sc_threshold 0 -b:v "$h264" -maxrate "$h264" -bufsize "$h264" \
		-x264-params aud=1 "${colour[@]}" -f h264 "$work/$name-h264.h264"
	"${quiet[@]}" -f lavfi -i "$(scene "$size")" -frames:v 200 -c:v libx265 -preset superfast \
		-b:v "$hevc" -maxrate "$hevc" -bufsize "$hevc" \
		-x265-params log-level=error:bframes=0:ref=1:keyint=50:min-keyint=50:scenecut=0:aud=1:repeat-headers=1:open-gop=0 \
		"${colour[@]}" -f hevc "$work/$name-hevc.hevc"
done
"${quiet[@]}" -f lavfi -i "$(scene 1280x720)" -frames:v 1 -pix_fmt rgb24 -f rawvideo "$work/720p.rgb"
chmod 755 "$work"
# Another run may have been faster: its clips are as good.
mv -T "$work" "$clips" 2>/dev/null || [ -d "$clips" ]
echo "$clips"
