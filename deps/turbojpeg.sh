#!/usr/bin/env bash
# Writes <cache>/pkgconfig/libturbojpeg.pc, which names libturbojpeg's static
# archive by its full path, so that the binary does not need the shared object.
# A machine that has only the shared object gets that, and is told.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The system's own description, never the one we wrote.
system_pkg_config() { PKG_CONFIG_PATH=$(foreign_pkg_config_path) pkg-config "$@" libturbojpeg; }

have pkg-config || die "pkg-config is not installed" "Run deps/apt.sh build, or install it yourself."
system_pkg_config --exists || die "libturbojpeg's development files are missing" \
	"Debian and Ubuntu: libturbojpeg0-dev (deps/apt.sh build). Fedora: turbojpeg-devel. Alpine: libjpeg-turbo-dev and libjpeg-turbo-static."

libdir=$(system_pkg_config --variable=libdir)
archive=$libdir/libturbojpeg.a
if [ -f "$archive" ]; then
	libs=$archive
else
	say "there is no $archive: the binary will need libturbojpeg.so"
	libs=$(system_pkg_config --libs)
fi

mkdir -p "$cache_dir/pkgconfig"
new=$(mktemp "$cache_dir/pkgconfig/.libturbojpeg.XXXXXX")
trap 'rm -f "$new"' EXIT
cat >"$new" <<PC
Name: libturbojpeg
Description: TurboJPEG, linked from its static archive (written by Frameport's deps/turbojpeg.sh)
Version: $(system_pkg_config --modversion)
Cflags: $(system_pkg_config --cflags)
Libs: $libs
PC
chmod 0644 "$new"
# Unchanged content keeps its time stamp.
cmp -s "$new" "$cache_dir/pkgconfig/libturbojpeg.pc" || mv "$new" "$cache_dir/pkgconfig/libturbojpeg.pc"
