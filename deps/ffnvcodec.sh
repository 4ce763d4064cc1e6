#!/usr/bin/env bash
# Fetches NVIDIA's codec headers as FFmpeg keeps them (MIT licence), once:
#
#   deps/ffnvcodec.sh                    package of Debian, unpacked, checked by apt
#   FFNVCODEC=system deps/ffnvcodec.sh   the machine's own, version 12.0 or newer
#
# Headers only: no CUDA toolkit, no library, nothing is compiled. The
# result is <cache>/ffnvcodec-<series>, made aside and renamed, under a lock.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$deps_dir/debian.sh"

# check_system asks for 12.0, the first version with all fields that we name.
check_system() {
	have pkg-config || die "pkg-config is not installed"
	PKG_CONFIG_PATH=$(foreign_pkg_config_path) pkg-config --atleast-version=12.0 ffnvcodec ||
		die "pkg-config does not find ffnvcodec 12.0 or newer" \
			"Install nv-codec-headers (https://github.com/FFmpeg/nv-codec-headers; Debian 13: libffmpeg-nvenc-dev)."
}

main() {
	local prefix
	if [ "$(ffnvcodec_mode)" = system ]; then
		check_system
		return
	fi
	prefix=$(ffnvcodec_prefix)
	[ -d "$prefix" ] && return

	have flock || die "flock is needed to fetch the codec headers" "Install util-linux."
	mkdir -p "$cache_dir"
	exec 9>"$cache_dir/ffnvcodec.lock"
	flock 9
	[ -d "$prefix" ] && return

	work=$(mktemp -d "$cache_dir/ffnvcodec-fetch.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	log=$cache_dir/ffnvcodec.log
	: >"$log"
	debian_package libffmpeg-nvenc-dev "$ffnvcodec_series" "0.1 MB" \
		"Without a network: install it, version 12.0 or newer, and set FFNVCODEC=system."
	mkdir -p "$work/dest/include" "$work/dest/lib/pkgconfig" "$work/dest/share/doc/ffnvcodec"
	cp -R "$work/root/usr/include/ffnvcodec" "$work/dest/include/"
	cp "$work/root/usr/share/doc/libffmpeg-nvenc-dev/copyright" "$work/dest/share/doc/ffnvcodec/"
	sed "s,^prefix=.*,prefix=$prefix," "$(find "$work/root/usr" -name ffnvcodec.pc)" \
		>"$work/dest/lib/pkgconfig/ffnvcodec.pc"
	mv -T "$work/dest" "$prefix"
}

main
