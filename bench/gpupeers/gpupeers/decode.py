"""Part: frames per second that 1 to 16 decoders in one process reach together."""

from __future__ import annotations

import importlib
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator

from . import driver
from .video import Stream

STEPS = (1, 2, 4, 8, 16)
WARM_FRAMES = 16

Report = Callable[[dict[str, Any]], None]


def rate(streams: int, opened: Callable[[], Iterator[Any]], seconds: float) -> float:
    """Frames per second of so many streams, one thread each, warmed up apart."""
    start = threading.Barrier(streams + 1)
    stop = threading.Event()
    counts = [0] * streams
    errors: list[BaseException] = []

    def one(index: int) -> None:
        try:
            frames = opened()
            for _ in range(WARM_FRAMES):
                next(frames)
            start.wait()
            while not stop.is_set():
                next(frames)
                counts[index] += 1
        except threading.BrokenBarrierError:
            pass
        except BaseException as err:  # noqa: BLE001: it is raised again below
            errors.append(err)
            start.abort()

    threads = [threading.Thread(target=one, args=(i,), daemon=True) for i in range(streams)]
    for thread in threads:
        thread.start()
    try:
        start.wait()
        began = time.perf_counter()
        before = sum(counts)
        stop.wait(seconds)
        frames, elapsed = sum(counts) - before, time.perf_counter() - began
    except threading.BrokenBarrierError:
        frames, elapsed = 0, 1.0
    stop.set()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return frames / elapsed


def run(clip: Path, seconds: float, report: Report) -> None:
    """Reports the total after every step."""
    cuda = driver.Cuda()
    context = cuda.retain()
    nvc = importlib.import_module("PyNvVideoCodec")
    rows: list[dict[str, Any]] = []
    for streams in STEPS:
        total = rate(streams, lambda: Stream(nvc, str(clip), context).frames(), seconds)
        rows.append({"streams": streams, "fps": round(total, 1), "fps_per_stream": round(total / streams, 1)})
        report({"clip": clip.name, "seconds": seconds, "rows": rows})
