#!/usr/bin/env bash
# Looks for known vulnerabilities in what the code calls, and in the finished binary.
#
#   tools/vulncheck.sh BINARY
#
# VULNDB is another database than https://vuln.go.dev: a mirror, or a copy as file:///folder.
# Ends with 3 when something was found, and with 2 when nothing could be checked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
db=${VULNDB:-https://vuln.go.dev}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

check() {
	local status=0
	echo "vulncheck: $1"
	shift
	go tool -modfile=tools/vuln/go.mod govulncheck -db "$db" "$@" >"$log" 2>&1 || status=$?
	cat "$log"
	if grep -q -e 'fetching vulnerabilities' -e 'no such host' "$log"; then
		echo "vulncheck: the database $db could not be reached: nothing was checked." >&2
		echo "           Try again where it can be, or set VULNDB to a copy of it (https://… or file:///folder)." >&2
		exit 2
	fi
	return "$status"
}

worst=0
check "the code" ./... || worst=$?
check "$1" -mode binary "$1" || worst=$?
exit "$worst"
