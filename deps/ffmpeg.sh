#!/usr/bin/env bash
# Builds the minimal static FFmpeg that Frameport links, once per recipe.
#
#   deps/ffmpeg.sh                       source package of Debian, checked by apt
#   FFMPEG_TARBALL=ffmpeg-7.1.x.tar.xz deps/ffmpeg.sh   an upstream release file
#   FFMPEG=system deps/ffmpeg.sh         nothing is built, the machine's 7.x is used
#
# The result is <cache>/ffmpeg-<hash of the recipe>. It is made in a temporary
# folder and renamed, under a lock: there is a whole build or none.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$deps_dir/debian.sh"

main() {
	local mode prefix
	mode=$(ffmpeg_mode)
	if [ "$mode" = system ]; then
		check_system
		return
	fi
	prefix=$(ffmpeg_prefix)
	[ -d "$prefix" ] && return

	local tool
	for tool in flock gcc make nasm pkg-config tar xz; do
		have "$tool" || die "$tool is needed to build FFmpeg" "Run deps/apt.sh build, or install it yourself."
	done

	mkdir -p "$cache_dir"
	exec 9>"$cache_dir/ffmpeg.lock"
	flock -n 9 || { say "another build of FFmpeg is running, waiting for it"; flock 9; }
	[ -d "$prefix" ] && return

	work=$(mktemp -d "$cache_dir/ffmpeg-build.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	log=$cache_dir/ffmpeg-build.log
	: >"$log"

	case $mode in
	debian) fetch_debian ;;
	tarball) fetch_tarball ;;
	esac
	build "$prefix"
}

# check_system accepts libavcodec 61, which is FFmpeg 7.x: go-astiav's bindings
# are for that interface only.
check_system() {
	have pkg-config || die "pkg-config is not installed"
	local version
	version=$(pkg-config --modversion libavcodec 2>/dev/null) ||
		die "FFMPEG=system, but pkg-config does not find libavcodec" \
			"Install the development files of FFmpeg 7.x, or leave FFMPEG unset to build it."
	case $version in
	61.*) say "using the machine's FFmpeg (libavcodec $version)" ;;
	*) die "FFMPEG=system, but libavcodec $version is not FFmpeg 7.x (libavcodec 61)" \
		"Leave FFMPEG unset to build FFmpeg $ffmpeg_series, or set FFMPEG_TARBALL to a release of it." ;;
	esac
}

# fetch_debian unpacks the source package of the series that we know into $work/src.
fetch_debian() {
	have apt-get || die "apt-get is not on this machine, so Debian's source of FFmpeg cannot be fetched" \
		"Set FFMPEG_TARBALL=ffmpeg-$ffmpeg_series.x.tar.xz (from https://ffmpeg.org/releases/)," \
		"or FFMPEG=system to use an installed FFmpeg 7.x."
	debian_source ffmpeg "$ffmpeg_series" "11 MB" "Without a network: FFMPEG_TARBALL=file or FFMPEG=system."
}

fetch_tarball() {
	mkdir "$work/src"
	run "unpacking $FFMPEG_TARBALL" tar -xf "$FFMPEG_TARBALL" -C "$work/src" --strip-components=1
	local version
	version=$(cat "$work/src/RELEASE" 2>/dev/null) || die "$FFMPEG_TARBALL is not a release of FFmpeg (it has no file RELEASE)"
	case $version in
	7.*) ;;
	*) die "$FFMPEG_TARBALL is FFmpeg $version, but 7.x is needed" ;;
	esac
}

build() {
	local prefix=$1 flags
	mapfile -t flags < <(ffmpeg_flags)
	mkdir "$work/build"
	cd "$work/build"
	run "configuring FFmpeg $(cat "$work/src/RELEASE")" "$work/src/configure" --prefix="$prefix" "${flags[@]}"
	run "compiling FFmpeg (about a minute on 2 cores)" make -j"$(nproc)"
	run "installing into $prefix" make DESTDIR="$work/dest" install-libs install-headers
	local notices=$work/dest$prefix/share/doc/ffmpeg
	mkdir -p "$notices"
	cp "$work/src/COPYING.LGPLv2.1" "$work/src/LICENSE.md" "$work/src/RELEASE" "$deps_dir/ffmpeg.flags" "$notices/"
	mv -T "$work/dest$prefix" "$prefix"
}

main
