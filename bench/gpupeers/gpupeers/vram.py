"""Part: device memory at 0 to 16 streams in one process."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Callable, Optional

from . import driver, jpeg
from .video import Stream

STEPS = (1, 2, 4, 8, 16)
# Past every decoder's delay, so that all its surfaces have been used.
WARM_FRAMES = 16

Report = Callable[[dict[str, Any]], None]


def run(clip: Path, worker: bool, picture: Optional[Path], report: Report) -> None:
    """Measures decoders alone, or what python-rtsp-worker holds beside them.

    The worker decodes to RGB, copies the latest picture of each stream into a
    torch tensor and keeps one JPEG encoder. What was measured is reported after
    every step, so that running out of memory leaves the steps before it.
    """
    cuda = driver.Cuda()
    gauge = driver.gauge(cuda)
    rows: list[dict[str, Any]] = []

    def measure(stage: str, streams: int, context: bool = True) -> None:
        rows.append({"stage": stage, "streams": streams, **gauge.read(context)})
        report({"clip": clip.name, "stack": "worker" if worker else "decoder", "rows": rows})

    measure("nothing", 0, context=False)
    context = cuda.retain()
    measure("context", 0)
    nvc = importlib.import_module("PyNvVideoCodec")
    keep: Callable[[Any], Any] = lambda frame: frame  # noqa: E731
    encoder = None
    if worker:
        torch = importlib.import_module("torch")
        torch.cuda.init()
        keep = lambda frame: torch.from_dlpack(frame).clone()  # noqa: E731
        if picture is not None:
            encoder = jpeg.nvimagecodec(cuda, picture.read_bytes())
            encoder(1)
    measure("ready", 0)

    streams: list[Any] = []
    held: list[Any] = []
    for wanted in STEPS:
        while len(streams) < wanted:
            frames = Stream(nvc, str(clip), context, rgb=worker).frames()
            for _ in range(WARM_FRAMES - 1):
                next(frames)
            held.append(keep(next(frames)))
            streams.append(frames)
        measure("streams", wanted)
