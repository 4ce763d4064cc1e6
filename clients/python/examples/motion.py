"""Says which cameras see motion: how much of the picture changed, and where.

    python motion.py [camera …]

Needs numpy only. The worker is that of FRAMEPORT_ADDRESS, by default 127.0.0.1:50051.
"""

import argparse
from itertools import islice

import numpy as np

import frameport

WIDTH, HEIGHT = 160, 90


def changed(background, picture, threshold):
    """Returns which pixels differ by more than threshold of 255 in any channel: (height, width)."""
    return np.abs(picture - background).max(axis=2) > threshold


def box(mask):
    """Returns (left, top, right, bottom) around all that is set in mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


class Motion:
    """Compares each camera's pictures with a slow mean of those before."""

    def __init__(self, threshold=25, memory=0.9):
        self.threshold = threshold
        self.memory = memory
        self._backgrounds = {}  # by camera: epoch, picture

    def look(self, entry, picture):
        """Returns the mask of changed pixels, None for a camera's first picture."""
        picture = picture.astype(np.float32)
        epoch, background = self._backgrounds.get(entry.camera, (None, None))
        if epoch != entry.epoch:  # new, reconnected, or another size
            self._backgrounds[entry.camera] = entry.epoch, picture
            return None
        mask = changed(background, picture, self.threshold)
        background += (1 - self.memory) * (picture - background)
        return mask


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cameras", nargs="*", help="default: all")
    parser.add_argument("--threshold", type=float, default=25, help="difference that counts, of 255")
    parser.add_argument("--batches", type=int, help="end after so many")
    options = parser.parse_args()

    motion = Motion(options.threshold)
    form = {"width": WIDTH, "height": HEIGHT, "fit": "stretch", "dtype": "uint8", "layout": "nhwc"}
    with frameport.Client() as client, client.batches(options.cameras or None, **form) as batches:
        for batch in islice(batches, options.batches):
            for entry, picture in zip(batch.entries, batch.tensor):
                mask = motion.look(entry, picture)
                if mask is None or not mask.any():
                    continue
                left, top, right, bottom = map(round, entry.box_to_source(box(mask)))
                print(
                    f"{entry.capture_time:%H:%M:%S.%f} {entry.camera} {mask.mean():.1%} "
                    f"in {left},{top} to {right},{bottom} of {entry.source_width}x{entry.source_height}",
                    flush=True,
                )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except frameport.FrameportError as error:
        raise SystemExit(str(error)) from None
