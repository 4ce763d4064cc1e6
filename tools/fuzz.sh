#!/usr/bin/env bash
# Fuzzes every fuzz target of the module for $1 (a Go duration). New inputs that
# fail are written to the package's testdata/fuzz: commit them with the fix.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
time=${1:?how long each, for example 10s}
files=$(grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' .)
for package in $(dirname $files | sort -u); do
	for target in $(cat "$package"/*_test.go | sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(.*/\1/p'); do
		echo "== $package $target"
		go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$time"
	done
done
