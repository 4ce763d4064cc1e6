#!/usr/bin/env bash
# Installs the packages of the named groups of packages.txt that are missing:
#
#   deps/apt.sh build test peers
#
# Asks nothing, changes nothing else, uses sudo when it is not root.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -gt 0 ] || die "name the groups to install" "Groups: $(awk '/^[a-z]/ && !s[$1]++ { printf "%s ", $1 }' "$deps_dir/packages.txt")"

# Another distribution may have everything under other names: then only the
# tools themselves are looked for.
if ! have apt-get || ! have dpkg-query; then
	missing=
	for group in "$@"; do
		case $group in
		build) tools="gcc make pkg-config xz" && [ "$(ffmpeg_mode)" = system ] || tools="$tools nasm" ;;
		test) tools="ffmpeg g++ python3" ;;
		bench) tools=python3 ;;
		stubs) tools="protoc grpc_python_plugin" ;;
		generate) tools=clang ;;
		peers) tools=gst-inspect-1.0 ;;
		*) die "unknown group $group" ;;
		esac
		for tool in $tools; do have "$tool" || missing="$missing $tool"; done
	done
	[ -z "$missing" ] && exit
	die "this machine has no apt, and these programs are missing:$missing" \
		"Install them with this machine's own package manager, and the development files of libturbojpeg." \
		"Then set FFMPEG=system for an installed FFmpeg 7.x, or FFMPEG_TARBALL=file to build one from a release file."
fi

missing=()
for group in "$@"; do
	packages=$(awk -v group="$group" '$1 == group { print $2 }' "$deps_dir/packages.txt")
	[ -n "$packages" ] || die "unknown group $group"
	for package in $packages; do
		status=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
		[ "${status:0:2}" = ii ] || missing+=("$package")
	done
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
	have sudo || die "these packages are missing and there is no sudo: ${missing[*]}" \
		"As root: apt-get update && apt-get install --no-install-recommends ${missing[*]}"
	as_root=(sudo)
	[ -t 0 ] || as_root=(sudo -n) # nobody is there to type a password
fi

mkdir -p "$cache_dir"
log=$cache_dir/apt.log
: >"$log"

apt() {
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
		apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" >>"$log" 2>&1 </dev/null
}
# Without a terminal sudo is asked here, where its prompt is seen.
[ ${#as_root[@]} -eq 0 ] || "${as_root[@]}" true || die "sudo does not let us in" "As root: apt-get update && apt-get install --no-install-recommends ${missing[*]}"

install() { apt install -y --no-install-recommends "${missing[@]}"; }

say "installing with apt: ${missing[*]}"
# The lists may be absent or old: they are read again only when they have to be.
if ! install; then
	say "    reading the package lists again"
	if ! apt update || ! install; then
		tail -n 20 "$log" >&2
		die "apt could not install: ${missing[*]}" "The whole log is $log"
	fi
fi
say "    done"
