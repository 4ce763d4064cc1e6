# Packages of Debian, for the scripts that build from them; sourced after lib.sh,
# never run. The caller sets $work, a folder to work in, and $log.
# shellcheck shell=bash

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
	echo "(${VERSION_CODENAME:-stable}|$debian_suite|oldstable|stable|testing|unstable|sid)"
)

# debian_index TYPE OTHERWISE reads the index of Debian's packages (TYPE deb) or
# source packages (deb-src) into $work/apt. It has its own sources list, state
# and cache; of the machine's apt it keeps only the settings for reaching a
# server. apt checks the signature of the index against the archive keyring, and
# every file against the index. OTHERWISE tells the reader what to do without a
# server.
debian_index() {
	local type=$1 otherwise=$2
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
		Dir::Etc::sourcelist "$apt/debian.sources";
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
		cat >"$apt/debian.sources" <<-SOURCES
			Types: $type
			URIs: $mirror
			Suites: $debian_suite
			Components: main
			Signed-By: $keyring
		SOURCES
		say "reading the index of Debian $debian_suite from ${mirror/\/\/*@///}"
		if apt-get -c "$apt/apt.conf" -q --error-on=any update >>"$log" 2>&1 </dev/null; then
			found=yes
			break
		fi
		say "    that server did not do, trying the next"
	done
	if [ -z "$found" ]; then
		tail -n 15 "$log" >&2
		die "no server has a trustworthy index of Debian $debian_suite" \
			"A NO_PUBKEY line above means that debian-archive-keyring is too old: apt-get install debian-archive-keyring." \
			"$otherwise The whole log is $log"
	fi
}

# debian_apt runs apt-get with what debian_index has set up.
debian_apt() { apt-get -c "$work/apt/apt.conf" -q "$@"; }

# debian_source NAME SERIES SIZE OTHERWISE puts the unpacked source package
# NAME, Debian's patches applied, into $work/src. Its version must begin with
# SERIES. SIZE is for the reader.
debian_source() {
	local name=$1 series=$2 size=$3 otherwise=$4 dsc
	have dpkg-source || die "dpkg-source is needed (package dpkg-dev)" "Run deps/apt.sh build."
	debian_index deb-src "$otherwise"
	cd "$work/apt/source"
	run "downloading the source of $name ($size)" debian_apt --only-source --download-only source "$name"
	dsc=$(echo "${name}_$series".*.dsc)
	[ -f "$dsc" ] || die "Debian $debian_suite no longer has $name $series (found: $(echo ./*.dsc))"
	# apt has checked the file's hash against the signed index; the uploader's
	# own signature would need yet another keyring.
	run "unpacking $dsc" dpkg-source --no-check --extract "$dsc" "$work/src"
	cd "$work"
}

# debian_package NAME SERIES SIZE OTHERWISE unpacks the package NAME below
# $work/root without installing it. For packages of data and headers.
debian_package() {
	local name=$1 series=$2 size=$3 otherwise=$4 deb
	have dpkg-deb || die "dpkg-deb is needed (package dpkg)"
	debian_index deb "$otherwise"
	cd "$work/apt/source"
	run "downloading $name ($size)" debian_apt download "$name"
	deb=$(echo "${name}_$series".*.deb)
	[ -f "$deb" ] || die "Debian $debian_suite no longer has $name $series (found: $(echo ./*.deb))"
	run "unpacking $deb" dpkg-deb --extract "$deb" "$work/root"
	cd "$work"
}
