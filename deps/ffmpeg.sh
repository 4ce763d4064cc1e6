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

# run STEP COMMAND... runs a long step quietly: one line says what it does, the
# log has the rest, and a failure shows the log's end and its name.
run() {
	local step=$1 start=$SECONDS
	shift
	say "$step"
	printf '== %s: %s\n' "$step" "$*" >>"$log"
	if ! "$@" >>"$log" 2>&1 </dev/null; then
		tail -n 25 "$log" >&2
		die "$step: did not work" "The whole log is $log"
	fi
	say "    done in $((SECONDS - start)) s"
}

# mirrors prints the package servers to try: first those of the machine's own
# sources (a local mirror or proxy is set there), then Debian's public one. A
# server of somebody else's packages may be among them; it has no index that
# Debian signed, and is passed over.
mirrors() {
	{
		# Works without package lists, unlike "apt-get indextargets".
		apt-get update --print-uris 2>/dev/null |
			sed -nE "s,^'([^']+)/dists/$(codename)/InRelease'.*,\\1,p" || true
		echo http://deb.debian.org/debian
	} | awk '!seen[$0]++'
}

# codename is a pattern for the suites under which Debian itself is listed.
codename() (
	. /etc/os-release
	echo "(${VERSION_CODENAME:-stable}|$ffmpeg_suite|oldstable|stable|testing|unstable|sid)"
)

# fetch_debian puts the unpacked source package, Debian's patches applied, into
# $work/src. It has its own sources list, state and cache; of the machine's apt
# it keeps only the settings for reaching a server. apt checks the signature of
# the index against the archive keyring, and every file against the index.
fetch_debian() {
	have apt-get || die "apt-get is not on this machine, so Debian's source of FFmpeg cannot be fetched" \
		"Set FFMPEG_TARBALL=ffmpeg-$ffmpeg_series.x.tar.xz (from https://ffmpeg.org/releases/)," \
		"or FFMPEG=system to use an installed FFmpeg 7.x."
	have dpkg-source || die "dpkg-source is needed (package dpkg-dev)" "Run deps/apt.sh build."
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -r "$keyring" ] || keyring=/usr/share/keyrings/debian-archive-keyring.pgp
	[ -r "$keyring" ] || die "Debian's archive keyring is missing (package debian-archive-keyring)" "Run deps/apt.sh build."

	local apt=$work/apt
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/source"
	: >"$apt/status"
	cat >"$apt/apt.conf" <<-CONF
		Dir::State "$apt";
		Dir::State::lists "$apt/lists";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt/cache";
		Dir::Etc::sourcelist "$apt/ffmpeg.sources";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		APT::Sandbox::User "$(id -un)";
		APT::Get::List-Cleanup "false";
		Acquire::Languages "none";
		Acquire::Retries "3";
		#clear Acquire::IndexTargets::deb::DEP-11;
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
	CONF

	local mirror found=
	for mirror in $(mirrors); do
		cat >"$apt/ffmpeg.sources" <<-SOURCES
			Types: deb-src
			URIs: $mirror
			Suites: $ffmpeg_suite
			Components: main
			Signed-By: $keyring
		SOURCES
		say "reading the index of Debian $ffmpeg_suite from ${mirror/\/\/*@///}"
		if apt-get -c "$apt/apt.conf" -q --error-on=any update >>"$log" 2>&1 </dev/null; then
			found=yes
			break
		fi
		say "    that server did not do, trying the next"
	done
	if [ -z "$found" ]; then
		tail -n 15 "$log" >&2
		die "no server has a trustworthy index of Debian $ffmpeg_suite" \
			"A NO_PUBKEY line above means that debian-archive-keyring is too old: apt-get install debian-archive-keyring." \
			"Without a network: FFMPEG_TARBALL=file or FFMPEG=system. The whole log is $log"
	fi

	cd "$apt/source"
	run "downloading the source of FFmpeg (11 MB)" \
		apt-get -c "$apt/apt.conf" -q --only-source --download-only source ffmpeg
	local dsc
	dsc=$(echo ffmpeg_"$ffmpeg_series".*.dsc)
	[ -f "$dsc" ] || die "Debian $ffmpeg_suite no longer has FFmpeg $ffmpeg_series (found: $(echo ./*.dsc))"
	# apt has checked the file's hash against the signed index; the uploader's
	# own signature would need yet another keyring.
	run "unpacking $dsc" dpkg-source --no-check --extract "$dsc" "$work/src"
	cd "$work"
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
