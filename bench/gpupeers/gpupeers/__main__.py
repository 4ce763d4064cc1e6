"""python -m gpupeers run BUNDLE OUTDIR: everything; part NAME: one measurement."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from . import decode, jpeg, parts, report, stack, vram

# With the copying of files, this keeps the whole under five minutes.
TOTAL_SECONDS = 270.0
DECODE_SECONDS = 2.0


def everything(bundle: Path, out: Path) -> None:
    """Runs all parts and writes both files anew after each."""
    out.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + TOTAL_SECONDS
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    done: list[dict[str, Any]] = []
    # A driver that hangs in its first call must not leave nothing at all.
    parts.write(out / "gpu-peers.json", report.document(when, {}, {}, done))
    machine = stack.machine()
    with tempfile.TemporaryDirectory(prefix="frameport-peers-") as folder:
        site = Path(folder)
        cuda = machine["cuda"]
        try:
            stack.install(bundle / "wheels", site, cuda if isinstance(cuda, int) else 0)
        except Exception as err:  # noqa: BLE001: reported, and the parts say what they miss
            machine["wheels_error"] = str(err)
        environment = dict(os.environ)
        paths = [str(site), str(Path(__file__).parent.parent), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        machine["libnvidia_encode"] = stack.encoder_library()
        if not machine["libnvidia_encode"]:
            libraries = [str(bundle / "standin"), environment.get("LD_LIBRARY_PATH", "")]
            environment["LD_LIBRARY_PATH"] = os.pathsep.join(path for path in libraries if path)
        versions = stack.versions(site)
        for part in parts.plan(bundle / "clips"):
            print(f"{part.name} ...", flush=True)
            done.append(parts.run(part, environment, end - time.monotonic()))
            print(f"{part.name}: {done[-1]['state']} {done[-1]['reason']}".rstrip(), flush=True)
            document = report.document(when, machine, versions, done)
            parts.write(out / "gpu-peers.json", document)
            (out / "gpu-peers.txt").write_text(report.text(document))


def one(arguments: argparse.Namespace) -> None:
    """Runs one measurement in this process."""

    def save(result: dict[str, Any]) -> None:
        parts.write(arguments.out, result)

    if arguments.part == "vram":
        vram.run(arguments.input, arguments.worker, arguments.picture, save)
    elif arguments.part == "decode":
        decode.run(arguments.input, DECODE_SECONDS, save)
    else:
        jpeg.run(arguments.library, arguments.input, save)
    # The libraries' own clean-up may crash, and everything is on disk.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="gpupeers", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="measure everything")
    run.add_argument("bundle", type=Path)
    run.add_argument("out", type=Path)
    part = verbs.add_parser("part", help="measure one thing")
    part.add_argument("--out", type=Path, required=True)
    part.add_argument("part", choices=("vram", "decode", "jpeg"))
    part.add_argument("input", type=Path)
    part.add_argument("--worker", action="store_true")
    part.add_argument("--picture", type=Path)
    part.add_argument("--library", choices=("nvimagecodec", "torchvision"), default="nvimagecodec")
    arguments = parser.parse_args()
    if arguments.verb == "run":
        everything(arguments.bundle.resolve(), arguments.out.resolve())
    else:
        one(arguments)


if __name__ == "__main__":
    main()
