#!/usr/bin/env bash
# Prints the environment that `go build` and `go test` need:
#
#   eval "$(deps/env.sh)"
#
# It is one variable. pkg-config finds this project's FFmpeg there, NVIDIA's codec
# headers, and a libturbojpeg that means the static archive (deps/turbojpeg.sh).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

not_ready() {
	echo false # so that eval "$(deps/env.sh)" fails as well
	die "$1" "Run: make deps"
}

mode=$(ffmpeg_mode)
path=$cache_dir/pkgconfig
[ -f "$path/libturbojpeg.pc" ] || not_ready "libturbojpeg is not set up"
if [ "$mode" != system ]; then
	prefix=$(ffmpeg_prefix)
	[ -d "$prefix" ] || not_ready "this version's FFmpeg is not built"
	path=$prefix/lib/pkgconfig:$path
fi
if [ "$(ffnvcodec_mode)" != system ]; then
	headers=$(ffnvcodec_prefix)
	[ -d "$headers" ] || not_ready "NVIDIA's codec headers are not fetched"
	path=$headers/lib/pkgconfig:$path
fi
rest=$(foreign_pkg_config_path)
path=$path${rest:+:$rest}
printf 'export PKG_CONFIG_PATH=%q\n' "$path"
