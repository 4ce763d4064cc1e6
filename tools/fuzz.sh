#!/usr/bin/env bash
# Fuzzes the fuzz targets of the module, $1 (a Go duration) each:
#
#   tools/fuzz.sh 10s           all of them
#   tools/fuzz.sh 60s 10        one tenth of them, another one with every commit
#   tools/fuzz.sh 60s 10 2      the third of ten parts
#
# An input that fails is printed and stays in the package's testdata/fuzz: commit it
# with the fix. With FUZZ_FOUND it is moved to that folder, and the tree stays clean.
# FUZZ_FLAGS go to go test. All targets have their time before a failure is one. Inputs
# are made smaller for seconds only: of targets with goroutines or sockets no two runs
# cover the same, and Go would try for a minute each time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
time=${1:?how long each, for example 10s}
parts=${2:-1}
part=${3:-$((16#$(git rev-parse --short=7 HEAD 2>/dev/null || echo 0) % parts))}
[ "$part" -lt "$parts" ] || { echo "fuzz: there is no part $part of $parts, the first is 0" >&2; exit 2; }

log=$(mktemp)
trap 'rm -f "$log"' EXIT

inputs() { find "$1/testdata/fuzz/$2" -type f 2>/dev/null | sort || true; }

# found prints and puts away what a target's run has written beside the inputs of before.
found() {
	local file
	comm -13 <(echo "$3") <(inputs "$1" "$2") | while read -r file; do
		[ -n "$file" ] || continue
		printf -- '-- %s\n' "$file"
		cat "$file"
		[ -n "${FUZZ_FOUND:-}" ] || continue
		mkdir -p "$FUZZ_FOUND/$(dirname "$file")"
		mv "$file" "$FUZZ_FOUND/$file"
		rmdir -p --ignore-fail-on-non-empty "$(dirname "$file")"
		printf -- '-- moved to %s\n' "$FUZZ_FOUND/$file"
	done
}

# out_of_time: Go 1.26 and older now and then call the end of the time a failure, when
# the machine is busy (go.dev/issue/75804). Then this stands alone, and no input was found.
out_of_time() {
	grep -qx '    context deadline exceeded' "$log" &&
		! grep -qE 'Failing input|panic:|fatal error:|hung or terminated|_test\.go:[0-9]+:' "$log"
}

failed=() n=0
start=$SECONDS
files=$(grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' . | sort)
for file in $files; do
	package=$(dirname "$file")
	for target in $(sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(.*/\1/p' "$file"); do
		[ $((n++ % parts)) -eq "$part" ] || continue
		echo "== $package $target"
		before=$(inputs "$package" "$target")
		# shellcheck disable=SC2086
		if go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 5s ${FUZZ_FLAGS:-} 2>&1 | tee "$log"; then
			continue
		fi
		if out_of_time; then
			echo "   the time was over: no input failed"
			continue
		fi
		failed+=("$package $target")
		found "$package" "$target" "$before"
	done
done

if [ ${#failed[@]} -gt 0 ]; then
	printf '\nfuzz: failed:\n' >&2
	printf '  %s\n' "${failed[@]}" >&2
	exit 1
fi
echo "fuzz: part $part of $parts of $n targets, $time each, in $((SECONDS - start)) s: nothing found"
