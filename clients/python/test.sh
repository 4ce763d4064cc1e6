#!/usr/bin/env bash
# Runs the tests of the Python client against build/frameport, with the package as pip
# installs it:
#
#   test.sh [debian] [newest] [types]
#
# debian: Debian's grpcio, protobuf and numpy. newest: those of requirements.txt, in a
# virtual environment in the cache folder. types: mypy --strict, in the same environment.
# Without arguments: debian and newest, side by side. PYTHON names another interpreter
# for newest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. ../../deps/lib.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${PYTHON:-/usr/bin/python3}

# environment prints the interpreter of a virtual environment, which is made when it is
# not there yet: environment NAME REQUIREMENTS OPTION…
environment() {
	local name=$1 requirements=$2 key folder
	shift 2
	key=$({ "$python" -VV; cat "$requirements"; echo "$@"; } | sha256sum)
	folder=$cache_dir/python-$name-${key:0:12}
	if [ ! -e "$folder/complete" ]; then
		say "making $folder"
		rm -rf "$folder"
		"$python" -m venv "$@" "$folder" >&2 || die "no virtual environment could be made" "On Debian: apt-get install python3-venv"
		if [ -s "$requirements" ]; then
			"$folder/bin/python" -m pip install -q --disable-pip-version-check -r "$requirements" >&2 ||
				die "pip could not install the packages of clients/python/requirements.txt" "Is PyPI in reach?"
		fi
		touch "$folder/complete"
	fi
	echo "$folder/bin/python"
}

# lane runs the tests: lane NAME INTERPRETER
lane() {
	local name=$1 interpreter=$2 site=$work/$1/site
	mkdir -p "$work/$name/source"
	cp -r pyproject.toml README.md frameport "$work/$name/source" # pip builds inside the folder
	find "$work/$name/source" -name __pycache__ -prune -exec rm -r {} +
	# Apart from the environment, which other clones use too.
	"$interpreter" -m pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation -w "$work/$name" "$work/$name/source"
	"$interpreter" -m pip install -q --disable-pip-version-check --no-deps --target "$site" "$work/$name"/*.whl
	export PYTHONPATH=$site PYTHONDONTWRITEBYTECODE=1
	# What the package says it needs is here. Of other packages' needs it is silent.
	if "$interpreter" -m pip check --disable-pip-version-check | grep '^frameport '; then exit 1; fi
	"$interpreter" -c 'import sys, grpc, google.protobuf as p, numpy as n; print("Python", sys.version.split()[0], "grpcio", grpc.__version__, "protobuf", p.__version__, "numpy", n.__version__)'
	cd tests
	timeout 300 "$interpreter" -m unittest discover
}

[ $# -gt 0 ] || set -- debian newest
declare -A running
failed=
for name in "$@"; do
	case $name in
	debian) interpreter=$(python=/usr/bin/python3 environment debian /dev/null --system-site-packages) ;;
	newest | types) interpreter=$(environment newest requirements.txt) ;;
	*) die "unknown lane $name" "There are debian, newest and types." ;;
	esac
	if [ "$name" = types ]; then
		"$interpreter" -m mypy --cache-dir "$cache_dir/mypy" || failed="$failed types"
		continue
	fi
	mkdir -p "$work/$name"
	(lane "$name" "$interpreter") >"$work/$name/log" 2>&1 </dev/null &
	running[$name]=$!
done
for name in "${!running[@]}"; do
	if wait "${running[$name]}"; then
		echo "clients/python: $name: $(grep '^Python ' "$work/$name/log"): $(grep '^Ran ' "$work/$name/log")"
	else
		cat "$work/$name/log" >&2
		failed="$failed $name"
	fi
done
[ -z "$failed" ] || die "the Python client's tests failed:$failed"
