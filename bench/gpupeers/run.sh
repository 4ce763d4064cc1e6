#!/usr/bin/env bash
# Measures the reference stack on this machine's GPU, in under five minutes:
#
#   run.sh OUTDIR
#
# Writes OUTDIR/gpu-peers.json and gpu-peers.txt. Nothing is installed: the wheels
# are unpacked into a temporary folder. A part that fails says so there, and the
# exit status is 0 all the same. PYTHON names another interpreter.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: run.sh OUTDIR" >&2; exit 2; }
bundle=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)

# without_python says in both files why there is nothing.
without_python() {
	printf '{\n  "schema": 1,\n  "machine": {"python_error": "%s"},\n  "versions": {},\n  "parts": []\n}\n' "$1" >"$out/gpu-peers.json"
	printf '%s\n' "$1" | tee "$out/gpu-peers.txt"
	exit 0
}

python=
for candidate in ${PYTHON:+"$PYTHON"} python3 python3.12 python3.13 python3.11 python3.10; do
	# The wheels are for these. The first is most likely the one that has torch.
	if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
		python=$candidate
		break
	fi
done
[ -n "$python" ] || without_python "no CPython 3.10 to 3.13 was found"

export PYTHONPATH=$bundle${PYTHONPATH:+:$PYTHONPATH} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
timeout --kill-after=5 290 "$python" -m gpupeers run "$bundle" "$out" || echo "the measurement ended early, status $?" | tee -a "$out/gpu-peers.txt"
