#!/usr/bin/env bash
# Prints the hand-written Go files of the repository, one per line.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
find . \( -name .git -o -path ./build -o -name testdata \) -prune -o -name '*.go' ! -name '*.pb.go' -print
