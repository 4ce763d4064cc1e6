"""Takes a camera's frames from the worker's GPU memory: the worker is one process, this is the other.

    python cuda_ipc.py [camera]

The frames go to PyTorch or CuPy when one of them is installed, without a copy, and are
looked at there; otherwise they are copied to numpy. Prints what that takes. It needs the
worker's GPU, and a camera that is decoded on it. The worker is that of FRAMEPORT_ADDRESS, by
default 127.0.0.1:50051.
"""

import argparse
import time
from itertools import islice

import frameport


def library():
    """Returns a name, and what makes an array of the library of a frame's plane."""
    try:
        import torch

        if torch.cuda.is_available():
            return "torch", torch.from_dlpack
    except ImportError:
        pass
    try:
        import cupy

        return "cupy", cupy.from_dlpack
    except ImportError:
        return "numpy (a copy)", lambda plane: plane.numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("camera", nargs="?", help="default: the first one")
    parser.add_argument("--frames", type=int, default=100, help="end after so many (default %(default)s)")
    options = parser.parse_args()

    name, take = library()
    with frameport.Client() as client:
        camera = options.camera or next((c.name for c in client.cameras()), None)
        if camera is None:
            raise SystemExit("the worker has no camera")
        times, broken = [], 0
        with client.share(camera, kind="cuda_ipc") as frames:
            for number, frame in enumerate(islice(frames, options.frames)):
                begin = time.perf_counter()
                luma = take(frame.y)
                times.append(time.perf_counter() - begin)
                mean = float(luma[::4, ::4].astype("float32").mean() if name != "torch" else luma[::4, ::4].float().mean())
                broken += not frame.valid()  # it took longer than the lease
                if number == 0:
                    print(f"{frame!r} on {frame.y.device_uuid}: {name} {tuple(luma.shape)}, mean {mean:.1f}", flush=True)
                del luma  # the next step gives its memory back
        middle = sorted(times)[len(times) // 2]
        print(f"{len(times)} frames, {broken} broken; hand-off to {name} {middle * 1e6:.0f} us (median)")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except frameport.FrameportError as error:
        raise SystemExit(str(error)) from None
