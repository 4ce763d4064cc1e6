#!/usr/bin/env bash
# Tries Frameport on this machine's NVIDIA GPU and measures it there, in under 9 minutes:
#
#   bash run.sh OUTDIR
#
# writes OUTDIR/gpu-check.json and OUTDIR/gpu-check.txt, and ends with 0 when every part
# was ok. It reads the card's settings and changes none, and installs nothing.
# FRAMEPORT_GPU_LIBRARY_PATH names folders with other libraries (the simulated driver's).
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:?use: run.sh OUTDIR}
mkdir -p "$out" || exit 1

rm -f "$out"/gpu-check.{json,txt,log}
work=$(mktemp -d "$out/work.XXXXXX") || exit 1
work=$(cd "$work" && pwd)
trap 'rm -rf "$work"' EXIT
tar -xzf "$here/programs.tar.gz" -C "$work" || exit 1
ln -s "$here/clips" "$here/python" "$here/manifest.json" "$work/"
# The driver keeps what it compiles: not in the home folder, which may not be writable.
export CUDA_CACHE_PATH=$work/cache

timeout --signal=TERM --kill-after=5 530 \
	"$work/gpucheck" run -bundle "$work" -library-path "${FRAMEPORT_GPU_LIBRARY_PATH:-}" "$out" 2>&1 | tee "$out/gpu-check.log"
code=${PIPESTATUS[0]}
if [ ! -f "$out/gpu-check.json" ]; then
	# It did not even start, or was killed: say so in the same shape.
	printf '{"schema": 1, "simulated": false, "complete": false, "parts": [{"name": "gpucheck", "about": "the program itself", "state": "failed", "seconds": 0, "error": "it ended with %d, see gpu-check.log"}]}\n' \
		"$code" >"$out/gpu-check.json"
	cp "$out/gpu-check.log" "$out/gpu-check.txt"
fi
exit "$code"
