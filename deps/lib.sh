# Shared by the scripts of this folder; sourced, never run.
# shellcheck shell=bash

deps_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache_dir=${XDG_CACHE_HOME:-${HOME:?set HOME or XDG_CACHE_HOME}/.cache}/frameport

say() { printf 'deps: %s\n' "$*" >&2; }

die() {
	printf 'deps: error: %s\n' "$1" >&2
	shift
	[ $# -eq 0 ] || printf '       %s\n' "$@" >&2
	exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# foreign_pkg_config_path prints the caller's PKG_CONFIG_PATH without our folders.
foreign_pkg_config_path() {
	local dir path=
	local -a dirs
	IFS=: read -ra dirs <<<"${PKG_CONFIG_PATH:-}"
	for dir in "${dirs[@]}"; do
		case $dir in
		"" | "$cache_dir"/*) ;;
		*) path=${path:+$path:}$dir ;;
		esac
	done
	printf '%s\n' "$path"
}

# ffmpeg_mode says where FFmpeg comes from: debian (default), tarball or system.
ffmpeg_mode() {
	if [ "${FFMPEG:-}" = system ]; then
		echo system
	elif [ -n "${FFMPEG:-}" ]; then
		die "FFMPEG=$FFMPEG is not known" "Use FFMPEG=system for the machine's own FFmpeg 7.x, or leave it unset."
	elif [ -n "${FFMPEG_TARBALL:-}" ]; then
		echo tarball
	else
		echo debian
	fi
}

# ffmpeg_flags prints the configure options of ffmpeg.flags, without comments.
ffmpeg_flags() { sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$deps_dir/ffmpeg.flags"; }

# ffmpeg_prefix prints the folder this recipe's FFmpeg is (or will be) in. Its
# name holds the hash of everything that shapes the result, so a changed
# recipe never meets an old build and a second clone finds the first one's.
ffmpeg_prefix() {
	local key mode
	mode=$(ffmpeg_mode) || return 1
	[ "$mode" != tarball ] || [ -r "$FFMPEG_TARBALL" ] || die "FFMPEG_TARBALL=$FFMPEG_TARBALL cannot be read"
	key=$(
		{
			ffmpeg_flags
			uname -m
			if [ "$mode" = tarball ]; then
				sha256sum <"$FFMPEG_TARBALL"
			else
				echo "$debian_suite $ffmpeg_series"
			fi
		} | sha256sum
	) || return 1
	printf '%s/ffmpeg-%s\n' "$cache_dir" "${key:0:12}"
}

# ffnvcodec_mode says where NVIDIA's codec headers come from: debian or system.
ffnvcodec_mode() {
	case ${FFNVCODEC:-} in
	system) echo system ;;
	"") if have apt-get; then echo debian; else echo system; fi ;;
	*) die "FFNVCODEC=$FFNVCODEC is not known" "Use FFNVCODEC=system for the machine's own headers, or leave it unset." ;;
	esac
}

# ffnvcodec_prefix prints the folder with the fetched codec headers.
ffnvcodec_prefix() { printf '%s/ffnvcodec-%s\n' "$cache_dir" "$ffnvcodec_series"; }

# The Debian suite whose source packages are used, and the series they must be.
# shellcheck disable=SC2034
debian_suite=trixie
# shellcheck disable=SC2034
ffmpeg_series=7.1
# shellcheck disable=SC2034
ffnvcodec_series=12.1
