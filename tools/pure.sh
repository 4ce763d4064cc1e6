#!/usr/bin/env bash
# Prints the packages that neither use cgo nor import one of ours that does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
native=$({ grep -rl --include='*_cgo.go' '^import "C"' . || true; } | xargs -r -n1 dirname | sort -u |
	sed 's,^\.,github.com/frameport/frameport,' | paste -sd' ')
# -e: with cgo's files left out, some packages are empty here. That is the point.
CGO_ENABLED=0 go list -e -f '{{.ImportPath}} {{join .Deps " "}}' ./... |
	awk -v native="$native" '
		BEGIN { n = split(native, list, " "); for (i = 1; i <= n; i++) skip[list[i]] = 1 }
		{
			for (i = 1; i <= NF; i++) if ($i in skip || $i ~ /go-astiav|go-nvml/) next
			print $1
		}'
