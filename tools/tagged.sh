#!/usr/bin/env bash
# Prints the packages that have test files with the build tag $1. Having none is
# an error: a lane that tests nothing must not look green.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
files=$(grep -rlE "^//go:build (.*[^a-z])?$1([^a-z]|\$)" --include='*_test.go' . || true)
if [ -z "$files" ]; then
	echo "no test file has the build tag $1" >&2
	exit 1
fi
dirname $files | sort -u
