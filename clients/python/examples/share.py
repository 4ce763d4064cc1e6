"""Looks at a camera's frames where the decoder wrote them: no copy, not even in the worker.

    python share.py [camera]              # Ctrl-C ends it

Prints brightness and sharpness of the picture, and how old it was. It must run on the
worker's machine as the worker's user. Needs numpy only. The worker is that of
FRAMEPORT_ADDRESS, by default 127.0.0.1:50051.
"""

import argparse
from itertools import islice

import numpy as np

import frameport


def look(luma):
    """Returns mean and sharpness (mean difference of neighbours) of a luma plane, of every fourth pixel."""
    part = luma[::4, ::4].astype(np.int16)
    return part.mean(), np.abs(np.diff(part, axis=1)).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("camera", nargs="?", help="default: the first one")
    parser.add_argument("--frames", type=int, help="end after so many")
    parser.add_argument("--max-fps", type=float, default=0, help="most frames per second; default: all")
    options = parser.parse_args()

    with frameport.Client() as client:
        camera = options.camera or next((c.name for c in client.cameras()), None)
        if camera is None:
            raise SystemExit("the worker has no camera")
        with client.share(camera, max_fps=options.max_fps) as frames:
            for frame in islice(frames, options.frames):
                luma = frame.y if isinstance(frame.y, np.ndarray) else frame.y.numpy()  # of a GPU it is a copy
                age = frame.age()
                mean, sharpness = look(luma)
                if not frame.valid():  # it took longer than the lease, and what it saw is no picture
                    continue
                print(
                    f"{frame.capture_time:%H:%M:%S.%f} {frame.camera} {frame.epoch}/{frame.sequence} {frame.format} "
                    f"brightness {mean:.1f}, sharpness {sharpness:.2f}, age {age * 1000:.1f} ms",
                    flush=True,
                )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except frameport.FrameportError as error:
        raise SystemExit(str(error)) from None
