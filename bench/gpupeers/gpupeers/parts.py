"""Runs each measurement in a process of its own, under its own clock.

A part writes what it knows to a file after every step. So one that hangs, is
killed or takes its process down still leaves the steps before, and the next
part starts with an untouched process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Optional


@dataclass(frozen=True)
class Part:
    """A measurement: its name, its arguments, and the seconds it may take."""

    name: str
    arguments: tuple[str, ...]
    seconds: float


def plan(clips: Path) -> list[Part]:
    """Every part, the ones that matter most first."""
    picture = str(clips / "720p.rgb")
    names = ("720p-h264", "720p-hevc", "1080p-h264", "1080p-hevc")
    files = {name: str(next(iter(sorted(clips.glob(f"{name}.*"))), clips / name)) for name in names}
    parts = [
        Part("worker/720p-h264", ("vram", files["720p-h264"], "--worker", "--picture", picture), 60),
        Part("jpeg/nvimagecodec", ("jpeg", picture, "--library", "nvimagecodec"), 30),
        Part("jpeg/torchvision", ("jpeg", picture, "--library", "torchvision"), 45),
    ]
    parts += [Part(f"vram/{name}", ("vram", files[name]), 30) for name in names]
    parts += [Part(f"decode/{name}", ("decode", files[name]), 40) for name in names]
    return parts


def _last(text: str) -> str:
    """The last line that says something: of a traceback, the error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][-500:] if lines else ""


def run(part: Part, environment: Mapping[str, str], limit: float, command: Optional[list[str]] = None) -> dict[str, Any]:
    """Runs one part for at most limit seconds. It always returns, with a state."""
    limit = min(limit, part.seconds)
    out: dict[str, Any] = {"name": part.name, "state": "failed", "seconds": 0.0, "reason": "", "result": None}
    if limit < 1:
        out["reason"] = "no time was left"
        return out
    with tempfile.TemporaryDirectory(prefix="frameport-part-") as folder:
        file, log = Path(folder, "result.json"), Path(folder, "log")
        began = time.monotonic()
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [*(command or [sys.executable, "-m", "gpupeers", "part"]), "--out", str(file), *part.arguments],
                stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=dict(environment), start_new_session=True,
            )  # fmt: skip
            try:
                code: Optional[int] = process.wait(limit)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                _end(process)
        out["seconds"] = round(time.monotonic() - began, 1)
        said = log.read_text(errors="replace")
        if file.exists():
            out["result"] = json.loads(file.read_text())
        if code == 0 and out["result"] is not None:
            out["state"] = "ok"
        elif code is None:
            out["reason"] = f"not done after {limit:.0f} s"
        elif code < 0:
            out["reason"] = f"ended by {signal.Signals(-code).name}: {_last(said)}".rstrip(": ")
        else:
            out["reason"] = _last(said) or f"exit status {code}"
    return out


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Leaves nothing behind of a part, its children included."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def write(file: Path, value: Any) -> None:
    """Replaces file at once, so that a reader never meets half of it."""
    draft = file.with_suffix(".part")
    draft.write_text(json.dumps(value, indent=2) + "\n")
    draft.replace(file)
